"""What keeps strangers out: log-ins, sessions, and what browsers are told."""

from datetime import timedelta
from typing import Any

from csp.constants import NONE, SELF

from raiox.settings.base import IS_DEVELOPMENT, PUBLIC_URL, RAIOX_TLS, TRUSTED_PROXIES
from raiox.settings.environment import env

# --- Passwords ---
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in (
        ("UserAttributeSimilarityValidator", {}),
        ("MinimumLengthValidator", {"min_length": 12}),
        ("CommonPasswordValidator", {}),
        ("NumericPasswordValidator", {}),
    )
]
LOGIN_URL = "admin:login"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # first: it stops who is locked out
    "django.contrib.auth.backends.ModelBackend",
]

# --- Wrong passwords (raiox.login.lockout) ---
AXES_FAILURE_LIMIT: int = env.int("LOGIN_FAILURES", default=10)
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
# Trying while locked out does not make it longer.
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "raiox.common.client_address.counted_address"
AXES_LOCKOUT_CALLABLE = "raiox.login.lockout.answer"
AXES_CLIENT_STR_CALLABLE = "raiox.login.lockout.client_for_logs"
# Kept is what counts wrong passwords, and nothing else: until the next attempt by anybody after its
# time, or the next morning (raiox.tasks).
AXES_DISABLE_ACCESS_LOG = True
AXES_SENSITIVE_PARAMETERS = ["username", "otp", "csrfmiddlewaretoken", "next"]
AXES_VERBOSE = False
AXES_ENABLE_ADMIN = False

# --- Second factor (raiox.login.second_factor): superusers | staff | off ---
REQUIRE_SECOND_FACTOR: str = env.str(
    "REQUIRE_SECOND_FACTOR", default="off" if IS_DEVELOPMENT else "superusers"
)
OTP_TOTP_ISSUER = "Raiox AI"

# --- Sessions: they end with a working day, and after a break that is longer than a lunch ---
SESSION_COOKIE_NAME = "raiox_session"
SESSION_COOKIE_AGE = env.int("SESSION_HOURS", default=12) * 3600
SESSION_IDLE_MINUTES: int = env.int("SESSION_IDLE_MINUTES", default=120)
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"  # A link in an e-mail finds its reader still logged in.
SESSION_COOKIE_SECURE = RAIOX_TLS
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = RAIOX_TLS
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL else []

# --- Transport ---
SECURE_SSL_REDIRECT = RAIOX_TLS
# Monitors ask gunicorn itself, on its own machine; there is no TLS and no secret.
SECURE_REDIRECT_EXEMPT = ["^(ping|healthcheck|health|metrics)$"]
SECURE_HSTS_SECONDS = int(timedelta(days=365).total_seconds()) if RAIOX_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = RAIOX_TLS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None

# --- What browsers are told ---
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
# Addresses of films hold signed tokens: no other site hears where a visitor came from.
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
# Everything comes from files of ours. No page needs a nonce: neither Django's admin nor ours holds
# an inline script or style. Films carry a stricter policy of their own (implants.pictures).
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    }
}
# Features of browsers that no page of ours asks for (raiox.headers).
PERMISSIONS_POLICY = (
    "accelerometer", "browsing-topics", "camera", "display-capture", "encrypted-media",
    "geolocation", "gyroscope", "magnetometer", "microphone", "midi", "payment", "usb",
    "xr-spatial-tracking",
)  # fmt: skip

FILE_UPLOAD_PERMISSIONS = 0o600

# Not asked, each with its reason. Without TLS `check --deploy` complains, and rightly.
SILENCED_SYSTEM_CHECKS = [
    # Browsers' preload lists bind a whole domain for years; that is its owner's decision.
    "security.W021",
]
