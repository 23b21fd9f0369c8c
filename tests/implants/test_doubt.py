"""How sure an answer is: words by kind of question, and what speaks against the picture."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from implants.calibration.strangers import document
from implants.calibration.words import MIN_OBSERVATIONS, Calibration, Words
from implants.doubt import Concern, Confidence, Doubt, judge, word_for
from implants.encoders.active import ActiveEncoder, active
from implants.identification import identify
from implants.models import Encoder, ReferenceVector
from implants.radiograph import Radiograph
from implants.region import Region
from implants.search import Candidate
from tests.factories import ImplantFactory, ReferenceVectorFactory

pytestmark = pytest.mark.django_db

WORDS = Words(0.8, 0.6, 0.3, references=MIN_OBSERVATIONS, decisions=7, implants=20)
NO_WORDS = Words(None, None, None, references=0, decisions=0, implants=0)
RANK = [Confidence.OUT_OF_CATALOGUE, Confidence.LOW, Confidence.MEDIUM, Confidence.HIGH]


def metal() -> Image.Image:
    """A bright bar in restless bone, and air above: no detector minds it."""
    levels = np.random.default_rng(0).integers(100, 140, (200, 200), dtype=np.uint8)
    levels[:30] //= 10
    levels[50:160, 90:110] = 230
    return Image.fromarray(levels)


def radiograph(image: Image.Image | None = None, colour: float | None = None) -> Radiograph:
    image = image or metal()
    return Radiograph(image, image.width, image.height, "PNG", "", colour)


def calibrate(encoder: Encoder, *, region: Words = NO_WORDS, whole_film: Words = WORDS) -> None:
    kept = Calibration(region=region, whole_film=whole_film).to_json()
    Encoder.objects.filter(pk=encoder.pk).update(calibration=kept)


def doubt(similarity: float, film: Radiograph | None = None, **options: Any) -> Doubt:
    return judge(film or radiograph(), [Candidate(1, 1, similarity)], active(), **options)


@pytest.mark.parametrize(
    ("similarity", "word"),
    [(0.9, "high"), (0.8, "high"), (0.79, "medium"), (0.6, "medium"), (0.59, "low"),
     (0.3, "low"), (0.29, "out_of_catalogue"), (-0.1, "out_of_catalogue")],
)  # fmt: skip
def test_the_similarity_chooses_the_word(encoder: Encoder, similarity: float, word: str) -> None:
    calibrate(encoder)
    assert doubt(similarity) == Doubt(Confidence(word), MIN_OBSERVATIONS + 7, ())


@pytest.mark.parametrize(
    "words",
    [WORDS, Words(None, 0.6, 0.3, 90, 0, 9), Words(None, None, 0.3, 90, 0, 9),
     Words(0.8, 0.6, None, 90, 0, 9), Words(0.3, 0.3, 0.3, 90, 0, 9)],
)  # fmt: skip
def test_a_higher_similarity_never_gets_a_lower_word(words: Words) -> None:
    ranks = [RANK.index(word_for(similarity, words)) for similarity in np.linspace(-1, 1, 201)]
    assert ranks == sorted(ranks)


def test_without_a_calibration_there_is_no_word(encoder: Encoder) -> None:
    assert doubt(0.99) == Doubt(None, 0, ())


def test_too_few_observations_are_told_instead_of_a_word(encoder: Encoder) -> None:
    few = Words(0.1, 0.1, None, references=MIN_OBSERVATIONS - 1, decisions=0, implants=20)
    calibrate(encoder, whole_film=few)
    assert doubt(0.99) == Doubt(None, MIN_OBSERVATIONS - 1, ())


def test_no_candidates_no_word(encoder: Encoder) -> None:
    calibrate(encoder)
    assert judge(radiograph(), [], active()) == Doubt(None, 0, ())


def test_a_region_has_words_of_its_own(encoder: Encoder) -> None:
    region = Region(0.1, 0.1, 0.5, 0.5)
    calibrate(encoder)
    assert doubt(0.9, region=region).confidence is None
    calibrate(encoder, region=Words(0.95, 0.9, 0.5, 80, 0, 20))
    assert doubt(0.9, region=region).confidence == Confidence.MEDIUM
    assert doubt(0.9).confidence == Confidence.HIGH


def test_another_encoders_words_are_not_taken(encoder: Encoder) -> None:
    other = Encoder.objects.create(name="other", path="nowhere", version="1")
    calibrate(other)
    assert doubt(0.9).confidence is None


@pytest.mark.parametrize(
    ("picture", "colour", "concern"),
    [(metal(), 0.2, Concern.PHOTOGRAPH), (document(2), None, Concern.DOCUMENT),
     (Image.linear_gradient("L"), None, Concern.NO_IMPLANT)],
)  # fmt: skip
@pytest.mark.parametrize("similarity", [0.99, 0.7, 0.4, 0.1])
def test_with_a_concern_the_answer_is_never_sure(
    encoder: Encoder, picture: Image.Image, colour: float, concern: Concern, similarity: float
) -> None:
    calibrate(encoder)
    found = doubt(similarity, radiograph(picture, colour))
    assert found.concerns == (concern,)
    assert found.confidence in (Confidence.LOW, Confidence.OUT_OF_CATALOGUE)
    assert (found.confidence == Confidence.OUT_OF_CATALOGUE) == (similarity == 0.1)


def test_two_films_side_by_side_are_a_concern_unless_a_region_chooses_one(
    encoder: Encoder,
) -> None:
    both = Image.new("L", (420, 200), 255)
    both.paste(metal(), (0, 0))
    both.paste(metal(), (220, 0))
    calibrate(encoder, region=WORDS)
    assert doubt(0.9, radiograph(both)).concerns == (Concern.CONTACT_SHEET,)
    marked = doubt(0.9, radiograph(both), region=Region(0.0, 0.0, 0.4, 1.0))
    assert marked == Doubt(Confidence.HIGH, MIN_OBSERVATIONS + 7, ())


def test_one_manufacturers_best_is_not_sure_when_anothers_is_nearer(encoder: Encoder) -> None:
    calibrate(encoder)
    candidates, nearer = [Candidate(1, 1, 0.85)], [Candidate(2, 2, 0.9), Candidate(1, 1, 0.85)]
    sure = judge(radiograph(), candidates, active(), of_all=candidates)
    unsure = judge(radiograph(), candidates, active(), of_all=nearer)
    assert (sure.confidence, unsure.confidence) == (Confidence.HIGH, Confidence.LOW)


def test_identify_asks_all_manufacturers_for_the_word(encoder: Encoder) -> None:
    calibrate(encoder, whole_film=Words(0.9, 0.6, None, 90, 0, 9))
    asked = radiograph()
    used: ActiveEncoder = active()
    vector = used.session.encode(asked.image)
    maker, far = ImplantFactory.create(), ImplantFactory.create()
    ReferenceVectorFactory.create(encoder=encoder, reference__implant=maker, embedding=vector)
    row: ReferenceVector = ReferenceVectorFactory.create(encoder=encoder, reference__implant=far)
    assert identify(asked, used).candidates[0].implant_id == maker.pk
    one = identify(asked, used, manufacturer_id=far.manufacturer_id)
    assert [candidate.reference_id for candidate in one.candidates] == [row.reference_id]
    both = (identify(asked, used).doubt.confidence, one.doubt.confidence)
    assert both == (Confidence.HIGH, Confidence.LOW)
