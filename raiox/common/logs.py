"""What must never reach a log, whoever writes it."""

import logging
import re

_TOKEN_IN_PATH = re.compile(r"(/webhook/)[^\s\"'?]+")


def mask(text: str) -> str:
    """`text` without the secret part of webhook addresses."""
    return _TOKEN_IN_PATH.sub(r"\1***", text)


class MaskingFormatter(logging.Formatter):
    """Formats a record, traceback included, and masks what is secret in it."""

    def format(self, record: logging.LogRecord) -> str:
        """The finished line without secrets."""
        return mask(super().format(record))
