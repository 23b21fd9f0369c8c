"""Each reference of the catalogue as a question to all the others: the catalogue against itself.

A reference never meets its own film: one film may document two implants, and would be its own
nearest neighbour. Two pictures of an implant that are nearly equal are one film, saved twice. Those
that were cut, and some that were turned, are two films here, and make the encoder look better than
it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from implants.models import DIMENSIONS, ReferenceVector

MAX_QUESTIONS: Final = 20_000
"""Of a larger catalogue so many references ask, evenly spread; all are compared with."""

_BLOCK_BYTES: Final = 64 * 2**20
_SAVED_AGAIN: Final = 0.995
"""More similar are only copies: two films of one implant are taken from different sides."""
_NO_FILM: Final = np.float32(-np.inf)

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class CatalogueVectors:
    """The references that one encoder has a vector of, ordered by implant.

    `reference_ids`, `implant_ids`, `films` (the same number: the same film), `has_region`: (n,);
    `vectors`: (n, 512), rows of length 1.
    """

    reference_ids: Ids
    implant_ids: Ids
    films: Ids
    has_region: NDArray[np.bool_]
    vectors: Floats

    @classmethod
    def load(cls, encoder_id: int) -> Self:
        """From the database, row by row: 100,000 of them fill 200 MB and no more."""
        rows = ReferenceVector.objects.filter(encoder_id=encoder_id)
        facts = np.empty((rows.count(), 4), dtype=np.int64)
        vectors = np.empty((len(facts), DIMENSIONS), dtype=np.float32)
        films: dict[str, int] = {}
        fields = ("reference_id", "reference__implant_id", "reference__sha256",
                  "reference__region", "embedding")  # fmt: skip
        ordered = rows.order_by("reference__implant_id", "reference_id").values_list(*fields)
        number = 0
        # A reference that was added meanwhile waits for the next time.
        for reference, implant, sha256, region, vector in ordered[: len(facts)].iterator():
            film = films.setdefault(sha256, len(films))
            facts[number] = reference, implant, film, region is not None
            vectors[number] = vector
            number += 1
        facts, vectors = facts[:number], vectors[:number]
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return cls(facts[:, 0], facts[:, 1], facts[:, 2], facts[:, 3].astype(bool), vectors)


@dataclass(frozen=True, slots=True, eq=False)
class LeaveOneOut:
    """What the catalogue says to each reference that asked, all (n,).

    `own_similarity` is the best to another film of its implant, `own_rank` the place of its implant
    among all (1 the best; 0: it has no other film). `other_implant_ids` and `other_similarity` are
    the best of the other implants (0 when there is none). NaN is the similarity to nothing.
    `single_references`: how many implants of the catalogue have one film only. `with_region` and
    `with_whole_film`: the shares of them that have a film with a marked part, and without.
    """

    reference_ids: Ids
    implant_ids: Ids
    has_region: NDArray[np.bool_]
    own_similarity: Floats
    own_rank: Ids
    other_implant_ids: Ids
    other_similarity: Floats
    single_references: int
    with_region: float
    with_whole_film: float

    @property
    def has_own(self) -> NDArray[np.bool_]:
        """Which references have another film of their implant: for the rest no answer is right."""
        return self.own_rank > 0

    @property
    def is_right(self) -> NDArray[np.bool_]:
        """Which references get their own implant as the first suggestion."""
        return self.own_rank == 1


def leave_one_out(catalogue: CatalogueVectors) -> LeaveOneOut:
    """Ask the catalogue each of its own references, at most `MAX_QUESTIONS`."""
    count = len(catalogue.reference_ids)
    implants, starts, sizes = np.unique(
        catalogue.implant_ids, return_index=True, return_counts=True
    )
    asking = np.unique(np.linspace(0, count - 1, min(count, MAX_QUESTIONS)).astype(np.int64))
    own, rank, other = np.empty(len(asking), np.float32), np.zeros_like(asking), asking.copy()
    best = np.empty_like(own)
    for block in blocks(len(asking), count):
        found = _by_implant(catalogue, starts, asking[block])
        place = np.arange(len(found))
        column = np.searchsorted(implants, catalogue.implant_ids[asking[block]])
        own[block] = found[place, column]
        # An equal one may come first in the search: it counts as nearer.
        nearer = (found >= own[block][:, None]).sum(axis=1)
        rank[block] = np.where(np.isfinite(own[block]), nearer, 0)
        found[place, column] = _NO_FILM
        other[block] = implants[found.argmax(axis=1)]
        best[block] = found.max(axis=1)
    return LeaveOneOut(
        reference_ids=catalogue.reference_ids[asking],
        implant_ids=catalogue.implant_ids[asking],
        has_region=catalogue.has_region[asking],
        own_similarity=_or_nan(own),
        own_rank=rank,
        other_implant_ids=np.where(np.isfinite(best), other, 0),
        other_similarity=_or_nan(best),
        single_references=int((sizes == 1).sum()),
        with_region=_share(catalogue.implant_ids[catalogue.has_region], implants),
        with_whole_film=_share(catalogue.implant_ids[~catalogue.has_region], implants),
    )


def _share(some: Ids, implants: Ids) -> float:
    return len(np.unique(some)) / max(len(implants), 1)


def blocks(asking: int, count: int) -> Iterator[slice]:
    """So many questions at a time that their similarities to all stay within `_BLOCK_BYTES`."""
    step = max(1, _BLOCK_BYTES // (4 * max(count, 1)))
    return (slice(start, start + step) for start in range(0, asking, step))


def similarities_to_others(catalogue: CatalogueVectors, asking: Ids) -> Floats:
    """How similar each question is to each reference, (questions, n); -inf to its own film."""
    similarities = catalogue.vectors[asking] @ catalogue.vectors.T
    same = catalogue.films[asking][:, None] == catalogue.films[None, :]
    own = catalogue.implant_ids[asking][:, None] == catalogue.implant_ids[None, :]
    similarities[same | (own & (similarities > _SAVED_AGAIN))] = _NO_FILM
    return similarities


def _by_implant(catalogue: CatalogueVectors, starts: Ids, asking: Ids) -> Floats:
    """The best similarity of each question to each implant, (questions, implants)."""
    best: Floats = np.maximum.reduceat(similarities_to_others(catalogue, asking), starts, axis=1)
    return best


def _or_nan(similarities: Floats) -> Floats:
    return np.where(np.isfinite(similarities), similarities, np.float32(np.nan))
