"""How sure an answer is: similarities as words, and what speaks against the film itself."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import models
from django.utils.translation import gettext_lazy as _
from PIL import Image

from implants import film_kind, metal
from implants.calibration.keeping import calibration_of
from implants.calibration.words import Words
from implants.encoders.active import ActiveEncoder
from implants.radiograph import Radiograph
from implants.region import Region
from implants.search import Candidate


class Confidence(models.TextChoices):
    """What the best similarity means; there is none while the encoder is not calibrated."""

    HIGH = "high", _("high")
    MEDIUM = "medium", _("medium")
    LOW = "low", _("low")
    OUT_OF_CATALOGUE = "out_of_catalogue", _("probably not in the catalogue")


class Concern(models.TextChoices):
    """Why an image may not be a radiograph of an implant; with one the answer is never sure."""

    PHOTOGRAPH = "photograph", _("looks like a photograph")
    DOCUMENT = "document", _("looks like a document")
    CONTACT_SHEET = "contact_sheet", _("looks like several films on one image")
    NO_IMPLANT = "no_implant", _("no implant is seen on it")


@dataclass(frozen=True, slots=True)
class Doubt:
    """The word for the best candidate, the observations behind it, and what speaks against it.

    `confidence` is None while `observations` are too few to calibrate.
    """

    confidence: Confidence | None
    observations: int
    concerns: tuple[Concern, ...]


def judge(
    radiograph: Radiograph,
    candidates: Sequence[Candidate],
    encoder: ActiveEncoder,
    *,
    region: Region | None = None,
    of_all: Sequence[Candidate] | None = None,
) -> Doubt:
    """How far these candidates (best first) of this film, or of this region, can be trusted.

    `of_all`: the candidates of all manufacturers, when `candidates` are one manufacturer's. The
    words were learned on the whole catalogue: they hold for its first candidate only.
    """
    concerns = concerns_of(radiograph.image, radiograph.colour, has_region=region is not None)
    calibration = calibration_of(encoder.encoder_id)
    if not candidates or calibration is None:
        return Doubt(None, 0, concerns)
    words = calibration.words(has_region=region is not None)
    if not words.are_calibrated:
        return Doubt(None, words.observations, concerns)
    first = (of_all or candidates)[0]
    word = word_for(first.similarity, words)
    if concerns or candidates[0].implant_id != first.implant_id:
        word = _never_sure(word)
    return Doubt(word, words.observations, concerns)


def concerns_of(
    image: Image.Image, colour: float | None, *, has_region: bool
) -> tuple[Concern, ...]:
    """What speaks against the picture (mode "L") that was as colourful as `Radiograph.colour`.

    Who marks a region has found the film, and the implant on it.
    """
    found = []
    if film_kind.is_photograph(colour):
        found.append(Concern.PHOTOGRAPH)
    if film_kind.is_document(image):
        found.append(Concern.DOCUMENT)
    elif not has_region and film_kind.shows_several_films(image):
        found.append(Concern.CONTACT_SHEET)
    elif not has_region and metal.shows_no_implant(image):
        found.append(Concern.NO_IMPLANT)
    return tuple(found)


def word_for(similarity: float, words: Words) -> Confidence:
    """What the similarity of the first candidate is called; a higher one never gets less."""
    if words.out_of_catalogue is not None and similarity < words.out_of_catalogue:
        return Confidence.OUT_OF_CATALOGUE
    if words.high is not None and similarity >= words.high:
        return Confidence.HIGH
    if words.medium is not None and similarity >= words.medium:
        return Confidence.MEDIUM
    return Confidence.LOW


def _never_sure(word: Confidence) -> Confidence:
    return word if word == Confidence.OUT_OF_CATALOGUE else Confidence.LOW
