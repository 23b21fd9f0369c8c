"""What became of the files of a seeding run."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    """What became of a file."""

    ADDED = "added"
    UPDATED = "updated"
    KNOWN = "known"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass
class Summary:
    """Counts of outcomes by manufacturer, why files failed, and what else people should look at."""

    counts: dict[str, Counter[Outcome]] = field(default_factory=dict)
    failures: list[tuple[str, str]] = field(default_factory=list)
    doubts: list[tuple[str, str]] = field(default_factory=list)

    def count(self, manufacturer: str, outcome: Outcome) -> None:
        """Count one file."""
        self.counts.setdefault(manufacturer, Counter())[outcome] += 1

    def fail(self, manufacturer: str, key: str, reason: str) -> None:
        """Count one file that failed, and say why."""
        self.count(manufacturer, Outcome.FAILED)
        self.failures.append((key, reason))

    def total(self, outcome: Outcome) -> int:
        """How many files came out so."""
        return sum(counter[outcome] for counter in self.counts.values())
