"""What goes wrong on demand."""

import json
import time
from typing import Any

import pytest

from tests.sandbox.process import SandboxError, SandboxProcess
from tests.sandbox.tests.helpers import ANA, call, read, write


def test_fail_next_fails_that_often_with_that_status(sandbox: SandboxProcess) -> None:
    path = f"/form/{sandbox.form_id}/questions"
    sandbox.set(fail_next=2, fail_status=503)
    assert [read(sandbox, path).status for _ in range(3)] == [503, 503, 200]


@pytest.mark.parametrize("kind", ["html", "json"])
def test_garbage_is_200_and_no_json(sandbox: SandboxProcess, kind: str) -> None:
    sandbox.set(garbage=kind)
    reply = read(sandbox, f"/form/{sandbox.form_id}/questions")
    assert reply.status == 200
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        json.loads(reply.body)


def test_error_in_200_is_only_in_the_envelope(sandbox: SandboxProcess) -> None:
    submission_id = sandbox.submit(ANA, webhook=False)["id"]
    sandbox.set(error_in_200=500)
    reply = write(sandbox, submission_id, {"submission[9]": "text"})
    assert (reply.status, reply.json["responseCode"]) == (200, 500)
    assert sandbox.submission(submission_id)["result"] == ""


@pytest.mark.parametrize(
    ("kind", "http_status", "code"), [("429", 429, 429), ("403", 403, 403), ("200", 200, 429)]
)
def test_quota_runs_out(sandbox: SandboxProcess, kind: str, http_status: int, code: int) -> None:
    sandbox.set(quota_left=1, quota_answer=kind)
    path = f"/form/{sandbox.form_id}/questions"
    good, over = read(sandbox, path), read(sandbox, path)
    assert (good.status, good.json["limit-left"]) == (200, 0)
    assert (over.status, over.json["responseCode"]) == (http_status, code)
    assert sandbox.set()["quota_left"] == 0


def test_read_only_key_reads_but_does_not_write(sandbox: SandboxProcess) -> None:
    submission_id = sandbox.submit(ANA, webhook=False)["id"]
    sandbox.set(read_only_key=True)
    assert read(sandbox, f"/submission/{submission_id}").status == 200
    assert write(sandbox, submission_id, {"submission[9]": "text"}).status == 401
    assert sandbox.submission(submission_id)["result"] == ""


def test_slowness_delays_the_answer(sandbox: SandboxProcess) -> None:
    sandbox.set(slow_seconds=0.4)
    started = time.monotonic()
    assert read(sandbox, f"/form/{sandbox.form_id}/questions").status == 200
    assert time.monotonic() - started >= 0.4


@pytest.mark.parametrize("how", ["drop", "sleep"])
def test_hanging_after_the_write_stores_it_without_an_answer(
    sandbox: SandboxProcess, how: str
) -> None:
    submission_id = sandbox.submit(ANA, webhook=False)["id"]
    sandbox.set(hang_after_write=how)
    error = TimeoutError if how == "sleep" else ConnectionError
    with pytest.raises(error):
        write(sandbox, submission_id, {"submission[9]": "the answer"}, timeout=0.5)
    assert sandbox.submission(submission_id)["result"] == "the answer"
    assert sandbox.requests()[-1]["status"] is None
    assert read(sandbox, f"/submission/{submission_id}").status == 200


@pytest.mark.parametrize(
    "wrong", [{"no_such": 1}, {"login_wall": "maybe"}, {"fail_next": -1}, {"raw_spaces": 1}]
)
def test_wrong_switch_is_refused(sandbox: SandboxProcess, wrong: dict[str, Any]) -> None:
    before = sandbox.set()
    with pytest.raises(SandboxError, match="400"):
        sandbox.set(**wrong)
    assert sandbox.set() == before


def test_control_refuses_pages_of_other_sites(sandbox: SandboxProcess) -> None:
    url = f"{sandbox.url}/_control/reset"
    assert call(url, "POST", headers={"Origin": "https://example.org"}).status == 403
    assert call(url, "POST", headers={"Origin": sandbox.url}).status == 200


def test_reset_clears_switches_and_logs_and_all_else_when_asked(sandbox: SandboxProcess) -> None:
    submission_id = sandbox.submit(ANA, webhook=False)["id"]
    sandbox.set(garbage="html")
    read(sandbox, f"/submission/{submission_id}")
    sandbox.reset()
    assert sandbox.requests() == []
    assert read(sandbox, f"/submission/{submission_id}").json["responseCode"] == 200
    sandbox.reset(everything=True)
    assert read(sandbox, f"/submission/{submission_id}").status == 401
