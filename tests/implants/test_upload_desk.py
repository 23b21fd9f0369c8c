"""The upload desk: films are examined before they are saved, and saved as they were examined."""

import base64
import io
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image, ImageOps
from procrastinate.contrib.django.models import ProcrastinateJob

from implants import examination, radiograph
from implants.activation import activate
from implants.admin import upload
from implants.catalogue import add_reference
from implants.embedding import embed_reference
from implants.encoders import active
from implants.encoders.session import EncoderSession
from implants.formats import Busy
from implants.models import Encoder, Implant, ReferenceImage, ReferenceVector
from implants.radiograph import MAX_BYTES
from implants.region import Region
from tests.factories import ImplantFactory
from tests.implants.conftest import film, stored_name
from tests.implants.tiny_encoder import write_bundle
from tests.people import logged_in, person

pytestmark = pytest.mark.usefixtures("media")

REGION = Region(0.25, 0.1, 0.5, 0.75)
Send = Callable[..., Any]


@pytest.fixture
def implant(db: None) -> Implant:
    return ImplantFactory.create(name="Drive CM", manufacturer__name="Neodent")


@pytest.fixture
def other(db: None) -> Implant:
    return ImplantFactory.create(name="BLX", manufacturer__name="Straumann")


@pytest.fixture
def curator(db: None) -> User:
    return person("curadora", "Curadores")


@pytest.fixture
def send(curator: User, implant: Implant) -> Send:
    """Sends a film to the desk of `implant`: `send("examine", data, region=…)`."""

    def post(act: str, data: bytes, *, who: User = curator, **fields: Any) -> Any:
        address = f"/admin/implants/implant/{implant.pk}/films/{act}/"
        file = SimpleUploadedFile("um.png", data)
        region = fields.pop("region", None)
        if region:
            fields["region"] = json.dumps(region.to_list())
        return logged_in(who).post(address, {"file": file, **fields})

    return post


def keep(implant: Implant, seed: int, region: Region | None = REGION) -> ReferenceImage:
    """A reference with its vector."""
    reference = add_reference(implant, film(seed), region=region).reference
    embed_reference(reference.pk)
    return reference


def saved_again(data: bytes) -> bytes:
    """The same picture in other bytes."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(data)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def waiting_jobs() -> list[int]:
    jobs = ProcrastinateJob.objects.filter(task_name="implants.embed_reference", status="todo")
    return [job.args["reference_id"] for job in jobs.order_by("id")]


def test_examining_stores_nothing(send: Send, encoder: Encoder, media: Path) -> None:
    answer = send("examine", film(1), region=REGION)

    assert answer.status_code == 200
    assert not ReferenceImage.objects.exists() and not waiting_jobs()
    assert not list(media.rglob("*.png"))


def test_examined_film_comes_back_upright_for_every_browser(send: Send, encoder: Encoder) -> None:
    turned = Image.new("L", (200, 100))
    turned.paste(255, (0, 0, 100, 100))
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    turned.save(buffer, "TIFF", exif=exif)

    shown = Image.open(
        io.BytesIO(base64.b64decode(send("examine", buffer.getvalue()).json()["film"]))
    )

    assert (shown.format, shown.size) == ("JPEG", (100, 200))


def test_nearest_neighbour_of_another_implant_is_a_warning(
    send: Send, implant: Implant, other: Implant, encoder: Encoder
) -> None:
    keep(implant, 1)
    keep(other, 2)
    closer = saved_again(film(2))

    answer = send("examine", closer, region=REGION).json()

    assert answer["state"] == "warn"
    assert "Straumann BLX" in answer["html"]


def test_film_like_the_implants_own_is_ready(
    send: Send, implant: Implant, other: Implant, encoder: Encoder
) -> None:
    own = keep(implant, 1)
    keep(other, 2)
    # Brighter on one side: like the reference, and another film.
    pixels = Image.open(io.BytesIO(film(1))).convert("L")
    pixels.paste(255, (0, 0, pixels.width // 4, pixels.height))
    buffer = io.BytesIO()
    pixels.save(buffer, "PNG")

    answer = send("examine", buffer.getvalue(), region=Region(0.26, 0.1, 0.5, 0.75)).json()

    assert answer["state"] == "good", answer["html"]
    assert f"/files/references/{own.pk}/" in answer["html"] and "BLX" not in answer["html"]


def test_copy_of_the_implants_own_film_is_a_warning(
    send: Send, implant: Implant, encoder: Encoder
) -> None:
    keep(implant, 1)

    assert send("examine", saved_again(film(1)), region=REGION).json()["state"] == "warn"


@pytest.mark.parametrize("turn", [ImageOps.mirror, ImageOps.flip, ImageOps.invert])
def test_copy_that_was_turned_around_is_a_warning(
    send: Send, implant: Implant, encoder: Encoder, turn: Callable[[Image.Image], Image.Image]
) -> None:
    keep(implant, 1)
    turned = turn(Image.open(io.BytesIO(film(1))).convert("L"))
    buffer = io.BytesIO()
    turned.save(buffer, "PNG")

    answer = send("examine", buffer.getvalue(), region=REGION).json()

    assert "Quase a mesma imagem" in answer["html"]
    assert answer["state"] == "warn"


def test_whole_film_is_never_ready_by_itself(
    send: Send, implant: Implant, encoder: Encoder
) -> None:
    keep(implant, 1, None)

    assert send("examine", film(2)).json()["state"] == "warn"
    assert send("examine", film(2), region=REGION).json()["state"] == "good"


def test_same_bytes_of_the_same_implant_are_refused_kindly(
    send: Send, implant: Implant, encoder: Encoder
) -> None:
    known = keep(implant, 1)

    examined = send("examine", film(1), region=REGION).json()
    answer = send("save", film(1), region=REGION)

    assert examined["state"] == "duplicate"
    assert f"/referenceimage/{known.pk}/" in examined["html"]
    assert (answer.status_code, answer.json()["state"]) == (409, "duplicate")
    assert implant.references.get() == known


def test_a_film_whose_file_was_lost_can_be_given_back(
    send: Send, implant: Implant, encoder: Encoder
) -> None:
    known = keep(implant, 1)
    default_storage.delete(stored_name(known))

    examined = send("examine", film(1), region=REGION).json()
    answer = send("save", film(1), region=REGION, ticket=examined["ticket"])

    assert examined["state"] != "duplicate"
    assert answer.json()["state"] == "saved"
    assert implant.references.get() == known and default_storage.exists(stored_name(known))
    assert known.vectors.count() == 1


def test_same_bytes_of_another_implant_are_said_and_possible(
    send: Send, implant: Implant, other: Implant, encoder: Encoder
) -> None:
    keep(other, 1)

    examined = send("examine", film(1), region=REGION).json()
    answer = send("save", film(1), region=Region(0.5, 0.1, 0.4, 0.5))

    assert examined["state"] == "warn" and "Straumann BLX" in examined["html"]
    assert "Quase a mesma imagem" not in examined["html"], "it is the same film, and said so"
    assert answer.json()["state"] == "saved"
    assert implant.references.get().sha256 == other.references.get().sha256


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"<html>log in</html>", "not_an_image"),
        (b"\x89PNG" + b"0" * MAX_BYTES, "too_large"),
        (b"GIF89a" + b"0" * 100, "unsupported_format"),
        (film(1, side=40), "too_small"),
        (b"", "not_an_image"),
    ],
)
@pytest.mark.parametrize("act", ["examine", "save"])
def test_bad_files_are_refused_in_words(send: Send, data: bytes, code: str, act: str) -> None:
    answer = send(act, data)

    assert answer.status_code == 422
    told = answer.json()
    assert (told["state"], told["code"]) == ("refused", code)
    assert told["reason"] == str(radiograph.RadiographError(code))
    assert not ReferenceImage.objects.exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"region": "[0.9, 0, 0.5, 1]"},
        {"region": "[0, 0, 0.001, 1]"},
        {"region": "nonsense"},
        {"diameter_mm": "-3"},
        {"diameter_mm": "350"},
        {"length_mm": "long"},
    ],
)
def test_regions_and_sizes_that_are_none_are_refused(
    curator: User, implant: Implant, fields: dict[str, str]
) -> None:
    address = f"/admin/implants/implant/{implant.pk}/films/save/"
    sent = {"file": SimpleUploadedFile("um.png", film(1)), **fields}

    answer: Any = logged_in(curator).post(address, sent)

    assert (answer.status_code, answer.json()["state"]) == (400, "refused")
    assert answer.json()["reason"]
    assert not implant.references.exists()


def test_saved_film_has_its_region_sizes_and_a_copy_without_metadata(
    send: Send, implant: Implant, encoder: Encoder, media: Path
) -> None:
    exif = Image.Exif()
    exif[0x010E] = "Maria da Silva"
    buffer = io.BytesIO()
    Image.open(io.BytesIO(film(1))).save(buffer, "JPEG", exif=exif)
    assert b"Maria" in buffer.getvalue()

    answer = send("save", buffer.getvalue(), region=REGION, diameter_mm="3,75", length_mm="11.5")

    reference = implant.references.get()
    assert answer.json()["id"] == reference.pk
    assert reference.region == REGION.to_list()
    assert (reference.diameter_mm, reference.length_mm) == (Decimal("3.75"), Decimal("11.5"))
    assert b"Maria" not in (media / stored_name(reference)).read_bytes()
    assert waiting_jobs() == [reference.pk]


def test_vector_of_the_examination_is_stored_at_once_and_not_computed_again(
    send: Send, implant: Implant, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = send("examine", film(1), region=REGION).json()["ticket"]
    monkeypatch.setattr(EncoderSession, "embed", lambda *_: pytest.fail("encoded again"))
    monkeypatch.setattr(EncoderSession, "encode", lambda *_: pytest.fail("encoded again"))

    answer = send("save", film(1), region=REGION, ticket=ticket)

    assert answer.json()["ready"]
    assert ReferenceVector.objects.get().reference == implant.references.get()


def test_vector_of_the_examination_is_that_of_the_worker(
    send: Send, implant: Implant, other: Implant, encoder: Encoder
) -> None:
    ticket = send("examine", film(1), region=REGION).json()["ticket"]
    send("save", film(1), region=REGION, ticket=ticket)
    by_ticket = ReferenceVector.objects.get().embedding.copy()
    ReferenceVector.objects.all().delete()
    embed_reference(implant.references.get().pk)

    assert ReferenceVector.objects.get().embedding == pytest.approx(by_ticket, abs=1e-5)


def test_ticket_counts_for_its_own_bytes_region_and_encoder_only(
    send: Send, encoder: Encoder, tmp_path: Path
) -> None:
    ticket = send("examine", film(1), region=REGION).json()["ticket"]

    assert not send("save", film(2), region=REGION, ticket=ticket).json()["ready"]
    assert not send("save", film(1), ticket=ticket).json()["ready"]
    assert not send("save", film(3), region=REGION, ticket=ticket[:-2] + "xx").json()["ready"]
    activate(write_bundle(tmp_path / "another", name="another"))
    active.forget()
    assert not send("save", film(4), region=REGION, ticket=ticket).json()["ready"]
    assert not ReferenceVector.objects.exists()


def test_ticket_does_not_live_for_ever(
    send: Send, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = send("examine", film(1), region=REGION).json()["ticket"]
    monkeypatch.setattr(examination, "TICKET_SECONDS", -1)

    assert not send("save", film(1), region=REGION, ticket=ticket).json()["ready"]


def test_without_an_encoder_it_is_said_and_can_be_saved(
    send: Send, implant: Implant, no_encoder: None
) -> None:
    examined = send("examine", film(1), region=REGION).json()

    assert (examined["state"], examined["ticket"]) == ("warn", "")
    assert "codificador não está disponível" in examined["html"]
    answer = send("save", film(1), region=REGION, ticket="").json()
    assert answer == {"state": "saved", "id": implant.references.get().pk, "ready": False}
    assert waiting_jobs() == [answer["id"]], "the vector follows"


def test_busy_service_asks_to_come_again(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_busy(data: bytes) -> Any:
        raise Busy

    monkeypatch.setattr(upload, "open_radiograph", is_busy)

    answer = send("examine", film(1))

    assert (answer.status_code, answer.json()["state"]) == (503, "busy")


@pytest.mark.parametrize("act", ["examine", "save"])
def test_only_those_who_may_add_references_use_the_desk(
    send: Send, implant: Implant, act: str
) -> None:
    for group in ("Revisores", "Leitores"):
        assert send(act, film(1), who=person(group.lower(), group)).status_code == 403
    address = f"/admin/implants/implant/{implant.pk}/films/{act}/"
    assert "/admin/login/" in Client().post(address).url  # type: ignore[attr-defined]
    assert logged_in(person("outra", "Curadores")).get(address).status_code == 405
    assert not implant.references.exists()


@pytest.mark.parametrize("act", ["examine", "save"])
def test_desk_is_guarded_against_other_sites(curator: User, implant: Implant, act: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(curator)
    file = SimpleUploadedFile("um.png", film(1))

    answer = client.post(f"/admin/implants/implant/{implant.pk}/films/{act}/", {"file": file})

    assert answer.status_code == 403
