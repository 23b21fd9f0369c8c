"""What is searched, and the right answers: found in numpy, all vectors compared, in float32."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from implants.benchmark.distribution import Distribution, sizes

K = 3
KEPT_SHARE = 0.01
_SEED = 20_240_229
_OTHER_MAKERS = 99
_BLOCK = 50

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Workload:
    """A catalogue and queries; implants and references are numbered from 0, in one order.

    `vectors` (n, 512); `owners` (n,), the implant of each, ascending; `makers` (implants,): maker 0
    has 1 % of the references; `queries` (q, 512); `order` (n,): the references as they came.
    """

    vectors: Floats
    owners: Integers
    makers: Integers
    queries: Floats
    order: Integers

    @cached_property
    def starts(self) -> Integers:
        """Where each implant's references begin."""
        return np.searchsorted(self.owners, np.arange(len(self.makers)))

    def kept(self) -> "Workload":
        """What a filter by maker 0 leaves: its references alone, numbered anew."""
        rows = self.makers[self.owners] == 0
        _, owners = np.unique(self.owners[rows], return_inverse=True)
        makers = np.zeros(owners.max() + 1, dtype=np.int64)
        return Workload(self.vectors[rows], owners, makers, self.queries, np.arange(rows.sum()))

    def kept_implants(self) -> Integers:
        """The implants of `kept()`, by their numbers here."""
        return np.flatnonzero(self.makers == 0)

    def answers(self, query: Floats) -> Integers:
        """The 3 implants nearest to one query (512,), best first."""
        return _best(np.maximum.reduceat(self.vectors @ query, self.starts)[:, None])[0]

    def truth(self) -> Integers:
        """`answers` for all queries, (q, 3)."""
        blocks = np.array_split(self.queries, -(-len(self.queries) // _BLOCK))
        similar = (self.vectors @ block.T for block in blocks)
        return np.concatenate([_best(np.maximum.reduceat(each, self.starts)) for each in similar])


def draw(distribution: Distribution, references: int, queries: int, seed: int = _SEED) -> Workload:
    """The same workload each time. A query is one more film of an implant of the catalogue.

    Implants that have more references are met more often.
    """
    rng = np.random.default_rng(seed)
    counts = sizes(rng, references)
    owners = np.repeat(np.arange(len(counts)), counts)
    middles = distribution.implants(rng, len(counts))
    vectors = distribution.films(rng, middles, owners)
    asked = distribution.films(rng, middles, rng.choice(owners, queries))
    return Workload(vectors, owners, _makers(rng, counts), asked, rng.permutation(references))


def _makers(rng: np.random.Generator, counts: Integers) -> Integers:
    """The maker of each implant; maker 0 has as many references as fit into 1 %."""
    makers = rng.integers(1, _OTHER_MAKERS + 1, len(counts))
    left = counts.sum() * KEPT_SHARE
    for implant in rng.permutation(len(counts)):
        if counts[implant] <= left:
            makers[implant], left = 0, left - counts[implant]
    return makers


def _best(similarity: Floats) -> Integers:
    """The rows of the `K` highest values of each column, highest first; (columns, K)."""
    return np.argsort(-similarity, axis=0, kind="stable")[:K].T
