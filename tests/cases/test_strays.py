"""Films that no row names: cleared away, but not with a database that is not restored yet."""

import os
import time
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.management import CommandError, call_command
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from cases.models import Case, CaseImage
from cases.privacy.strays import delete_strays, find_strays
from cases.tasks import purge_expired
from implants.catalogue import PROMOTED
from implants.models import ReferenceImage
from tests.factories import ReferenceImageFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]
MakeCase = Callable[..., Case]


def store(folder: str, count: int, *, days: float = 3) -> list[str]:
    """So many films without a row, stored so long ago."""
    names = [
        default_storage.save(f"{folder}/{days}/{number}.png", ContentFile(b"film"))
        for number in range(count)
    ]
    moment = time.time() - days * 86400
    for name in names:
        os.utime(default_storage.path(name), (moment, moment))
    return names


def named(case: Case, count: int) -> list[str]:
    """Films of a case."""
    names = store(f"uploads/{case.pk}", count)
    CaseImage.objects.bulk_create(
        CaseImage(case=case, url=name, file=name, state="stored") for name in names
    )
    return names


def promoted(count: int) -> list[str]:
    """Films of references."""
    names = store(f"{PROMOTED}1", count)
    for name in names:
        ReferenceImageFactory.create(image=name)
    return names


def there(names: list[str]) -> int:
    return sum(default_storage.exists(name) for name in names)


def purge(*arguments: str) -> str:
    out = StringIO()
    call_command("purge_expired", *arguments, stdout=out)
    return out.getvalue()


def test_films_without_a_row_go_after_a_day(make_case: MakeCase) -> None:
    kept = named(make_case(), 1)
    old, new = store("uploads/9", 2), store("uploads/9", 1, days=0.9)
    assert "2 films without a row deleted" in purge()
    assert (there(kept), there(old), there(new)) == (1, 0, 1)


def test_promoted_films_without_a_row_go_after_two_days(media: Path) -> None:
    kept = promoted(1)
    old, new = store(f"{PROMOTED}9", 2), store(f"{PROMOTED}9", 1, days=1.9)
    others = store("referencia/raiox/9", 1) + store("referencia/straumann", 1)
    assert delete_strays().deleted == 2
    assert (there(kept), there(old), there(new), there(others)) == (1, 0, 1, 2)


@pytest.mark.parametrize("folder", ["uploads/9", f"{PROMOTED}9"])
def test_an_empty_database_deletes_no_film(
    folder: str, caplog: pytest.LogCaptureFixture, media: Path
) -> None:
    films = store(folder, 2)
    purge_expired(timestamp=0)
    [line] = [one for one in caplog.records if one.levelname == "ERROR"]
    assert (line.__dict__["count"], line.__dict__["among"]) == (2, 2)
    assert "2 of 2 films in" in purge("--dry-run")
    with pytest.raises(CommandError, match=r"2 of 2 films in .* are named by no row.*Restore"):
        purge()
    assert there(films) == 2
    assert "2 films without a row deleted" in purge("--accept-deletions")
    assert there(films) == 0


@pytest.mark.parametrize("folder", ["uploads/9", f"{PROMOTED}9"])
def test_a_database_that_names_less_than_half_deletes_no_film(
    folder: str, make_case: MakeCase
) -> None:
    kept = named(make_case(), 20) + promoted(20)
    films = store(folder, 21)
    with pytest.raises(CommandError, match="21 of 41 films"):
        purge()
    assert there(films) == 21
    for name in films[:1]:
        default_storage.delete(name)
    assert delete_strays() == (20, [])
    assert there(kept) == 40


def test_one_folder_that_is_left_keeps_not_the_other(make_case: MakeCase) -> None:
    named(make_case(), 1)
    store("uploads/9", 1)
    left = store(f"{PROMOTED}9", 1)
    with pytest.raises(CommandError, match=f"1 of 1 films in {PROMOTED[:-1]} are"):
        purge()
    assert [len(found.names) for found in find_strays()] == [0, 1]
    assert there(left) == 1


def test_a_film_whose_row_comes_meanwhile_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A promotion takes up the copy that an earlier one has left."""
    promoted(1)
    [first, second] = store(f"{PROMOTED}9", 2)
    delete = FileSystemStorage.delete

    def delete_and_name(storage: FileSystemStorage, name: str) -> None:
        delete(storage, name)
        ReferenceImageFactory.create(image=second if name == first else first)

    monkeypatch.setattr(FileSystemStorage, "delete", delete_and_name)
    assert delete_strays().deleted == 1
    assert there([first, second]) == 1
    assert ReferenceImage.objects.filter(image__in=[first, second]).count() == 1


def test_in_a_bucket_it_is_the_same(
    make_bucket: Callable[[dict[str, bytes]], str],
    bucket_storage: Callable[[str], None],
    make_case: MakeCase,
) -> None:
    old = {"uploads/9/old.png": b"film", f"{PROMOTED}9/old.png": b"film"}
    kept = {"uploads/1/named.png": b"film", f"{PROMOTED}1/named.png": b"film"}
    bucket = make_bucket(old | kept)
    for stored in s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[bucket].keys.values():
        stored.last_modified -= timedelta(days=3)
    bucket_storage(bucket)
    new = default_storage.save("uploads/9/new.png", ContentFile(b"film"))
    assert delete_strays().deleted == 0
    CaseImage.objects.create(case=make_case(), url="https://a/b", file="uploads/1/named.png")
    ReferenceImageFactory.create(image=f"{PROMOTED}1/named.png")
    assert delete_strays() == (2, [])
    assert (there([*old]), there([*kept]), there([new])) == (0, 2, 1)
