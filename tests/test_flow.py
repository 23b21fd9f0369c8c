"""The whole way of a case, with real processes: webhook, worker, admin by HTTP, write-back."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.sandbox.process import wait_for
from tests.stack import SYSTEMS, Stack, film

PATIENT = {
    "nome": {"first": "Ana", "last": "Dias"},
    "email": "ana@example.org",
    "paciente": "B. F.",
    "dente": "44",
}


@pytest.fixture(autouse=True)
def _switches_off(stack: Stack) -> Any:
    yield
    stack.sandbox.reset()


def submit(stack: Stack, *, webhook: bool = True, **files: bytes) -> str:
    """A dentist's submission with rendered films; its id."""
    films = files or {"rx 1.png": film(SYSTEMS[0], query=True)}
    return str(stack.sandbox.submit(PATIENT, files=films, webhook=webhook)["id"])


def results(stack: Stack, case: int) -> list[tuple[str, float]]:
    return [
        (str(name), float(similarity))
        for name, similarity in stack.sql(
            "SELECT i.name, r.similarity FROM results r JOIN searches s ON s.id = r.search_id"
            " JOIN findings f ON f.id = s.finding_id JOIN implants i ON i.id = r.implant_id"
            " WHERE f.case_id = %s ORDER BY r.rank",
            case,
        )
    ]


def approve(stack: Stack, case: int, session: requests.Session | None = None) -> str:
    """Brenda opens the page, takes the first candidate and approves; the implant's name."""
    session = session or stack.log_in()
    page = stack.case_page(session, case)
    candidate = page.candidates[0]
    page.decide("approve", verdict="identified", implant=candidate.implant_id)
    return candidate.name


def answer(stack: Stack, submission: str, seconds: float = 30) -> str:
    """Wait for the answer in Jotform."""
    return str(wait_for(lambda: stack.sandbox.submission(submission)["result"], seconds))


def writes(stack: Stack, submission: str) -> int:
    return len(
        [
            row
            for row in stack.sandbox.requests()
            if row["method"] == "POST" and submission in row["path"]
        ]
    )


def test_flow_from_multipart_webhook_to_the_answer_in_jotform(stack: Stack) -> None:
    submission = submit(stack)
    case = stack.pending(submission)
    found = results(stack, case)
    assert len({name for name, _ in found}) == 3
    assert found == sorted(found, key=lambda pair: -pair[1])
    name = approve(stack, case)
    text = answer(stack, submission)
    assert name in text
    assert "44" in text
    assert writes(stack, submission) == 1
    # The write-back fired the webhook again: that changes nothing.
    wait_for(lambda: "duplicate" in states_of_events(stack, submission))
    assert stack.state_of(submission) == "approved"


def states_of_events(stack: Stack, submission: str) -> list[str]:
    rows = stack.sql("SELECT state FROM inbound_events WHERE submission_id = %s", submission)
    return [str(state) for (state,) in rows]


def test_flow_of_the_json_form(stack: Stack) -> None:
    submission = submit(stack, webhook=False)
    answers = stack.sandbox.submission(submission)["answers"]
    body = {"submissionID": submission, "formID": stack.sandbox.form_id, "answers": answers}
    accepted = requests.post(stack.webhook, json=body, timeout=10)
    assert accepted.json() == {"status": "accepted"}
    case = stack.pending(submission)
    assert len({name for name, _ in results(stack, case)}) == 3
    name = approve(stack, case)
    assert name in answer(stack, submission)


def test_flow_of_the_direct_form(stack: Stack) -> None:
    files = stack.sandbox.submission(submit(stack, webhook=False))["answers"]["5"]["answer"]
    body = {"image_url": files[0], "client_id": "clinica-7", "metadata": {}}
    assert requests.post(stack.webhook, json=body, timeout=10).ok
    (submission,) = stack.sql("SELECT submission_id FROM inbound_events WHERE kind = 'direct'")[0]
    case = stack.pending(submission)
    session = stack.log_in()
    approve(stack, case, session)
    assert stack.state_of(submission) == "approved"
    assert stack.sql("SELECT count(*) FROM deliveries WHERE case_id = %s", case) == [(0,)]
    page = stack.case_page(session, case).html
    assert re.search(r"caso direto|direct case", page, re.IGNORECASE)


def test_the_same_webhook_ten_times_at_once_is_one_case(stack: Stack) -> None:
    submission = submit(stack, webhook=False)
    answers = stack.sandbox.submission(submission)["answers"]
    body = {"submissionID": submission, "formID": stack.sandbox.form_id, "answers": answers}
    with ThreadPoolExecutor(10) as pool:
        accepted = list(
            pool.map(lambda _: requests.post(stack.webhook, json=body, timeout=10), range(10))
        )
    assert [response.status_code for response in accepted] == [200] * 10
    stack.pending(submission)
    wait_for(lambda: "received" not in states_of_events(stack, submission))
    states = states_of_events(stack, submission)
    assert (len(states), states.count("processed")) == (10, 1)
    assert stack.sql("SELECT count(*) FROM cases WHERE submission_id = %s", submission) == [(1,)]


def test_a_worker_killed_during_the_analysis_loses_nothing(stack: Stack) -> None:
    stack.sandbox.set(slow_seconds=3)
    submission = submit(stack)
    wait_for(lambda: stack.state_of(submission) == "analyzing", 30)
    stack.kill("worker")
    stack.sandbox.set(slow_seconds=0)
    stack.start_worker()
    case = stack.pending(submission, seconds=60)
    assert len(results(stack, case)) == 3


def test_a_worker_killed_between_writing_and_recording_writes_once(stack: Stack) -> None:
    submission = submit(stack)
    case = stack.pending(submission)
    stack.sandbox.set(hang_after_write="sleep")
    approve(stack, case)
    text = answer(stack, submission)
    stack.kill("worker")
    assert stack.sql("SELECT state FROM deliveries WHERE case_id = %s", case) == [("queued",)]
    stack.sandbox.set(hang_after_write="off")
    stack.start_worker()
    delivered = "SELECT state FROM deliveries WHERE case_id = %s"
    wait_for(lambda: stack.sql(delivered, case) == [("sent",)], 60)
    assert stack.sandbox.submission(submission)["result"] == text
    assert writes(stack, submission) == 1


def test_jotform_down_then_up(stack: Stack) -> None:
    submission = submit(stack)
    case = stack.pending(submission)
    stack.sandbox.set(fail_next=2, fail_status=503)
    approve(stack, case)
    assert answer(stack, submission)
    states = "SELECT state FROM deliveries WHERE case_id = %s ORDER BY id"
    expected = [("retrying",), ("retrying",), ("sent",)]
    wait_for(lambda: stack.sql(states, case) == expected, 30)


def test_two_reviewers_the_second_is_told_who_was_first(stack: Stack) -> None:
    submission = submit(stack)
    case = stack.pending(submission)
    brenda, rita = (stack.log_in(name) for name in ("brenda", "rita"))
    second = stack.case_page(rita, case)
    stack.case_page(brenda, case).take_over()
    approve(stack, case, brenda)
    html = second.decide("approve", verdict="not_identifiable", implant=None)
    assert "Brenda" in html
    rows = stack.sql(
        "SELECT u.username, f.verdict FROM cases c JOIN auth_user u ON u.id = c.decided_by_id"
        " JOIN findings f ON f.case_id = c.id WHERE c.id = %s",
        case,
    )
    assert rows == [("brenda", "identified")]


def test_an_unknown_form_is_kept_and_ignored(stack: Stack) -> None:
    body = {"submissionID": "77", "formID": "99", "answers": {"5": {"answer": "https://x/y.png"}}}
    assert requests.post(stack.webhook, json=body, timeout=10).json() == {"status": "accepted"}
    rows = stack.sql("SELECT state, reason FROM inbound_events WHERE form_id = '99'")
    assert rows == [("ignored", "unknown form")]


def test_an_edit_before_the_decision_is_analysed_and_after_it_flagged(stack: Stack) -> None:
    submission = submit(stack)
    case = stack.pending(submission)
    stack.sandbox.edit(submission, {"dente": "45"}, files={"b.png": film(SYSTEMS[1], query=True)})
    stored = "SELECT count(*) FROM case_images WHERE case_id = %s AND state = 'stored'"
    wait_for(lambda: stack.sql(stored, case) == [(2,)], 30)
    searches = (
        "SELECT count(DISTINCT s.image_id) FROM searches s"
        " JOIN findings f ON f.id = s.finding_id WHERE f.case_id = %s"
    )
    wait_for(lambda: stack.sql(searches, case) == [(2,)], 30)
    approve(stack, case)
    assert "45" in answer(stack, submission)
    stack.sandbox.edit(submission, {"dente": "46"})
    flagged = "SELECT changed_after_decision, state FROM cases WHERE id = %s"
    wait_for(lambda: stack.sql(flagged, case) == [(True, "approved")], 30)


def test_the_correlation_id_follows_the_case(stack: Stack) -> None:
    submission = submit(stack, webhook=False)
    answers = stack.sandbox.submission(submission)["answers"]
    body = json.dumps(
        {"submissionID": submission, "formID": stack.sandbox.form_id, "answers": answers}
    )
    headers = {"Content-Type": "application/json", "X-Correlation-ID": "follow-me"}
    response = requests.post(stack.webhook, body, headers=headers, timeout=10)
    assert response.headers["X-Correlation-ID"] == "follow-me"
    case = stack.pending(submission)
    ids = stack.sql("SELECT DISTINCT correlation_id FROM case_events WHERE case_id = %s", case)
    assert ids == [("follow-me",)]
