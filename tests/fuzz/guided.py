"""The loop that libFuzzer guides by which branches an input reaches, and how it ends: always.

libFuzzer ends a process without a word of ours, and its handlers of signals may wait for ever in a
process whose heap is damaged. So the end is decided here, before each input, and a crash is left
to the kernel. The input that is being taken lies in a file: it outlives whatever happens.
"""

import faulthandler
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final, NoReturn

import atheris

from tests.fuzz.figures import Figures, Take
from tests.fuzz.readers import Readers

FIGURES: Final = "figures.json"
INPUT: Final = "input"
MOST_BYTES: Final = 100_000

_HANDLERS: Final = ("segv", "bus", "abrt", "ill", "fpe", "int", "term", "xfsz", "usr1", "usr2")
_OPTIONS: Final = (
    *(f"-handle_{name}=0" for name in _HANDLERS),
    f"-max_len={MOST_BYTES}",
    "-timeout=100000",  # 0 would mean at once; the watching process sees to it that we end
    "-rss_limit_mb=0",  # it counts what the parent process held too; `figures` does not
    "-verbosity=0",
)

Mutate = Callable[[bytes, int, int], bytes]
"""`(input, most bytes, seed)`: another input."""


def fuzz(
    take: Take,
    seeds: list[bytes],
    place: Path,
    *,
    seconds: float,
    runs: int = 0,
    readers: Readers | None = None,
    mutate: Mutate | None = None,
) -> NoReturn:
    """Ends this process: with 0 after that time or so many inputs, with 1 at the first that breaks
    a rule. Figures and the last input are left in `place`."""
    faulthandler.enable()
    figures = Figures()
    corpus = place / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    current = os.open(place / INPUT, os.O_WRONLY | os.O_CREAT)
    began = time.monotonic()

    def leave(code: int) -> NoReturn:
        figures.seconds = time.monotonic() - began
        figures.save(place / FIGURES)
        sys.stderr.flush()
        os._exit(code)

    def one(data: bytes) -> None:
        if time.monotonic() - began > seconds or (runs and figures.inputs >= runs):
            leave(0)
        os.ftruncate(current, os.pwrite(current, data, 0))
        try:
            figures.measure(take, data, readers)
        except BaseException:
            traceback.print_exc()
            leave(1)

    options = [sys.argv[0], *_OPTIONS, f"-artifact_prefix={place}/", str(corpus)]
    options[1:1] = ["-seed=1"] if runs else []  # so many inputs are the same each time
    more = {"custom_mutator": mutate} if mutate else {}
    atheris.Setup(options, one, **more)
    atheris.Fuzz()
    leave(1)
