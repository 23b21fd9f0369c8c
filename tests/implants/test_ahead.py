"""Work in other threads: in order, bounded, and over when the caller stops."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from implants.ahead import batches, work_ahead


def test_results_come_in_order_while_others_are_under_way() -> None:
    both = threading.Barrier(2, timeout=10)  # nobody passes it alone

    def work(number: int) -> int:
        if number < 2:
            both.wait()
        time.sleep(0.02 if number == 0 else 0)
        return number * number

    done = [(item, result.result()) for item, result in work_ahead(range(30), work)]

    assert done == [(number, number * number) for number in range(30)]


def test_no_more_is_taken_than_can_be_kept() -> None:
    taken = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    for _ in work_ahead(items(), abs):
        break

    assert len(taken) == 16


def test_what_fails_is_told_where_it_stands() -> None:
    def work(number: int) -> float:
        return 1 / number

    first, second = (result for _, result in work_ahead([0, 1], work))

    with pytest.raises(ZeroDivisionError):
        first.result()
    assert second.result() == 1


def test_a_caller_that_stops_begins_nothing_new() -> None:
    begun = []
    go_on = threading.Event()

    def work(number: int) -> None:
        begun.append(number)
        if number:
            go_on.wait(10)

    running: Any = work_ahead(range(16), work)
    next(running)
    threading.Timer(0.2, go_on.set).start()
    running.close()

    assert len(begun) < 16


def test_batches_keep_all_in_order() -> None:
    assert list(batches(range(5), 2)) == [[0, 1], [2, 3], [4]]
    assert list(batches([], 2)) == []
