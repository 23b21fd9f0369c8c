"""An open model: requests arrive by the clock, however long the answers to earlier ones take."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import gevent
from gevent.pool import Pool


@dataclass
class Tally:
    """What became of one kind of request; times count from when it was due, in milliseconds.

    `took`: seconds from the first due time to the end of the last answer.
    """

    sent: int = 0
    good: int = 0
    late: int = 0
    took: float = 0.0
    times: list[float] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)

    def failed(self, reason: str) -> None:
        """Count a failure by its reason."""
        self.failures[reason] = self.failures.get(reason, 0) + 1

    def summary(self) -> dict[str, Any]:
        """As it goes into the result."""
        times = sorted(self.times)
        return {
            "sent": self.sent,
            "good": self.good,
            "late": self.late,
            "took_s": round(self.took, 2),
            "failures": self.failures,
            "p50_ms": percentile(times, 50),
            "p95_ms": percentile(times, 95),
            "max_ms": percentile(times, 100),
        }


def percentile(ordered: list[float], percent: int) -> float | None:
    """The value below which `percent` of the `ordered` ones lie; None of nothing."""
    if not ordered:
        return None
    return round(ordered[min(len(ordered) - 1, len(ordered) * percent // 100)], 1)


def arrive(
    send: Callable[[int], str],
    *,
    began: float,
    rate: float,
    seconds: float,
    late: float,
    tally: Tally,
) -> None:
    """Call `send` with 0, 1, 2 … at `rate` a second, each in a greenlet of its own; wait for all.

    `send` gives the reason of a failure, or nothing. A request that goes out more than `late`
    seconds after it was due has failed too: the load was another one than it should have been.
    """
    pool = Pool()
    for number in range(round(rate * seconds)):
        due = began + number / rate
        gevent.sleep(max(0.0, due - perf_counter()))
        pool.spawn(_one, send, number, due, late, tally)
    pool.join()
    tally.took = perf_counter() - began


def _one(send: Callable[[int], str], number: int, due: float, late: float, tally: Tally) -> None:
    tally.sent += 1
    delay = perf_counter() - due
    if reason := send(number):
        tally.failed(reason)
    elif delay > late:
        tally.late += 1
        tally.failed("sent late: the sender had no processor time")
    else:
        tally.good += 1
    tally.times.append((perf_counter() - due) * 1000)
