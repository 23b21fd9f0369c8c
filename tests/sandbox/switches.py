"""What can be made to go wrong, on demand. Kept in the database: a restart changes nothing."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from django.db import transaction

from tests.sandbox.models import SwitchBoard

CHOICES: dict[str, tuple[object, ...]] = {
    "login_wall": ("off", "redirect", "404", "html"),
    "garbage": ("off", "html", "json"),
    "hang_after_write": ("off", "drop", "sleep"),
    "quota_answer": ("429", "403", "200"),
    "upload_answer": ("list", "string"),
    "file_status": (0, 404, 500, 503),
}


@dataclass(frozen=True)
class Switches:
    # files
    login_wall: str = "off"
    file_status: int = 0
    file_redirect_to: str = ""
    signed_origin: str = ""
    signed_seconds: float = 60.0
    # the webhook
    raw_spaces: bool = False
    missing_file_urls: bool = False
    webhook_on_edit: bool = True
    # the API (slow_seconds: the file host too)
    slow_seconds: float = 0.0
    fail_next: int = 0
    fail_status: int = 500
    garbage: str = "off"
    error_in_200: int = 0
    quota_left: int | None = None
    quota_answer: str = "429"
    read_only_key: bool = False
    hang_after_write: str = "off"
    upload_answer: str = "list"


def read() -> Switches:
    board = SwitchBoard.objects.filter(pk=1).first()
    return Switches(**board.values) if board else Switches()


def change(values: dict[str, Any]) -> Switches:
    """Set some switches; ValueError for a name or a value that does not exist."""
    for name, value in values.items():
        _check(name, value)
    with transaction.atomic():
        return _write(Switches(**{**asdict(read()), **values}))


def reset() -> Switches:
    return _write(Switches())


def take_one(name: str) -> bool:
    """Use up one of a counter; False when none was left. Safe between threads."""
    with transaction.atomic():
        current = read()
        left = getattr(current, name)
        if not left:
            return False
        _write(Switches(**{**asdict(current), name: left - 1}))
    return True


def _write(switches: Switches) -> Switches:
    SwitchBoard.objects.update_or_create(pk=1, defaults={"values": asdict(switches)})
    return switches


def _check(name: str, value: object) -> None:
    defaults = {field.name: field.default for field in fields(Switches)}
    if name not in defaults:
        raise ValueError(f"no such switch: {name}")
    if name in CHOICES and value not in CHOICES[name]:
        raise ValueError(f"{name} is one of {CHOICES[name]}")
    if not _fits(defaults[name], value):
        raise ValueError(f"{name} cannot be {value!r}")


def _fits(default: object, value: object) -> bool:
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if default is None:
        return value is None or (isinstance(value, int) and value >= 0)
    if isinstance(default, str):
        return isinstance(value, str)
    number = int if isinstance(default, int) else (int, float)
    return isinstance(value, number) and value >= 0
