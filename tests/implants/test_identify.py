"""`identify`: candidates for files on the command line."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from PIL import ExifTags, Image

from implants.catalogue import add_reference
from implants.doubt import Concern, Confidence, Doubt
from implants.embedding import embed
from implants.encoders.active import active, forget
from implants.manufacturers import manufacturer_named
from implants.models import Encoder, Implant, Manufacturer
from implants.radiograph import open_radiograph
from implants.region import Region
from tests.factories import ImplantFactory
from tests.implants.conftest import film, write_film
from tests.implants.tiny_encoder import GRAY

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media", "encoder")]


@pytest.fixture
def implants() -> list[Implant]:
    """Four implants with a film each."""
    implants = ImplantFactory.create_batch(4)
    added = [add_reference(implant, film(n)).reference for n, implant in enumerate(implants)]
    embed(added, active())
    return implants


def identify(*arguments: object) -> tuple[str, str]:
    """What the command prints, and why it fails ('' if it doesn't)."""
    answer, reason = io.StringIO(), ""
    try:
        call_command("identify", *map(str, arguments), stdout=answer)
    except CommandError as error:
        reason = str(error)
    return answer.getvalue(), reason


def test_identify_finds_the_film_itself(
    implants: list[Implant], tmp_path: Path, encoder: Encoder
) -> None:
    path = write_film(tmp_path / "film.png", 2)

    answer, reason = identify(path, "--json")

    assert reason == ""
    (item,) = json.loads(answer)
    assert (item["image"], item["encoder"]) == (str(path), encoder.name)
    assert [result["rank"] for result in item["results"]] == [1, 2, 3]
    best: dict[str, Any] = item["results"][0]
    assert best["implant_id"] == implants[2].pk
    assert best["manufacturer"] == implants[2].manufacturer.name
    assert best["similarity"] == pytest.approx(1, abs=1e-4)
    assert len({result["implant_id"] for result in item["results"]}) == 3


def test_identify_prints_a_table(implants: list[Implant], tmp_path: Path, encoder: Encoder) -> None:
    answer, _ = identify(write_film(tmp_path / "film.png", 2))

    lines = answer.splitlines()
    assert encoder.name in lines[0]
    assert "1.000" in lines[2]
    assert str(implants[2]) in lines[2]
    assert len(lines) == 5
    assert "not calibrated (0 observations)" in lines[2]
    assert "not calibrated" not in "".join(lines[3:])


def test_identify_looks_at_one_manufacturer_alone(implants: list[Implant], tmp_path: Path) -> None:
    maker = implants[1].manufacturer
    path = write_film(tmp_path / "film.png", 2)

    answer, reason = identify(path, "--json", "--manufacturer", maker.name.upper())

    assert reason == ""
    (item,) = json.loads(answer)
    assert [result["implant_id"] for result in item["results"]] == [implants[1].pk]


def test_identify_for_an_unknown_manufacturer_fails(
    implants: list[Implant], tmp_path: Path
) -> None:
    answer, reason = identify(write_film(tmp_path / "film.png", 2), "--manufacturer", "Nobody")

    assert answer == ""
    assert "Nobody" in reason


def test_manufacturer_spelt_so_comes_before_another_case() -> None:
    for name in ("ACME", "Acme", "acme"):
        Manufacturer.objects.create(name=name)

    assert [manufacturer_named(name).name for name in ("Acme", "acme")] == ["Acme", "acme"]
    assert manufacturer_named("aCME").name == "ACME"


def test_identify_marks_demo_implants(implants: list[Implant], tmp_path: Path) -> None:
    Implant.objects.filter(pk=implants[2].pk).update(is_demo=True)

    answer, _ = identify(write_film(tmp_path / "film.png", 2))

    assert f"{implants[2]} (demo)" in answer


def test_identify_reports_bad_files_and_answers_for_the_others(
    implants: list[Implant], tmp_path: Path
) -> None:
    (tmp_path / "page.jpg").write_bytes(b"<html>")
    Image.new("L", (96, 96), GRAY).save(tmp_path / "blank.png")
    good = write_film(tmp_path / "film.png", 2)

    answer, reason = identify(
        *(tmp_path / name for name in ("page.jpg", "gone.png", "blank.png")), good, "--json"
    )

    assert "3 of 4" in reason
    items = json.loads(answer)
    assert ["error" in item for item in items] == [True, True, True, False]


def test_identify_against_an_empty_catalogue_fails(tmp_path: Path) -> None:
    answer, reason = identify(write_film(tmp_path / "film.png", 2))

    assert "no reference to compare" in answer
    assert reason


def test_identify_without_an_encoder_fails(implants: list[Implant], tmp_path: Path) -> None:
    Encoder.objects.update(is_active=False)
    forget()

    _, reason = identify(write_film(tmp_path / "film.png", 2))

    assert "activate_encoder" in reason


REGION = Region(0.1, 0.2, 0.3, 0.7)
AS_TEXT = "0.1,0.2,0.3,0.7"


@pytest.fixture
def part() -> Implant:
    """An implant whose reference is a part of film 5."""
    implant = ImplantFactory.create()
    embed([add_reference(implant, film(5), region=REGION).reference], active())
    return implant


def similarity(answer: str) -> float:
    (item,) = json.loads(answer)
    return float(item["results"][0]["similarity"])


def test_identify_compares_the_region_alone(part: Implant, tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.png", 5)
    image = open_radiograph(film(5)).image
    whole, reference = (active().session.encode(image, each) for each in (None, REGION))

    answer, reason = identify(path, "--json", "--region", AS_TEXT)

    assert reason == ""
    assert json.loads(answer)[0]["region"] == REGION.to_list()
    assert similarity(answer) == pytest.approx(1, abs=1e-4)
    assert similarity(identify(path, "--json")[0]) == pytest.approx(whole @ reference, abs=1e-3)
    assert whole @ reference < 0.9


def test_identify_takes_the_region_on_the_upright_film(part: Implant, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    upright = Image.open(io.BytesIO(film(5)))
    turned = tmp_path / "turned.png"
    upright.transpose(Image.Transpose.ROTATE_90).save(turned, exif=exif)

    answer, _ = identify(turned, "--json", "--region", AS_TEXT)

    assert similarity(answer) == pytest.approx(1, abs=1e-4)


def test_reference_that_lies_turned_is_cut_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 8
    turned = io.BytesIO()
    upright = Image.open(io.BytesIO(film(5)))
    upright.transpose(Image.Transpose.ROTATE_270).save(turned, "PNG", exif=exif)
    reference = add_reference(ImplantFactory.create(), turned.getvalue(), region=REGION).reference
    embed([reference], active())

    answer, _ = identify(write_film(tmp_path / "a.png", 5), "--json", "--region", AS_TEXT)

    assert similarity(answer) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("text", ["left", "0.1,0.2,0.3", "0,0,2,1", "0,0,1,nan", ""])
def test_identify_refuses_what_is_no_region(part: Implant, tmp_path: Path, text: str) -> None:
    answer, reason = identify(write_film(tmp_path / "film.png", 5), f"--region={text}")

    assert answer == ""
    assert "region" in reason


def test_identify_refuses_one_region_for_several_films(part: Implant, tmp_path: Path) -> None:
    films = [write_film(tmp_path / f"{seed}.png", seed) for seed in (1, 2)]

    answer, reason = identify(*films, "--region", AS_TEXT)

    assert answer == ""
    assert "one image" in reason


def test_identify_names_what_the_film_leaves_open(implants: list[Implant], tmp_path: Path) -> None:
    other = ImplantFactory.create(look_alike_group="cone", is_demo=True)
    Implant.objects.filter(pk=implants[2].pk).update(look_alike_group="cone")
    path = write_film(tmp_path / "film.png", 2)

    text, _ = identify(path)
    (item,) = json.loads(identify(path, "--json")[0])

    assert text.splitlines()[-1].endswith(f"can't tell these apart: {implants[2]}, {other} (demo).")
    assert item["look_alikes"] == {
        "group": "cone",
        "implants": [
            {
                "implant_id": implant.pk,
                "manufacturer": implant.manufacturer.name,
                "name": implant.name,
                "is_demo": implant.is_demo,
            }
            for implant in (implants[2], other)
        ],
    }


def test_identify_tells_the_doubt(
    implants: list[Implant], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    doubt = Doubt(Confidence.OUT_OF_CATALOGUE, 148, (Concern.CONTACT_SHEET, Concern.NO_IMPLANT))
    monkeypatch.setattr("implants.identification.judge", lambda *_, **__: doubt)
    path = write_film(tmp_path / "film.png", 2)

    text, _ = identify(path)
    (item,) = json.loads(identify(path, "--json")[0])

    assert "out of catalogue (148 observations)" in text.splitlines()[2]
    assert text.splitlines()[-1] == f"{path}: take care, contact sheet, no implant."
    assert (item["confidence"], item["observations"]) == ("out_of_catalogue", 148)
    assert item["concerns"] == ["contact_sheet", "no_implant"]
    assert item["look_alikes"] is None
