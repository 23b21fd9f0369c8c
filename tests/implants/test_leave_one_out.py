"""The catalogue against itself, beside a plain loop over all pairs."""

import numpy as np
import pytest

from implants import leave_one_out as module
from implants.leave_one_out import CatalogueVectors, leave_one_out
from implants.models import DIMENSIONS, Encoder
from implants.search import search
from tests.factories import (
    EncoderFactory,
    ImplantFactory,
    ReferenceVectorFactory,
    reference_with_vector,
    unit_vector,
)


def catalogue(
    implants: list[int], *, films: list[int] | None = None, seed: int = 0
) -> CatalogueVectors:
    """References with random vectors, of these implants (sorted); each a film of its own."""
    count = len(implants)
    vectors = np.random.default_rng(seed).normal(size=(count, DIMENSIONS)).astype(np.float32)
    return CatalogueVectors(
        reference_ids=np.arange(100, 100 + count),
        implant_ids=np.array(implants, dtype=np.int64),
        films=np.array(films if films is not None else range(count)),
        has_region=np.zeros(count, dtype=bool),
        vectors=vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
    )


def by_loop(references: CatalogueVectors, asking: int) -> tuple[float, float, int, int]:
    """Best to its own implant, best to another and which, and its implant's rank."""
    best: dict[int, float] = {}
    for other, implant in enumerate(references.implant_ids):
        if references.films[other] != references.films[asking]:
            alike = float(references.vectors[asking] @ references.vectors[other])
            best[int(implant)] = max(alike, best.get(int(implant), -2))
    own = best.pop(int(references.implant_ids[asking]), np.nan)
    first = max(best, key=lambda implant: best[implant])
    rank = 0 if np.isnan(own) else 1 + sum(alike >= own for alike in best.values())
    return own, best[first], first, rank


@pytest.mark.parametrize("block_bytes", [1, 500, 2**20])
def test_the_same_as_a_loop_over_all_pairs(
    block_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BLOCK_BYTES", block_bytes)
    references = catalogue([3, 3, 3, 5, 8, 8, 9, 9, 9, 9], films=[0, 1, 2, 0, 4, 5, 6, 7, 8, 4])
    found = leave_one_out(references)
    expected = [by_loop(references, asking) for asking in range(10)]
    own, other, first, rank = (np.array(column) for column in zip(*expected, strict=True))
    assert np.allclose(found.own_similarity, own, atol=1e-6, equal_nan=True)
    assert np.allclose(found.other_similarity, other, atol=1e-6)
    assert found.other_implant_ids.tolist() == first.tolist()
    assert found.own_rank.tolist() == rank.tolist()
    assert found.is_right.tolist() == (rank == 1).tolist()


def test_a_film_never_meets_itself() -> None:
    found = leave_one_out(catalogue([1, 1, 2, 2]))
    assert np.nanmax(found.own_similarity) < 0.9


def test_a_film_of_two_implants_is_no_neighbour_of_its_twin() -> None:
    references = catalogue([1, 1, 2, 2], films=[0, 1, 0, 2])
    references.vectors[2] = references.vectors[0]
    found = leave_one_out(references)
    assert np.nanmax(found.other_similarity) < 0.9


def test_an_implant_with_one_film_has_nothing_to_be_right_with() -> None:
    found = leave_one_out(catalogue([1, 2, 2]))
    assert found.own_rank[0] == 0
    assert np.isnan(found.own_similarity[0])
    assert found.has_own.tolist() == [False, True, True]
    assert not found.is_right[0]
    assert found.single_references == 1


def test_shares_of_implants_with_a_film_of_each_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    references = catalogue([1, 1, 2, 2, 3, 4])
    references.has_region[[0, 2, 3]] = True
    monkeypatch.setattr(module, "MAX_QUESTIONS", 2)  # counted over all, whoever asks
    found = leave_one_out(references)
    assert (found.with_region, found.with_whole_film) == (0.5, 0.75)


def test_the_only_implant_has_no_other() -> None:
    found = leave_one_out(catalogue([7, 7]))
    assert np.isnan(found.other_similarity).all()
    assert found.other_implant_ids.tolist() == [0, 0]


def test_of_a_large_catalogue_some_ask_all(monkeypatch: pytest.MonkeyPatch) -> None:
    references = catalogue([number // 3 for number in range(90)])
    everybody = leave_one_out(references)
    monkeypatch.setattr(module, "MAX_QUESTIONS", 10)
    found = leave_one_out(references)
    assert len(found.reference_ids) == 10
    place = np.searchsorted(everybody.reference_ids, found.reference_ids)
    assert np.allclose(found.other_similarity, everybody.other_similarity[place])


def test_an_empty_catalogue_has_nothing_to_ask() -> None:
    assert len(leave_one_out(catalogue([])).reference_ids) == 0


@pytest.mark.django_db
def test_load_reads_one_encoders_vectors_with_what_they_show() -> None:
    encoder: Encoder = EncoderFactory.create()
    second, first = ImplantFactory.create(), ImplantFactory.create()
    marked = reference_with_vector(unit_vector(1), encoder, first)
    marked.region = [0.1, 0.1, 0.5, 0.5]
    marked.save()
    whole = reference_with_vector(unit_vector(2), encoder, second)
    twin = reference_with_vector(unit_vector(3), encoder, first)
    twin.sha256 = whole.sha256
    twin.save()
    ReferenceVectorFactory.create(reference=whole)  # another encoder's
    loaded = CatalogueVectors.load(encoder.pk)
    assert loaded.reference_ids.tolist() == [whole.pk, marked.pk, twin.pk]
    assert loaded.implant_ids.tolist() == [second.pk, first.pk, first.pk]
    assert loaded.has_region.tolist() == [False, True, False]
    assert loaded.films[0] == loaded.films[2] != loaded.films[1]
    assert np.allclose(loaded.vectors[0], unit_vector(2), atol=1e-6)


@pytest.mark.django_db
def test_the_first_suggestion_is_the_searchs() -> None:
    encoder: Encoder = EncoderFactory.create()
    implants = [ImplantFactory.create() for _ in range(4)]
    for seed in range(12):
        reference_with_vector(unit_vector(seed), encoder, implants[seed % 4])
    loaded = CatalogueVectors.load(encoder.pk)
    found = leave_one_out(loaded)
    for place, vector in enumerate(loaded.vectors):
        # The search finds the reference itself as well, and its implant with it: without that one.
        others = search(vector, encoder_id=encoder.pk, k=4)
        strangers = [it for it in others if it.implant_id != found.implant_ids[place]]
        assert strangers[0].implant_id == found.other_implant_ids[place]
        assert strangers[0].similarity == pytest.approx(found.other_similarity[place], abs=1e-5)


def test_a_film_that_was_saved_twice_is_one_film() -> None:
    """Its copy would find it with a similarity that no film of a patient reaches."""
    references = catalogue([1, 1, 1, 2, 2])
    copy = references.vectors[0] + 0.001 * references.vectors[3]
    references.vectors[1] = copy / np.linalg.norm(copy)

    found = leave_one_out(references)

    assert found.own_similarity.max() < 0.5
    other = references.vectors[0] @ references.vectors[2]
    assert found.own_similarity[0] == pytest.approx(other, abs=1e-6)
