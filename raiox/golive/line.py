"""What a check is asked, and what it answers."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Status(StrEnum):
    """How a line of the list stands; only `FAIL` stops a go-live."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Line:
    """What was seen, and what is to be done about it (empty when nothing is)."""

    status: Status
    seen: str
    todo: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the operator wants to be true, and where to look.

    `url` is the service's address without a slash at its end. `encoder` is the name that must
    answer, empty if none was given. `logs` are files or folders, looked at `hours` back. So many
    `references` are searched for. `days` of cases are timed. On each of `folders` at least
    `free_gb` (1e9 bytes) must be free.
    """

    url: str
    mode: str = "production"
    encoder: str = ""
    logs: tuple[Path, ...] = ()
    hours: float = 24
    references: int = 12
    days: float = 7
    folders: tuple[Path, ...] = (Path("/"),)
    free_gb: float = 2


def ok(seen: str) -> Line:
    """As it should be."""
    return Line(Status.OK, seen)


def warn(seen: str, todo: str) -> Line:
    """Not as it should be, or not known; somebody decides."""
    return Line(Status.WARN, seen, todo)


def fail(seen: str, todo: str) -> Line:
    """Not like this."""
    return Line(Status.FAIL, seen, todo)
