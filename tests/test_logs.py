"""The log of the whole service, as real processes write it."""

import json
from typing import Any

import pytest

from tests.sandbox.process import wait_for
from tests.stack import SYSTEMS, Stack, film


def lines(stack: Stack, name: str) -> list[dict[str, Any]]:
    text = (stack.folder / f"{name}.log").read_text()
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def story(stack: Stack) -> tuple[int, str, Any]:
    """A case from webhook to answer; its id, its correlation id, the lines that name that."""
    sent = {"dente": "44", "paciente": "Zilda Prado"}
    submission = stack.sandbox.submit(sent, files={"a.png": film(SYSTEMS[0], query=True)})["id"]
    case = stack.pending(submission)
    page = stack.case_page(stack.log_in(), case)
    page.decide("approve", verdict="identified", implant=page.candidates[0].implant_id)
    query = "SELECT correlation_id FROM cases WHERE id = %s"
    correlation_id = str(stack.sql(query, case)[0][0])

    def told() -> list[dict[str, Any]]:
        both = [*lines(stack, "web"), *lines(stack, "worker")]
        mine = [line for line in both if correlation_id in line.values()]
        mine.sort(key=lambda line: line["time"])
        return mine if any(line.get("what") == "delivery_sent" for line in mine) else []

    return case, correlation_id, wait_for(told, 30)


def test_a_correlation_id_tells_the_story_of_its_case(story: Any) -> None:
    case, _, told = story
    whole = [line for line in told if line["event"] == "case event"]
    assert [line["what"] for line in whole] == [
        "received", "analysis_started", "image_stored", "analyzed", "finding_changed", "approved",
        "delivery_queued", "delivery_started", "delivery_sent",
    ]  # fmt: skip
    assert {line["case_id"] for line in whole} == {case}
    assert told[0]["event"] == "webhook stored"


def test_lines_name_job_and_user(stack: Stack, story: Any) -> None:
    _, _, told = story
    by_what = {line.get("what"): line for line in told}
    jobs = dict(stack.sql("SELECT id, task_name FROM procrastinate_jobs"))
    assert jobs[by_what["analyzed"]["job_id"]] == "cases.analyze_case"
    assert jobs[by_what["delivery_sent"]["job_id"]] == "cases.deliver"
    query = "SELECT id FROM auth_user WHERE username = 'brenda'"
    assert [(by_what["approved"]["user_id"],)] == stack.sql(query)


def test_jobs_tell_when_they_begin_and_how_long_they_took(story: Any) -> None:
    _, _, told = story
    done = [line for line in told if line["event"] == "job done"]
    assert [line["task"] for line in done] == ["cases.open_case", "cases.analyze_case"]
    assert all(line["duration_ms"] > 0 for line in done)


def test_the_access_log_names_route_status_and_ids(stack: Stack, story: Any) -> None:
    case, correlation_id, _ = story
    (received,) = [
        line
        for line in lines(stack, "web")
        if line["event"] == "request" and line["correlation_id"] == correlation_id
    ]
    assert (received["route"], received["method"]) == ("webhook-token", "POST")
    assert received["status"] == 200
    (approved,) = [
        line
        for line in lines(stack, "web")
        if line.get("route") == "admin:cases_case_approve" and line.get("case_id") == case
    ]
    assert approved["user_id"]


@pytest.mark.parametrize("name", ["web", "worker"])
def test_every_line_has_time_level_and_event(stack: Stack, story: Any, name: str) -> None:
    written = lines(stack, name)
    assert written
    for line in written:
        assert list(line)[:3] == ["time", "level", "event"]
        # What other libraries say is told by its template, without the values.
        if line["logger"].startswith(("gunicorn", "raiox", "cases")) and line["level"] == "info":
            assert "%" not in line["event"]


def test_no_line_holds_the_token_of_the_webhook(stack: Stack, story: Any) -> None:
    assert stack.token not in (stack.folder / "web.log").read_text()
