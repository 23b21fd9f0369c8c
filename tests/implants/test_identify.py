"""`identify`: candidates for files on the command line."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from implants.catalogue import add_reference, embed
from implants.encoders.active import active, forget
from implants.manufacturers import manufacturer_named
from implants.models import Encoder, Implant, Manufacturer
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
