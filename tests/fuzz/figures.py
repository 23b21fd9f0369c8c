"""What inputs took and came to, and the bounds that none of them may pass."""

import json
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from tests.fuzz.readers import Readers

SECONDS: Final = 2.0
"""Of CPU for one input, its reader's included."""
MEGABYTES: Final = 500
"""Of memory for each process."""

Take = Callable[[bytes], str]
"""Takes an input and says in a word what came of it: a format, a kind, or the typed refusal."""


class Broken(Exception):
    """An input took more than it may."""


@dataclass
class Figures:
    """The most that any input took; `outcomes` says how often each was met."""

    inputs: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    slowest: float = 0.0
    megabytes: int = 0
    reader_megabytes: int = 0
    held: int = 0
    """What this process held before, which no input is to blame for: it is not counted."""

    def measure(self, take: Take, data: bytes, readers: Readers | None) -> None:
        """Takes one input. What `take` lets out gets out; `Broken` past a bound."""
        before, spent = time.process_time(), readers.seconds if readers else 0.0
        outcome = take(data)
        took = time.process_time() - before + (readers.seconds - spent if readers else 0.0)
        self.inputs += 1
        self.outcomes[outcome] += 1
        self.slowest = max(self.slowest, took)
        self.megabytes = peak_megabytes() - self.held
        self.reader_megabytes = readers.megabytes if readers else 0
        past = []
        if took >= SECONDS:
            past.append(f"{took:.2f} s of CPU")
        if max(self.megabytes, self.reader_megabytes) >= MEGABYTES:
            past.append(f"{self.megabytes} MB here, {self.reader_megabytes} MB in a reader")
        if past:  # a slow machine needs seconds to fill much memory: each bound is told
            raise Broken("; ".join(past))

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(vars(self)))

    @classmethod
    def load(cls, path: Path) -> Self:
        kept = json.loads(path.read_text())
        return cls(**{**kept, "outcomes": Counter(kept["outcomes"])})

    def __str__(self) -> str:
        met = ", ".join(f"{name} {count:,}" for name, count in self.outcomes.most_common())
        readers = f", readers {self.reader_megabytes} MB" if self.reader_megabytes else ""
        return (
            f"{self.seconds:.0f} s, {self.inputs:,} inputs\n"
            f"  outcomes: {met or 'none'}\n"
            f"  slowest input: {self.slowest:.2f} s of CPU\n"
            f"  peak memory: {self.megabytes} MB{readers}"
        )


def peak_megabytes() -> int:
    """Of this process. Not `ru_maxrss`, which begins with what its parent held."""
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+)", status)[0]) // 1024
