"""A radiograph goes in, the most similar implants come out, nothing stays."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from cases.models import Case, Search
from implants.calibration.strangers import document
from implants.calibration.words import Calibration, Words
from implants.encoders import active
from implants.encoders.session import EncoderSession, EncodingError
from implants.formats import Busy
from implants.models import Encoder, Implant, Manufacturer, ReferenceImage, ReferenceVector
from implants.radiograph import MAX_BYTES, open_radiograph
from implants.region import Region
from tests.api.conftest import film, stored_reference
from tests.factories import ImplantFactory, reference_with_vector

pytestmark = pytest.mark.django_db
AddFilm = Callable[[Implant, bytes], ReferenceImage]


def post(client: APIClient, data: bytes, path: str = "/search", **fields: Any) -> Any:
    file = SimpleUploadedFile("film.png", data, "image/png")
    return client.post(path, {"file": file, **fields}, format="multipart")


@pytest.fixture
def five(add_film: AddFilm) -> list[ReferenceImage]:
    """Five implants with a film each."""
    return [add_film(ImplantFactory.create(is_demo=True), film(seed)) for seed in range(5)]


def test_search_finds_the_film_itself(
    as_reader: APIClient, five: list[ReferenceImage], encoder: Encoder
) -> None:
    answer = post(as_reader, film(3)).json()
    assert (answer["encoder"], answer["confidence"], answer["reason"]) == (encoder.name, None, None)
    assert [result["rank"] for result in answer["results"]] == [1, 2, 3]
    first, second, third = answer["results"]
    assert first["implant"]["id"] == five[3].implant_id
    assert first["implant"]["manufacturer"] == five[3].implant.manufacturer.name
    assert first["implant"]["is_demo"] is True
    assert first["reference"]["id"] == five[3].pk
    assert first["similarity"] == pytest.approx(1, abs=1e-4)
    assert first["similarity"] > second["similarity"] >= third["similarity"]


def test_the_word_comes_with_the_observations_behind_it(
    as_reader: APIClient, five: list[ReferenceImage], encoder: Encoder
) -> None:
    nothing = Words(None, None, None, references=0, decisions=0, implants=0)
    words = Words(0.9, 0.5, 0.1, references=80, decisions=3, implants=9)
    encoder.calibration = Calibration(region=nothing, whole_film=words).to_json()
    encoder.save()
    page = document(2)
    buffer = io.BytesIO()
    page.save(buffer, "PNG")
    sure, unsure = post(as_reader, film(3)).json(), post(as_reader, buffer.getvalue()).json()
    part = post(as_reader, film(3), region="[0.1, 0.1, 0.5, 0.5]").json()
    assert (sure["confidence"], sure["observations"], sure["concerns"]) == ("high", 83, [])
    assert unsure["concerns"] == ["document"]
    assert unsure["confidence"] in ("low", "out_of_catalogue")
    assert (part["confidence"], part["observations"]) == (None, 0)


def test_region_decides_what_is_compared(as_reader: APIClient, five: list[ReferenceImage]) -> None:
    whole = post(as_reader, film(3)).json()["results"][0]["similarity"]
    sides = {"x": 0.1, "y": 0.2, "width": 0.3, "height": 0.5}
    as_object = post(as_reader, film(3), region=json.dumps(sides)).json()
    as_list = post(as_reader, film(3), region=json.dumps(list(sides.values()))).json()
    assert as_object["results"][0]["similarity"] < whole - 0.01
    scores = [[result["similarity"] for result in a["results"]] for a in (as_object, as_list)]
    assert scores[0] == scores[1]


def test_region_is_what_the_encoder_sees(
    as_reader: APIClient, encoder: Encoder, add_film: AddFilm
) -> None:
    region = Region(0.1, 0.2, 0.3, 0.5)
    implant = ImplantFactory.create()
    embedding = active.active().session.encode(open_radiograph(film(3)).image, region)
    reference_with_vector(embedding, encoder, implant)
    part = post(as_reader, film(3), region=json.dumps(region.to_list())).json()["results"][0]
    whole = post(as_reader, film(3)).json()["results"][0]
    assert part["similarity"] == pytest.approx(1, abs=1e-4)
    assert whole["similarity"] < 0.99


def test_look_alikes_are_candidates_first_then_the_rest_of_the_catalogue(
    as_reader: APIClient, five: list[ReferenceImage]
) -> None:
    assert post(as_reader, film(3)).json()["look_alikes"] is None
    rest = ImplantFactory.create(look_alike_group="cone", manufacturer=five[0].implant.manufacturer)
    Implant.objects.filter(pk=five[3].implant_id).update(look_alike_group="cone")

    found = post(as_reader, film(3)).json()["look_alikes"]

    assert found == {
        "group": "cone",
        "implants": [
            {
                "id": implant.pk,
                "name": implant.name,
                "manufacturer": implant.manufacturer.name,
                "is_demo": implant.is_demo,
            }
            for implant in (five[3].implant, rest)
        ],
    }


@pytest.mark.parametrize(
    "region",
    [
        "left", "[0, 0, 1]", "[0, 0, 2, 1]", "[0, 0, 1, NaN]", '{"x": 0}', "[" * 100_000,
        '{"x": 0, "y": 0, "width": "1", "height": 1}', f"[0, 0, 1, 1{'0' * 400}]", "7", "null",
    ],
)  # fmt: skip
def test_region_that_is_none_is_refused(as_reader: APIClient, region: str) -> None:
    answer = post(as_reader, film(0), region=region)
    assert answer.status_code == 400
    assert "region" in answer.json()["error"]["details"]


def test_manufacturer_narrows_the_search(as_reader: APIClient, five: list[ReferenceImage]) -> None:
    maker = five[1].implant.manufacturer
    Manufacturer.objects.filter(pk=maker.pk).update(name="Fábrica Ímpar")
    answer = post(as_reader, film(3), manufacturer=" fábrica ímpar ").json()
    assert [result["implant"]["id"] for result in answer["results"]] == [five[1].implant_id]
    (only,) = post(as_reader, film(3), path="/upload", manufacturer="FÁBRICA ÍMPAR").json()
    assert only["id"] == five[1].implant_id


def test_manufacturer_left_empty_narrows_nothing(
    as_reader: APIClient, five: list[ReferenceImage]
) -> None:
    assert len(post(as_reader, film(3), manufacturer="").json()["results"]) == 3


def test_manufacturer_without_references_is_said(
    as_reader: APIClient, five: list[ReferenceImage]
) -> None:
    maker = ImplantFactory.create().manufacturer
    answer = post(as_reader, film(3), manufacturer=maker.name).json()
    assert (answer["reason"], answer["results"]) == ("no_reference_of_manufacturer", [])


@pytest.mark.parametrize("path", ["/search", "/upload"])
def test_manufacturer_that_is_unknown_is_refused(
    as_reader: APIClient, five: list[ReferenceImage], path: str
) -> None:
    answer = post(as_reader, film(3), path=path, manufacturer="Nobody & Sons")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "unknown_manufacturer")
    assert "Nobody & Sons" in error["message"]


def test_upload_answers_a_bare_list(as_reader: APIClient, five: list[ReferenceImage]) -> None:
    answer = post(as_reader, film(2), path="/upload").json()
    assert len(answer) == 3
    assert answer[0]["id"] == five[2].implant_id
    assert answer[0]["similarity"] == pytest.approx(1, abs=1e-4)
    assert {"id", "name", "manufacturer", "type", "image_url"} <= set(answer[0])


def test_links_of_a_result_show_its_reference(
    as_reader: APIClient, add_film: AddFilm, encoder: Encoder
) -> None:
    implant = ImplantFactory.create()
    stored = stored_reference(implant, film(7))
    vector = add_film(implant, film(7)).vectors.get()
    ReferenceVector.objects.filter(pk=vector.pk).update(reference=stored)
    result = post(as_reader, film(7)).json()["results"][0]
    for url in (result["reference"]["image_url"], result["implant"]["image_url"]):
        picture = APIClient().get(url)
        assert (picture.status_code, picture.content) == (200, film(7))


def test_fewer_implants_give_fewer_results(as_reader: APIClient, add_film: AddFilm) -> None:
    implant = ImplantFactory.create()
    add_film(implant, film(0))
    add_film(implant, film(1))
    results = post(as_reader, film(1)).json()["results"]
    assert [result["implant"]["id"] for result in results] == [implant.pk]


def test_empty_catalogue_says_so(as_reader: APIClient, encoder: Encoder) -> None:
    ImplantFactory.create()
    answer = post(as_reader, film(0))
    assert answer.status_code == 200
    assert answer.json() == {
        "encoder": encoder.name,
        "confidence": None,
        "observations": 0,
        "concerns": [],
        "reason": "empty_catalogue",
        "look_alikes": None,
        "results": [],
    }
    assert post(as_reader, film(0), path="/upload").json() == []


def test_search_stores_nothing(
    as_reader: APIClient, five: list[ReferenceImage], media: Path, settings: Any
) -> None:
    settings.FILE_UPLOAD_TEMP_DIR = "/nonexistent"  # a spooled upload would fail
    big = film(1) + bytes(4 * 1024 * 1024)
    assert post(as_reader, big).status_code == 200
    assert not media.exists()
    assert ReferenceImage.objects.count() == ReferenceVector.objects.count() == 5
    assert not Case.objects.exists()
    assert not Search.objects.exists()


def test_largest_film_is_taken_and_one_byte_more_is_not(
    as_reader: APIClient, five: list[ReferenceImage]
) -> None:
    largest = film(1) + bytes(MAX_BYTES - len(film(1)))
    assert post(as_reader, largest).status_code == 200
    answer = post(as_reader, largest + b"\0")
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


class Unread:
    """A body that nobody may touch."""

    def read(self, *args: Any) -> bytes:
        raise AssertionError("the body was read")

    readline = read


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"CONTENT_LENGTH": str(MAX_BYTES + 100_000)}, 413),
        ({"HTTP_TRANSFER_ENCODING": "chunked"}, 411),
    ],
)
def test_body_over_the_cap_is_refused_unread(
    as_reader: APIClient, headers: dict[str, str], status: int
) -> None:
    form = {"CONTENT_TYPE": "multipart/form-data; boundary=x"}
    unread: dict[str, Any] = {**form, **headers, "wsgi.input": Unread()}
    answer = as_reader.generic("POST", "/search", **unread)
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"<html>log in</html>", 415, "not_an_image"),
        (b"", 415, "not_an_image"),
        (film(0)[:200], 415, "not_an_image"),
        (b"GIF89a ...", 415, "unsupported_format"),
        (film(0, size=(40, 40)), 400, "too_small"),
    ],
)
def test_what_is_no_film_is_refused(
    as_reader: APIClient, data: bytes, status: int, code: str
) -> None:
    answer = post(as_reader, data)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_film_that_nobody_has_time_to_read_is_no_refusal(
    as_reader: APIClient, five: list[ReferenceImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: Any) -> None:
        raise Busy

    monkeypatch.setattr("implants.radiograph.read_apart", busy)
    response = post(as_reader, b"%PDF-1.7")
    assert (response.status_code, response.json()["error"]["code"]) == (503, "busy")


def test_film_without_a_vector_is_said(
    as_reader: APIClient, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def all_zeros(session: EncoderSession, *args: Any) -> None:
        raise EncodingError(session.bundle.name)

    monkeypatch.setattr(EncoderSession, "encode", all_zeros)
    answer = post(as_reader, film(0))
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "nothing_to_compare")


def test_file_is_needed(as_reader: APIClient) -> None:
    answer = as_reader.post("/search", {}, format="multipart")
    assert answer.status_code == 400
    assert list(answer.json()["error"]["details"]) == ["file"]


def test_json_is_no_form(as_reader: APIClient) -> None:
    answer = as_reader.post("/search", {"file": "x"}, format="json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_media_type")


def test_no_active_encoder_is_said(as_reader: APIClient) -> None:
    active.forget()
    answer = post(as_reader, film(0))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "encoder_unavailable")


def test_broken_bundle_is_said_without_naming_files(
    as_reader: APIClient, encoder: Encoder, tmp_path: Path
) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    description = (Path(encoder.path) / "encoder.json").read_text()
    (folder / "encoder.json").write_text(description)
    (folder / "encoder.onnx").write_bytes(b"not a graph")
    Encoder.objects.update(path=str(folder))
    answer = post(as_reader, film(0))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "encoder_unavailable")
    assert str(tmp_path) not in answer.content.decode()
