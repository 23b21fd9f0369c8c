"""System checks: backups that would not help are told before they are needed."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from raiox.backups.encryption import Keys
from raiox.backups.errors import BackupError


@register()
def check_times(**_: Any) -> list[CheckMessage]:
    """With less than a day, the newest backup would delete itself."""
    return [
        Error(f"{name} must be 1 or more.", hint="It counts days.", id="raiox.E011")
        for name in ("BACKUP_DAYS", "DELETED_OBJECTS_DAYS")
        if getattr(settings, name) < 1
    ]


@register()
def check_encryption_key(**_: Any) -> list[CheckMessage]:
    """A key that can't be used says so now, and not at night."""
    try:
        Keys(settings.BACKUP_ENCRYPTION_KEY)
    except BackupError as error:
        return [Error(str(error), id="raiox.E012")]
    return []


@register(deploy=True)  # only some of a server's units are given the keys
def check_backups(**_: Any) -> list[CheckMessage]:
    """Where it counts there are backups, encrypted, and in another region than the films."""
    if settings.RAIOX_ENV not in ("stage", "production"):
        return []
    if not (settings.BACKUP_KEY and settings.BACKUP_SECRET):
        hint = "Set BACKUP_KEY and BACKUP_SECRET: the keys of the bucket BACKUP_BUCKET."
        return [Warning("There are no backups.", hint=hint, id="raiox.W002")]
    found: list[CheckMessage] = []
    if not settings.BACKUP_ENCRYPTION_KEY:
        hint = "Set BACKUP_ENCRYPTION_KEY to a key that age-keygen makes."
        found.append(Warning("Backups are not encrypted.", hint=hint, id="raiox.W003"))
    films = settings.DO_SPACES_ENDPOINT
    for name in ("BACKUP_ENDPOINT", "OBJECTS_BACKUP_ENDPOINT"):
        if getattr(settings, name) == films:
            message = f"{name} is where the films are: one region's disaster would take both."
            found.append(Warning(message, hint="Choose another region.", id="raiox.W004"))
    return found
