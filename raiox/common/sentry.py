"""Errors to Sentry, where `SENTRY_DSN` says so: the same facts as in the log, and nothing else.

Sentry's own integrations are left out: they would add requests, messages and variables.
"""

import logging
import os
from typing import Any, Final

import sentry_sdk

from raiox.common.faults import described
from raiox.common.logs import Facts, facts_of

_ITS_OWN: Final = ("sentry_sdk", "urllib3")
_TAGS: Final = ("correlation_id", "case_id", "job_id", "user_id", "task", "route", "status")
_FLUSH_SECONDS: Final = 2.0


class Handler(logging.Handler):
    """Sends each record of the level ERROR and above as one event."""

    def __init__(self, dsn: str, environment: str, release: str) -> None:
        super().__init__(logging.ERROR)
        self._options: Facts = {"dsn": dsn, "environment": environment, "release": release}
        self._client: sentry_sdk.Client | None = None
        self._process = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Hand over; the client sends in a thread of its own."""
        if record.name.startswith(_ITS_OWN):
            return
        try:
            self._of_this_process().capture_event(event_of(record))
        except Exception:  # as every handler: what can't be told stops nobody
            self.handleError(record)

    def close(self) -> None:
        """Send what is under way."""
        if self._client and self._process == os.getpid():
            self._client.close(_FLUSH_SECONDS)
        super().close()

    def _of_this_process(self) -> sentry_sdk.Client:
        """A client's thread does not survive a fork."""
        if self._client is None or self._process != os.getpid():
            self._process = os.getpid()
            self._client = sentry_sdk.Client(
                **self._options,
                default_integrations=False,
                auto_enabling_integrations=False,
                auto_session_tracking=False,
                include_local_variables=False,
                max_request_body_size="never",
                max_breadcrumbs=0,
            )
        return self._client


def event_of(record: logging.LogRecord) -> Any:
    """The event, in Sentry's words."""
    facts = facts_of(record)
    event: Facts = {
        "level": "fatal" if record.levelno >= logging.CRITICAL else "error",
        "logger": record.name,
        "logentry": {"message": facts["event"]},
        "tags": {name: str(facts[name]) for name in _TAGS if name in facts},
        "extra": {
            name: value
            for name, value in facts.items()
            if name not in (*_TAGS, "time", "level", "event", "logger")
        },
    }
    if record.exc_info and record.exc_info[1]:
        event["exception"] = {"values": _values(record.exc_info[1])}
    return event


def _values(error: BaseException) -> list[Facts]:
    """The chain of exceptions, the cause first."""
    return [
        {
            "type": link["type"],
            "value": link.get("message", ""),
            "stacktrace": {"frames": [_frame(place) for place in link["frames"]]},
        }
        for link in reversed(described(error))
    ]


def _frame(place: str) -> Facts:
    where, _, function = place.partition(" ")
    file, _, line = where.rpartition(":")
    return {"filename": file, "lineno": int(line), "function": function}
