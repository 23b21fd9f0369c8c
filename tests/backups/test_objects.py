"""Copies of the bucket with the films: incremental, checked, and deleted ones kept for a while."""

import hashlib
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import FakeKey, s3_backends

from cases.models import Case, CaseImage
from cases.promotion import key_prefix
from implants.catalogue import COPIES, PROMOTED
from implants.models import ReferenceImage
from raiox.backups.storage import Bucket, Upload, configured
from tests.backups.conftest import keys_in
from tests.backups.test_keeping import age
from tests.backups.test_round_trip import run
from tests.factories import ReferenceImageFactory
from webhooks.models import JotformForm

FILMS = {f"referencia/straumann/blx_{number}.jpg": bytes([number]) * 1000 for number in range(5)}
OTHERS = {"uploads/patient.png": b"a patient", "health/x": b"raiox"}
CURRENT = "test/objects/current/"


class Promoted(NamedTuple):
    """Keys of two films of the catalogue, and what erases the case that the first is of."""

    patients: str
    curators: str
    erase: Callable[[], None]


@pytest.fixture
def films(make_bucket: Callable[[dict[str, bytes]], str], settings: Any) -> Bucket:
    """The bucket with the films."""
    settings.DO_SPACES_BUCKET = make_bucket(FILMS | OTHERS)
    return configured("DO_SPACES")


@pytest.fixture(autouse=True)
def copies(bucket: Bucket, settings: Any) -> Bucket:
    """The bucket that the settings have copies go to: that of the database's backups."""
    for part in ("BUCKET", "REGION", "ENDPOINT", "KEY", "SECRET"):
        setattr(settings, f"OBJECTS_BACKUP_{part}", getattr(settings, f"BACKUP_{part}"))
    return bucket


def open_case() -> Case:
    form = JotformForm.objects.create(form_id="24", title="Form")
    return Case.objects.create(form=form, submission_id="62")


def stored(bucket: Bucket, key: str) -> FakeKey:
    """The object behind the service's back."""
    found: FakeKey = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[bucket.name].keys[key]
    return found


def rot(bucket: Bucket, key: str) -> None:
    """Other bytes of the same length, under the checksum of those that were put in."""
    rotten = stored(bucket, key)
    size, _ = rotten.size, rotten.etag
    setattr(rotten, "value", b"\7" * size)  # noqa: B010  # a property without types


def current(films: Bucket, copies: Bucket) -> dict[str, bytes]:
    place = f"{CURRENT}{films.name}/"
    return {
        item["Key"].removeprefix(place): copies.read(item["Key"]) for item in copies.list(place)
    }


def set_aside(copies: Bucket) -> list[str]:
    return [key for key in keys_in(copies) if key.startswith("test/objects/deleted/")]


def test_references_are_copied_once(films: Bucket, copies: Bucket) -> None:
    assert run("backup_objects").startswith("5 copied, 0 unchanged")
    assert current(films, copies) == FILMS
    written = [stored(copies, key).last_modified for key in keys_in(copies)]
    assert run("backup_objects").startswith("0 copied, 5 unchanged")
    assert [stored(copies, key).last_modified for key in keys_in(copies)] == written


def test_what_is_new_or_changed_is_copied(films: Bucket, copies: Bucket) -> None:
    run("backup_objects")
    films.put("referencia/straumann/blx_0.jpg", b"\xff" * 1000)
    films.put("referencia/neodent/gm_1.jpg", b"new")
    assert run("backup_objects").startswith("2 copied, 4 unchanged, 1 set aside")
    assert current(films, copies)["referencia/straumann/blx_0.jpg"] == b"\xff" * 1000
    [kept] = set_aside(copies)
    assert kept.endswith(f"/{films.name}/referencia/straumann/blx_0.jpg")
    assert copies.read(kept) == b"\0" * 1000


def test_deleted_ones_are_kept_for_their_time(films: Bucket, copies: Bucket, settings: Any) -> None:
    settings.DELETED_OBJECTS_DAYS = 90
    run("backup_objects")
    films.delete("referencia/straumann/blx_3.jpg")
    assert "1 set aside" in run("backup_objects")
    assert len(current(films, copies)) == 4
    [kept] = set_aside(copies)
    assert copies.read(kept) == b"\3" * 1000
    age(copies, 89.9, kept)
    run("backup_objects")
    assert set_aside(copies) == [kept]
    age(copies, 0.2, kept)
    assert "1 set aside before and deleted now" in run("backup_objects")
    assert set_aside(copies) == []


def test_a_mass_deletion_takes_no_copies_with_it(
    make_bucket: Callable[[dict[str, bytes]], str], copies: Bucket, settings: Any
) -> None:
    many = {f"referencia/{number}.jpg": b"%d" % number for number in range(50)}
    settings.DO_SPACES_BUCKET = make_bucket(many)
    films = configured("DO_SPACES")
    run("backup_objects")
    for number in range(26):
        films.delete(f"referencia/{number}.jpg")
    with pytest.raises(CommandError, match="26 of 50 objects are gone"):
        run("backup_objects")
    assert current(films, copies) == many
    assert run("backup_objects", "--restore").startswith("26 copied, 24 unchanged")
    assert {key: films.read(key) for key in keys_in(films)} == many
    for number in range(26):
        films.delete(f"referencia/{number}.jpg")
    assert "26 set aside" in run("backup_objects", "--accept-deletions")
    moment = set_aside(copies)[0].split("/")[3]
    assert run("backup_objects", "--restore", "--deleted", moment).startswith("26 copied")
    assert {key: films.read(key) for key in keys_in(films)} == many


def test_a_film_whose_bytes_are_not_its_checksums_is_not_copied(
    films: Bucket, copies: Bucket
) -> None:
    key = "referencia/straumann/blx_2.jpg"
    rot(films, key)
    with pytest.raises(CommandError, match="1 failed"):
        run("backup_objects")
    assert current(films, copies) == {name: data for name, data in FILMS.items() if name != key}


def test_a_copy_that_changed_is_told_and_made_anew(films: Bucket, copies: Bucket) -> None:
    run("backup_objects")
    key = "referencia/straumann/blx_2.jpg"
    copy = f"{CURRENT}{films.name}/{key}"
    copies.put(copy, b"\7" * 1000, Metadata=copies.head(copy)["Metadata"])
    with pytest.raises(CommandError, match="1 failed"):
        run("backup_objects")
    assert current(films, copies) == FILMS
    assert run("backup_objects").startswith("0 copied, 5 unchanged")


def test_reading_back_finds_what_a_listing_does_not_tell(films: Bucket, copies: Bucket) -> None:
    run("backup_objects")
    rot(copies, f"{CURRENT}{films.name}/referencia/straumann/blx_2.jpg")
    assert run("backup_objects").startswith("0 copied, 5 unchanged")
    with pytest.raises(CommandError, match="1 failed"):
        run("backup_objects", "--verify")
    assert current(films, copies) == FILMS
    run("backup_objects", "--verify")


def test_a_damaged_copy_is_not_put_back(films: Bucket, copies: Bucket) -> None:
    run("backup_objects")
    key = "referencia/straumann/blx_2.jpg"
    rot(copies, f"{CURRENT}{films.name}/{key}")
    films.delete(key)
    with pytest.raises(CommandError, match="1 failed"):
        run("backup_objects", "--restore")
    assert key not in keys_in(films)


def test_of_a_patients_film_nothing_is_kept(films: Bucket, copies: Bucket, settings: Any) -> None:
    settings.OBJECTS_BACKUP_FOLDERS = ["referencia/", "uploads/"]
    assert run("backup_objects").startswith("6 copied")
    films.delete("uploads/patient.png")
    assert ", 0 set aside," in run("backup_objects")
    assert current(films, copies) == FILMS
    assert set_aside(copies) == []


@pytest.fixture
def promoted(
    db: None,
    films: Bucket,
    bucket_storage: Callable[[str], None],
    django_capture_on_commit_callbacks: Any,
) -> Promoted:
    """A case of whose film a reference was made, and a curator's reference of the same kind."""
    bucket_storage(films.name)
    case = open_case()
    names = [f"{PROMOTED}7/{'a' * 64}.png", f"{COPIES}7/{'b' * 64}.png"]
    for name in names:
        films.put(name, b"film " + name.encode())
    ReferenceImageFactory.create(
        image=names[0], source_key=f"{key_prefix(case.pk)}image/1/finding/1"
    )
    ReferenceImageFactory.create(image=names[1], source_key="curator/7/b")

    def erase() -> None:
        with django_capture_on_commit_callbacks(execute=True):
            call_command("erase_case", str(case.pk), "--yes")

    run("backup_objects")
    return Promoted(names[0], names[1], erase)


def test_an_erased_patients_promoted_film_is_not_put_back(
    films: Bucket, copies: Bucket, promoted: Promoted
) -> None:
    promoted.erase()
    assert promoted.patients not in keys_in(films)
    films.delete(promoted.curators)  # by accident: its row is there
    films.delete("referencia/straumann/blx_1.jpg")  # used in place: it never needed a row
    said = run("backup_objects", "--restore")
    assert said.splitlines()[0].startswith(f"{promoted.patients}: left out")
    assert "2 copied, 4 unchanged" in said and "1 left out, 0 failed" in said
    assert promoted.patients not in keys_in(films)
    assert {promoted.curators, "referencia/straumann/blx_1.jpg"} < set(keys_in(films))


def test_of_an_erased_patients_promoted_film_nothing_is_kept(
    films: Bucket, copies: Bucket, promoted: Promoted
) -> None:
    films.delete(promoted.curators)
    promoted.erase()
    assert "1 set aside, 0 set aside before" in run("backup_objects")
    assert [key.rpartition("/")[2] for key in set_aside(copies)] == ["b" * 64 + ".png"]
    assert promoted.patients not in current(films, copies)
    moment = set_aside(copies)[0].split("/")[3]
    assert run("backup_objects", "--restore", "--deleted", moment).startswith("1 copied")
    assert promoted.curators in keys_in(films)


def test_film_that_a_curator_deleted_with_its_row_is_kept_for_its_days(
    films: Bucket, copies: Bucket, promoted: Promoted
) -> None:
    ReferenceImage.objects.filter(image=promoted.curators).delete()
    films.delete(promoted.curators)
    assert "1 set aside, 0 set aside before" in run("backup_objects")
    assert ", 0 set aside before and deleted now" in run("backup_objects")
    moment = set_aside(copies)[0].split("/")[3]
    assert run("backup_objects", "--restore", "--deleted", moment).startswith("1 copied")
    assert promoted.curators in keys_in(films)


def test_what_was_set_aside_goes_when_its_patient_is_erased(
    films: Bucket, copies: Bucket, promoted: Promoted
) -> None:
    """As earlier versions left them, or after an accident: a row named it then."""
    films.delete(promoted.patients)
    assert "1 set aside" in run("backup_objects")
    [kept] = set_aside(copies)
    assert promoted.patients in kept
    promoted.erase()
    moment = kept.split("/")[3]
    assert "0 copied" in run("backup_objects", "--restore", "--deleted", moment)
    assert "1 set aside before and deleted now" in run("backup_objects")
    assert set_aside(copies) == []


def test_a_database_that_is_not_restored_yet_deletes_nothing_and_gets_nothing(
    films: Bucket, copies: Bucket, promoted: Promoted
) -> None:
    films.delete(promoted.curators)
    assert "1 set aside" in run("backup_objects")
    films.delete(promoted.patients)
    ReferenceImage.objects.all().delete()
    assert "0 copied" in run("backup_objects", "--restore")
    assert "1 set aside, 0 set aside before" in run("backup_objects")
    assert len(set_aside(copies)) == 2


def test_a_film_in_uploads_is_put_back_only_for_its_case(
    films: Bucket, copies: Bucket, settings: Any, db: None
) -> None:
    settings.OBJECTS_BACKUP_FOLDERS = ["uploads/"]
    case = open_case()
    films.put("uploads/another.png", b"another patient")
    films.put("uploads/legado/a.png", b"of the earlier service, which has no rows")
    CaseImage.objects.create(case=case, url="https://a/b", file="uploads/patient.png")
    run("backup_objects")
    for key in ("patient.png", "another.png", "legado/a.png"):
        films.delete(f"uploads/{key}")
    assert "uploads/another.png: left out" in run("backup_objects", "--restore")
    assert {key for key in keys_in(films) if key.startswith("uploads/")} == {
        "uploads/patient.png", "uploads/legado/a.png",
    }  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_without_its_tables_the_database_is_not_taken_for_one_that_names_nothing(
    films: Bucket, copies: Bucket
) -> None:
    films.put(f"{PROMOTED}7/a.png", b"film")
    run("backup_objects")
    films.delete(f"{PROMOTED}7/a.png")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE reference_images RENAME TO hidden")
    try:
        for arguments in (["--restore"], []):
            with pytest.raises(CommandError, match="does not say which films it names"):
                run("backup_objects", *arguments)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE hidden RENAME TO reference_images")
    assert f"{PROMOTED}7/a.png" in current(films, copies)


def test_big_objects_are_copied_in_parts(
    films: Bucket, copies: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("raiox.backups.copying._AT_ONCE", 6 * 2**20)
    data = bytes(range(256)) * 4096 * 20
    films.put("referencia/big.dcm", data)
    assert run("backup_objects").startswith("6 copied")
    assert current(films, copies)["referencia/big.dcm"] == data
    assert run("backup_objects", "--verify").startswith("0 copied, 6 unchanged")


@pytest.mark.parametrize("size", [0, 1, 16 * 2**20, 16 * 2**20 + 1, 33 * 2**20])
def test_a_stream_of_any_length_arrives_whole(copies: Bucket, size: int) -> None:
    data = (bytes(range(251)) * (size // 251 + 1))[:size]
    with Upload(copies, "stream") as upload:
        for start in range(0, size, 2**20):
            upload.write(data[start : start + 2**20])
        assert "stream" not in keys_in(copies)
        upload.complete()
    assert copies.read("stream") == data
    assert upload.sha256 == hashlib.sha256(data).hexdigest()


def test_another_bucket_is_copied_whole(
    films: Bucket, copies: Bucket, make_bucket: Callable[[dict[str, bytes]], str]
) -> None:
    other = make_bucket({"straumann/blx_1.jpg": b"one"})
    assert run("backup_objects", "--bucket", other, "--folder", "").startswith("1 copied")
    assert keys_in(copies) == [f"{CURRENT}{other}/straumann/blx_1.jpg"]


def test_a_bucket_is_not_its_own_backup(films: Bucket, settings: Any) -> None:
    settings.OBJECTS_BACKUP_BUCKET = films.name
    with pytest.raises(CommandError, match="can't be its own backup"):
        run("backup_objects")


def test_a_bucket_that_does_not_answer_is_told(films: Bucket, settings: Any) -> None:
    settings.DO_SPACES_BUCKET = "there-is-none"
    with pytest.raises(CommandError, match="there-is-none would not be listed: NoSuchBucket"):
        run("backup_objects")
