"""All settings. README.md lists the environment variables that are read here."""

import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

from raiox.settings.environment import PROJECT_DIR, env, local_secret, read_mode

RAIOX_ENV = read_mode()
IS_DEVELOPMENT = RAIOX_ENV in ("local", "test")
RAIOX_VERSION = "0.1.0"

BASE_DIR = PROJECT_DIR
VAR_DIR = Path(
    env.str("RAIOX_VAR_DIR", default=str(BASE_DIR / ("var/test" if RAIOX_ENV == "test" else "var")))
)
# Which commit this is: a release says so in a file (deploy/release). Empty in a developer's clone.
_REVISION = BASE_DIR / "REVISION"
RAIOX_COMMIT = _REVISION.read_text().strip() if _REVISION.is_file() else ""
SECRETS_DIR = VAR_DIR / "secrets"

# --- Secrets: generated once in local and test mode; elsewhere raiox.checks asks for them ---
SECRET_KEY = env.str(
    "SECRET_KEY", default=local_secret(SECRETS_DIR, "secret-key") if IS_DEVELOPMENT else ""
)
WEBHOOK_TOKENS: list[str] = env.list(
    "WEBHOOK_TOKENS",
    default=[local_secret(SECRETS_DIR, "webhook-token")] if IS_DEVELOPMENT else [],
)
JF_SECRET: list[str] = env.list("JF_SECRET", default=[])
WEBHOOK_REQUIRE_SIGNATURE: bool = env.bool("WEBHOOK_REQUIRE_SIGNATURE", default=False)

# --- The outside ---
PUBLIC_URL: str = env.str("PUBLIC_URL", default="http://127.0.0.1:8000" if IS_DEVELOPMENT else "")
RAIOX_TLS: bool = env.bool("RAIOX_TLS", default=False)
TRUSTED_PROXIES: list[str] = env.list("TRUSTED_PROXIES", default=[])
DEBUG = False
ALLOWED_HOSTS: list[str] = env.list(
    "ALLOWED_HOSTS",
    default=["127.0.0.1", "localhost", "[::1]", "testserver"] if IS_DEVELOPMENT else [],
)

# --- Jotform ---
JOTFORM_API_KEY: str = env.str("JOTFORM_API_KEY", default="")
JOTFORM_API_URL: str = env.str("JOTFORM_API_URL", default="https://api.jotform.com")
JOTFORM_TEAM_ID: str = env.str("JOTFORM_TEAM_ID", default="")
JOTFORM_FILE_HOSTS: list[str] = env.list(
    "JOTFORM_FILE_HOSTS",
    # A name that begins with a dot stands for everything below that domain.
    default=["jotform.com", ".jotform.com"],
)
DOWNLOAD_EXTRA_ORIGINS: list[str] = env.list("DOWNLOAD_EXTRA_ORIGINS", default=[])
DELIVERY_GRACE_SECONDS: int = env.int("DELIVERY_GRACE_SECONDS", default=30)
# The first repetition after a failure; each later one waits three times as long.
DELIVERY_RETRY_SECONDS: int = env.int("DELIVERY_RETRY_SECONDS", default=20)

# How often submissions whose webhook never came are looked for (a call or two each); 0: never.
JOTFORM_SWEEP_MINUTES: int = env.int("JOTFORM_SWEEP_MINUTES", default=15)

# --- Telling people: e-mail, and one Telegram chat ---
EMAIL_URL: str = env.str("EMAIL_URL", default="")
EMAIL_IS_CONFIGURED = bool(EMAIL_URL)
if EMAIL_IS_CONFIGURED:
    vars().update(env.email_url("EMAIL_URL"))
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL: str = env.str("DEFAULT_FROM_EMAIL", default="Raiox AI <raiox@localhost>")
TELEGRAM_BOT_TOKEN: str = env.str("TELEGRAM_BOT_TOKEN", default="")
TELEGRAM_CHAT_ID: str = env.str("TELEGRAM_CHAT_ID", default="")
TELEGRAM_API_URL: str = env.str("TELEGRAM_API_URL", default="https://api.telegram.org")
# Hours of the day, in TIME_ZONE.
DIGEST_TIMES: list[str] = env.list("DIGEST_TIMES", default=["08:00", "13:00"])
SUMMARY_TIME: str = env.str("SUMMARY_TIME", default="07:30")

# --- Applications ---
INSTALLED_APPS = [
    # First: it says which secrets are missing before an application stumbles over one.
    "raiox.apps.RaioxConfig",
    "raiox.apps.RaioxAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "procrastinate.contrib.django",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "implants",
    "webhooks",
    "cases",
]
MIDDLEWARE = [
    "raiox.common.correlation.CorrelationMiddleware",
    "raiox.common.requests.RequestFactsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "raiox.headers.PermissionsPolicyMiddleware",
    "raiox.headers.NoStoreMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "raiox.login.sessions.NoSessionForMonitorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "raiox.nul.RefuseNulMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "raiox.login.sessions.SessionLimitsMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "raiox.login.middleware.SecondFactorMiddleware",
    "cases.languages.PreferredLanguageMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "raiox.urls"
WSGI_APPLICATION = "raiox.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- Database ---
EMBEDDED_POSTGRES_DIR = env.str("EMBEDDED_POSTGRES_DIR", default="")
DATABASES: dict[str, dict[str, Any]] = {
    "default": env.db_url("DATABASE_URL")
    if env.str("DATABASE_URL", default="")
    else {"ENGINE": "raiox.embedded_postgres", "NAME": "raiox"}
}
# Searches are read there (implants.replica); nobody waits long for one that does not answer.
if env.str("DATABASE_REPLICA_URL", default=""):
    _replica = env.db_url("DATABASE_REPLICA_URL")
    _patience = {"connect_timeout": 2, "tcp_user_timeout": 3000}
    DATABASES["replica"] = _replica | {
        "OPTIONS": _patience | _replica.get("OPTIONS", {}), "TEST": {"MIRROR": "default"},
    }  # fmt: skip
for _database in DATABASES.values():
    # A connection a worker or a web thread holds may have died with a database restart.
    _database["CONN_HEALTH_CHECKS"] = True
    _database["CONN_MAX_AGE"] = 60
# Threads share so many connections; without, each thread keeps its own. The worker's own, on which
# it hears of jobs, and the replica's are never among them.
DATABASE_POOL: int = env.int("DATABASE_POOL", default=0)
if DATABASE_POOL:
    DATABASES["default"]["CONN_MAX_AGE"] = 0
    DATABASES["default"].setdefault("OPTIONS", {})["pool"] = {
        "min_size": 1, "max_size": DATABASE_POOL, "timeout": 10,
    }  # fmt: skip
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Jobs ---
# A worker that says nothing for this long is dead; its jobs go to another one. One that is stopped
# gracefully says nothing either while it ends its jobs: it must have ended well before.
WORKER_STALLED_SECONDS: float = env.float("WORKER_STALLED_SECONDS", default=30.0)
PROCRASTINATE_WORKER_DEFAULTS = {
    "concurrency": env.int("WORKER_CONCURRENCY", default=3),
    # Jobs that come due, or whose lock is let go, are found by looking.
    "fetch_job_polling_interval": 1.0,
    "update_heartbeat_interval": WORKER_STALLED_SECONDS / 4,
    "stalled_worker_timeout": WORKER_STALLED_SECONDS,
    "shutdown_graceful_timeout": 10.0,
}

PROCRASTINATE_ON_APP_READY = "raiox.worker.prepare"

# --- Cache and rate limits ---
REDIS_URL: str = env.str("REDIS_URL", default="")
# A Redis that hangs holds no thread for long. The same for both caches: django-redis has one pool
# of connections for an address, with the options of whoever asks first.
_REDIS_PATIENCE = {
    "SOCKET_CONNECT_TIMEOUT": 0.5,
    "SOCKET_TIMEOUT": 0.5,
    "CONNECTION_POOL_KWARGS": {"retry": None},
}
# Without Redis nothing is remembered, and everything else goes on.
REDIS_CACHE = {
    "BACKEND": "django_redis.cache.RedisCache",
    "LOCATION": REDIS_URL,
    "OPTIONS": {**_REDIS_PATIENCE, "IGNORE_EXCEPTIONS": True},
}
# A webhook that can't be counted is taken: what is refused may never come again.
RATELIMIT_FAIL_OPEN = True
CACHES: dict[str, dict[str, Any]] = {
    "default": REDIS_CACHE
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}
# Vectors of films (implants.vectors). It only saves time, so nobody waits for it; text, since what
# lies in a cache must not be able to run as a pickle can.
VECTOR_CACHE = {
    "BACKEND": "django_redis.cache.RedisCache",
    "LOCATION": REDIS_URL,
    "KEY_PREFIX": "raiox-vectors",
    "OPTIONS": {
        **_REDIS_PATIENCE,
        "SERIALIZER": "django_redis.serializers.json.JSONSerializer",
    },
}
if REDIS_URL:
    CACHES["vectors"] = VECTOR_CACHE
WEB_PROCESSES: int = env.int("WEB_PROCESSES", default=1)
WEBHOOK_RATE: str = env.str("WEBHOOK_RATE", default="12000/m")
WEBHOOK_RATE_UNAUTHENTICATED: str = env.str("WEBHOOK_RATE_UNAUTHENTICATED", default="30/m")
WEBHOOK_MAX_BODY_BYTES = 10 * 1024 * 1024

# --- Files ---
DO_SPACES_KEY: str = env.str("DO_SPACES_KEY", default="")
DO_SPACES_SECRET: str = env.str("DO_SPACES_SECRET", default="")
DO_SPACES_BUCKET: str = env.str("DO_SPACES_BUCKET", default="")
DO_SPACES_REGION: str = env.str("DO_SPACES_REGION", default="nyc3")
DO_SPACES_ENDPOINT: str = env.str(
    "DO_SPACES_ENDPOINT", default=f"https://{DO_SPACES_REGION}.digitaloceanspaces.com"
)
MEDIA_ROOT = VAR_DIR / "media"
# Where nginx finds films of the local folder (`internal` there); empty: the service sends them.
FILES_X_ACCEL: str = env.str("FILES_X_ACCEL", default="")
STATIC_URL = "/static/"
STATIC_ROOT: Path | None = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"] if (BASE_DIR / "static").is_dir() else []
_SPACES = {
    "BACKEND": "storages.backends.s3.S3Storage",
    "OPTIONS": {
        "access_key": DO_SPACES_KEY,
        "secret_key": DO_SPACES_SECRET,
        "bucket_name": DO_SPACES_BUCKET,
        "region_name": DO_SPACES_REGION,
        "endpoint_url": DO_SPACES_ENDPOINT,
        "default_acl": "private",
        "querystring_auth": True,
        "file_overwrite": False,
    },
}
_LOCAL_FOLDER = {
    "BACKEND": "django.core.files.storage.FileSystemStorage",
    "OPTIONS": {
        "location": MEDIA_ROOT,
        # nginx's user is in the service's group (bootstrap.sh).
        "file_permissions_mode": 0o640 if FILES_X_ACCEL else 0o600,
        "directory_permissions_mode": 0o750 if FILES_X_ACCEL else 0o700,
    },
}
STORAGES: dict[str, dict[str, Any]] = {
    "default": _SPACES if DO_SPACES_BUCKET else _LOCAL_FOLDER,
    "staticfiles": {"BACKEND": "raiox.static_files.ModuleStaticFilesStorage"},
}
if IS_DEVELOPMENT:
    # Served straight from the apps' folders: no collectstatic before the first look.
    WHITENOISE_USE_FINDERS = True
    STATIC_ROOT = None
    STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}

# --- Tables ---
# Our own columns guard more than this does (implants.exchange.tables); a second line of defence.
IMPORT_EXPORT_ESCAPE_FORMULAE_ON_EXPORT = True

# Days after which images and personal data of patients are deleted (cases.privacy).
RETENTION_DAYS: int = env.int("RETENTION_DAYS", default=90)

# --- Backups (raiox.backups) ---
# The database's, in a region of their own: what befalls one region leaves the other alone.
BACKUP_BUCKET: str = env.str("BACKUP_BUCKET", default="raiox-backup")
BACKUP_REGION: str = env.str("BACKUP_REGION", default="sfo3")
BACKUP_ENDPOINT: str = env.str(
    "BACKUP_ENDPOINT", default=f"https://{BACKUP_REGION}.digitaloceanspaces.com"
)
BACKUP_KEY: str = env.str("BACKUP_KEY", default="")
BACKUP_SECRET: str = env.str("BACKUP_SECRET", default="")
BACKUP_DAYS: int = env.int("BACKUP_DAYS", default=30)
# Keys of age (age-keygen): the first encrypts, each of them decrypts. Empty: not encrypted.
BACKUP_ENCRYPTION_KEY: str = env.str("BACKUP_ENCRYPTION_KEY", default="")
# Of the bucket with the films: where its copies lie, and which folders are copied. A server gives
# every secret a file, which is empty where there is none.
OBJECTS_BACKUP_BUCKET: str = env.str("OBJECTS_BACKUP_BUCKET", default=BACKUP_BUCKET)
OBJECTS_BACKUP_REGION: str = env.str("OBJECTS_BACKUP_REGION", default=BACKUP_REGION)
OBJECTS_BACKUP_ENDPOINT: str = env.str(
    "OBJECTS_BACKUP_ENDPOINT",
    default=BACKUP_ENDPOINT
    if OBJECTS_BACKUP_REGION == BACKUP_REGION
    else f"https://{OBJECTS_BACKUP_REGION}.digitaloceanspaces.com",
)
OBJECTS_BACKUP_KEY: str = env.str("OBJECTS_BACKUP_KEY", default="") or BACKUP_KEY
OBJECTS_BACKUP_SECRET: str = env.str("OBJECTS_BACKUP_SECRET", default="") or BACKUP_SECRET
OBJECTS_BACKUP_FOLDERS: list[str] = env.list("OBJECTS_BACKUP_FOLDERS", default=["referencia/"])
DELETED_OBJECTS_DAYS: int = env.int("DELETED_OBJECTS_DAYS", default=90)

# --- Search ---
EXACT_SEARCH_LIMIT: int = env.int("EXACT_SEARCH_LIMIT", default=30_000)
ENCODER_THREADS: int = env.int("ENCODER_THREADS", default=2)

# --- Language and time ---
LANGUAGE_CODE = "pt-br"
LANGUAGES = [("pt-br", "Português"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = env.str("TIME_ZONE", default="America/Sao_Paulo")
USE_I18N = True
USE_TZ = True

# --- API ---
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTAuthentication"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=15),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=1),
    # A refresh token serves once: a copy of it is good for nothing after its owner's next refresh.
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    # A new password ends the tokens that the old one gave.
    "CHECK_REVOKE_TOKEN": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Raiox AI",
    "DESCRIPTION": "Identification of dental implants on radiographs.",
    "VERSION": RAIOX_VERSION,
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "raiox.api.schema.forbid_nul",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# --- Figures ---
# Where the processes of one machine keep their counts (raiox.metric_files).
METRICS_DIR = Path(env.str("PROMETHEUS_MULTIPROC_DIR", default=str(VAR_DIR / "metrics")))
# Who may read /metrics, beside the proxies: addresses or networks.
METRICS_NETWORKS: list[str] = env.list("METRICS_NETWORKS", default=["127.0.0.0/8", "::1/128"])

# --- Logs ---
# A line that can't be written would be printed in full, with what is in its exception.
logging.raiseExceptions = RAIOX_ENV == "local"
LOG_FORMAT: str = env.str("LOG_FORMAT", default="line" if RAIOX_ENV == "local" else "json")
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"ours": {"()": "raiox.common.logs.formatter", "style": LOG_FORMAT}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "ours"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        # The worker tells of each job itself (raiox.worker).
        "procrastinate": {"level": "WARNING"},
        # Django's own configuration gives it a handler for DEBUG and one that mails tracebacks.
        "django": {"handlers": [], "propagate": True},
        # Refusals stand in the access log, with their route.
        "django.request": {"level": "ERROR"},
    },
}
# Errors go to Sentry too where there is one; off by default.
SENTRY_DSN: str = env.str("SENTRY_DSN", default="")
if SENTRY_DSN:
    LOGGING["handlers"]["sentry"] = {
        "()": "raiox.common.sentry.Handler",
        "dsn": SENTRY_DSN,
        "environment": RAIOX_ENV,
        "release": RAIOX_COMMIT or RAIOX_VERSION,
    }
    LOGGING["root"]["handlers"].append("sentry")
