"""The vector of the same part of the same film by the same encoder is computed once."""

import base64
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.cache import caches

from implants.catalogue import add_reference
from implants.embedding import embed, embed_reference
from implants.encoders.active import ActiveEncoder, active
from implants.encoders.session import EncoderSession
from implants.identification import identify
from implants.models import Encoder, ReferenceVector
from implants.radiograph import open_radiograph
from implants.region import Region
from implants.vectors import CACHE, KEPT_SECONDS, vector_of
from tests.factories import ImplantFactory, ReferenceVectorFactory, unit_vector
from tests.implants.conftest import film
from tests.stack import free_port

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]

PART = Region(0.25, 0.25, 0.5, 0.5)
FILM = open_radiograph(film(1))


@pytest.fixture
def asked(encoder: Encoder) -> ActiveEncoder:
    return active()


@pytest.fixture
def encodings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images each call of the encoder took."""
    taken: list[int] = []
    real = EncoderSession.embed

    def counted(self: EncoderSession, tensors: Any) -> Any:
        taken.append(len(tensors))
        return real(self, tensors)

    monkeypatch.setattr(EncoderSession, "embed", counted)
    return taken


@pytest.fixture
def cache(redis_url: str, settings: Any) -> Iterator[Any]:
    """The cache of vectors as the settings make it with Redis, empty."""
    settings.CACHES = {**settings.CACHES, CACHE: settings.VECTOR_CACHE | {"LOCATION": redis_url}}
    made: Any = caches[CACHE]
    made.clear()
    yield made
    made.clear()
    made.client.get_client().close()


def known(vector: ReferenceVector, asked: ActiveEncoder, region: Region | None = None) -> bool:
    """Whether the film of this vector's reference is taken to be known."""
    found = vector_of(replace(FILM, sha256=vector.reference.sha256), asked, region)
    return bool(np.allclose(found, vector.embedding))


def test_film_of_a_reference_is_not_encoded_again(
    asked: ActiveEncoder, encodings: list[int]
) -> None:
    vector = ReferenceVectorFactory.create(encoder_id=asked.encoder_id)

    assert known(vector, asked)
    assert encodings == []


def test_vector_counts_for_its_own_region_only(asked: ActiveEncoder) -> None:
    part = ReferenceVectorFactory.create(
        encoder_id=asked.encoder_id, reference__region=PART.to_list()
    )

    assert known(part, asked, PART)
    assert not known(part, asked)
    assert not known(part, asked, Region(0.25, 0.25, 0.5, 0.5000001))
    assert not known(part, asked, Region(0, 0, 1, 1))


def test_vector_of_another_encoder_is_not_taken(asked: ActiveEncoder) -> None:
    assert not known(ReferenceVectorFactory.create(), asked)


@pytest.mark.parametrize("factor", [0.0, 0.5], ids=["zero", "half"])
def test_vector_that_is_none_is_computed_again(asked: ActiveEncoder, factor: float) -> None:
    broken = unit_vector(1) * factor
    vector = ReferenceVectorFactory.create(encoder_id=asked.encoder_id, embedding=broken)

    assert not known(vector, asked)


def test_one_film_of_two_implants_is_encoded_once(
    asked: ActiveEncoder, encodings: list[int]
) -> None:
    both = [add_reference(ImplantFactory.create(), film(1)).reference for _ in range(2)]
    third = add_reference(ImplantFactory.create(), film(1), region=PART).reference
    fourth = add_reference(ImplantFactory.create(), film(1)).reference

    assert embed([*both, third], asked) == []
    embed_reference(fourth.pk)

    assert encodings == [2]
    vectors = dict(ReferenceVector.objects.values_list("reference_id", "embedding"))
    assert np.array_equal(vectors[both[0].pk], vectors[both[1].pk])
    assert np.array_equal(vectors[both[0].pk], vectors[fourth.pk])
    assert not np.allclose(vectors[both[0].pk], vectors[third.pk])


def test_identify_uses_what_is_known(asked: ActiveEncoder, encodings: list[int]) -> None:
    reference = add_reference(ImplantFactory.create(), film(1)).reference
    embed([reference], asked)
    encodings.clear()

    found = identify(FILM, asked)

    assert encodings == []
    assert found.candidates[0].reference_id == reference.pk
    assert found.candidates[0].similarity == pytest.approx(1)


def test_without_redis_nothing_is_kept(asked: ActiveEncoder, encodings: list[int]) -> None:
    vector_of(FILM, asked, None)
    vector_of(FILM, asked, None)

    assert encodings == [1, 1]


def test_redis_keeps_a_vector_for_a_day(
    asked: ActiveEncoder, encodings: list[int], cache: Any
) -> None:
    first = vector_of(FILM, asked, None)
    again = vector_of(FILM, asked, None)
    part = vector_of(FILM, asked, PART)

    assert encodings == [1, 1]
    assert np.array_equal(first, again)
    assert not np.allclose(first, part)
    (whole, _) = sorted(cache.keys("*"), key=lambda key: not key.endswith(":whole"))
    assert FILM.sha256 in whole
    assert KEPT_SECONDS - 60 < cache.ttl(whole) <= KEPT_SECONDS == 86_400


def test_redis_keeps_vectors_of_encoders_apart(
    asked: ActiveEncoder, encodings: list[int], cache: Any
) -> None:
    vector_of(FILM, asked, None)
    vector_of(FILM, replace(asked, version="2"), None)
    vector_of(FILM, replace(asked, encoder_id=asked.encoder_id + 1), None)

    assert encodings == [1, 1, 1]


NOT_FINITE = np.full(512, np.nan, np.float32)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "not base64",
        7,
        None,
        base64.b64encode(unit_vector(1)[:511].tobytes()).decode(),
        base64.b64encode(unit_vector(1).astype(np.float64).tobytes()).decode(),
        base64.b64encode((2 * unit_vector(1)).tobytes()).decode(),
        base64.b64encode(NOT_FINITE.tobytes()).decode(),
    ],
    ids=["empty", "words", "number", "null", "short", "double", "long", "nan"],
)
def test_anything_else_in_redis_is_not_taken_for_a_vector(
    asked: ActiveEncoder, encodings: list[int], cache: Any, value: Any
) -> None:
    expected = vector_of(FILM, asked, None)
    (key,) = cache.keys("*")
    cache.set(key, value)

    assert np.array_equal(vector_of(FILM, asked, None), expected)
    assert encodings == [1, 1]


def test_bytes_in_redis_that_are_no_text_are_not_taken(
    asked: ActiveEncoder, encodings: list[int], cache: Any
) -> None:
    vector_of(FILM, asked, None)
    (key,) = cache.client.get_client().keys("*")
    cache.client.get_client().set(key, b"\x80\x04cos\nsystem\n")

    vector_of(FILM, asked, None)

    assert encodings == [1, 1]


def test_search_goes_on_without_redis(
    asked: ActiveEncoder,
    encodings: list[int],
    cache: Any,
    settings: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    nobody = f"redis://127.0.0.1:{free_port()}/0"
    settings.CACHES = {**settings.CACHES, CACHE: settings.VECTOR_CACHE | {"LOCATION": nobody}}

    with caplog.at_level(logging.WARNING, "implants.vectors"):
        vector_of(FILM, asked, None)

    assert encodings == [1]
    assert [record.message for record in caplog.records] == [
        "vector cache not read",
        "vector cache not written",
    ]


def test_a_film_whose_bytes_nobody_knows_is_like_no_other(
    asked: ActiveEncoder, encodings: list[int], media: Path
) -> None:
    pair = [add_reference(ImplantFactory.create(), film(seed)).reference for seed in (1, 2)]
    for reference in pair:
        reference.sha256 = ""
        reference.save()

    assert embed(pair, asked) == []

    first, second = ReferenceVector.objects.order_by("pk")
    assert not np.allclose(first.embedding, second.embedding)
