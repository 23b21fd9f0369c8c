"""Where the search reads: on a replica that has all that is committed, or else on the primary.

A replica follows a moment behind. Before it is asked, the primary says how far its log (WAL) is,
and the replica is waited for until it has replayed that far: a reference that was added, changed or
removed anywhere before the search began counts as it does on the primary. What is not certain is
asked of the primary, visibly: counted at each search (`raiox_search_reads_total`), logged, and told
in /health.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.utils import Error

from raiox.common import measures

logger = logging.getLogger(__name__)

REPLICA: Final = "replica"
"""The database's alias in the settings; there is none without `DATABASE_REPLICA_URL`."""
PATIENCE_SECONDS: Final = 0.1
"""For so long a search waits for a replica that is behind; usually it is a few milliseconds."""
REST_SECONDS: Final = 5.0
"""For so long a process leaves a replica alone that was no use."""
_STEP_SECONDS: Final = 0.005

# What is acknowledged is flushed, unless commits do not wait for that.
_PRIMARY: Final = """
SELECT CASE current_setting('synchronous_commit')
       WHEN 'off' THEN pg_current_wal_insert_lsn() ELSE pg_current_wal_flush_lsn() END::text,
       system_identifier FROM pg_control_system()
"""
_FOLLOWS: Final = """
SELECT pg_is_in_recovery() AND system_identifier = %s FROM pg_control_system()
"""
_MISSING: Final = "SELECT pg_wal_lsn_diff(%s::pg_lsn, pg_last_wal_replay_lsn())"

T = TypeVar("T")


class Reason(StrEnum):
    """Why the primary answers although there is a replica."""

    BEHIND = "behind"
    UNREACHABLE = "unreachable"
    NO_REPLICA_OF_OURS = "no_replica_of_ours"
    IN_TRANSACTION = "in_transaction"


@dataclass(frozen=True, slots=True)
class Standing:
    """How the replica stands: why it can't answer (None: it can), and how much log it lacks."""

    reason: Reason | None
    missing_bytes: int | None = None


class _Unfit(Exception):
    """The replica can't answer this search."""

    def __init__(self, reason: Reason, missing_bytes: int | None = None) -> None:
        super().__init__(reason)
        self.standing = Standing(reason, missing_bytes)


_lock = threading.Lock()
_rests_until = 0.0
_last = Reason.UNREACHABLE


def is_configured() -> bool:
    """Whether the settings name a replica."""
    return REPLICA in connections.databases


def read(ask: Callable[[Any], T]) -> T:
    """What `ask` gives for a connection: that of the replica, or of the primary (see above).

    `ask` only reads, in a transaction, and may be called twice: whatever fails on the replica is
    asked of the primary, whose errors are raised.
    """
    if not is_configured():
        return ask(connections[DEFAULT_DB_ALIAS])
    try:
        found = _on_replica(ask)
    except _Unfit as unfit:
        measures.search_read("primary", str(unfit.standing.reason))
        return ask(connections[DEFAULT_DB_ALIAS])
    measures.search_read("replica", "")
    return found


def standing() -> Standing:
    """How the replica stands at this moment, whatever was found before."""
    try:
        _on_replica(lambda _: None, is_probe=True)
    except _Unfit as unfit:
        return unfit.standing
    return Standing(None, 0)


def wake() -> None:
    """Makes the next search try the replica, whatever was found before."""
    global _rests_until
    with _lock:
        _rests_until = 0.0


def _on_replica(ask: Callable[[Any], T], *, is_probe: bool = False) -> T:
    """What the replica says; after a search that it could not answer it rests. A probe is none."""
    if connections[DEFAULT_DB_ALIAS].in_atomic_block:
        # What this transaction has written is on no replica.
        raise _Unfit(Reason.IN_TRANSACTION)
    if not is_probe and time.monotonic() < _rests_until:
        raise _Unfit(_last)
    wanted, identifier = _row(connections[DEFAULT_DB_ALIAS], _PRIMARY)
    try:
        # One transaction, so that a pooler between has one server answer all of it.
        with transaction.atomic(using=REPLICA):
            _wait_for(connections[REPLICA], wanted, identifier)
            return ask(connections[REPLICA])
    except _Unfit as unfit:
        if not is_probe:
            _rest(unfit.standing)
        raise
    except Error as error:
        connections[REPLICA].close()
        unreachable = _Unfit(Reason.UNREACHABLE)
        if not is_probe:
            _rest(unreachable.standing, type(error.__cause__ or error).__name__)
        raise unreachable from error


def _wait_for(replica: Any, wanted: str, identifier: int) -> None:
    """Until it has replayed what the primary has written up to `wanted`."""
    if not _row(replica, _FOLLOWS, identifier)[0]:
        raise _Unfit(Reason.NO_REPLICA_OF_OURS)
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        (missing,) = _row(replica, _MISSING, wanted)
        if missing is None:  # it shares storage, or gets its rows another way: nobody can tell
            raise _Unfit(Reason.NO_REPLICA_OF_OURS)
        if missing <= 0:
            return
        if time.monotonic() > end:
            raise _Unfit(Reason.BEHIND, int(missing))
        time.sleep(_STEP_SECONDS)


def _rest(found: Standing, error: str = "") -> None:
    global _rests_until, _last
    with _lock:
        _rests_until, _last = time.monotonic() + REST_SECONDS, found.reason or _last
    facts = {"reason": str(found.reason), "missing_bytes": found.missing_bytes, "error": error}
    logger.warning("search leaves the replica alone", extra=facts)


def _row(connection: Any, statement: str, *parameters: Any) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return tuple(cursor.fetchone())
