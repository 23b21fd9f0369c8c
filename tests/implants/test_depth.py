"""How deeply an index is searched is measured on the catalogue, and no deeper than it asks for."""

import contextlib
import logging
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.db import connection

from implants import depth as module
from implants import reduction
from implants.calibration import keeping
from implants.depth import keep_depths, measure, questions
from implants.leave_one_out import CatalogueVectors
from implants.models import DEEPEST_SEARCH, Encoder, Reduction
from implants.search import Candidate, Way, Where, found_by, search
from tests.factories import EncoderFactory, ImplantFactory, reference_with_vector, with_axes

pytestmark = pytest.mark.django_db

IMPLANTS, FILMS, WITHIN = 60, 5, 0.5


def catalogue_of(vectors: np.ndarray, implants: np.ndarray) -> CatalogueVectors:
    numbers = np.arange(len(vectors))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return CatalogueVectors(numbers, implants, numbers, numbers < 0, unit.astype(np.float32))


@pytest.fixture(autouse=True)
def _machine_is_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUICK_SECONDS", 60.0)


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
    assert measure(1, alone, Where.INDEX) is None
    assert not caplog.records, "nothing was asked, so nothing was missed"


def losing(catalogue: CatalogueVectors, lost: Callable[[Way], bool]) -> Any:
    """A way of searching that gives the right implants, or none where it loses them."""

    def answer(question: np.ndarray, way: Way, **_: Any) -> list[Candidate]:
        if lost(way):
            return []
        (right,) = module._nearest_implants(catalogue, question[None])
        return [Candidate(implant, 1, 0.5) for implant in right]

    return answer


def depth_of(
    catalogue: CatalogueVectors, where: Where = Where.INDEX, encoder_id: int = 1
) -> int | None:
    measured = measure(encoder_id, catalogue, where)
    return measured.way.depth if measured else None


@pytest.mark.parametrize("enough", [200, 400, 800])
def test_the_least_depth_is_taken_at_which_enough_is_found(
    drawn: CatalogueVectors, monkeypatch: pytest.MonkeyPatch, enough: int
) -> None:
    monkeypatch.setattr(module, "found_by", losing(drawn, lambda way: way.depth < enough))
    assert depth_of(drawn) == enough


def test_a_share_that_is_lost_asks_for_more_depth(
    drawn: CatalogueVectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = iter(range(10**6))
    # One question of 100 finds nothing at 100: 0.99, and 0.995 is asked for.
    lost = losing(drawn, lambda way: way.depth == 100 and next(asked) % 100 == 0)
    monkeypatch.setattr(module, "found_by", lost)
    assert depth_of(drawn) == 150


def test_what_is_too_little_at_the_deepest_is_asked_no_further(
    drawn: CatalogueVectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = set()

    def lose(way: Way) -> bool:
        asked.add(way)
        return True

    monkeypatch.setattr(module, "found_by", losing(drawn, lose))
    assert depth_of(drawn) is None
    assert asked == {Way(Where.INDEX, DEEPEST_SEARCH)}


def test_an_index_that_never_finds_enough_is_told(
    drawn: CatalogueVectors, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "found_by", losing(drawn, lambda way: True))
    with caplog.at_level(logging.WARNING, "implants.depth"):
        assert depth_of(drawn, Where.REDUCED) is None
        assert not caplog.records, "there is the index of all numbers"
        assert depth_of(drawn) is None
    assert "too little is found" in caplog.text


@pytest.mark.parametrize("where", list(Where))
def test_the_way_itself_is_asked(
    stored: CatalogueVectors, encoder: Encoder, monkeypatch: pytest.MonkeyPatch, where: Where
) -> None:
    ways, asked = set(), []

    def spy(question: np.ndarray, way: Way, **options: Any) -> list[Candidate]:
        ways.add(way)
        found = found_by(question, way, **options)
        asked.append(found)
        return found

    monkeypatch.setattr(module, "found_by", spy)
    reduction.reduce_vectors(encoder.pk, stored)
    assert depth_of(stored, where, encoder.pk) == 100
    assert ways == {Way(where, DEEPEST_SEARCH), Way(where, 100)}
    assert all(len(found) == 3 for found in asked)


def test_what_only_comparing_all_finds_does_not_count_as_found(
    stored: CatalogueVectors, encoder: Encoder
) -> None:
    # No vector is reduced, so there is nothing to find; a search would compare all.
    assert depth_of(stored, Where.REDUCED, encoder.pk) is None


def test_the_median_of_the_searches_seconds_is_measured(
    drawn: CatalogueVectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = losing(drawn, lambda way: False)

    def slow(question: np.ndarray, way: Way, **options: Any) -> list[Candidate]:
        time.sleep(0.005)
        found: list[Candidate] = right(question, way)
        return found

    monkeypatch.setattr(module, "found_by", slow)
    monkeypatch.setattr(module, "QUESTIONS", 30)
    measured = measure(1, drawn, Where.INDEX)
    assert measured is not None
    assert 0.005 <= measured.seconds < 0.5


@pytest.mark.parametrize("limit", [299, 300])
def test_a_refresh_has_reduced_vectors_searched_above_the_limit(
    stored: CatalogueVectors, encoder: Encoder, settings: Any, limit: int
) -> None:
    settings.EXACT_SEARCH_LIMIT = limit
    keeping.refresh(encoder, [])
    found = Reduction.objects.values_list("learned_from", "depth", "measured_from")
    assert list(found) == ([(300, 100, 300)] if limit < 300 else [])
    assert Encoder.objects.get(pk=encoder.pk).search_depth == DEEPEST_SEARCH


def test_another_limit_is_a_reason_to_measure_again(
    stored: CatalogueVectors, encoder: Encoder, settings: Any
) -> None:
    for limit, asked in ((299, True), (300, False), (299, True)):
        settings.EXACT_SEARCH_LIMIT = limit
        encoder.refresh_from_db()
        assert keeping.refresh(encoder, [])
        assert Reduction.objects.filter(depth__isnull=False).exists() is asked


def test_a_trigger_that_got_lost_is_a_reason_to_reduce_anew(
    stored: CatalogueVectors, encoder: Encoder, settings: Any
) -> None:
    settings.EXACT_SEARCH_LIMIT = 299
    assert keeping.refresh(encoder, [])
    connection.check_constraints()  # PostgreSQL alters no table while some are to be checked
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER reduce_reference_vector ON reference_vectors")
    encoder.refresh_from_db()
    assert keeping.refresh(encoder, [])
    assert reduction.is_kept()
    assert Reduction.objects.get().depth == 100


@pytest.fixture
def reduced_are_blind(drawn: CatalogueVectors, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reduced vectors never are enough, the index of all numbers is from 300 on."""
    lost = losing(drawn, lambda way: way.where == Where.REDUCED or way.depth < 300)
    monkeypatch.setattr(module, "found_by", lost)
    right: Any = lambda catalogue, asked: [{1, 2, 3}] * len(asked)  # noqa: E731
    monkeypatch.setattr(module, "_nearest_implants", right)


def test_where_reduced_vectors_are_too_little_all_numbers_are_searched(
    stored: CatalogueVectors, encoder: Encoder, settings: Any, reduced_are_blind: None
) -> None:
    settings.EXACT_SEARCH_LIMIT = 299
    keep_depths(encoder.pk, stored)
    assert Encoder.objects.get(pk=encoder.pk).search_depth == 300
    assert Reduction.objects.get().depth is None


@pytest.mark.parametrize(("learned_from", "learned"), [(150, True), (151, False)])
def test_axes_that_became_too_little_are_learned_anew_from_twice_as_many(
    stored: CatalogueVectors, encoder: Encoder, settings: Any, reduced_are_blind: None,
    learned_from: int, learned: bool,
) -> None:  # fmt: skip
    settings.EXACT_SEARCH_LIMIT = 299
    with_axes(encoder)
    Reduction.objects.update(learned_from=learned_from)
    keep_depths(encoder.pk, stored)
    found = Reduction.objects.get()
    assert found.learned_from == (300 if learned else learned_from)
    assert found.depth is None


@pytest.mark.parametrize(
    ("reduced_ms", "index_ms", "expected"),
    [
        (29, 1, (200, DEEPEST_SEARCH)),  # quick enough: the index is not even measured
        (31, 30, (None, 300)),
        (31, 32, (200, 300)),
    ],
)
def test_the_index_is_asked_only_where_it_is_quicker(
    stored: CatalogueVectors, encoder: Encoder, settings: Any, monkeypatch: pytest.MonkeyPatch,
    reduced_ms: int, index_ms: int, expected: tuple[int | None, int],
) -> None:  # fmt: skip
    settings.EXACT_SEARCH_LIMIT = 299
    monkeypatch.setattr(module, "QUICK_SECONDS", 0.03)
    found = {
        Where.REDUCED: module.Measured(Way(Where.REDUCED, 200), reduced_ms / 1000),
        Where.INDEX: module.Measured(Way(Where.INDEX, 300), index_ms / 1000),
    }
    monkeypatch.setattr(module, "measure", lambda encoder_id, catalogue, where: found[where])
    assert keep_depths(encoder.pk, stored)
    depths = Reduction.objects.get().depth, Encoder.objects.get(pk=encoder.pk).search_depth
    assert depths == expected


def test_axes_that_could_not_be_learned_anew_now_are_at_the_next_refresh(
    stored: CatalogueVectors, encoder: Encoder, settings: Any, reduced_are_blind: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    settings.EXACT_SEARCH_LIMIT = 299
    with_axes(encoder)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE reference_vectors SET embedding = embedding")
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(reduction, "_keep_axes", lambda *_: False)
        assert not keep_depths(encoder.pk, stored)
    assert keep_depths(encoder.pk, stored)
    assert Reduction.objects.get().learned_from == 300


@pytest.mark.parametrize("busy", ["another process", "the vectors"])
def test_what_could_not_be_done_now_is_done_at_the_next_refresh(
    stored: CatalogueVectors, encoder: Encoder, settings: Any, monkeypatch: pytest.MonkeyPatch,
    busy: str,
) -> None:  # fmt: skip
    settings.EXACT_SEARCH_LIMIT = 299
    with monkeypatch.context() as meanwhile:
        if busy == "another process":
            meanwhile.setattr(reduction, "alone", lambda: contextlib.nullcontext(False))
        else:
            meanwhile.setattr(reduction, "reduce_vectors", lambda *_, **__: False)
        assert keeping.refresh(encoder, [])
        assert not Reduction.objects.exists()
        assert Encoder.objects.get(pk=encoder.pk).search_depth == 100, "by the index until then"
    for expected in (True, False):
        encoder.refresh_from_db()
        assert keeping.refresh(encoder, []) is expected
        assert Reduction.objects.get().depth == 100


def test_a_catalogue_that_became_small_begins_anew(
    drawn: CatalogueVectors, encoder: Encoder
) -> None:
    Encoder.objects.filter(pk=encoder.pk).update(search_depth=200)
    with_axes(encoder, depth=450)
    keep_depths(encoder.pk, drawn)
    assert Encoder.objects.get(pk=encoder.pk).search_depth == DEEPEST_SEARCH
    assert Reduction.objects.get().depth is None


def test_what_was_measured_is_what_is_searched(
    stored: CatalogueVectors, encoder: Encoder, settings: Any
) -> None:
    settings.EXACT_SEARCH_LIMIT = 299
    keep_depths(encoder.pk, stored)
    for question in questions(stored)[:20]:
        (right,) = module._nearest_implants(stored, question[None])
        found = search(question, encoder_id=encoder.pk)
        assert {candidate.implant_id for candidate in found} == right
