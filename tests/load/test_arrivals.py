"""The sender's clock: slow answers do not slow it down, and its own delays do not pass."""

import time

import gevent
import pytest

from deploy.load.arrivals import Tally, arrive, percentile

LATE = 0.25


def test_slow_answers_do_not_lower_the_rate() -> None:
    tally, starts = Tally(), []
    began = time.perf_counter()

    def send(number: int) -> str:
        starts.append(time.perf_counter() - began)
        gevent.sleep(1.0)
        return ""

    arrive(send, began=began, rate=20, seconds=1, late=10, tally=tally)

    assert tally.sent == len(starts) == 20
    assert max(starts) < 2.0, "the 20th waited for an answer"
    assert 1.9 <= tally.took < 10


def test_request_that_goes_out_late_is_a_failure() -> None:
    tally = Tally()

    def send(number: int) -> str:
        if number == 0:
            time.sleep(2 * LATE)  # the whole sender hangs
        return ""

    arrive(send, began=time.perf_counter(), rate=100, seconds=0.1, late=LATE, tally=tally)

    assert tally.late > 0
    assert sum(tally.failures.values()) == tally.late
    assert tally.good == tally.sent - tally.late


def test_times_count_from_when_a_request_was_due() -> None:
    tally = Tally()

    arrive(
        lambda number: "",
        began=time.perf_counter() - 0.2,
        rate=10,
        seconds=0.1,
        late=10,
        tally=tally,
    )

    assert tally.times[0] >= 200


def test_failures_are_told_by_their_reasons() -> None:
    tally = Tally()

    arrive(
        lambda number: "refused" if number % 2 else "",
        began=time.perf_counter(), rate=1000, seconds=0.01, late=10, tally=tally,
    )  # fmt: skip

    assert tally.summary()["failures"] == {"refused": 5}
    assert tally.summary()["good"] == 5


@pytest.mark.parametrize(
    ("percent", "value"), [(50, 51.0), (95, 96.0), (100, 100.0)]
)  # fmt: skip
def test_percentile_of_a_hundred(percent: int, value: float) -> None:
    assert percentile([float(number) for number in range(1, 101)], percent) == value


def test_percentile_of_nothing_is_none() -> None:
    assert percentile([], 95) is None
