"""One encoder's figures beside chance and raw pixels, and two encoders' side by side."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from implants.encoders.bundle import version_of
from implants.encoders.session import EncoderSession
from implants.evaluation.figures import Estimate, estimate
from implants.evaluation.films import encode_samples
from implants.evaluation.retrieval import Truth, chance_scores, rank_scores
from implants.evaluation.samples import Sample

TOLERANCE: Final = 0.03
"""How much of hit@3 a new encoder may lose before it counts as a step back."""

Verdict = Literal["regression", "undecided", "no_regression"]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An encoder on labelled films.

    `without_a_match` films have a label that no other group has: they count as missed.
    `in_several_groups` films (same bytes, same region) find themselves in another group: the
    figures are too good by them.
    """

    encoder: str
    version: str
    images: int
    groups: int
    labels: int
    without_a_match: int
    in_several_groups: int
    figures: Estimate
    chance: Estimate
    raw_pixels: Estimate

    def to_dict(self) -> dict[str, Any]:
        """As `evaluate_encoder --json` prints it."""
        counts = ("images", "groups", "labels", "without_a_match", "in_several_groups")
        return {
            "encoder": self.encoder,
            "version": self.version,
            **{name: getattr(self, name) for name in counts},
            **self.figures.to_dict(),
            "chance": self.chance.to_dict(),
            "raw_pixels": self.raw_pixels.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """The encoders `a` and `b` on the same films; `difference` is b minus a, paired."""

    a: Evaluation
    b: Evaluation
    difference: Estimate

    @property
    def verdict(self) -> Verdict:
        """What the 95 % interval of B minus A in hit@3 says about a loss of more than 3 points.

        "regression": its upper end, too, is a loss of more. "undecided": it has losses of more and
        of less, these films are too few to tell. "no_regression": its lower end is no such loss.

        The whole interval must lie beyond 3 points; that the loss is more than 3 and the interval
        leaves out zero would not do. The claim is a loss of more than 3 points, so that is where
        noise has to be allowed for. Much can hide in the wide interval of few films: therefore
        "undecided" is told apart, though it is no regression.
        """
        low, high = self.difference.interval("hit_at_3")
        if high < -TOLERANCE:
            return "regression"
        return "undecided" if low < -TOLERANCE else "no_regression"

    def to_dict(self) -> dict[str, Any]:
        """As `evaluate_encoder --compare --json` prints it."""
        return {
            "a": self.a.to_dict(),
            "b": self.b.to_dict(),
            "difference": self.difference.to_dict(),
            "tolerance": TOLERANCE,
            "verdict": self.verdict,
        }


def evaluate(samples: Sequence[Sample], session: EncoderSession) -> Evaluation:
    """The encoder's figures; raises `EvaluationError` for films that can't be taken."""
    return _evaluations(samples, [session])[0]


def compare(samples: Sequence[Sample], a: EncoderSession, b: EncoderSession) -> Comparison:
    """Both encoders on the same films; raises `EvaluationError` as `evaluate` does."""
    first, second = _evaluations(samples, [a, b])
    return Comparison(first, second, second.figures - first.figures)


def _evaluations(samples: Sequence[Sample], sessions: Sequence[EncoderSession]) -> list[Evaluation]:
    truth = Truth.of([item.label for item in samples], [item.group for item in samples])
    encoded, digests = encode_samples(samples, sessions)
    chance = estimate(chance_scores(truth), truth)
    return [
        Evaluation(
            encoder=session.bundle.name,
            version=version_of(session.bundle),
            images=len(samples),
            groups=len(np.unique(truth.groups)),
            labels=len(np.unique(truth.labels)),
            without_a_match=int((truth.matches == 0).sum()),
            in_several_groups=_in_several_groups(samples, digests),
            figures=estimate(rank_scores(films.vectors, truth), truth),
            chance=chance,
            raw_pixels=estimate(rank_scores(films.raw_pixels, truth), truth),
        )
        for session, films in zip(sessions, encoded, strict=True)
    ]


def _in_several_groups(samples: Sequence[Sample], digests: Sequence[str]) -> int:
    films: dict[object, list[str]] = defaultdict(list)
    for sample, digest in zip(samples, digests, strict=True):
        films[digest, sample.region].append(sample.group)
    return sum(len(groups) for groups in films.values() if len(set(groups)) > 1)
