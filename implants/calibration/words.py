"""The words of one encoder as they are kept: thresholds for regions and for whole films."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from implants.calibration.evidence import Decision, Evidence, gather
from implants.calibration.thresholds import HIGH, MEDIUM, from_where, up_to_where
from implants.leave_one_out import LeaveOneOut

FORMAT: Final = 1
MIN_OBSERVATIONS: Final = 50
MIN_IMPLANTS: Final = 5
"""Films of few implants are easily told apart: that says nothing about those to come."""


@dataclass(frozen=True, slots=True)
class Words:
    """From which similarity on a suggestion is called high or medium, below which out of catalogue.

    None: no similarity deserves the word. Behind the thresholds stand `references` of the
    catalogue and reviewers' `decisions`, about `implants`.
    """

    high: float | None
    medium: float | None
    out_of_catalogue: float | None
    references: int
    decisions: int
    implants: int

    @property
    def observations(self) -> int:
        """How many films stand behind the words."""
        return self.references + self.decisions

    @property
    def are_calibrated(self) -> bool:
        """Whether there are enough observations to say a word at all."""
        return self.observations >= MIN_OBSERVATIONS and self.implants >= MIN_IMPLANTS

    @classmethod
    def learned(cls, evidence: Evidence) -> Self:
        """What the evidence allows to say."""
        high, medium = from_where(evidence, HIGH), from_where(evidence, MEDIUM)
        unlike = up_to_where(evidence)
        # What is more likely right than not is never called foreign.
        trusted = [place for place in (high, medium) if place is not None]
        if unlike is not None:
            unlike = min([unlike, *trusted])
        counts = evidence.references, evidence.decisions, evidence.implants
        return cls(high, medium, unlike, *counts)


@dataclass(frozen=True, slots=True)
class Calibration:
    """The words for questions with a region and for whole films."""

    region: Words
    whole_film: Words

    @classmethod
    def learned(cls, found: LeaveOneOut, decisions: Sequence[Decision]) -> Self:
        """From the catalogue against itself and what reviewers decided."""
        return cls(
            region=Words.learned(gather(found, decisions, has_region=True)),
            whole_film=Words.learned(gather(found, decisions, has_region=False)),
        )

    @classmethod
    def from_json(cls, values: dict[str, Any] | None) -> Self | None:
        """As an encoder's row keeps it; None for nothing, or another format than today's."""
        if values is None or values["format"] != FORMAT:
            return None
        return cls(Words(**values["region"]), Words(**values["whole_film"]))

    def to_json(self) -> dict[str, Any]:
        """As an encoder's row keeps it."""
        return {
            "format": FORMAT,
            "method": "tail share and isotonic fit, one-sided 95 % Wilson bounds",
            **asdict(self),
        }

    def words(self, *, has_region: bool) -> Words:
        """The words for this kind of question."""
        return self.region if has_region else self.whole_film
