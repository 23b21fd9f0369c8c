"""What a log line holds, whoever writes it: constant words and bounded facts, no person's data.

Our own loggers say a constant message and give facts as `extra`. What other libraries put into
their messages can be anything, so their templates are kept and the values left out.
"""

import json
import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal

from structlog.stdlib import ProcessorFormatter
from structlog.types import EventDict, WrappedLogger

from raiox.common import correlation, requests
from raiox.common.faults import described, spoken

Style = Literal["json", "line"]
STYLES: Final = ("json", "line")

# Webhooks' tokens, the signatures of links, the token of a Telegram bot.
_SECRET_IN_PATH = re.compile(
    r"(/webhook/|/files/cases/(?:api/)?|/files/references/signed/|/bot(?=\d+:))[^\s\"'?/]+"
)
_OUR_LOGGERS: Final = frozenset({"raiox", "implants", "webhooks", "cases"})
_NO_FACTS: Final = frozenset(
    {*vars(logging.makeLogRecord({})), "request", "message", "asctime"}
    | {"taskName"}  # a record's own attribute from Python 3.12 on
)
_FIRST: Final = ("time", "level", "event", "logger", "correlation_id")
_MAX_LENGTH: Final = 200

Facts = dict[str, Any]


def mask(text: str) -> str:
    """`text` without the secret part of webhook addresses and signed links."""
    return _SECRET_IN_PATH.sub(r"\1***", text)


def formatter(style: Style) -> ProcessorFormatter:
    """The formatter of every handler: JSON for machines, or a line for people at a terminal."""
    render = _as_json if style == "json" else _as_line
    # Messages are put together by `_words`, or not at all.
    return ProcessorFormatter(
        processors=[_add_facts, render], use_get_message=False, pass_foreign_args=True
    )


def facts_of(record: logging.LogRecord) -> Facts:
    """Everything that may be told of a record, its exception aside."""
    found: Facts = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "event": _words(record),
        "logger": record.name,
        **correlation.facts(),
        **requests.facts(),
        **_extra(record),
    }
    return {name: _shown(value) for name, value in found.items() if value not in (None, "")}


def _add_facts(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    record: logging.LogRecord = event["_record"]
    record.args = event.get("positional_args")
    facts = facts_of(record)
    record.args = ()  # the line is not formatted once more
    _, error, _ = event.get("exc_info") or (None, None, None)
    if error is not None:
        facts["exception"] = described(error)
    return facts


def _words(record: logging.LogRecord) -> str:
    name = record.name.partition(".")[0]
    if name in _OUR_LOGGERS or _is_lifecycle(record):
        return record.getMessage()
    for told in (_of_django, _of_procrastinate):
        if words := told(record):
            return words
    return str(record.msg)


def _is_lifecycle(record: logging.LogRecord) -> bool:
    """Addresses and process numbers of gunicorn's start and end; its errors quote requests."""
    return record.name == "gunicorn.error" and record.levelno < logging.WARNING


def _of_django(record: logging.LogRecord) -> str:
    """Its lines about requests, which quote paths."""
    if not hasattr(record, "status_code"):
        return ""
    return "request failed" if record.levelno >= logging.ERROR else "request refused"


def _of_procrastinate(record: logging.LogRecord) -> str:
    """Its lines quote the arguments of jobs; the action says the same in one word."""
    return str(getattr(record, "action", ""))


def _extra(record: logging.LogRecord) -> Facts:
    name = record.name.partition(".")[0]
    if name in _OUR_LOGGERS:
        return {
            name: value
            for name, value in vars(record).items()
            if name not in _NO_FACTS and isinstance(value, str | int | float)
        }
    if name == "procrastinate":
        return _of_job(getattr(record, "job", None))
    known = requests.noted(getattr(record, "request", None))
    return {"status": getattr(record, "status_code", None), **known}


def _of_job(job: Any) -> Facts:
    if not isinstance(job, Mapping):
        return {}
    told = {"job_id": job.get("id"), "task": job.get("task_name"), "attempts": job.get("attempts")}
    given = (job.get("task_kwargs") or {}).get("correlation_id")
    return {**told, "correlation_id": given} if given else told


def _shown(value: Any) -> Any:
    """Texts masked and no longer than a line bears."""
    if not isinstance(value, str):
        return value
    text = mask(value)
    return text if len(text) <= _MAX_LENGTH else f"{text[: _MAX_LENGTH - 1]}…"


def _as_json(logger: WrappedLogger, method: str, facts: EventDict) -> str:
    return json.dumps(facts, ensure_ascii=False)


def _as_line(logger: WrappedLogger, method: str, facts: EventDict) -> str:
    time, level, event, name, correlation_id = (facts.get(key, "-") for key in _FIRST)
    rest = "".join(
        f" {key}={_on_one_line(value)}"
        for key, value in facts.items()
        if key not in (*_FIRST, "exception")
    )
    clock = datetime.fromisoformat(time).astimezone().strftime("%Y-%m-%d %H:%M:%S,%f")[:-3]
    line = f"{clock} {level.upper()} {name} [{correlation_id}] {_on_one_line(event)}{rest}"
    return "\n".join([line, *spoken(facts.get("exception", []))])


def _on_one_line(value: Any) -> str:
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in str(value))
