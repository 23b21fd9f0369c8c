"""The search on a real streaming replica: it answers, and never without what was just committed."""

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg
import pytest
from django.db import connection, connections, transaction
from django.db.utils import OperationalError
from django.test import Client

from implants import replica
from implants.models import Encoder
from implants.search import search
from raiox.common.measures import REGISTRY
from raiox.embedded_postgres.checks import ENGINE
from raiox.embedded_postgres.configured import configured_cluster
from tests.factories import EncoderFactory, ImplantFactory, reference_with_vector, unit_vector
from tests.growing.standby import Standby
from tests.sandbox.process import wait_for

pytestmark = [
    pytest.mark.django_db(transaction=True, databases="__all__"),
    pytest.mark.usefixtures("alias", "awake"),
]

SCANS = (
    "SELECT coalesce(seq_scan, 0) + coalesce(idx_scan, 0) FROM pg_stat_user_tables"
    " WHERE relname = 'reference_vectors'"
)


@pytest.fixture(scope="module")
def standby(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standby]:
    if connection.settings_dict["ENGINE"] != ENGINE:
        pytest.skip("a replica is made of the embedded server only; ci.yml does")
    made = Standby(configured_cluster(), tmp_path_factory.mktemp("standby") / "postgres")
    try:
        made.make()
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="module")
def alias(standby: Standby) -> Iterator[None]:
    """The replica in the settings, as `DATABASE_REPLICA_URL` puts it there."""
    place = {key.upper(): value for key, value in standby.place.items()}
    ours = connection.settings_dict
    connections.databases[replica.REPLICA] = {
        **ours, **place, "ENGINE": "django.db.backends.postgresql",
        "TEST": {**ours["TEST"], "MIRROR": "default"},
    }  # fmt: skip
    yield
    del connections[replica.REPLICA]
    del connections.databases[replica.REPLICA]


@pytest.fixture
def awake(transactional_db: None) -> Iterator[None]:
    """Nothing remembered from another test; commits wait for the log, as where it counts."""
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = on")
    replica.wake()
    yield
    connections[replica.REPLICA].close()
    connection.close()
    replica.wake()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is busy with other tests takes its time."""
    monkeypatch.setattr(replica, "PATIENCE_SECONDS", 20.0)


@pytest.fixture
def encoder() -> Encoder:
    return EncoderFactory.create(is_active=True)


def added(vector: np.ndarray, encoder: Encoder) -> int:
    """The implant of a new reference with that vector."""
    return int(reference_with_vector(vector, encoder, ImplantFactory.create()).implant_id)


def found(vector: np.ndarray, encoder: Encoder) -> list[int]:
    return [candidate.implant_id for candidate in search(vector, encoder_id=encoder.pk)]


def reads() -> dict[tuple[str, str], float]:
    """How many searches were answered where, and why."""
    (family,) = (each for each in REGISTRY.collect() if each.name == "raiox_search_reads")
    return {
        (sample.labels["server"], sample.labels["reason"]): sample.value
        for sample in family.samples
        if sample.name.endswith("_total")
    }


@pytest.fixture
def counted() -> Any:
    """What the searches since the beginning of the test were counted as."""
    before = reads()

    def since() -> dict[tuple[str, str], float]:
        return {key: n - before.get(key, 0) for key, n in reads().items() if n > before.get(key, 0)}

    return since


def scans(server: Any) -> int:
    """How often the table of vectors was read by the sessions of this process on a server."""
    with server.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(SCANS)
        return int(cursor.fetchone()[0])


def health() -> dict[str, Any]:
    checks = Client().get("/health").json()["checks"]
    return {name: value for name, value in checks["replica"].items() if name != "ms"}


@pytest.mark.parametrize("limit", [10**6, 0], ids=["exact", "index"])
def test_search_reads_the_replica_alone(
    encoder: Encoder, counted: Any, patient: None, settings: Any, limit: int
) -> None:
    settings.EXACT_SEARCH_LIMIT = limit
    wanted = [added(unit_vector(number), encoder) for number in range(3)]
    replica.standing()  # opens its connection
    before = scans(connection), scans(connections[replica.REPLICA])

    answers = [found(unit_vector(number), encoder)[0] for number in range(3)]

    assert answers == wanted
    assert counted() == {("replica", ""): 3}
    assert scans(connection) == before[0]
    assert scans(connections[replica.REPLICA]) >= before[1] + 3
    assert health() == {"status": "ok"}


def test_search_finds_what_was_added_a_moment_ago(
    encoder: Encoder, counted: Any, patient: None
) -> None:
    for number in range(30):
        implant = added(unit_vector(number), encoder)
        assert found(unit_vector(number), encoder)[0] == implant
    assert counted() == {("replica", ""): 30}


def test_search_waits_for_a_log_that_commits_do_not_wait_for(
    encoder: Encoder, counted: Any, patient: None
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
    for number in range(3):
        implant = added(unit_vector(number), encoder)
        assert found(unit_vector(number), encoder)[0] == implant
    assert counted() == {("replica", ""): 3}


def test_replica_that_replays_nothing_is_not_believed(
    encoder: Encoder, counted: Any, standby: Standby, caplog: pytest.LogCaptureFixture
) -> None:
    added(unit_vector(9), encoder)
    gone = reference_with_vector(unit_vector(1), encoder, ImplantFactory.create())
    wait_for(lambda: replica.standing().reason is None, 20)
    replica.wake()
    standby.pause()
    try:
        implant = added(unit_vector(2), encoder)
        gone.delete()
        with caplog.at_level(logging.WARNING):
            answers = [found(unit_vector(2), encoder), found(unit_vector(1), encoder)]
        told = health()
    finally:
        standby.resume()

    assert answers[0][0] == implant
    assert gone.implant_id not in answers[1]
    assert counted() == {("primary", "behind"): 2}
    (line,) = [r for r in caplog.records if r.message == "search leaves the replica alone"]
    assert line.reason == "behind"  # type: ignore[attr-defined]
    assert (told["status"], told["reason"]) == ("warning", "behind")
    assert told["missing_bytes"] > 0
    wait_for(lambda: health() == {"status": "ok"}, 20)


def test_search_goes_on_without_the_replica_and_comes_back_to_it(
    encoder: Encoder, counted: Any, standby: Standby, monkeypatch: pytest.MonkeyPatch
) -> None:
    implant = added(unit_vector(2), encoder)
    replica.wake()
    # On a busy machine it is behind for a moment, and the primary answers.
    wait_for(
        lambda: found(unit_vector(2), encoder) == [implant] and counted().get(("replica", "")), 20
    )
    before = counted()
    standby.stop()
    try:
        # The connection that is open breaks; then there is nobody to connect to.
        assert found(unit_vector(2), encoder) == [implant]
        replica.wake()
        assert found(unit_vector(2), encoder) == [implant]
        assert found(unit_vector(2), encoder) == [implant]
        assert health() == {"status": "warning", "reason": "unreachable", "missing_bytes": None}
        assert Client().get("/health").status_code == 503  # the bundle of this test's encoder
    finally:
        standby.start()
    assert counted() == before | {("primary", "unreachable"): 3}

    monkeypatch.setattr(replica, "REST_SECONDS", 0.0)
    replica.wake()
    wait_for(lambda: found(unit_vector(2), encoder) and counted()["replica", ""] > 1, 20)


def test_transaction_sees_what_it_has_written(encoder: Encoder, counted: Any) -> None:
    with transaction.atomic():
        implant = added(unit_vector(5), encoder)
        assert found(unit_vector(5), encoder) == [implant]
    assert counted() == {("primary", "in_transaction"): 1}


@pytest.mark.parametrize("what", ["primary", "another system's", "without a log"])
def test_server_that_is_no_replica_of_ours_is_not_asked(
    encoder: Encoder, counted: Any, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if what == "primary":
        place = {key.upper(): connection.get_connection_params()[key] for key in ("host", "port")}
        for key, value in place.items():
            monkeypatch.setitem(connections[replica.REPLICA].settings_dict, key, value)
    elif what == "without a log":  # as of a system whose servers share their storage
        no_log = replica._MISSING.replace("pg_last_wal_replay_lsn()", "NULL::pg_lsn")
        monkeypatch.setattr(replica, "_MISSING", no_log)
    else:
        other = replica._PRIMARY.replace("system_identifier", "system_identifier + 1")
        monkeypatch.setattr(replica, "_PRIMARY", other)
    implant = added(unit_vector(5), encoder)

    assert found(unit_vector(5), encoder) == [implant]

    assert counted() == {("primary", "no_replica_of_ours"): 1}
    assert health()["reason"] == "no_replica_of_ours"


def test_query_that_the_replica_breaks_off_is_asked_of_the_primary(
    counted: Any, patient: None
) -> None:
    def ask(server: Any) -> str:
        if server.alias == replica.REPLICA:
            # What a conflict with the replay does to a query that is under way.
            raise OperationalError from psycopg.errors.SerializationFailure()
        return str(server.alias)

    assert replica.read(ask) == "default"
    assert counted() == {("primary", "unreachable"): 1}


def test_role_without_rights_may_ask_how_far_the_log_is() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE raiox_plain LOGIN")
        try:
            cursor.execute("SET ROLE raiox_plain")
            cursor.execute(replica._PRIMARY)
            wanted, identifier = cursor.fetchone()
            cursor.execute(replica._FOLLOWS, [identifier])
            cursor.execute(replica._MISSING, [wanted])
        finally:
            cursor.execute("RESET ROLE")
            cursor.execute("DROP ROLE raiox_plain")
