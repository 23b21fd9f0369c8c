"""Work done ahead in other threads, while the thread that asks does something else."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Final, TypeVar

_THREADS: Final = 8
"""So many films at a time are waited for: storage takes tens of milliseconds an object."""
_UNDER_WAY: Final = 16
"""As many as a batch, so that the next one gets ready while one is encoded."""

T = TypeVar("T")
R = TypeVar("R")

_CORES: Final = os.cpu_count() or 1

# To be held while a film is decoded or encoded: more at once are no faster, and a large one takes
# up to 160 MB. Two of them, so that the next films are ready when the encoder is.
decoding = threading.BoundedSemaphore(_CORES)
encoding = threading.BoundedSemaphore(_CORES)


def work_ahead(items: Iterable[T], work: Callable[[T], R]) -> Iterator[tuple[T, "Future[R]"]]:
    """The items in their order, each with its work, which is done when it comes out.

    No more than 16 are under way, or done and not asked for. `items` is read in the caller's
    thread, which alone may use the database; `work` runs in others. When the caller stops early,
    nothing new is begun.
    """
    under_way: deque[tuple[T, Future[R]]] = deque()
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="ahead") as pool:
        try:
            for item in items:
                under_way.append((item, pool.submit(work, item)))
                if len(under_way) == _UNDER_WAY:
                    yield _next(under_way)
            while under_way:
                yield _next(under_way)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in their order, `size` at a time, the last ones fewer."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def _next(under_way: "deque[tuple[T, Future[R]]]") -> tuple[T, "Future[R]"]:
    item, done = under_way.popleft()
    done.exception()  # waits; whoever asks for the result is told
    return item, done
