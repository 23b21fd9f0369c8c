"""How far the words can be trusted, tried out on rendered films: nothing of the database is used.

One implant in five is held out of the catalogue, five times over; films of patients, as the demo
renders them, ask for all implants. The words are learned each time from what is left.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from PIL import Image

from implants.calibration.evidence import gather
from implants.calibration.words import Words
from implants.demo.renderer import render_film
from implants.demo.systems import DemoSystem
from implants.doubt import Confidence, concerns_of, word_for
from implants.encoders.session import EncoderSession, Vector
from implants.leave_one_out import CatalogueVectors, leave_one_out
from implants.region import Region

FOLDS: Final = 5


@dataclass(frozen=True, slots=True)
class Film:
    """A film and the number of its implant."""

    implant: int
    image: Image.Image
    region: Region


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that is no radiograph; `colour` as in `Radiograph`."""

    image: Image.Image
    colour: float | None


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """Films by the encoder, (n, 512), and their implants, (n,)."""

    vectors: Vector
    implants: np.ndarray


def render(number: int, system: DemoSystem, view: str, *, query: bool) -> Film:
    """The system's film, as one of the catalogue or of a patient."""
    film = render_film(system, view, query=query)
    return Film(number, Image.fromarray(film.image), Region.from_list(list(film.region)))


def try_out(
    session: EncoderSession,
    catalogue: Sequence[Film],
    queries: Sequence[Film],
    pictures: Mapping[str, Sequence[Picture]],
) -> dict[str, Any]:
    """The figures, as `evaluate_doubt --json` prints them."""
    references, asked = _encode(session, catalogue, False), _encode(session, queries, False)
    return {
        "encoder": session.bundle.name,
        "references": len(catalogue),
        "queries": len(queries),
        "whole_film": _hold_out(references, asked, has_region=False),
        "region": _hold_out(
            _encode(session, catalogue, True), _encode(session, queries, True), has_region=True
        ),
        "films_with_a_concern": _share([bool(_concerns(film.image, None)) for film in queries]),
        "no_radiographs": {
            name: _reject(session, references, asked, some) for name, some in pictures.items()
        },
    }


def auroc(higher: np.ndarray, lower: np.ndarray) -> float:
    """How often one of `higher` exceeds one of `lower`, ties half: 0.5 is chance, 1 is perfect."""
    above = (higher[:, None] > lower[None, :]).mean()
    return round(float(above + (higher[:, None] == lower[None, :]).mean() / 2), 4)


def _encode(session: EncoderSession, films: Sequence[Film], by_region: bool) -> _Asked:
    vectors = [session.encode(film.image, film.region if by_region else None) for film in films]
    return _Asked(np.stack(vectors), np.array([film.implant for film in films]))


def _hold_out(references: _Asked, asked: _Asked, *, has_region: bool) -> dict[str, Any]:
    words = {word: {"films": 0, "right": 0, "held_out": 0} for word in Confidence.values}
    folds = []
    for fold in range(FOLDS):
        kept = references.implants % FOLDS != fold
        left = _Asked(references.vectors[kept], references.implants[kept])
        similarity, first = _first(left, asked)
        is_held_out = asked.implants % FOLDS == fold
        folds.append(auroc(similarity[~is_held_out], similarity[is_held_out]))
        learned = _learn(left, has_region)
        for alike, implant, truth, strange in zip(
            similarity, first, asked.implants, is_held_out, strict=True
        ):
            counts = words[word_for(float(alike), learned)]
            counts["films"] += 1
            counts["right"] += int(implant == truth)
            counts["held_out"] += int(strange)
    return {"auroc": round(float(np.mean(folds)), 4), "auroc_by_fold": folds, "words": words}


def _reject(
    session: EncoderSession, references: _Asked, asked: _Asked, pictures: Sequence[Picture]
) -> dict[str, Any]:
    vectors = np.stack([session.encode(picture.image) for picture in pictures])
    similarity, _ = _first(references, _Asked(vectors, np.zeros(len(pictures))))
    learned = _learn(references, has_region=False)
    foreign = [
        word_for(float(alike), learned) == Confidence.OUT_OF_CATALOGUE for alike in similarity
    ]
    concern = [bool(_concerns(picture.image, picture.colour)) for picture in pictures]
    return {
        "images": len(pictures),
        "auroc": auroc(_first(references, asked)[0], similarity),
        "out_of_catalogue": _share(foreign),
        "with_a_concern": _share(concern),
        "flagged": _share([a or b for a, b in zip(foreign, concern, strict=True)]),
    }


def _learn(references: _Asked, has_region: bool) -> Words:
    count = len(references.implants)
    order = np.argsort(references.implants, kind="stable")
    catalogue = CatalogueVectors(
        reference_ids=np.arange(count),
        implant_ids=references.implants[order],
        films=np.arange(count),
        has_region=np.full(count, has_region),
        vectors=references.vectors[order],
    )
    return Words.learned(gather(leave_one_out(catalogue), [], has_region=has_region))


def _first(references: _Asked, asked: _Asked) -> tuple[np.ndarray, np.ndarray]:
    """Each film's best similarity and the implant of that reference."""
    similarity = asked.vectors @ references.vectors.T
    return similarity.max(axis=1), references.implants[similarity.argmax(axis=1)]


def _concerns(image: Image.Image, colour: float | None) -> tuple[str, ...]:
    return concerns_of(image, colour, has_region=False)


def _share(flags: Sequence[bool]) -> float:
    return round(float(np.mean(flags)), 4)
