"""What each process counts and times; `raiox.metrics` adds the processes up and shows them.

Labels come from bounded sets: names of routes, of tasks and of events, never what somebody sent.
"""

from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.context_managers import Timer

Stage = Literal["download", "decode", "encode", "search", "total"]

REGISTRY: Final = CollectorRegistry()
"""Of this process alone; without Python's own figures, which can't be added up."""

_QUICK: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_REQUESTS = Counter(
    "raiox_http_requests", "Requests answered.", ["route", "method", "status"], registry=REGISTRY
)
_REQUEST_SECONDS = Histogram(
    "raiox_http_request_seconds", "Time until the answer began.", ["route", "method"],
    buckets=_QUICK, registry=REGISTRY,
)  # fmt: skip
_STAGE_SECONDS = Histogram(
    "raiox_stage_seconds", "Time of one stage on the way from a film to candidates.", ["stage"],
    buckets=_QUICK, registry=REGISTRY,
)  # fmt: skip
_JOB_SECONDS = Histogram(
    "raiox_job_seconds", "Time of one attempt at a job.", ["task", "outcome"],
    buckets=(*_QUICK, 120.0, 600.0), registry=REGISTRY,
)  # fmt: skip
_CASE_EVENTS = Counter(
    "raiox_case_events", "What happened to cases: decisions, deliveries and the rest.", ["what"],
    registry=REGISTRY,
)  # fmt: skip
_SEARCH_READS = Counter(
    "raiox_search_reads", "Searches that a replica could have answered, by what answered and why.",
    ["server", "reason"], registry=REGISTRY,
)  # fmt: skip


def stage(name: Stage) -> Timer:
    """Times a block or, as a decorator, each call of a function."""
    return _STAGE_SECONDS.labels(name).time()


def request_answered(route: str, method: str, status: int, seconds: float) -> None:
    """Count one request."""
    _REQUESTS.labels(route, method, str(status)).inc()
    _REQUEST_SECONDS.labels(route, method).observe(seconds)


def job_ended(task: str, outcome: str, seconds: float) -> None:
    """Count one attempt at a job."""
    _JOB_SECONDS.labels(task, outcome).observe(seconds)


def case_event(what: str) -> None:
    """Count what happened to a case."""
    _CASE_EVENTS.labels(what).inc()


def search_read(server: Literal["replica", "primary"], reason: str) -> None:
    """Count one search where there is a replica; `reason`: why the primary answered it."""
    _SEARCH_READS.labels(server, reason).inc()
