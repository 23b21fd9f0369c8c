"""References whose nearest neighbours belong to another implant: perhaps their label is wrong.

The worker computes them with the calibration, from the active encoder's vectors; pages read what
it kept. Each reference meets all others but its own film; its few nearest ones vote. A neighbour
of the same implant speaks for the label, one of a look-alike counts half against it, since the
film can't tell the two apart anyway.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from django.contrib.admin.models import CHANGE
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from implants.history import record
from implants.leave_one_out import CatalogueVectors, Floats, Ids, blocks, similarities_to_others
from implants.models import ConfirmedLabel, Implant, ReferenceImage, Suspicion

NEIGHBOURS: Final = 5
"""How many vote."""
KEPT: Final = 1_000
"""The strongest ones: nobody looks through more."""
_LOOK_ALIKE: Final = 0.5
_NEARLY_THE_SAME: Final = 0.995
_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Vote:
    """What its neighbours say of a reference: `neighbour_id` is the nearest of a foreign implant.

    `strength`: the foreign votes less the own ones, by the number that voted (-1 to 1);
    `strangers` of `voters` belong to another implant; `similarity` is the neighbour's.
    """

    reference_id: int
    neighbour_id: int
    strength: float
    strangers: int
    voters: int
    similarity: float


def suspicious(catalogue: CatalogueVectors) -> list[Vote]:
    """The references whose nearest neighbour and most of whose neighbours are of another implant.

    The strongest first, `KEPT` at most. Compares all with all, in blocks of bounded memory.
    """
    count = len(catalogue.reference_ids)
    if count < 2:
        return []
    alike = _groups(catalogue.implant_ids)
    _implants, starts = np.unique(catalogue.implant_ids, return_index=True)
    found: list[Vote] = []
    for block in blocks(count, count):
        found += _votes(catalogue, alike, starts, np.arange(count)[block])
    found.sort(key=lambda vote: (-vote.strength, -vote.similarity, vote.reference_id))
    return found[:KEPT]


def keep_suspicions(encoder_id: int, votes: Iterable[Vote]) -> None:
    """Write them in place of the earlier ones; what was deleted meanwhile is left out."""
    votes = list(votes)
    ids = {pk for vote in votes for pk in (vote.reference_id, vote.neighbour_id)}
    with transaction.atomic():
        # Locked: none of them may be deleted before the rows that point to it are there.
        rows = ReferenceImage.objects.select_for_update(no_key=True).order_by("pk")
        there = rows.in_bulk(ids).keys()
        Suspicion.objects.filter(encoder_id=encoder_id).delete()
        Suspicion.objects.bulk_create(
            [
                Suspicion(encoder_id=encoder_id, **asdict(vote))
                for vote in votes
                if {vote.reference_id, vote.neighbour_id} <= there
            ],
            batch_size=_BATCH,
        )


def open_suspicions(encoder_id: int) -> list[Suspicion]:
    """What somebody should look at, the strongest first: nothing that was confirmed as it is.

    Two queries, however many there are.
    """
    confirmed = set(ConfirmedLabel.objects.values_list("reference_id", "neighbour_id", "mark"))
    rows = Suspicion.objects.filter(encoder_id=encoder_id).select_related(
        "reference__implant__manufacturer", "neighbour__implant__manufacturer"
    )
    return [
        one
        for one in rows.order_by("-strength", "-similarity", "reference")
        if one.reference.implant_id != one.neighbour.implant_id
        and (one.reference_id, one.neighbour_id, _mark(one)) not in confirmed
    ]


def confirm(suspicion: Suspicion, actor: Any) -> None:
    """The label is right: the pair is not shown again until one of the two changes."""
    with transaction.atomic():
        ConfirmedLabel.objects.update_or_create(
            reference=suspicion.reference,
            neighbour=suspicion.neighbour,
            defaults={"mark": _mark(suspicion), "confirmed_by": actor},
        )
        message = _("Confirmed as right, though it resembles %(implant)s.")
        record(
            suspicion.reference,
            CHANGE,
            message % {"implant": suspicion.neighbour.implant},
            actor,
        )


def forget_suspicions(ids: Iterable[int]) -> None:
    """These references changed: what was said of them, or because of them, counts no more."""
    ids = list(ids)
    Suspicion.objects.filter(Q(reference__in=ids) | Q(neighbour__in=ids)).delete()


def _mark(one: Suspicion) -> str:
    """By which it is known that neither film, label nor region has changed."""
    said = [(it.implant_id, it.sha256, it.region) for it in (one.reference, one.neighbour)]
    return hashlib.sha256(repr(said).encode()).hexdigest()


def _votes(catalogue: CatalogueVectors, alike: Ids, starts: Ids, asking: Ids) -> Iterator[Vote]:
    """Of those that ask, the suspicious ones."""
    similarities = similarities_to_others(catalogue, asking)
    nearest = _nearest(similarities)
    found = np.take_along_axis(similarities, nearest, axis=1)
    own = catalogue.implant_ids[nearest] == catalogue.implant_ids[asking][:, None]
    group = alike[asking][:, None]
    look_alike = ~own & (group > 0) & (alike[nearest] == group)
    votes = np.where(own, -1.0, np.where(look_alike, _LOOK_ALIKE, 1.0)) * np.isfinite(found)
    voters = np.isfinite(found).sum(axis=1)
    strength = votes.sum(axis=1) / np.maximum(voters, 1)
    foreign = np.isfinite(found) & ~own
    own_column = np.searchsorted(catalogue.implant_ids[starts], catalogue.implant_ids[asking])
    best = np.maximum.reduceat(similarities, starts, axis=1)
    has_own = np.isfinite(best[np.arange(len(asking)), own_column])
    # An implant's only film has nobody to speak for it: it is suspected as a copy of another's.
    known = has_own | (found[:, 0] > _NEARLY_THE_SAME)
    for row in np.flatnonzero(foreign[:, 0] & (strength > 0) & known):
        yield Vote(
            reference_id=int(catalogue.reference_ids[asking[row]]),
            neighbour_id=int(catalogue.reference_ids[nearest[row, 0]]),
            strength=float(strength[row]),
            strangers=int(foreign[row].sum()),
            voters=int(voters[row]),
            similarity=float(found[row, 0]),
        )


def _nearest(similarities: Floats) -> Ids:
    """The columns of the `NEIGHBOURS` most similar ones of each row, best first."""
    some = min(NEIGHBOURS, similarities.shape[1])
    few: Ids = np.argpartition(similarities, -some, axis=1)[:, -some:]
    order = np.argsort(-np.take_along_axis(similarities, few, axis=1), axis=1, kind="stable")
    return np.take_along_axis(few, order, axis=1)


def _groups(implant_ids: Ids) -> Ids:
    """The look-alike group of each, as a number; 0 for none."""
    names = dict(Implant.objects.exclude(look_alike_group="").values_list("pk", "look_alike_group"))
    numbers = {name: number for number, name in enumerate(sorted(set(names.values())), 1)}
    return np.array([numbers.get(names.get(int(pk), ""), 0) for pk in implant_ids], dtype=np.int64)
