"""What the service's own log files tell of errors."""

import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TextIO

from raiox.golive.line import Line, Plan, fail, ok, warn

_SERIOUS: Final = ("error", "critical")
_RAW: Final = "Traceback (most recent call last)"
_SHOWN: Final = 3
_STDIN: Final = Path("-")
_SILENCE: Final = timedelta(minutes=5)
"""For so long a service may well have nothing to say, right after midnight's rotation too."""
_PIPE: Final = (
    "As root: cat /var/log/raiox/*.log.1 /var/log/raiox/*.log | raiox-manage golive_check --logs -"
)
_YOUNG: Final = "Older lines lie in *.log.1: read those too. Was nothing written before? Then fine."


def no_errors(plan: Plan) -> Line:
    """No traceback and no error in the last hours; a file that nobody writes to is no good sign."""
    if locked := [str(place) for place in plan.logs if not _is_readable(place)]:
        return warn(f"not readable for this account: {', '.join(locked)}", _PIPE)
    files = list(_files(plan.logs))
    if not files:
        named = ", ".join(map(str, plan.logs)) or "none named"
        return warn(f"no log files: {named}", "Name files or folders: --logs /var/log/raiox.")
    now = datetime.now(UTC)
    since = now - timedelta(hours=plan.hours)
    lines, troubles, first = 0, Counter[str](), now
    for path in files:
        with _opened(path) as file:
            for at, trouble in _judged(file):
                first = min(first, at or now)
                if at and at < since:
                    continue
                lines += 1
                if trouble:
                    troubles[trouble] += 1
    seen = f"{lines} lines of {len(files)} files in {plan.hours:g} hours"
    if troubles:
        most = ", ".join(f"{count} × {what}" for what, count in troubles.most_common(_SHOWN))
        return fail(f"{seen}; errors: {most}", "Put them right, then look at the hours since then.")
    if not lines:
        return warn(seen, "Nothing was written: are these the files of the running service?")
    if first - since > _SILENCE:
        hours = (now - first).total_seconds() / 3600
        return warn(f"{seen}, no error; the first of them is {hours:.1f} hours old", _YOUNG)
    return ok(f"{seen}, no error")


def _is_readable(place: Path) -> bool:
    return not place.exists() or os.access(place, os.R_OK, effective_ids=True)


def _opened(path: Path) -> TextIO | nullcontext[TextIO]:
    if path == _STDIN:
        return nullcontext(sys.stdin)
    return path.open(encoding="utf-8", errors="replace")


def _files(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        if place.is_dir():
            yield from sorted([*place.glob("*.log"), *place.glob("*.log.1")])
        elif place == _STDIN or place.is_file():
            yield place


def _judged(lines: Iterable[str]) -> Iterator[tuple[datetime | None, str]]:
    """For each line its time, and what is wrong with it: empty if nothing is.

    What is no line of ours has no time: it is as old as the line before it, if there is one.
    """
    at = None
    for text in lines:
        entry = _parsed(text)
        if entry is not None:
            at = datetime.fromisoformat(entry["time"])
        yield at, _trouble(entry) if entry else (_RAW if text.startswith(_RAW) else "")


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(text)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and "time" in entry else None


def _trouble(entry: dict[str, Any]) -> str:
    """The event and, where there is one, the kind of its exception."""
    exception = entry.get("exception")
    if entry.get("level") not in _SERIOUS and not exception:
        return ""
    kind = f" ({exception[0]['type']})" if exception else ""
    return f"{entry.get('event', '')}{kind}"
