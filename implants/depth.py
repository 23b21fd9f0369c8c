"""How deeply the index of vectors is searched: as deep as this catalogue asks for.

How many neighbours HNSW has to look for until it finds the right ones depends on how the encoder's
vectors lie: those of one encoder need a few hundred, those of another nearly all there may be. So
it is measured, on films that are not in the catalogue but could be: the middle of an implant's
films, moved by the difference of two films of another implant.
"""

import logging
from typing import Final

import numpy as np
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS
from numpy.typing import NDArray

from implants.leave_one_out import CatalogueVectors, blocks
from implants.models import DEEPEST_SEARCH, Encoder
from implants.search import search

logger = logging.getLogger(__name__)

DEPTHS: Final = (200, 300, 400, 500, 600, 700)
RECALL: Final = 0.995
"""Such a share of the three nearest implants is to be found; the design asks for 0.99."""
QUESTIONS: Final = 300
_K: Final = 3
_SEED: Final = 20_240_229

Floats = NDArray[np.float32]


def keep_depth(encoder_id: int, catalogue: CatalogueVectors) -> None:
    """Measure the depth and write it into the encoder's row.

    Where search is exact there is nothing to measure: a catalogue that grows begins at the deepest.
    """
    many = len(catalogue.vectors) > settings.EXACT_SEARCH_LIMIT
    depth = measure_depth(encoder_id, catalogue) if many else DEEPEST_SEARCH
    Encoder.objects.filter(pk=encoder_id).update(search_depth=depth)


def measure_depth(encoder_id: int, catalogue: CatalogueVectors) -> int:
    """The least of `DEPTHS` at which the index finds enough; `DEEPEST_SEARCH` if none is enough, or
    nothing can be asked.

    `catalogue` holds the vectors that the table has of this encoder. Asks the database some hundred
    times: seconds for 100,000 references.
    """
    asked = questions(catalogue)
    if not len(asked):
        return DEEPEST_SEARCH
    right = _nearest_implants(catalogue, asked)
    for depth in DEPTHS:
        if _recall(encoder_id, asked, right, depth) >= RECALL:
            return depth
    recall = _recall(encoder_id, asked, right, DEEPEST_SEARCH)
    if recall < RECALL:
        logger.warning("the index finds too little", extra={"recall": round(recall, 4)})
    return DEEPEST_SEARCH


def questions(catalogue: CatalogueVectors) -> Floats:
    """Vectors of films that are not in the catalogue but could be: (`QUESTIONS`, 512), length 1.

    None, (0, 512), where fewer than two implants have two films: nothing says how films differ.
    """
    _, starts, sizes = np.unique(catalogue.implant_ids, return_index=True, return_counts=True)
    several = np.flatnonzero(sizes > 1)
    if len(several) < 2:
        return np.empty((0, catalogue.vectors.shape[1]), dtype=np.float32)
    rng = np.random.default_rng(_SEED)
    # Implants with more films are met more often, by patients too.
    share = sizes[several] / sizes[several].sum()
    place = rng.choice(len(several), QUESTIONS, p=share)
    elsewhere = (place + rng.integers(1, len(several), QUESTIONS)) % len(several)
    asked, moved = several[place], several[elsewhere]
    one = rng.integers(sizes[moved])
    other = (one + 1 + rng.integers(sizes[moved] - 1)) % sizes[moved]
    middles = np.add.reduceat(catalogue.vectors, starts)[asked] / sizes[asked][:, None]
    # A difference of two varies twice as much as one film does.
    difference = catalogue.vectors[starts[moved] + one] - catalogue.vectors[starts[moved] + other]
    films = middles + difference / np.sqrt(2)
    unit: Floats = (films / np.linalg.norm(films, axis=1, keepdims=True)).astype(np.float32)
    return unit


def _nearest_implants(catalogue: CatalogueVectors, asked: Floats) -> list[set[int]]:
    """The three implants nearest to each question, all vectors compared."""
    implants, starts = np.unique(catalogue.implant_ids, return_index=True)
    found: list[set[int]] = []
    for block in blocks(len(asked), len(catalogue.vectors)):
        similar = np.maximum.reduceat(asked[block] @ catalogue.vectors.T, starts, axis=1)
        best = np.argsort(-similar, axis=1, kind="stable")[:, :_K]
        found += [set(row) for row in implants[best].tolist()]
    return found


def _recall(encoder_id: int, asked: Floats, right: list[set[int]], depth: int) -> float:
    """The share of the right implants that the index finds."""
    found = [
        {
            candidate.implant_id
            for candidate in search(
                question, encoder_id=encoder_id, k=_K, exact_limit=0, depth=depth,
                using=DEFAULT_DB_ALIAS,
            )
        }
        for question in asked
    ]  # fmt: skip
    hits = sum(len(mine & theirs) for mine, theirs in zip(found, right, strict=True))
    return hits / sum(map(len, right))
