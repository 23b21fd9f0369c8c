"""An exception as facts: what kind, and where. No local variables and, mostly, no message.

A message may quote what a patient wrote: a value that is no number, a row that was refused. Only
those are kept that speak of our code or of the system.
"""

import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import django.db
import psycopg

_PROJECT: Final = Path(__file__).resolve().parents[2]
_MAX_LINKS: Final = 5
_MAX_FRAMES: Final = 40
_MAX_MESSAGE: Final = 200
_SPEAK_OF_CODE: Final = (AttributeError, NameError, ImportError)
# Connections that fail; what speaks of rows is another class.
_SPEAK_OF_THE_SYSTEM: Final = (django.db.OperationalError, psycopg.OperationalError)


def described(error: BaseException) -> list[dict[str, Any]]:
    """The exception and its causes, the last one first."""
    return [
        {"type": _name(link), **_details(link), "frames": _frames(link)} for link in _chain(error)
    ]


def safe_message(error: BaseException) -> str:
    """The message where it can't hold anybody's data; empty otherwise."""
    if isinstance(error, _SPEAK_OF_CODE + _SPEAK_OF_THE_SYSTEM):
        return str(error).partition("\n")[0][:_MAX_MESSAGE]
    if isinstance(error, OSError):
        return error.strerror or ""  # without the file's name
    return ""


def spoken(links: Iterable[dict[str, Any]]) -> Iterator[str]:
    """The lines of a traceback for people, from what `described` gave: the cause first."""
    for link in reversed(list(links)):
        yield from (f"  {frame}" for frame in link["frames"])
        told = [str(value) for key, value in link.items() if key not in ("type", "frames")]
        yield ": ".join([link["type"], *told])


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    for _ in range(_MAX_LINKS):
        if link is None:
            return
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _name(error: BaseException) -> str:
    kind = type(error)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _details(error: BaseException) -> dict[str, str]:
    found = {"message": safe_message(error)}
    if isinstance(error, psycopg.Error):
        found |= {"sqlstate": error.sqlstate or "", "constraint": error.diag.constraint_name or ""}
    return {key: value for key, value in found.items() if value}


def _frames(error: BaseException) -> list[str]:
    """File, line and function, the innermost last."""
    frames = traceback.StackSummary.extract(
        traceback.walk_tb(error.__traceback__), lookup_lines=False
    )
    return [f"{_place(f.filename)}:{f.lineno} {f.name}" for f in frames[-_MAX_FRAMES:]]


def _place(filename: str) -> str:
    path = Path(filename)
    if "site-packages" in path.parts:
        return "/".join(path.parts[path.parts.index("site-packages") + 1 :])
    return str(path.relative_to(_PROJECT)) if path.is_relative_to(_PROJECT) else path.name
