"""What the service is told to survive, one fault after the other: nothing lost, nothing twice."""

import random
import time
from collections.abc import Iterator

import boto3
import pytest

from tests.faults.machine import Machine, full_disk
from tests.faults.run import run
from tests.faults.storage import BUCKET, MODES, FaultyStorage

# What Jotform's API does for some seconds each.
TROUBLES: tuple[dict[str, object], ...] = (
    {"fail_next": 6, "fail_status": 500},
    {"slow_seconds": 2.0},
    {"garbage": "html"},
    {"hang_after_write": "drop"},
    {"quota_left": 0, "quota_answer": "429"},
    {"garbage": "json"},
    {"error_in_200": 503},
    {"quota_left": 0, "quota_answer": "200"},
    {"file_status": 503},
    {"fail_next": 2, "fail_status": 400},
)
NO_TROUBLE: dict[str, object] = {
    "fail_next": 0, "slow_seconds": 0.0, "garbage": "off", "hang_after_write": "off",
    "quota_left": None, "error_in_200": 0, "file_status": 0,
}  # fmt: skip


def kills(machine: Machine, chance: random.Random) -> int:
    """SIGKILL of worker and web, at whatever they are doing."""
    count = 12
    for _ in range(count):
        name = chance.choice(("worker", "worker", "web"))
        machine.await_up(name)
        time.sleep(chance.uniform(0, 2))
        machine.strike(name)
        machine.revive()
    return count


def database_restarts(machine: Machine, chance: random.Random) -> int:
    """The server dies or is stopped, stays away for a moment and comes back."""
    count = 4
    for number in range(count):
        time.sleep(chance.uniform(2, 4))
        if number % 2:
            machine.cluster.stop()
        else:
            machine.cut_database()
        time.sleep(chance.uniform(0, 2))
        machine.revive()
        machine.start_database()
        machine.revive()
    return count


def jotform_troubles(machine: Machine, chance: random.Random) -> int:
    """Jotform fails, is slow, answers garbage or nothing, or has had enough of us."""
    for trouble in TROUBLES:
        machine.sandbox.set(**{**NO_TROUBLE, **trouble})
        time.sleep(chance.uniform(2, 3.5))
        machine.revive()
    machine.sandbox.set(**NO_TROUBLE)
    return len(TROUBLES)


def full_disks(machine: Machine, chance: random.Random) -> int:
    """Where films are kept nothing more fits."""
    count = 2
    for _ in range(count):
        time.sleep(chance.uniform(1, 2))
        with full_disk(machine.folder / "var" / "media" / "uploads") as what:
            print(f"full: {what}")
            time.sleep(chance.uniform(4, 6))
    return count


@pytest.fixture
def storage(machine: Machine) -> Iterator[FaultyStorage]:
    """The service keeps films in object storage for one run."""
    with FaultyStorage() as storage:
        place = storage.environment
        client = boto3.client(
            "s3", endpoint_url=place["DO_SPACES_ENDPOINT"], region_name=place["DO_SPACES_REGION"],
            aws_access_key_id=place["DO_SPACES_KEY"],
            aws_secret_access_key=place["DO_SPACES_SECRET"],
        )  # fmt: skip
        client.create_bucket(Bucket=BUCKET)
        machine.move(**place)
        yield storage
        machine.move(**dict.fromkeys(place, ""))


def test_killed_processes(machine: Machine) -> None:
    found = run(machine, "kills", kills, cases=60, seconds=25)
    assert not found, found


def test_database_that_goes_away(machine: Machine) -> None:
    found = run(machine, "database", database_restarts, cases=40, seconds=18)
    assert not found, found


def test_jotform_in_trouble(machine: Machine) -> None:
    found = run(machine, "jotform", jotform_troubles, cases=40, seconds=20)
    assert not found, found


def test_full_disk(machine: Machine) -> None:
    found = run(machine, "disk full", full_disks, cases=15, seconds=10)
    full = "SELECT 1 FROM case_events WHERE data ->> 'reason' = 'OSError'"
    assert machine.sql(full), "no film met the full disk"
    assert not found, found


def test_object_storage_in_trouble(machine: Machine, storage: FaultyStorage) -> None:
    def troubles(machine: Machine, chance: random.Random) -> int:
        for mode in MODES:
            storage.mode = mode
            time.sleep(chance.uniform(3, 4))
            storage.mode = "ok"
            time.sleep(1)
        return len(MODES)

    found = run(machine, "storage", troubles, cases=20, seconds=14)
    assert storage.failed, "the storage was never asked while it failed"
    assert not found, found
