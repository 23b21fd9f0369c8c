"""What keeps strangers out: log-ins, sessions, and what browsers are told."""

from datetime import timedelta
from typing import Any

from csp.constants import NONE, SELF

from raiox.settings.base import PUBLIC_URL, RAIOX_TLS, TRUSTED_PROXIES

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

# --- Sessions: they end with a working day, and after a break that is longer than a lunch ---
SESSION_COOKIE_NAME = "raiox_session"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"  # A link in an e-mail finds its reader still logged in.
SESSION_COOKIE_SECURE = RAIOX_TLS
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = RAIOX_TLS
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL else []

# --- Transport ---
SECURE_SSL_REDIRECT = RAIOX_TLS
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
