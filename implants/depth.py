"""How the vectors of a large catalogue are searched: as this catalogue asks for.

How many neighbours HNSW has to look for until it finds the right ones depends on how the encoder's
vectors lie: those of one encoder need a few hundred, those of another nearly all there may be. So
it is measured, on films that are not in the catalogue but could be: the middle of an implant's
films, moved by the difference of two films of another implant. So is how many of the nearest
reduced vectors (`implants.reduction`) are enough.
"""

import logging
import time
from dataclasses import dataclass
from typing import Final

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from implants import reduction
from implants.leave_one_out import CatalogueVectors, blocks
from implants.models import DEEPEST_SEARCH, Encoder
from implants.search import Way, Where, found_by

logger = logging.getLogger(__name__)

DEPTHS: Final = (100, 150, 200, 250, 300, 350, 400, 450, 500, 600, 700, DEEPEST_SEARCH)
RECALL: Final = 0.995
"""Such a share of the three nearest implants is to be found; the design asks for 0.99."""
QUESTIONS: Final = 300
QUICK_SECONDS: Final = 0.03
"""A search of reduced vectors that takes longer is compared with one by the index."""
_K: Final = 3
_SEED: Final = 20_240_229

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Measured:
    """A way that finds enough, and how long one search takes by it, in seconds (the median)."""

    way: Way
    seconds: float


def keep_depths(encoder_id: int, catalogue: CatalogueVectors) -> bool:
    """Have the vectors of a large catalogue reduced, and write down how they are searched.

    Where search is exact there is nothing to measure: a catalogue that grows begins with the index,
    at the deepest. False: vectors could not be reduced now, so this is to be done again. Takes a
    minute or two for 100,000 vectors.
    """
    if len(catalogue.vectors) <= settings.EXACT_SEARCH_LIMIT:
        reduction.keep_depth(encoder_id, None)
        _keep_index_depth(encoder_id, None)
        return True
    with reduction.alone() as alone:
        if not alone or not reduction.reduce_vectors(encoder_id, catalogue):
            _keep_index_depth(encoder_id, measure(encoder_id, catalogue, Where.INDEX))
            return False
        reduced, is_done = measure(encoder_id, catalogue, Where.REDUCED), True
        if reduced is None and reduction.has_grown(encoder_id, len(catalogue.vectors)):
            reduction.keep_depth(encoder_id, None)
            is_done = reduction.reduce_vectors(encoder_id, catalogue, anew=True)
            reduced = measure(encoder_id, catalogue, Where.REDUCED)
        index = None if is_quick(reduced) else measure(encoder_id, catalogue, Where.INDEX)
        _keep_index_depth(encoder_id, index)
        depth = depth_of_reduced(reduced, index)
        return reduction.keep_depth(encoder_id, depth, len(catalogue.vectors)) and is_done


def is_quick(reduced: Measured | None) -> bool:
    """Whether reduced vectors are searched without looking at what the index takes."""
    return reduced is not None and reduced.seconds <= QUICK_SECONDS


def depth_of_reduced(reduced: Measured | None, index: Measured | None) -> int | None:
    """How deeply reduced vectors are searched; None if they are too little or the index quicker."""
    if reduced is None:
        return None
    is_slower = not is_quick(reduced) and index is not None and index.seconds < reduced.seconds
    return None if is_slower else reduced.way.depth


def _keep_index_depth(encoder_id: int, measured: Measured | None) -> None:
    depth = measured.way.depth if measured else DEEPEST_SEARCH
    Encoder.objects.filter(pk=encoder_id).update(search_depth=depth)


def measure(encoder_id: int, catalogue: CatalogueVectors, where: Where) -> Measured | None:
    """The least of `DEPTHS` at which enough is found; None if none is enough, or nothing can be
    asked.

    `catalogue` holds the vectors that the table has of this encoder. Asks the database some hundred
    times: seconds for 100,000 references.
    """
    asked = questions(catalogue)
    if not len(asked):
        return None
    right = _nearest_implants(catalogue, asked)
    recall, seconds = _asked(encoder_id, asked, right, Way(where, DEPTHS[-1]))
    if recall < RECALL:
        # Behind the index there is none.
        level = logging.WARNING if where == Where.INDEX else logging.INFO
        facts = {"where": str(where), "recall": round(recall, 4)}
        logger.log(level, "too little is found", extra=facts)
        return None
    for depth in DEPTHS[:-1]:
        way = Way(where, depth)
        recall, seconds_less = _asked(encoder_id, asked, right, way)
        if recall >= RECALL:
            return Measured(way, seconds_less)
    return Measured(Way(where, DEPTHS[-1]), seconds)


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


def _asked(encoder_id: int, asked: Floats, right: list[set[int]], way: Way) -> tuple[float, float]:
    """The share of the right implants that is found in this way alone; the median of seconds."""
    hits, seconds = 0, []
    for question, implants in zip(asked, right, strict=True):
        start = time.perf_counter()
        found = found_by(question, way, encoder_id=encoder_id, k=_K)
        seconds.append(time.perf_counter() - start)
        hits += len(implants & {candidate.implant_id for candidate in found})
    return hits / sum(map(len, right)), float(np.median(seconds))
