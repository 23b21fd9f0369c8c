"""Two web processes and three workers on one database: all work is done, and none of it twice."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from implants.encoders.bundle import load_bundle, version_of
from tests.faults.storage import FaultyStorage
from tests.growing.machines import FAILURES, POOL, RATE, WORKERS, Machines
from tests.implants.tiny_encoder import write_bundle
from tests.sandbox.process import wait_for
from tests.stack import Stack

CASES = 12


@pytest.fixture(scope="module")
def machines(stack: Stack, redis_url: str) -> Iterator[Machines]:
    with FaultyStorage() as storage, Machines(stack, redis_url, storage).running() as running:
        yield running
    stack.sandbox.reset()


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What the calls give, made by as many threads."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def jobs_begun(machines: Machines) -> dict[str, list[int]]:
    """The numbers of the jobs that each worker took, as it logged them."""
    found: dict[str, list[int]] = {}
    for name in WORKERS:
        lines = (machines.stack.folder / f"{name}.log").read_text().splitlines()
        told = [json.loads(line) for line in lines if line.startswith("{")]
        found[name] = [line["job_id"] for line in told if line["event"] == "job begun"]
    return found


def test_no_work_is_lost_or_done_twice(machines: Machines) -> None:
    stack, (first, second) = machines.stack, machines.urls
    sample = stack.sample_names[:1]
    sent = [
        str(stack.sandbox.submit({"dente": "44"}, samples=sample, webhook=False)["id"])
        for _ in range(CASES)
    ]

    # The same webhook to both machines at once, as from a sender who got no answer in time.
    for submission in sent:
        answers = at_once(
            lambda: machines.send_webhook(first, submission),  # noqa: B023  # over at once
            lambda: machines.send_webhook(second, submission),  # noqa: B023
        )
        assert answers == [200, 200]
    cases = {submission: stack.pending(submission, 60) for submission in sent}

    assert stack.sql("SELECT count(*) FROM cases WHERE submission_id = ANY(%s)", sent) == [(CASES,)]
    ids = list(cases.values())
    for what in ("findings", "case_images"):
        rows = f"SELECT count(*) FROM {what} WHERE case_id = ANY(%s)"  # noqa: S608
        assert stack.sql(rows, ids) == [(CASES,)]
    searches = "SELECT count(*) FROM searches s JOIN findings f ON f.id = s.finding_id"
    assert stack.sql(f"{searches} WHERE f.case_id = ANY(%s)", ids) == [(CASES,)]
    kept = stack.sql("SELECT DISTINCT split_part(file, '/', 1) FROM case_images"
                     " WHERE case_id = ANY(%s)", ids)  # fmt: skip
    assert kept == [("uploads",)]
    assert not (stack.folder / "machines" / "web-2" / "media").exists()

    # Two reviewers decide at the same moment, each on her machine: one of them was first.
    tokens = {
        name: machines.token(first, name, stack.passwords[name]).json()["access"]
        for name in stack.passwords
    }
    for case in ids:
        answers = at_once(
            *(
                lambda url=url, token=token: approve(stack, url, token, case)  # noqa: B023
                for url, token in zip(machines.urls, tokens.values(), strict=True)
            )
        )
        assert sorted(answers) == [200, 409]
    for submission in sent:
        wait_for(lambda: stack.sandbox.submission(submission)["result"], 60)  # noqa: B023

    wait_for(lambda: open_jobs(stack) == 0, 30)
    writes = Counter(
        row["submission_id"]
        for row in stack.sandbox.webhooks()
        if row["reason"] == "api" and row["submission_id"] in sent
    )
    assert writes == dict.fromkeys(sent, 1)
    deliveries = "SELECT count(*) FROM deliveries WHERE case_id = ANY(%s) AND state = 'sent'"
    assert stack.sql(deliveries, ids) == [(CASES,)]

    begun = jobs_begun(machines)
    counted = Counter(number for numbers in begun.values() for number in numbers)
    assert max(counted.values()) == 1
    assert sum(bool(numbers) for numbers in begun.values()) > 1, "one worker did everything"


def approve(stack: Stack, url: str, token: str, case: int) -> int:
    """The first candidate for the case's implant, by one machine's API; the status."""
    ((finding, implant),) = stack.sql(
        "SELECT f.id, (SELECT r.implant_id FROM results r JOIN searches s ON s.id = r.search_id"
        " WHERE s.finding_id = f.id ORDER BY r.rank LIMIT 1) FROM findings f WHERE f.case_id = %s",
        case,
    )
    row = {"id": finding, "verdict": "identified", "implant_id": implant}
    answer = requests.post(
        f"{url}/cases/{case}/approve", json={"findings": [row]},
        headers={"Authorization": f"Bearer {token}"}, timeout=30,
    )  # fmt: skip
    return answer.status_code


def open_jobs(stack: Stack) -> int:
    ((count,),) = stack.sql(
        "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"
        " AND task_name LIKE 'cases.%%'"
    )
    return int(count)


def test_rate_counts_over_all_machines(machines: Machines) -> None:
    addresses = [f"{url}/webhook/{machines.other_token}" for url in machines.urls]
    with ThreadPoolExecutor(16) as pool:
        statuses = list(
            pool.map(
                lambda number: (
                    requests.post(addresses[number % 2], json={}, timeout=30).status_code
                ),
                range(RATE + 20),
            )
        )
    assert Counter(statuses) == {200: RATE, 429: 20}
    # All of its threads were busy; without a pool each has a connection of its own.
    assert 0 < len(connections(machines, "web-2")) <= POOL < len(connections(machines, "web"))


def connections(machines: Machines, name: str) -> list[str]:
    """The last statement on each connection of one process."""
    asked = "SELECT query FROM pg_stat_activity WHERE application_name = %s"
    return [str(query) for (query,) in machines.stack.sql(asked, name)]


def test_workers_hear_of_jobs_beside_their_pool(machines: Machines) -> None:
    for name in WORKERS:
        assert any(query.startswith("LISTEN") for query in connections(machines, name)), name


def test_wrong_passwords_count_over_all_machines(machines: Machines) -> None:
    for number in range(FAILURES):
        answer = machines.token(machines.urls[number % 2], "nobody", "wrong")
    assert [machines.token(url, "nobody", "wrong").status_code for url in machines.urls] == [
        429, 429,
    ]  # fmt: skip
    assert answer.status_code in (401, 429)


def test_log_out_on_one_machine_holds_on_the_other(machines: Machines) -> None:
    first, second = machines.urls
    given = machines.token(first, "brenda", machines.stack.passwords["brenda"]).json()
    refresh = {"refresh": given["refresh"]}
    asked = {"Authorization": f"Bearer {given['access']}"}
    assert requests.get(f"{second}/cases", headers=asked, timeout=30).status_code == 200

    assert requests.post(f"{first}/auth/logout", json=refresh, timeout=30).ok

    again = requests.post(f"{second}/auth/token/refresh", json=refresh, timeout=30)
    assert again.status_code == 401


def test_session_of_one_machine_ends_on_the_other(machines: Machines) -> None:
    first, second = machines.urls
    session = machines.stack.log_in()
    assert session.get(f"{second}/admin/", timeout=30).url == f"{second}/admin/"

    token = session.cookies["csrftoken"]
    left = session.post(
        f"{second}/admin/logout/", {"csrfmiddlewaretoken": token}, timeout=30,
    )  # fmt: skip
    assert left.ok

    assert "/admin/login/" in session.get(f"{first}/admin/", timeout=30).url


@pytest.fixture
def other(machines: Machines) -> Iterator[str]:
    """The name of another encoder, which may be activated; afterwards it never was there."""
    stack, name = machines.stack, "third"
    bundle = write_bundle(stack.folder / name, name=name)
    (before,) = stack.sql("SELECT id FROM encoders WHERE is_active")
    stack.sql(
        "INSERT INTO encoders (name, path, version, is_active, created_at)"
        " VALUES (%s, %s, %s, false, now()) RETURNING id",
        name, str(bundle), version_of(load_bundle(bundle)),
    )  # fmt: skip
    yield name
    switch(stack, before[0])
    stack.sql("DELETE FROM encoders WHERE name = %s RETURNING id", name)


def switch(stack: Stack, encoder: str | int) -> None:
    """Let the encoder of that name or number answer."""
    stack.execute("UPDATE encoders SET is_active = false WHERE is_active")
    stack.sql(
        "UPDATE encoders SET is_active = true WHERE name = %s OR id::text = %s RETURNING id",
        str(encoder), str(encoder),
    )  # fmt: skip


def test_all_machines_follow_another_encoder(machines: Machines, other: str) -> None:
    def answering() -> set[str]:
        asked = [requests.get(f"{url}/health", timeout=30).json() for url in machines.urls]
        return {answer["checks"]["encoder"]["name"] for answer in asked}

    (before,) = answering()
    assert before != other
    switch(machines.stack, other)
    wait_for(lambda: answering() == {other}, 5)
