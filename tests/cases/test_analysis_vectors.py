"""The same film is not encoded again: not of a reference, not of an earlier search."""

import hashlib
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.core.files.base import ContentFile
from PIL import Image

from cases import analysis, searching
from cases.models import Case, CaseImage, Search
from implants.demo.systems import DemoSystem
from implants.encoders.active import EncoderReplaced
from implants.encoders.session import EncoderSession
from implants.models import Encoder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]

Films = list[tuple[DemoSystem, bytes]]
MakeCase = Callable[..., Case]


@pytest.fixture
def encodings(catalogue: Encoder, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images each call of the encoder took."""
    taken: list[int] = []
    real = EncoderSession.embed

    def counted(self: EncoderSession, tensors: Any) -> Any:
        taken.append(len(tensors))
        return real(self, tensors)

    monkeypatch.setattr(EncoderSession, "embed", counted)
    return taken


def received(case: Case, data: bytes, *, sha256: str | None = None) -> CaseImage:
    """The case's image as if `data` had been received: its copy has other bytes."""
    image = case.images.get()
    copy = io.BytesIO()
    Image.open(io.BytesIO(data)).convert("L").save(copy, "PNG", compress_level=9)
    assert copy.getvalue() != data
    image.sha256 = hashlib.sha256(data).hexdigest() if sha256 is None else sha256
    image.file.save(f"{case.pk}.png", ContentFile(copy.getvalue()))
    return image


def searches(case: Case) -> list[Search]:
    analysis.analyze_case(case.pk, is_last_attempt=True)
    case.refresh_from_db()
    assert (case.state, case.problem) == ("pending", "")
    return list(Search.objects.filter(finding__case=case).order_by("pk"))


def turned(data: bytes) -> bytes:
    """A film that is no reference."""
    turned = io.BytesIO()
    Image.open(io.BytesIO(data)).rotate(180).save(turned, "PNG")
    return turned.getvalue()


def test_the_film_of_a_reference_is_known(
    make_case: MakeCase, reference_films: Films, encodings: list[int]
) -> None:
    case = make_case()
    received(case, reference_films[3][1])

    (search,) = searches(case)

    assert encodings == []
    best = search.results.get(rank=1)
    assert best.implant.name == reference_films[3][0].name
    assert best.similarity == pytest.approx(1)


def test_an_earlier_search_of_the_film_is_known(
    make_case: MakeCase, reference_films: Films, encodings: list[int]
) -> None:
    film = turned(reference_films[0][1])
    first, second = make_case(), make_case()
    for case in (first, second):
        received(case, film)

    before, again = searches(first), searches(first)
    elsewhere = searches(second)

    assert encodings == [1]
    assert len(again) == 2
    for search in (*again, *elsewhere):
        assert np.array_equal(search.embedding, before[0].embedding)


def test_a_region_of_a_known_film_is_encoded(
    make_case: MakeCase, reference_films: Films, encodings: list[int]
) -> None:
    case = make_case()
    image = received(case, turned(reference_films[0][1]))
    (whole,) = searches(case)
    case.findings.update(region=[0.25, 0.25, 0.5, 0.5], image=image)

    part = searches(case)[-1]

    assert encodings == [1, 1]
    assert not np.allclose(part.embedding, whole.embedding)


def test_another_encoders_search_is_not_taken(
    make_case: MakeCase, reference_films: Films, encodings: list[int]
) -> None:
    case = make_case()
    received(case, turned(reference_films[0][1]))
    other = Encoder.objects.create(name="other", path="nowhere")
    searches(case)
    Search.objects.update(encoder=other)

    searches(case)

    assert encodings == [1, 1]


def test_films_whose_bytes_nobody_knows_are_not_taken_for_each_other(
    make_case: MakeCase, reference_films: Films, encodings: list[int]
) -> None:
    cases = [make_case(), make_case()]
    for case, (_, film) in zip(cases, reference_films, strict=False):
        received(case, turned(film), sha256="")

    (first,), (second,) = (searches(case) for case in cases)

    assert encodings == [1, 1]
    assert not np.allclose(first.embedding, second.embedding)


def test_an_encoder_that_is_replaced_meanwhile_is_asked_again_later(
    make_case: MakeCase, reference_films: Films, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = make_case()
    received(case, reference_films[0][1])

    def replaced(*_: Any, **__: Any) -> Any:
        raise EncoderReplaced

    monkeypatch.setattr(searching, "identify", replaced)
    with pytest.raises(searching.TryAgain):
        analysis.analyze_case(case.pk, is_last_attempt=False)
    assert not Search.objects.exists()
