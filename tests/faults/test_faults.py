"""What the service is told to survive, one fault after the other: nothing lost, nothing twice."""

import random
import time
from collections import Counter
from collections.abc import Iterator

import boto3
import pytest

from tests.faults import frozen
from tests.faults.crowd import is_quiet
from tests.faults.disk import full_disk
from tests.faults.machine import Machine, wait_quietly
from tests.faults.run import Record, run
from tests.faults.storage import BUCKET, MODES, FaultyStorage
from tests.sandbox.process import wait_for

# What Jotform's API does for some seconds each.
TROUBLES: tuple[tuple[str, dict[str, object]], ...] = (
    ("failing (500)", {"fail_next": 6, "fail_status": 500}),
    ("slow", {"slow_seconds": 2.0}),
    ("answering garbage", {"garbage": "html"}),
    ("cutting the line after a write", {"hang_after_write": "drop"}),
    ("refusing for its limit", {"quota_left": 0, "quota_answer": "429"}),
    ("answering garbage", {"garbage": "json"}),
    ("failing (503 inside 200)", {"error_in_200": 503}),
    ("refusing for its limit", {"quota_left": 0, "quota_answer": "200"}),
    ("withholding files (503)", {"file_status": 503}),
    ("refusing (400)", {"fail_next": 2, "fail_status": 400}),
)
NO_TROUBLE: dict[str, object] = {
    "fail_next": 0, "slow_seconds": 0.0, "garbage": "off", "hang_after_write": "off",
    "quota_left": None, "error_in_200": 0, "file_status": 0,
}  # fmt: skip


def kills(machine: Machine, chance: random.Random) -> Counter[str]:
    """SIGKILL of worker and web, at whatever they are doing."""
    faults: Counter[str] = Counter()
    for name in chance.sample(["worker"] * 6 + ["web"] * 3, 9):
        machine.await_up(name)
        time.sleep(chance.uniform(0, 2))
        machine.strike(name)
        faults[f"{name} killed"] += 1
        machine.revive()
    return faults


def database_restarts(machine: Machine, chance: random.Random) -> Counter[str]:
    """The server dies or is stopped, stays away for a moment and comes back."""
    faults: Counter[str] = Counter()
    for number in range(4):
        time.sleep(chance.uniform(2, 4))
        if number % 2:
            machine.cluster.stop()
            faults["PostgreSQL stopped"] += 1
        else:
            machine.cut_database()
            faults["PostgreSQL cut off"] += 1
        time.sleep(chance.uniform(0, 2))
        machine.revive()
        machine.start_database()
        machine.revive()
    return faults


def jotform_troubles(machine: Machine, chance: random.Random) -> Counter[str]:
    """Jotform fails, is slow, answers garbage or nothing, or has had enough of us."""
    faults: Counter[str] = Counter()
    for kind, trouble in TROUBLES:
        machine.sandbox.set(**{**NO_TROUBLE, **trouble})
        faults[f"Jotform {kind}"] += 1
        time.sleep(chance.uniform(1.5, 2.5))
        machine.revive()
    machine.sandbox.set(**NO_TROUBLE)
    return faults


def full_disks(machine: Machine, chance: random.Random) -> Counter[str]:
    """Where films are kept nothing more fits."""
    faults: Counter[str] = Counter()
    for _ in range(2):
        time.sleep(chance.uniform(1, 2))
        films = machine.folder / "var" / "media" / "uploads"
        with full_disk(films, machine.processes["worker"].pid) as kind:
            faults[kind] += 1
            time.sleep(chance.uniform(3, 4))
    return faults


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
    def troubles(machine: Machine, chance: random.Random) -> Counter[str]:
        faults: Counter[str] = Counter()
        machine.await_up("worker")
        for mode in MODES:
            hit, storage.mode = storage.failed, mode
            faults[f"object storage: {mode}"] += 1
            time.sleep(chance.uniform(2, 3))
            # A busy machine may take longer to come upon it.
            wait_quietly(lambda hit=hit: storage.failed > hit, 20)
            storage.mode = "ok"
            time.sleep(1)
        return faults

    found = run(machine, "storage", troubles, cases=20, seconds=14)
    assert storage.failed, "the storage was never asked while it failed"
    assert not found, found


def test_worker_wrongly_taken_for_dead(machine: Machine) -> None:
    """What it thinks it still has to write is not written, nor is its job ended for the next."""
    record = Record(machine, "taken for dead")
    answered = frozen.submit(machine)
    case = machine.pending(answered)
    with frozen.searches_held(machine) as held:
        analysed = frozen.submit(machine)
        wait_for(held, 30)
        frozen.freeze_while_it_delivers(machine, case)
        # Calibrations stand before the searches too: there must be room beside them.
        machine.launch_another_worker("second", WORKER_CONCURRENCY="8")
        machine.hand_out_stalled(lambda: frozen.job_of(machine, analysed) == ("doing", 1))
        wait_for(lambda: frozen.last_delivery(machine, case) == "sent", 30)
        wait_for(lambda: held() == 2, 30)
        machine.freeze("second")
    machine.thaw("worker")
    wait_for(lambda: "job superseded" in machine.log_of("worker"), 30)
    wait_for(lambda: machine.log_of("worker").count("job left to its next run") >= 2, 30)
    # The second worker dies with the job in hand: it is still there to be given on.
    assert frozen.job_of(machine, analysed) == ("doing", 1)
    machine.kill("second")
    machine.revive()
    machine.hand_out_stalled(lambda: machine.state_of(analysed) == "pending")
    frozen.approve(machine, machine.pending(analysed))
    assert is_quiet(machine, 60)
    record.all_is_whole()
    faults = Counter({"worker frozen": 2, "session cut off": 1, "worker killed": 1})
    found = record.close(faults, [answered, analysed])
    assert not found, found
