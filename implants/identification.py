"""From a film to candidates and their doubt: the one way of /search, `identify` and the cases.

A film that does not show which way round it is may be a negative. It is then looked up both ways,
and the way that finds the more similar implant counts: film and negative get the same candidates.
"""

from dataclasses import dataclass, replace
from typing import Final

from PIL import ImageOps

from implants.doubt import Doubt, judge
from implants.encoders.active import ActiveEncoder, EncoderReplaced, still_active
from implants.encoders.polarity import is_unclear
from implants.encoders.session import Vector
from implants.radiograph import Radiograph
from implants.region import Region
from implants.search import Candidate, search
from implants.vectors import vector_of

_THE_SAME: Final = 1 - 1e-4
"""A similarity that nothing exceeds: the film is a reference itself, or one turned around."""


@dataclass(frozen=True, slots=True)
class Identification:
    """What one encoder finds for a film or a region of it.

    `embedding` has shape (512,) and length 1; `candidates` are distinct implants, best first.
    """

    embedding: Vector
    candidates: list[Candidate]
    doubt: Doubt


def identify(
    radiograph: Radiograph,
    encoder: ActiveEncoder,
    *,
    region: Region | None = None,
    manufacturer_id: int | None = None,
    known: Vector | None = None,
) -> Identification:
    """The three implants of the catalogue nearest to the film, and how sure that is.

    `radiograph.sha256` must be that of the received bytes. `known`: this encoder's vector of the
    same part of the same film, from an earlier search; of an unclear film it is not used, since it
    says nothing of the other way. Raises `EncoderUnavailable`, and `EncodingError` if the encoder
    finds nothing to compare.
    """
    unclear = _is_unclear(radiograph, encoder)
    if known is None or unclear:
        known = vector_of(radiograph, encoder, region)
    embedding, found = known, _search(known, encoder, manufacturer_id)
    if unclear and _best(found) < _THE_SAME:
        turned = vector_of(_negative(radiograph), encoder, region)
        found_turned = _search(turned, encoder, manufacturer_id)
        if _best(found_turned) > _best(found):
            embedding, found = turned, found_turned
    if not found and not still_active(encoder):
        raise EncoderReplaced  # its vectors are removed: that says nothing of the catalogue
    of_all = None if manufacturer_id is None else _search(embedding, encoder, None)
    doubt = judge(radiograph, found, encoder, region=region, of_all=of_all)
    return Identification(embedding, found, doubt)


def _is_unclear(radiograph: Radiograph, encoder: ActiveEncoder) -> bool:
    threshold = encoder.session.bundle.preprocessing.polarity_threshold
    return is_unclear(radiograph.image, threshold)


def _negative(radiograph: Radiograph) -> Radiograph:
    return replace(
        radiograph,
        image=ImageOps.invert(radiograph.image),
        sha256=f"negative of {radiograph.sha256}",
    )


def _best(found: list[Candidate]) -> float:
    return found[0].similarity if found else -1.0


def _search(
    embedding: Vector, encoder: ActiveEncoder, manufacturer_id: int | None
) -> list[Candidate]:
    return search(embedding, encoder_id=encoder.encoder_id, manufacturer_id=manufacturer_id)
