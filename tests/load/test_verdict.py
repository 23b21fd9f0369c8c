"""Which figures of a load run are a miss."""

from typing import Any

import pytest

from deploy.load.service import Counts
from deploy.load.verdict import Targets, of_database, of_requests


def _requests(**webhooks: Any) -> dict[str, Any]:
    usual = {"sent": 600, "good": 600, "failures": {}, "p50_ms": 9.0, "p95_ms": 20.0, "took_s": 6.0}
    return {
        "webhooks": usual | webhooks,
        "searches": usual | {"sent": 6, "good": 6},
        "pages": usual | {"sent": 6, "good": 6},
    }


def _missed(**webhooks: Any) -> list[str]:
    rows = of_requests(_requests(**webhooks), 100, 6, Targets())
    return [row.name for row in rows if not row.ok]


def test_nothing_is_missed_when_all_is_well() -> None:
    assert _missed() == []


@pytest.mark.parametrize(
    ("change", "missed"),
    [
        ({"good": 599, "failures": {"/webhook: 500": 1}}, ["webhooks accepted", "webhooks failed"]),
        ({"p95_ms": 501.0}, ["webhooks p95"]),
        ({"took_s": 7.5}, ["webhooks accepted"]),
        ({"sent": 0, "good": 0, "p95_ms": None}, ["webhooks accepted", "webhooks p95"]),
    ],
)
def test_missed_target_is_told(change: dict[str, Any], missed: list[str]) -> None:
    assert _missed(**change) == missed


GOOD = {
    "events": 10, "processed": 10, "cases": 10, "submissions": 10, "pending": 3, "problems": 0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("accepted", "errors", "change", "missed"),
    [
        (10, 0, {}, []),
        (9, 0, {}, []),  # one was stored, and its answer was too late for the sender
        (11, 0, {}, ["events stored"]),
        (0, 0, {}, ["events stored"]),
        (10, 0, {"processed": 9}, ["events processed"]),
        (10, 0, {"cases": 9, "submissions": 9}, ["cases", "submissions"]),
        (10, 0, {"cases": 11}, ["cases"]),
        (10, 0, {"problems": 1}, ["cases with a problem"]),
        (10, 1, {}, ["errors in the logs"]),
    ],
)
def test_lost_or_doubled_case_is_told(
    accepted: int, errors: int, change: dict[str, int], missed: list[str]
) -> None:
    rows = of_database(Counts(**(GOOD | change)), accepted, errors)

    assert [row.name for row in rows if not row.ok] == missed
