"""What is known of an encoder's first suggestions: similarity, and whether it was right.

Two sources. The catalogue's references asked against the others: many, but clean films. And what
reviewers decided: few at first, but films of patients. The catalogue never counts more than
`DECISIONS_ALONE` observations, and less with each decision: from half as many decisions on these
count more, from `DECISIONS_ALONE` on they count alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from implants.leave_one_out import LeaveOneOut

DECISIONS_ALONE: Final = 200
STRANGERS: Final = 0.2
"""Assumed share of films whose implant is not in the catalogue, until decisions tell."""

Floats = NDArray[np.float64]


class Outcome(IntEnum):
    """What became of a first suggestion."""

    WRONG = 0
    RIGHT = 1
    NOT_IN_CATALOGUE = 2


@dataclass(frozen=True, slots=True)
class Decision:
    """A reviewer's word on a first suggestion; `chosen_id` None: not in the catalogue."""

    similarity: float
    has_region: bool
    suggested_id: int
    chosen_id: int | None

    @property
    def outcome(self) -> Outcome:
        """Whether the suggestion was what the reviewer chose."""
        if self.chosen_id is None:
            return Outcome.NOT_IN_CATALOGUE
        return Outcome.RIGHT if self.chosen_id == self.suggested_id else Outcome.WRONG


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """First suggestions of one kind of question: `similarity`, `outcome`, `weight`, all (n,).

    `references` and `decisions` say how many there are of each source, `implants` how many
    implants they are about (decisions alone, once they weigh more). A reference counts once, though
    it is asked twice: with its implant's other films, and without (as a film of an implant that is
    not in the catalogue).
    """

    similarity: Floats
    outcome: NDArray[np.int64]
    weight: Floats
    references: int
    decisions: int
    implants: int


def gather(found: LeaveOneOut, decisions: Sequence[Decision], *, has_region: bool) -> Evidence:
    """The evidence on questions with a region, or on whole films.

    The two are never mixed: how alike whole films are says nothing about regions. An implant of
    which there are only films of the other kind is hardly ever found, as if it were not there.
    """
    asked = found.has_own & (found.has_region == has_region) & ~np.isnan(found.other_similarity)
    decided = [decision for decision in decisions if decision.has_region == has_region]
    count, own = int(asked.sum()), found.own_similarity[asked]
    other, right = found.other_similarity[asked], found.is_right[asked]
    weight = _weight_of_reference(count, len(decided)) / (1 - STRANGERS)
    share = found.with_region if has_region else found.with_whole_film
    known = weight * (1 - STRANGERS) * share
    strange = weight - known
    implants = {decision.chosen_id for decision in decided if decision.chosen_id is not None}
    # Those of references that hardly count any more must not make decisions on one implant many.
    if weight * (1 - STRANGERS) * count >= len(decided):
        implants |= set(found.implant_ids[asked].tolist())
    return Evidence(
        similarity=np.concatenate([np.maximum(own, other), other, [d.similarity for d in decided]]),
        outcome=np.concatenate([
            np.where(right, Outcome.RIGHT, Outcome.WRONG),
            np.full(count, Outcome.NOT_IN_CATALOGUE),
            np.array([d.outcome for d in decided], dtype=np.int64),
        ]),
        weight=np.concatenate([
            np.full(count, known), np.full(count, strange), np.ones(len(decided))
        ]),
        references=count if weight else 0,
        decisions=len(decided),
        implants=len(implants),
    )  # fmt: skip


def _weight_of_reference(references: int, decisions: int) -> float:
    """All references together count as many films as are missing to `DECISIONS_ALONE` decisions."""
    missing = max(0.0, 1 - decisions / DECISIONS_ALONE)
    return missing * min(1.0, DECISIONS_ALONE / max(references, 1))
