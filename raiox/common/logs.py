"""What must never reach a log, whoever writes it, and the facts that belong to a line."""

import logging
import re
from typing import Final

_TOKEN_IN_PATH = re.compile(r"(/webhook/)[^\s\"'?]+")
# Django's and procrastinate's extras are objects and job arguments: only our own facts are printed.
_OUR_LOGGERS: Final = frozenset({"raiox", "implants", "webhooks", "cases"})
_NO_FACTS: Final = frozenset(
    {*vars(logging.makeLogRecord({})), "correlation_id", "request", "message", "asctime"}
    | {"taskName"}  # a record's own attribute from Python 3.12 on
)
_MAX_LENGTH: Final = 200


def mask(text: str) -> str:
    """`text` without the secret part of webhook addresses."""
    return _TOKEN_IN_PATH.sub(r"\1***", text)


class MaskingFormatter(logging.Formatter):
    """Formats a record, traceback included, and masks what is secret in it."""

    def format(self, record: logging.LogRecord) -> str:
        """The finished line without secrets."""
        return mask(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's own name
        """The line itself, before any traceback: followed by the `extra` facts of our loggers."""
        return super().formatMessage(record) + _facts(record)


def _facts(record: logging.LogRecord) -> str:
    if record.name.partition(".")[0] not in _OUR_LOGGERS:
        return ""
    return "".join(
        f" {name}={_shown(value)}"
        for name, value in vars(record).items()
        if name not in _NO_FACTS and isinstance(value, str | int | float)
    )


def _shown(value: str | int | float) -> str:
    """The value on one line, whatever is in it; long ones end early."""
    text = str(value)
    short = text if len(text) <= _MAX_LENGTH else f"{text[: _MAX_LENGTH - 1]}…"
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in short)
