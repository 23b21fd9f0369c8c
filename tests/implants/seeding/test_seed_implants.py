"""`seed_implants` from folders: what it adds, knows again, skips, reports and refuses."""

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from implants.catalogue import Film, add_film
from implants.encoders.active import forget
from implants.models import Encoder, Implant, Manufacturer, ReferenceImage, ReferenceVector
from implants.radiograph import MAX_BYTES, open_radiograph
from implants.seeding import seeder as seeder_module
from implants.seeding.seeder import Seeder
from tests.factories import ImplantFactory
from tests.implants.conftest import film, stored_name, write_film

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media", "encoder")]


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """A folder with films of both conventions."""
    folder = tmp_path / "films"
    names = [
        "STRAUMANN_BLX_4.5mm_1.png",
        "NEODENT_GRAND_MORSE_4.0mm_17.png",
        "conexao/master_01.png",
        "conexao/master_02.png",
    ]
    for seed, name in enumerate(names):
        write_film(folder / name, seed)
    return folder


def seed(source: object, *options: str) -> str:
    """Run the command; its output as text."""
    answer = io.StringIO()
    call_command("seed_implants", str(source), *options, stdout=answer, stderr=answer)
    return answer.getvalue()


def failing(source: object, *options: str) -> str:
    """Run the command, which must fail; all that it says."""
    answer = io.StringIO()
    with pytest.raises(CommandError) as failure:
        call_command("seed_implants", str(source), *options, stdout=answer, stderr=answer)
    return f"{answer.getvalue()}{failure.value}"


def counts(answer: str, manufacturer: str) -> list[int]:
    """The row of a manufacturer: added, updated, known, skipped, failed."""
    line = next(line for line in answer.splitlines() if line.startswith(manufacturer))
    return [int(word) for word in line.split()[-5:]]


def test_files_of_other_kinds_are_counted(films: Path) -> None:
    for name in ("neodent/a.jpf", "neodent/b.JPF", "neodent/c", ".hidden"):
        path = films / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    (films / "conexao/master_01.png").rename(films / "conexao/master_01.jfif")

    answer = seed(films)

    assert "left out: 2 .jpf, 1 no suffix." in answer
    assert counts(answer, "total") == [4, 0, 0, 0, 0]
    for path in films.rglob("*"):
        if path.suffix.lower() in (".jpf", "") and path.is_file():
            path.unlink()
    assert "left out" not in seed(films)


def test_litter_of_systems_is_no_file_that_was_left_out(films: Path) -> None:
    for name in ("Thumbs.db", "desktop.ini", ".DS_Store", "conexao/._master_01.bmp"):
        (films / name).write_bytes(b"x")

    assert "left out" not in seed(films)


def test_source_of_other_kinds_alone_says_what_was_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    (folder / "STRAUMANN_BLX_4.5mm_1.bmp").write_bytes(b"x")

    answer = failing(folder)

    assert "left out: 1 .bmp." in answer and "no images" in answer


def test_seed_adds_references_with_vectors_and_creates_what_is_missing(
    films: Path, encoder: Encoder
) -> None:
    answer = seed(films)

    assert set(Implant.objects.values_list("manufacturer__name", "name")) == {
        ("Straumann", "BLX"),
        ("Neodent", "Grand Morse"),
        ("Conexão", "Master"),
    }
    assert not Implant.objects.filter(is_demo=True).exists()
    assert ReferenceVector.objects.filter(encoder=encoder).count() == 4
    blx = ReferenceImage.objects.get(implant__name="BLX")
    assert str(blx.diameter_mm) == "4.50"
    assert counts(answer, "Conexão") == [2, 0, 0, 0, 0]
    assert counts(answer, "total") == [4, 0, 0, 0, 0]


def test_seed_writes_published_facts_with_their_sources(films: Path) -> None:
    seed(films)

    master = Implant.objects.get(name="Master")
    assert master.connection == "external_hex"
    assert master.sources["connection"]
    assert Manufacturer.objects.get(name="Conexão").country == "BR"


def test_seed_twice_adds_nothing(films: Path) -> None:
    seed(films)
    made = set(ReferenceVector.objects.values_list("pk", flat=True))

    answer = seed(films)

    assert counts(answer, "total") == [0, 0, 4, 0, 0]
    assert set(ReferenceVector.objects.values_list("pk", flat=True)) == made


def test_seed_knows_a_film_again_in_another_place(films: Path) -> None:
    seed(films)
    films.rename(films.parent / "moved")

    answer = seed(films.parent / "moved")

    assert counts(answer, "total") == [0, 0, 4, 0, 0]
    assert ReferenceImage.objects.count() == 4


def test_seed_tells_of_a_film_that_was_renamed_to_another_implant(films: Path) -> None:
    assert "several implants" not in seed(films)
    old = ReferenceImage.objects.get(implant__name="BLX")
    renamed = films / "STRAUMANN_BLT_4.5mm_1.png"
    (films / "STRAUMANN_BLX_4.5mm_1.png").rename(renamed)

    answer = seed(films)

    assert counts(answer, "total") == [1, 0, 3, 0, 0]
    told = f"{renamed.name}: the same film stands for Straumann BLX too (reference {old.pk})"
    assert told in answer and "stand for several implants: 1 (listed above)" in answer
    assert "several implants" not in seed(films)


def test_seed_tells_of_a_film_that_came_for_two_implants_at_once(films: Path) -> None:
    shutil.copy(films / "conexao" / "master_01.png", films / "STRAUMANN_BLT_4.5mm_1.png")

    assert "stand for several implants: 1 (listed above)" in seed(films)


def test_seed_takes_over_a_file_that_changed(films: Path) -> None:
    seed(films)
    before = ReferenceImage.objects.get(implant__name="BLX")
    write_film(films / "STRAUMANN_BLX_4.5mm_1.png", 50)

    answer = seed(films)

    assert counts(answer, "Straumann") == [0, 1, 0, 0, 0]
    after = ReferenceImage.objects.get(implant__name="BLX")
    assert (after.pk, after.sha256 == before.sha256) == (before.pk, False)
    assert after.vectors.count() == 1


def test_seed_leaves_a_reference_where_a_curator_moved_it(films: Path) -> None:
    seed(films)
    other = ImplantFactory.create()
    ReferenceImage.objects.filter(implant__name="BLX").update(implant=other)

    seed(films)

    assert other.references.count() == 1
    assert not ReferenceImage.objects.filter(implant__name="BLX").exists()


def test_seed_reports_a_bad_file_and_goes_on(films: Path) -> None:
    (films / "ADIN_TOUAREG_4.0mm_1.jpg").write_bytes(b"<html>Log in</html>")
    (films / "STRAUMANN_TLX_4.1mm.png").write_bytes(film(9)[:200])
    (films / "STRAUMANN_TLX_4.5mm.png").write_bytes(bytes(MAX_BYTES + 1))
    (films / "IMG_0001.jpg").write_bytes(film(10))

    answer = failing(films)

    assert "4 failed" in answer
    assert "ADIN_TOUAREG_4.0mm_1.jpg: " in answer
    assert counts(answer, "Straumann") == [1, 0, 0, 0, 2]
    assert counts(answer, "total") == [4, 0, 0, 0, 4]
    assert not Implant.objects.filter(name__in=["Touareg", "TLX"]).exists()


def test_seed_counts_names_of_no_implant(films: Path) -> None:
    write_film(films / "GENERIC_IMPLANT_4.0mm_33.png", 7)
    write_film(films / "UNKNOWN_01.png", 8)

    answer = seed(films)

    assert counts(answer, "total") == [4, 0, 0, 2, 0]


@pytest.mark.parametrize("place", ["uploads", "clientes", "Uploads", "old/uploads/2024"])
@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_seed_stops_at_films_of_patients(films: Path, place: str, options: list[str]) -> None:
    write_film(films / place / "STRAUMANN_BLX_4.5mm_2.png", 9)

    assert "patients' films" in failing(films, *options)
    assert "patients' films" in failing(films / place, *options)
    assert not ReferenceImage.objects.exists()


def test_seed_stops_at_a_link_to_films_of_patients(films: Path, tmp_path: Path) -> None:
    real = write_film(tmp_path / "uploads" / "STRAUMANN_BLX_4.5mm_2.png", 9)
    (films / "STRAUMANN_BLX_4.5mm_2.png").symlink_to(real)

    assert "patients' films" in failing(films)


def test_seed_dry_run_judges_and_writes_nothing(films: Path, media: Path) -> None:
    write_film(films / "conexao" / "master_03.png", 2)  # the same film as master_01
    (films / "ADIN_TOUAREG_4.0mm_1.jpg").write_bytes(b"no image")

    answer = failing(films, "--dry-run")

    assert counts(answer, "total") == [4, 0, 1, 0, 1]
    assert not Implant.objects.exists()
    assert not Manufacturer.objects.exists()
    assert not media.exists()


def test_seed_dry_run_needs_no_encoder(films: Path) -> None:
    Encoder.objects.all().delete()

    assert "nothing was written" in seed(films, "--dry-run")


def test_seed_dry_run_of_a_known_source(films: Path) -> None:
    seed(films)
    write_film(films / "STRAUMANN_BLX_4.5mm_1.png", 50)
    write_film(films / "conexao" / "master_04.png", 2)

    assert counts(seed(films, "--dry-run"), "total") == [0, 1, 4, 0, 0]


def test_seed_resumes_where_it_was_interrupted(
    films: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed_all = Seeder.seed

    def interrupted(self: Seeder, files: Any) -> Iterator[Any]:
        for number, file in enumerate(seed_all(self, files), 1):
            yield file
            if number == 2:
                raise KeyboardInterrupt

    monkeypatch.setattr(Seeder, "seed", interrupted)
    assert "Run the same command again" in failing(films)
    assert ReferenceImage.objects.count() == 2
    assert ReferenceVector.objects.count() == 0

    monkeypatch.setattr(Seeder, "seed", seed_all)
    answer = seed(films)

    assert counts(answer, "total") == [2, 0, 2, 0, 0]
    assert ReferenceVector.objects.count() == 4


def test_seed_makes_vectors_while_it_goes(films: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    embed = seeder_module.embed_for_search
    monkeypatch.setattr(seeder_module, "BATCH", 3)
    monkeypatch.setattr(
        seeder_module,
        "embed_for_search",
        lambda batch, *rest: sizes.append(len(batch)) or embed(batch, *rest),  # type: ignore[func-returns-value]
    )

    seed(films)

    assert sizes == [3, 1]


@pytest.mark.parametrize("has_vector", [True, False])
def test_seed_gives_a_known_reference_that_lost_its_file_the_file_again(
    films: Path, has_vector: bool
) -> None:
    seed(films)
    reference = ReferenceImage.objects.get(implant__name="BLX")
    ReferenceImage.objects.filter(pk=reference.pk).update(region=[0.1, 0.1, 0.5, 0.5])
    if not has_vector:
        reference.vectors.all().delete()
    default_storage.delete(stored_name(reference))

    assert counts(seed(films, "--dry-run"), "total") == [0, 1, 3, 0, 0]
    assert counts(seed(films), "total") == [0, 1, 3, 0, 0]

    reference.refresh_from_db()
    assert default_storage.exists(stored_name(reference))
    assert reference.region == [0.1, 0.1, 0.5, 0.5]
    assert reference.vectors.count() == 1
    assert counts(seed(films), "total") == [0, 0, 4, 0, 0]


def test_seed_takes_over_an_implant_of_the_demo(films: Path) -> None:
    demo = ImplantFactory.create(manufacturer__name="Straumann", name="BLX", is_demo=True)
    rendered = Film(open_radiograph(film(90)))
    add_film(demo, rendered, source_key="demo/straumann/blx/abutment.png", is_demo=True)

    seed(films)

    demo.refresh_from_db()
    assert not demo.is_demo
    assert sorted(demo.references.values_list("is_demo", flat=True)) == [False, True]


def test_seed_takes_the_manufacturer_from_where_it_is_told(tmp_path: Path) -> None:
    write_film(tmp_path / "films" / "acme" / "SOLID_ROCK_4.5mm.png", 1)

    seed(tmp_path / "films", "--manufacturer-from", "folder")
    assert str(Implant.objects.get()) == "Acme Solid Rock"

    Implant.objects.all().delete()
    Manufacturer.objects.all().delete()
    seed(tmp_path / "films", "--manufacturer-from", "name")
    assert str(Implant.objects.get()) == "Solid Rock"


def test_seed_counts_its_own_folder_only_as_a_known_manufacturer(tmp_path: Path) -> None:
    write_film(tmp_path / "straumann" / "blx_01.png", 1)
    write_film(tmp_path / "films" / "blx_01.png", 2)

    seed(tmp_path / "straumann", "--manufacturer-from", "folder")

    assert "no manufacturer's folder" in failing(
        tmp_path / "films", "--manufacturer-from", "folder"
    )
    assert str(Implant.objects.get()) == "Straumann BLX"


def test_seed_uses_films_of_local_storage_in_place(media: Path) -> None:
    write_film(media / "referencia" / "straumann" / "blx_01.png", 1)

    seed(media / "referencia")
    answer = seed(media / "referencia")

    assert stored_name(ReferenceImage.objects.get()) == "referencia/straumann/blx_01.png"
    assert counts(answer, "total") == [0, 0, 1, 0, 0]


def test_seed_never_takes_its_own_copies_for_films(films: Path, media: Path) -> None:
    seed(films)

    assert "no images" in failing(media / "referencia")


@pytest.mark.parametrize("source", ["nowhere", "s3://"])
def test_seed_from_nowhere_fails_with_a_reason(source: str, tmp_path: Path) -> None:
    assert source in failing(source if "://" in source else tmp_path / source)


def test_seed_without_an_encoder_fails_before_it_writes(films: Path) -> None:
    Encoder.objects.update(is_active=False)
    forget()

    assert "activate_encoder" in failing(films)
    assert not ReferenceImage.objects.exists()
