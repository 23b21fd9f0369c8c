"""Films that the earlier service left under `clientes/`."""

import os
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from PIL import Image

from cases import legacy
from cases.privacy.files import films_below
from cases.privacy.strays import delete_strays
from implants.models import ReferenceImage
from tests.factories import ImplantFactory
from tests.implants.conftest import film

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("storage")]
NAMES = [f"clientes/2023/Maria {number}.png" for number in range(3)]


@pytest.fixture(params=["folder", "bucket"])
def storage(request: pytest.FixtureRequest) -> None:
    """Some films, in a local folder and in a bucket."""
    if request.param == "folder":
        request.getfixturevalue("media")
    else:
        bucket = request.getfixturevalue("make_bucket")({})
        request.getfixturevalue("bucket_storage")(bucket)
    for seed, name in enumerate(NAMES):
        default_storage.save(name, ContentFile(film(seed)))


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("move_legacy", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def content(name: str) -> bytes:
    with default_storage.open(name) as file:
        data: bytes = file.read()
    return data


def test_by_default_nothing_is_moved() -> None:
    said = run("uploads")
    assert "clientes/2023/Maria 1.png -> uploads/legado/2023/Maria 1.png" in said
    assert "3 would be moved" in said
    assert legacy.legacy_films() == NAMES
    assert list(films_below("uploads")) == []


def test_all_move_to_patients_films() -> None:
    assert "3 moved" in run("uploads", "--apply")
    assert legacy.legacy_films() == []
    moved = sorted(films_below("uploads"))
    assert moved == [name.replace("clientes/", "uploads/legado/") for name in NAMES]
    assert [content(name) for name in moved] == [film(seed) for seed in range(3)]
    assert "0 moved" in run("uploads", "--apply")


def test_a_run_that_broke_off_is_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        # Killed between the copy and the deletion of the second film.
        patched.setattr(legacy.default_storage, "delete", _killed_at_the_second())
        with pytest.raises(KeyboardInterrupt):
            run("uploads", "--apply")
    assert len(legacy.legacy_films()) == 2
    assert len(list(films_below("uploads"))) == 2
    assert "2 moved" in run("uploads", "--apply")
    assert len(list(films_below("uploads"))) == 3
    assert legacy.legacy_films() == []


def _killed_at_the_second() -> Callable[[str], None]:
    delete, calls = default_storage.delete, []

    def delete_or_die(name: str) -> None:
        calls.append(name)
        if len(calls) == 2:
            raise KeyboardInterrupt
        delete(name)

    return delete_or_die


def test_another_file_in_its_place_is_left_alone() -> None:
    default_storage.save("uploads/legado/2023/Maria 1.png", ContentFile(b"another"))
    with pytest.raises(CommandError, match="1 refused"):
        run("uploads", "--apply")
    assert legacy.legacy_films() == [NAMES[1]]
    assert content("uploads/legado/2023/Maria 1.png") == b"another"


def test_single_films_become_references_of_their_implants(tmp_path: Path) -> None:
    implant = ImplantFactory.create(manufacturer__name="Straumann", name="BLX")
    other = ImplantFactory.create(manufacturer__name="Neodent", name="Grand Morse")
    plan = tmp_path / "films.csv"
    plan.write_text(f"file,implant\n{NAMES[0]},straumann blx\n{NAMES[2]},{other.pk}\n")
    assert "2 would be moved" in run("referencia", "--list", str(plan))
    assert not ReferenceImage.objects.exists()
    assert "2 moved" in run("referencia", "--list", str(plan), "--apply")
    assert legacy.legacy_films() == [NAMES[1]]
    first, second = implant.references.get(), other.references.get()
    for reference in (first, second):
        assert str(reference.image.name).startswith("referencia/raiox/")
        assert "Maria" not in f"{reference.source_key} {reference.image.name}"
        with default_storage.open(str(reference.image.name)) as file:
            assert Image.open(file).size == (96, 96)
    # The same again finds that it is done.
    assert "0 moved, 2 done before" in run("referencia", "--list", str(plan), "--apply")
    assert ReferenceImage.objects.count() == 2


@pytest.mark.parametrize(
    ("name", "implant", "reason"),
    [
        (NAMES[0], "Nobody Nothing", "no implant 'Nobody Nothing'"),
        ("clientes/none.png", "Straumann BLX", "no such file"),
        ("uploads/x.png", "Straumann BLX", "does not lie under clientes/"),
        ("clientes/../uploads/x.png", "Straumann BLX", "does not lie under clientes/"),
        ("clientes/text.png", "Straumann BLX", ""),
    ],
)
@pytest.mark.parametrize("apply", [[], ["--apply"]])
def test_what_can_not_be_a_reference_stays(
    name: str, implant: str, reason: str, apply: list[str]
) -> None:
    ImplantFactory.create(manufacturer__name="Straumann", name="BLX")
    default_storage.save("clientes/text.png", ContentFile(b"no picture"))
    before = legacy.legacy_films()
    out = StringIO()
    with pytest.raises(CommandError, match="1 refused"):
        call_command(
            "move_legacy",
            *("referencia", "--file", name, "--implant", implant, *apply),
            stdout=out,
            stderr=out,
        )
    assert reason in out.getvalue()
    assert legacy.legacy_films() == before
    assert not ReferenceImage.objects.exists()


def test_arguments_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("name\nx\n")
    for arguments in (
        ["referencia"],
        ["referencia", "--file", NAMES[0]],
        ["referencia", "--list", str(tmp_path / "bad.csv")],
        ["uploads", "--file", NAMES[0]],
    ):
        with pytest.raises(CommandError):
            run(*arguments, "--apply")


@pytest.mark.parametrize("storage", ["folder"], indirect=True)
def test_moved_films_are_deleted_when_their_time_is_over(media: Path, settings: Any) -> None:
    settings.RETENTION_DAYS = 90
    run("uploads", "--apply")
    kept, over = (media / "uploads/legado/2023" / f"Maria {number}.png" for number in (0, 1))
    stray = media / "uploads/stray.png"
    stray.write_bytes(b"stray")
    for path, days in ((kept, 89), (over, 91), (stray, 2)):
        moment = time.time() - days * 86400
        os.utime(path, (moment, moment))
    # No row names any of them, as in a database that is not restored yet: of these the age counts.
    assert delete_strays().deleted == 1
    assert kept.exists() and stray.exists()
    assert not over.exists()
