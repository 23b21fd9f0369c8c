"""How well an encoder tells the implants of the catalogue apart, measured on the catalogue itself.

Each reference is looked up among the others (`implants.leave_one_out`). References are clean films:
what patients send is harder, so these figures are the best that may be hoped for.
"""

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from django.db.models import Count
from django.utils import timezone

from implants.leave_one_out import LeaveOneOut
from implants.models import Encoder, Implant

_PAIRS_KEPT: Final = 50


@dataclass(frozen=True, slots=True)
class Hits:
    """Of `asked` references, how many got their own implant first, and among the first three."""

    asked: int
    first: int
    among_three: int

    @property
    def first_share(self) -> float | None:
        """0 to 1; None when nothing was asked."""
        return self.first / self.asked if self.asked else None

    @property
    def three_share(self) -> float | None:
        """0 to 1; None when nothing was asked."""
        return self.among_three / self.asked if self.asked else None


@dataclass(frozen=True, slots=True)
class Quality:
    """The figures of one encoder; references that are alone in their implant can't be asked.

    `confused`: (implant id, implant id suggested instead, how often), the most frequent first.
    """

    measured_at: datetime
    implants: int
    whole_films: Hits
    regions: Hits
    confused: tuple[tuple[int, int, int], ...]

    @property
    def chance_first(self) -> float:
        """The share of first suggestions that would be right in random order."""
        return 1 / self.implants

    @property
    def chance_three(self) -> float:
        """The share of right ones among three in random order."""
        return min(3, self.implants) / self.implants


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """`count` references of `implant` got `suggested` first."""

    implant: Implant
    suggested: Implant
    count: int

    @property
    def look_alikes(self) -> bool:
        """Whether the film can't tell the two apart anyway."""
        group = self.implant.look_alike_group
        return bool(group) and group == self.suggested.look_alike_group


def measure(found: LeaveOneOut) -> Quality:
    """The figures of a catalogue asked against itself."""
    wrong = found.has_own & ~found.is_right
    pairs = Counter(
        zip(found.implant_ids[wrong].tolist(), found.other_implant_ids[wrong].tolist(), strict=True)
    )
    return Quality(
        measured_at=timezone.now(),
        implants=len(np.unique(found.implant_ids)),
        whole_films=_hits(found, ~found.has_region),
        regions=_hits(found, found.has_region),
        confused=tuple((*pair, count) for pair, count in pairs.most_common(_PAIRS_KEPT)),
    )


def keep_quality(encoder_id: int, quality: Quality) -> None:
    """Write the figures into the encoder's row."""
    values = {**asdict(quality), "measured_at": quality.measured_at.isoformat()}
    Encoder.objects.filter(pk=encoder_id).update(quality=values)


def quality_of(encoder: Encoder) -> Quality | None:
    """The figures that were kept; None while nothing was measured."""
    values: dict[str, Any] | None = encoder.quality
    if not values or not values["implants"]:
        return None
    return Quality(
        measured_at=datetime.fromisoformat(values["measured_at"]),
        implants=values["implants"],
        whole_films=Hits(**values["whole_films"]),
        regions=Hits(**values["regions"]),
        confused=tuple((a, b, count) for a, b, count in values["confused"]),
    )


def confused_pairs(quality: Quality) -> list[ConfusedPair]:
    """The pairs with their rows; implants deleted since are left out."""
    ids = {pk for a, b, _ in quality.confused for pk in (a, b)}
    implants = Implant.objects.select_related("manufacturer").in_bulk(ids)
    return [
        ConfusedPair(implants[a], implants[b], count)
        for a, b, count in quality.confused
        if a in implants and b in implants
    ]


def single_references() -> list[Implant]:
    """The implants with one reference only: one bad film, and they are never found."""
    counted = Implant.objects.annotate(films=Count("references")).filter(films=1)
    return list(counted.select_related("manufacturer").order_by("manufacturer__name", "name"))


def _hits(found: LeaveOneOut, kind: np.ndarray) -> Hits:
    asked = kind & found.has_own
    rank = found.own_rank[asked]
    return Hits(int(asked.sum()), int((rank == 1).sum()), int((rank <= 3).sum()))
