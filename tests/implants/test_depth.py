"""The depth of the index search is measured on the catalogue, and no deeper than it asks for."""

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from implants import depth as module
from implants.calibration import keeping
from implants.depth import keep_depth, measure_depth, questions
from implants.leave_one_out import CatalogueVectors
from implants.models import DEEPEST_SEARCH, Encoder
from implants.search import Candidate, search
from tests.factories import EncoderFactory, ImplantFactory, reference_with_vector

pytestmark = pytest.mark.django_db

IMPLANTS, FILMS, WITHIN = 60, 5, 0.5


def catalogue_of(vectors: np.ndarray, implants: np.ndarray) -> CatalogueVectors:
    numbers = np.arange(len(vectors))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return CatalogueVectors(numbers, implants, numbers, numbers < 0, unit.astype(np.float32))


@pytest.fixture
def drawn() -> CatalogueVectors:
    """60 implants with five films each, the films spread round the implants' directions."""
    rng = np.random.default_rng(1)
    implants = np.repeat(np.arange(1, IMPLANTS + 1), FILMS)
    middles = rng.normal(size=(IMPLANTS + 1, 512))
    return catalogue_of(middles[implants] + WITHIN * rng.normal(size=(300, 512)), implants)


@pytest.fixture
def encoder() -> Encoder:
    return EncoderFactory.create(is_active=True)


@pytest.fixture
def stored(drawn: CatalogueVectors, encoder: Encoder) -> CatalogueVectors:
    """The same films in the database."""
    implants = [ImplantFactory.create() for _ in range(IMPLANTS)]
    for number, vector in zip(drawn.implant_ids.tolist(), drawn.vectors, strict=True):
        reference_with_vector(vector, encoder, implants[number - 1])
    return CatalogueVectors.load(encoder.pk)


def test_questions_lie_as_films_of_the_implants_do(drawn: CatalogueVectors) -> None:
    asked = questions(drawn)
    similar = asked @ drawn.vectors.T
    among = drawn.vectors @ drawn.vectors.T
    np.fill_diagonal(among, -1)
    assert asked.shape == (module.QUESTIONS, 512)
    assert np.linalg.norm(asked, axis=1) == pytest.approx(1, abs=1e-5)
    # As near to an implant's films as these are to each other, and none of them.
    assert similar.max(axis=1).mean() == pytest.approx(among.max(axis=1).mean(), abs=0.03)
    assert similar.max() < 0.95


def test_nothing_is_asked_where_one_implant_only_has_two_films(
    drawn: CatalogueVectors, caplog: pytest.LogCaptureFixture
) -> None:
    alone = catalogue_of(drawn.vectors, np.maximum(np.arange(300), 1))
    assert questions(alone).shape == (0, 512)
    assert measure_depth(1, alone) == DEEPEST_SEARCH
    assert not caplog.records, "nothing was asked, so nothing was missed"


def losing(catalogue: CatalogueVectors, lost: Callable[[int], bool]) -> Any:
    """A search that gives the right implants, or none at the depths that lose them."""

    def answer(question: np.ndarray, *, depth: int, **_: Any) -> list[Candidate]:
        if lost(depth):
            return []
        (right,) = module._nearest_implants(catalogue, question[None])
        return [Candidate(implant, 1, 0.5) for implant in right]

    return answer


@pytest.mark.parametrize("enough", [200, 400, 800])
def test_the_least_depth_is_taken_at_which_enough_is_found(
    drawn: CatalogueVectors, monkeypatch: pytest.MonkeyPatch, enough: int
) -> None:
    monkeypatch.setattr(module, "search", losing(drawn, lambda depth: depth < enough))
    assert measure_depth(1, drawn) == enough


def test_a_share_that_is_lost_asks_for_more_depth(
    drawn: CatalogueVectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = iter(range(10**6))
    # One question of 100 finds nothing at 200: 0.99, and 0.995 is asked for.
    lost = losing(drawn, lambda depth: depth == 200 and next(asked) % 100 == 0)
    monkeypatch.setattr(module, "search", lost)
    assert measure_depth(1, drawn) == 300


def test_an_index_that_never_finds_enough_is_told(
    drawn: CatalogueVectors, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "search", losing(drawn, lambda depth: True))
    with caplog.at_level(logging.WARNING, "implants.depth"):
        assert measure_depth(1, drawn) == DEEPEST_SEARCH
    assert "the index finds too little" in caplog.text


def test_the_index_itself_is_asked(
    stored: CatalogueVectors, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    depths = set()

    def spy(question: np.ndarray, **options: Any) -> list[Candidate]:
        depths.add((options["depth"], options["exact_limit"]))
        return search(question, **options)

    monkeypatch.setattr(module, "search", spy)
    assert measure_depth(encoder.pk, stored) == 200
    assert depths == {(200, 0)}


@pytest.mark.parametrize(("limit", "expected"), [(299, 200), (300, DEEPEST_SEARCH)])
def test_a_refresh_keeps_it_where_the_index_answers(
    stored: CatalogueVectors, encoder: Encoder, settings: Any, limit: int, expected: int
) -> None:
    settings.EXACT_SEARCH_LIMIT = limit
    keeping.refresh(encoder, [])
    assert Encoder.objects.get(pk=encoder.pk).search_depth == expected


def test_a_catalogue_that_became_small_begins_at_the_deepest_again(
    drawn: CatalogueVectors, encoder: Encoder
) -> None:
    Encoder.objects.filter(pk=encoder.pk).update(search_depth=200)
    keep_depth(encoder.pk, drawn)
    assert Encoder.objects.get(pk=encoder.pk).search_depth == DEEPEST_SEARCH
