"""What Prometheus is told, and who may hear it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from django.test import Client
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open

from raiox.metric_files import AllProcesses, empty
from tests.figures import Figures, figures, total, value
from tests.sandbox.process import ROOT, wait_for
from tests.stack import SYSTEMS, Stack, film

# Who may hear it


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("headers", "is_inside"),
    [
        ({"REMOTE_ADDR": "127.0.0.1"}, True),
        ({"REMOTE_ADDR": "10.1.2.3"}, True),
        ({"REMOTE_ADDR": "203.0.113.7"}, False),
        ({"REMOTE_ADDR": ""}, False),
        # nginx on this machine speaks for somebody, whether or not we know nginx.
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.7"}, False),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_REAL_IP": "203.0.113.7"}, False),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_FORWARDED": "for=203.0.113.7"}, False),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "10.1.2.3"}, True),
        # What a client invents stands before what the proxy adds.
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "127.0.0.1, 203.0.113.7"}, False),
        ({"REMOTE_ADDR": "203.0.113.7", "HTTP_X_FORWARDED_FOR": "127.0.0.1"}, False),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "nobody"}, False),
    ],
)
@pytest.mark.parametrize("proxies", [[], ["127.0.0.1"]])
def test_only_the_inside_is_told(
    settings: Any, client: Client, headers: dict[str, Any], is_inside: bool, proxies: list[str]
) -> None:
    settings.METRICS_NETWORKS = ["127.0.0.0/8", "10.0.0.0/8"]
    settings.TRUSTED_PROXIES = proxies
    answer = client.get("/metrics", **headers)
    assert answer.status_code == (200 if is_inside else 404)
    assert (b"raiox_" in answer.content) is is_inside


# What the processes count


def counted(stack: Stack) -> Figures:
    answer = requests.get(f"{stack.url}/metrics", timeout=10)
    assert answer.status_code == 200
    return figures(answer.text)


def answered(found: Figures, route: str = "ping") -> float:
    return total(found, "raiox_http_requests_total", route=route)


@pytest.fixture
def two_processes(stack: Stack) -> Iterator[Stack]:
    """The service with two processes that answer."""
    for number in ("2", ""):
        stack.stop("web")
        stack.more_environment.pop("WEB_PROCESSES", None)
        if number:
            stack.more_environment["WEB_PROCESSES"] = number
        stack.start_web()
        if number:
            yield stack


def serving(stack: Stack) -> list[psutil.Process]:
    return psutil.Process(stack.processes["web"].pid).children()


def test_all_processes_are_added_up_and_the_ended_stay(two_processes: Stack) -> None:
    stack = two_processes
    wait_for(lambda: len(serving(stack)) == 2, 20)
    before = answered(counted(stack))
    for number in range(1, 41):
        requests.get(f"{stack.url}/ping", timeout=10)
        if number % 10 == 0:  # whichever process answers
            assert answered(counted(stack)) == before + number
    for process in serving(stack):
        process.send_signal(signal.SIGKILL)
    after = wait_for(lambda: _counted_by_the_next(stack), 30)
    assert answered(after) >= before + 40
    assert len(list(stack.counts.glob("counter_*.db"))) <= 4  # two serve, one works, the ended


def _counted_by_the_next(stack: Stack) -> Figures:
    try:
        return counted(stack)
    except (requests.ConnectionError, requests.Timeout):
        return {}


def test_the_worker_s_stages_and_jobs_are_seen(stack: Stack) -> None:
    before = counted(stack)
    # A film that no other test sends: what is known already is not encoded again.
    fresh = film(SYSTEMS[3], query=True)
    submission = stack.sandbox.submit({}, files={"a.png": fresh})["id"]
    stack.pending(submission)

    def ended() -> Figures:
        found = counted(stack)
        name = "raiox_job_seconds_count"
        jobs = total(found, name, task="cases.analyze_case", outcome="done")
        return found if jobs > total(before, name, task="cases.analyze_case") else {}

    after = wait_for(ended, 20)
    for stage in ("download", "decode", "encode", "search", "total"):
        name = "raiox_stage_seconds_count"
        assert total(after, name, stage=stage) > total(before, name, stage=stage), stage
    for what in ("received", "analyzed"):
        name = "raiox_case_events_total"
        assert value(after, name, what=what) > total(before, name, what=what)
    assert value(after, "raiox_workers") == 1
    assert value(after, "raiox_part_up", part="database") == 1


def test_figures_can_be_had_as_open_metrics(stack: Stack) -> None:
    headers = {"Accept": "application/openmetrics-text; version=1.0.0"}
    answer = requests.get(f"{stack.url}/metrics", headers=headers, timeout=10)
    names = {family.name for family in parse_open(answer.text)}
    assert {"raiox_build", "raiox_http_requests", "raiox_stage_seconds", "raiox_cases"} <= names


COUNTING = """
from raiox.common.measures import case_event, job_ended
case_event("approved")
job_ended("cases.deliver", "done", 0.3)
"""


def run(folder: Path, code: str = COUNTING) -> None:
    """A process that counts into the folder, and ends."""
    told = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=told, check=True)


def added_up(folder: Path) -> dict[str, float]:
    return {
        f"{sample.name}{sorted(sample.labels.items())}": sample.value
        for family in AllProcesses(folder).collect()
        for sample in family.samples
    }


def test_what_ended_processes_counted_is_kept_in_one_file(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        run(tmp_path)
        found = added_up(tmp_path)
        assert found["raiox_case_events_total[('what', 'approved')]"] == number
        count = "raiox_job_seconds_count[('outcome', 'done'), ('task', 'cases.deliver')]"
        assert found[count] == number
        assert added_up(tmp_path) == found
    names = sorted(path.name for path in tmp_path.glob("*.db"))
    assert names == ["counter_ended.db", "histogram_ended.db"]


def test_a_file_that_was_cut_off_hides_no_other(tmp_path: Path) -> None:
    run(tmp_path)
    (tmp_path / f"counter_{os.getpid()}.db").write_bytes(b"\xff\xff\x00\x00cut off")
    (tmp_path / "histogram_999999999.db").write_bytes(b"")
    assert added_up(tmp_path)["raiox_case_events_total[('what', 'approved')]"] == 1


def test_a_start_of_everything_counts_anew(tmp_path: Path) -> None:
    run(tmp_path)
    empty(tmp_path)
    assert added_up(tmp_path) == {}


# Labels


@pytest.mark.django_db
def test_labels_are_bounded_whatever_is_asked(client: Client) -> None:
    for path in ("/zilda", "/webhooks/s3cr3t", "/static/zilda.css", "/cases/17"):
        client.get(path)
    client.generic("ZILDA", "/ping")
    body = client.get("/metrics").content.decode()
    found = figures(body)
    assert total(found, "raiox_http_requests_total", route="none", status="404") >= 2
    assert total(found, "raiox_http_requests_total", route="static", status="404") >= 1
    assert total(found, "raiox_http_requests_total", route="case", status="401") >= 1
    assert total(found, "raiox_http_requests_total", route="ping", method="OTHER") >= 1
    for word in ("zilda", "ZILDA", "s3cr3t", "17"):
        assert f'"{word}' not in body
