"""The people of the demo, with passwords that are made once for each installation."""

import json
import os
import secrets
from pathlib import Path

LOGINS_FILE = "demo-logins.json"
# user name -> (group, or None for somebody who may do everything; what she does)
PEOPLE: dict[str, tuple[str | None, str]] = {
    "brenda": ("Revisores", "reviews cases"),
    "curadora": ("Curadores", "keeps the catalogue"),
    "admin": (None, "may do everything"),
}
# Easy to read out and to type: eight syllables of 75, which are 49 bits.
_CONSONANTS, _VOWELS = "bdfghjkmnprstvz", "aeiou"


def ensure_demo_users(path: Path) -> dict[str, str]:
    """Create the demo users with the passwords in `path`, which is made if it is not there.

    A demo user's password that was changed is set back, since the one in the file is shown at each
    start. The file also holds the stored form of each, so that comparing takes no hashing.
    """
    logins = _read(path)
    for name, (group, _) in PEOPLE.items():
        login = logins.setdefault(name, {"password": _new_password(), "stored": ""})
        login["stored"] = _ensure_user(name, group, login["password"], login["stored"])
    _write(path, logins)
    return passwords(path)


def passwords(path: Path) -> dict[str, str]:
    """User name -> password, as they are in the file."""
    return {name: login["password"] for name, login in _read(path).items()}


def _ensure_user(name: str, group: str | None, password: str, stored: str) -> str:
    from django.contrib.auth.models import Group, User  # `up`, which reads the file, has no models

    user, is_new = User.objects.get_or_create(username=name)
    user.is_staff, user.is_active, user.is_superuser = True, True, group is None
    if is_new or user.password != stored:
        user.set_password(password)
    user.save()
    if group:
        user.groups.add(Group.objects.get(name=group))
    return user.password


def _read(path: Path) -> dict[str, dict[str, str]]:
    logins: dict[str, dict[str, str]] = json.loads(path.read_text()) if path.exists() else {}
    return logins


def _write(path: Path, logins: dict[str, dict[str, str]]) -> None:
    new = path.with_suffix(".new")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(logins, file, indent=2)
    new.replace(path)


def _new_password() -> str:
    return "-".join(_syllable() + _syllable() for _ in range(4))


def _syllable() -> str:
    return secrets.choice(_CONSONANTS) + secrets.choice(_VOWELS)
