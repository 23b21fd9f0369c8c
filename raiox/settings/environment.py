"""How settings are read: one environment variable each, or `NAME_FILE` for a secret in a file.

The values of `.env` in the project's folder count where the environment itself says nothing.
"""

import os
import secrets
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured
from environ.fileaware_mapping import FileAwareMapping

PROJECT_DIR = Path(__file__).resolve().parent.parent.parent
MODES = ("local", "test", "stage", "production")

# The test mode must not depend on what a developer wrote into her .env.
if os.environ.get("RAIOX_ENV") != "test":
    environ.Env.read_env(PROJECT_DIR / ".env")


class _StrippedFiles(FileAwareMapping):
    """Secrets in files, without the line end that editors and `echo` add.

    On a server each secret has its file; an empty one says that it is not set.
    """

    def __getitem__(self, key: str) -> str:
        value = str(super().__getitem__(key)).strip()
        if not value and f"{key}_FILE" in self.env:
            raise KeyError(key)
        return value


class _Env(environ.Env):
    ENVIRON = _StrippedFiles()


env = _Env()


def read_mode() -> str:
    """The mode this process runs in: one of `MODES`."""
    mode: str = env.str("RAIOX_ENV", default="local")
    if mode not in MODES:
        raise ImproperlyConfigured(f"RAIOX_ENV is {mode!r}; it must be one of {', '.join(MODES)}.")
    return mode


def local_secret(folder: Path, name: str) -> str:
    """The secret `name` of this clone, generated once into `folder` (local and test mode only)."""
    path = folder / name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(48))
    return path.read_text().strip()
