"""Reduced vectors: the database keeps them true, and they are asked only when all are there."""

import logging

import numpy as np
import pytest
from django.db import connection, transaction

from implants import partitioning, reduction
from implants.leave_one_out import CatalogueVectors
from implants.models import (
    AXES,
    Encoder,
    PrincipalAxis,
    ReducedVector,
    Reduction,
    ReferenceImage,
    ReferenceVector,
)
from raiox.common import runs
from tests.factories import (
    EncoderFactory,
    ImplantFactory,
    reference_with_vector,
    unit_vector,
    with_axes,
)
from tests.implants.test_search import fill

pytestmark = pytest.mark.django_db

HALF = 2e-3
"""What half precision loses of a number below 1, and somewhat more."""


@pytest.fixture
def encoder() -> Encoder:
    return EncoderFactory.create(is_active=True)


def axes_of(encoder: Encoder) -> np.ndarray:
    rows = PrincipalAxis.objects.filter(reduction_id=encoder.pk).order_by("number")
    return np.array(rows.values_list("direction", flat=True))


def assert_true(encoder: Encoder) -> None:
    """Each vector of the encoder is reduced along its axes as they are, and nothing else is."""
    vectors = ReferenceVector.objects.filter(encoder=encoder).order_by("reference_id")
    reduced = ReducedVector.objects.filter(encoder=encoder).order_by("reference_id")
    expected = dict(vectors.values_list("reference_id", "embedding"))
    found = {row.reference_id: np.array(row.reduced) for row in reduced}
    assert found.keys() == expected.keys()
    axes = axes_of(encoder)
    for reference_id, embedding in expected.items():
        np.testing.assert_allclose(found[reference_id], axes @ embedding, atol=HALF)


def catalogue(encoder: Encoder, implants: int = 20, films: int = 5) -> CatalogueVectors:
    """Films spread round their implants' directions, in the database."""
    rng = np.random.default_rng(2)
    middles = rng.normal(size=(implants, 512))
    vectors = middles[np.arange(implants * films) % implants]
    vectors = vectors + 0.5 * rng.normal(size=vectors.shape)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    fill(encoder, vectors.astype(np.float32), ImplantFactory.create_batch(implants))
    return CatalogueVectors.load(encoder.pk)


def test_axes_are_those_along_which_the_vectors_are_longest() -> None:
    rng = np.random.default_rng(3)
    turned, _ = np.linalg.qr(rng.normal(size=(512, 512)))
    scales = np.where(np.arange(512) < AXES, 1.0, 0.05)
    vectors = (rng.normal(size=(3000, 512)) * scales) @ turned.T
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    numbers = np.arange(3000)
    drawn = CatalogueVectors(
        numbers, numbers // 3, numbers, numbers < 0, vectors.astype(np.float32)
    )

    axes = reduction.principal_axes(drawn)

    assert axes.shape == (AXES, 512)
    np.testing.assert_allclose(axes @ axes.T, np.eye(AXES), atol=1e-5)
    # They span the long directions, the longest first.
    assert (axes @ turned[:, AXES:]).max() < 0.05
    lengths = ((vectors @ axes.T) ** 2).sum(axis=0)
    assert lengths[:10].min() > lengths[-10:].max()


def test_an_implant_with_many_films_counts_as_one_with_few() -> None:
    rng = np.random.default_rng(3)
    crowd = np.tile(np.eye(512)[:200], (10, 1))  # one implant, 2,000 films in 200 directions
    rare = np.eye(512)[300 : 300 + AXES]  # 128 implants with a film each
    vectors = np.concatenate([crowd, rare]).astype(np.float32)
    implants = np.concatenate([np.zeros(2000, int), 1 + np.arange(AXES)])
    numbers = rng.permutation(len(vectors))
    drawn = CatalogueVectors(numbers, implants, numbers, numbers < 0, vectors)

    kept = ((vectors @ reduction.principal_axes(drawn).T) ** 2).sum(axis=1)

    assert kept[2000:] == pytest.approx(np.ones(AXES), abs=1e-5)


def test_whatever_is_written_is_reduced_in_the_same_transaction(encoder: Encoder) -> None:
    with_axes(encoder)
    reference = reference_with_vector(unit_vector(1), encoder, ImplantFactory.create())
    assert_true(encoder)
    # As a vector is made anew, and as any other program would write.
    ReferenceVector.objects.bulk_create(
        [ReferenceVector(reference=reference, encoder=encoder, embedding=unit_vector(2))],
        update_conflicts=True, unique_fields=["reference", "encoder"], update_fields=["embedding"],
    )  # fmt: skip
    assert_true(encoder)
    ReferenceVector.objects.filter(reference=reference).update(embedding=unit_vector(3))
    assert_true(encoder)

    with pytest.raises(RuntimeError, match="taken back"), transaction.atomic():
        ReferenceVector.objects.filter(reference=reference).update(embedding=unit_vector(4))
        raise RuntimeError("taken back")
    assert_true(encoder)


def test_a_vector_that_moves_to_another_reference_is_reduced_there(encoder: Encoder) -> None:
    with_axes(encoder)
    reference = reference_with_vector(unit_vector(1), encoder, ImplantFactory.create())
    other = ReferenceImage.objects.create(
        implant=reference.implant, image="x.png", source_key="x", sha256="0" * 64
    )

    ReferenceVector.objects.filter(reference=reference).update(reference=other)

    assert_true(encoder)


def test_what_is_removed_is_removed_there_too(encoder: Encoder) -> None:
    with_axes(encoder)
    kept, removed = (
        reference_with_vector(unit_vector(seed), encoder, ImplantFactory.create())
        for seed in (1, 2)
    )

    removed.delete()

    assert list(ReducedVector.objects.values_list("reference_id", flat=True)) == [kept.pk]
    encoder.delete()
    assert not ReducedVector.objects.exists()
    assert not PrincipalAxis.objects.exists()


def test_an_encoder_without_axes_has_nothing_reduced(encoder: Encoder) -> None:
    other = EncoderFactory.create()
    with_axes(other)

    reference_with_vector(unit_vector(1), encoder, ImplantFactory.create())

    assert not ReducedVector.objects.exists()


def test_vectors_that_were_there_before_the_axes_are_reduced(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reduction, "_BATCH", 7)
    vectors = catalogue(encoder)
    another = EncoderFactory.create()
    reference_with_vector(unit_vector(1), another, ImplantFactory.create())

    assert reduction.reduce_vectors(encoder.pk, vectors)

    assert Reduction.objects.get().learned_from == 100
    assert ReducedVector.objects.count() == 100
    assert_true(encoder)


def test_filling_goes_on_where_it_was_interrupted(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = catalogue(encoder)
    reduction.reduce_vectors(encoder.pk, vectors)
    axes = axes_of(encoder)
    some = list(ReducedVector.objects.order_by("reference_id")[10:40].values_list("reference_id"))
    ReducedVector.objects.filter(reference_id__in=[pk for (pk,) in some]).delete()
    monkeypatch.setattr(reduction, "principal_axes", lambda _: pytest.fail("learned again"))

    assert reduction.reduce_vectors(encoder.pk, vectors)

    assert_true(encoder)
    np.testing.assert_array_equal(axes_of(encoder), axes)


def test_axes_that_are_learned_anew_leave_nothing_of_the_old(encoder: Encoder) -> None:
    vectors = catalogue(encoder)
    with_axes(encoder, np.eye(512)[:AXES])
    with connection.cursor() as cursor:  # as they were written with the old axes
        cursor.execute("UPDATE reference_vectors SET embedding = embedding")
    assert_true(encoder)

    assert reduction.reduce_vectors(encoder.pk, vectors, anew=True)

    assert_true(encoder)
    found = Reduction.objects.get()
    assert (found.learned_from, found.depth) == (100, None), "not asked until it is measured"


def test_depth_is_kept_when_all_vectors_are_reduced(encoder: Encoder) -> None:
    reduction.reduce_vectors(encoder.pk, catalogue(encoder))

    assert reduction.keep_depth(encoder.pk, 300, 100)

    found = Reduction.objects.get()
    assert (found.depth, found.measured_from) == (300, 100)
    assert reduction.keep_depth(encoder.pk, None)
    found.refresh_from_db()
    assert (found.depth, found.measured_from) == (None, 0)


def test_a_vector_that_is_not_reduced_keeps_all_of_them_from_being_searched(
    encoder: Encoder, caplog: pytest.LogCaptureFixture
) -> None:
    reduction.reduce_vectors(encoder.pk, catalogue(encoder))
    reduction.keep_depth(encoder.pk, 300, 100)
    ReducedVector.objects.filter(reference_id=ReferenceImage.objects.first()).delete()

    with caplog.at_level(logging.WARNING, "implants.reduction"):
        assert not reduction.keep_depth(encoder.pk, 300, 100)

    assert Reduction.objects.get().depth is None
    assert "not all vectors are reduced" in caplog.text


def test_depth_of_an_encoder_without_axes_is_not_kept(encoder: Encoder) -> None:
    catalogue(encoder)
    assert not reduction.keep_depth(encoder.pk, 300, 100)
    assert not Reduction.objects.exists()


def test_a_run_whose_job_is_another_ones_writes_nothing(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = catalogue(encoder)
    reduction.reduce_vectors(encoder.pk, vectors)
    with runs.running(runs.Run(1, 1)):
        with pytest.raises(runs.Superseded):
            reduction.keep_depth(encoder.pk, 300, 100)
        with pytest.raises(runs.Superseded):
            reduction.reduce_vectors(encoder.pk, vectors, anew=True)
    assert Reduction.objects.get().depth is None


@pytest.mark.parametrize(
    "loss",
    [
        # By an older release's partition_vectors; by somebody.
        "DROP TRIGGER reduce_reference_vector ON reference_vectors",
        "ALTER TABLE reference_vectors DISABLE TRIGGER reduce_reference_vector",
    ],
)
def test_where_the_trigger_got_lost_all_encoders_begin_anew(encoder: Encoder, loss: str) -> None:
    other = EncoderFactory.create()
    with_axes(other)
    reference_with_vector(unit_vector(1), other, ImplantFactory.create())
    vectors = catalogue(encoder)
    assert reduction.is_kept()
    reduction.reduce_vectors(encoder.pk, vectors)
    before = Reduction.objects.get(pk=encoder.pk)
    connection.check_constraints()  # PostgreSQL alters no table while some are to be checked
    with connection.cursor() as cursor:
        cursor.execute(loss)
    ReferenceVector.objects.filter(pk__in=ReferenceVector.objects.all()[:5]).update(
        embedding=unit_vector(7)
    )

    assert reduction.reduce_vectors(encoder.pk, vectors)

    assert_true(encoder)
    assert list(Reduction.objects.values_list("pk", flat=True)) == [before.pk]
    assert not ReducedVector.objects.filter(encoder=other).exists()
    ReferenceVector.objects.filter(encoder=encoder)[0].delete()
    assert_true(encoder)


@pytest.mark.parametrize(("count", "expected"), [(199, False), (200, True)])
def test_a_catalogue_twice_as_large_may_learn_again(
    encoder: Encoder, count: int, expected: bool
) -> None:
    reduction.reduce_vectors(encoder.pk, catalogue(encoder))
    assert reduction.has_grown(encoder.pk, count) is expected


@pytest.mark.django_db(transaction=True)
def test_partitions_keep_the_trigger(encoder: Encoder) -> None:
    reduction.reduce_vectors(encoder.pk, catalogue(encoder))
    for count in (3, 0):
        partitioning.convert(count, lambda *_: None)
        assert_true(encoder)
        reference_with_vector(unit_vector(count), encoder, ImplantFactory.create())
        one = ReferenceVector.objects.order_by("pk")[count]
        ReferenceVector.objects.filter(pk=one.pk).update(embedding=unit_vector(count + 50))
        ReferenceImage.objects.order_by("pk")[10].delete()
        assert_true(encoder)


@pytest.mark.django_db(transaction=True)
def test_partitions_leave_a_trigger_out_that_was_switched_off(encoder: Encoder) -> None:
    # What was written meanwhile is not reduced: that must show, for all to be done anew.
    vectors = catalogue(encoder)
    reduction.reduce_vectors(encoder.pk, vectors)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE reference_vectors DISABLE TRIGGER reduce_reference_vector")
    ReferenceVector.objects.filter(encoder=encoder).update(embedding=unit_vector(3))

    for count in (3, 0):
        partitioning.convert(count, lambda *_: None)
        assert not reduction.is_kept()

    reduction.reduce_vectors(encoder.pk, vectors)
    assert reduction.is_kept()
    assert_true(encoder)
