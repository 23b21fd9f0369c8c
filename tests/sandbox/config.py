"""What the program was started with, and the small Django project made of it."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import django
from django.conf import settings

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Options:
    """Fixed for the life of the process; what changes at run time is in `switches`."""

    data: Path
    samples: Path
    product_url: str
    api_key: str
    origin: str
    other_origin: str

    @property
    def files(self) -> Path:
        return self.data / "files"


_options: Options | None = None


def options() -> Options:
    if _options is None:
        raise RuntimeError("configure() has not been called")
    return _options


def read_or_create_key(path: Path) -> str:
    """The key lives in this file only: no route gives it away."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _existing_key(path)
    with os.fdopen(descriptor, "w") as file:
        key = secrets.token_hex(16)
        file.write(key + "\n")
    return key


def _existing_key(path: Path) -> str:
    key = path.read_text().strip()
    if not key:
        raise SystemExit(f"{path} is empty: delete it, a new key is then made")
    return key


def configure(chosen: Options) -> None:
    global _options
    _options = chosen
    chosen.files.mkdir(parents=True, exist_ok=True)
    settings.configure(
        DEBUG=False,
        # Signs only addresses that live for a minute, so a new one at each start does no harm.
        SECRET_KEY=secrets.token_urlsafe(50),
        ALLOWED_HOSTS=["127.0.0.1", "localhost"],
        ROOT_URLCONF="tests.sandbox.urls",
        INSTALLED_APPS=["tests.sandbox"],
        MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
        APPEND_SLASH=False,
        DATABASES={"default": _database(chosen.data)},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        TEMPLATES=[_templates()],
        USE_TZ=True,
        TIME_ZONE="America/Sao_Paulo",
        LANGUAGE_CODE="pt-br",
        LOGGING=_logging(),
        DATA_UPLOAD_MAX_MEMORY_SIZE=None,
        DATA_UPLOAD_MAX_NUMBER_FIELDS=None,
    )
    django.setup()


def _database(data: Path) -> dict[str, object]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": data / "sandbox.sqlite3",
        "OPTIONS": {
            "timeout": 20,
            # A deferred transaction that turns to writing fails at once instead of waiting.
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }


def _templates() -> dict[str, object]:
    return {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [HERE / "templates"],
    }


def _logging() -> dict[str, object]:
    """Errors only when they are ours: a failure asked for by a switch carries no traceback."""
    ours = {"()": "django.utils.log.CallbackFilter", "callback": lambda r: bool(r.exc_info)}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"ours": ours},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "filters": ["ours"]}},
        "loggers": {"django": {"handlers": ["stderr"], "level": "ERROR", "propagate": False}},
    }
