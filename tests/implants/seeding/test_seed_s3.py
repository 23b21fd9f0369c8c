"""`seed_implants` from object storage, against an S3 service on loopback."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from implants.encoders.active import active
from implants.models import Implant, ReferenceImage, ReferenceVector
from implants.radiograph import MAX_BYTES
from implants.seeding.names import Convention
from implants.seeding.seeder import Seeder
from implants.seeding.sources import S3Source, SourceError
from tests.implants.conftest import film, stored_name

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media", "encoder")]

MakeBucket = Callable[[dict[str, bytes]], str]


def seed(source: str, *options: str) -> str:
    """Run the command; its last line, the totals."""
    answer = io.StringIO()
    call_command("seed_implants", source, *options, stdout=answer, stderr=io.StringIO())
    return " ".join(answer.getvalue().splitlines()[-1].split())


def failure(source: str, *options: str) -> str:
    """Run the command, which must fail; all that it says."""
    answer = io.StringIO()
    with pytest.raises(CommandError) as error:
        call_command("seed_implants", source, *options, stdout=answer, stderr=answer)
    return f"{answer.getvalue()}{error.value}"


def no_download(*_: object) -> bytes:
    raise AssertionError("An object was downloaded that need not be.")


def test_bucket_of_references_is_read_from_its_root(make_bucket: MakeBucket) -> None:
    bucket = make_bucket(
        {
            "straumann/bone_level_tapered_01.png": film(1),
            "conexão/master_01.png": film(2),
            "README.txt": b"not a film",
        }
    )

    assert seed(f"s3://{bucket}") == "total 2 0 0 0 0"

    assert {str(implant) for implant in Implant.objects.all()} == {
        "Straumann Bone Level Tapered",
        "Conexão Master",
    }
    assert ReferenceVector.objects.count() == 2


def test_files_of_other_kinds_are_counted_and_litter_is_not(make_bucket: MakeBucket) -> None:
    names = ("README.txt", "straumann/blx_01", "straumann/.DS_Store", "straumann/Thumbs.db")
    bucket = make_bucket(
        {"straumann/blx_02.jpe": film(1), "straumann/": b""} | dict.fromkeys(names, b"x")
    )
    source = S3Source.from_url(f"s3://{bucket}")

    assert [str(file.path) for file in source.files()] == ["straumann/blx_02.jpe"]

    assert source.left_out == {".txt": 1, "no suffix": 1}


def test_bucket_with_more_than_one_page_of_keys(make_bucket: MakeBucket) -> None:
    one = film(1)
    objects = {f"films/GENERIC_{number:04}.png": one for number in range(1005)}
    bucket = make_bucket(objects | {"films/STRAUMANN_BLX_4.5mm_1.png": film(2)})

    assert seed(f"s3://{bucket}/films") == "total 1 0 0 1005 0"

    assert str(ReferenceImage.objects.get().implant) == "Straumann BLX"


def test_prefix_is_a_folder_and_not_a_beginning(make_bucket: MakeBucket) -> None:
    bucket = make_bucket(
        {"ref/STRAUMANN_BLX_4.5mm_1.png": film(1), "refused/STRAUMANN_TLX_4.5mm_1.png": film(2)}
    )

    assert seed(f"s3://{bucket}/ref") == "total 1 0 0 0 0"
    assert seed(f"s3://{bucket}/ref/") == "total 0 0 1 0 0"


@pytest.mark.parametrize("key", ["uploads/a.png", "clientes/2023/a.png", "copy/uploads/a.png"])
@pytest.mark.parametrize("prefix", ["", "/uploads", "/clientes/2023"])
def test_films_of_patients_stop_the_command(make_bucket: MakeBucket, key: str, prefix: str) -> None:
    bucket = make_bucket({"STRAUMANN_BLX_4.5mm_1.png": film(1), key: film(2)})

    assert "patients' films" in failure(f"s3://{bucket}{prefix}")
    assert not ReferenceImage.objects.exists()


def test_references_of_the_configured_bucket_are_used_in_place(
    make_bucket: MakeBucket, bucket_storage: Callable[[str], None]
) -> None:
    key = "referencia/straumann/blx_01.png"
    bucket = make_bucket({key: film(1)})
    bucket_storage(bucket)

    assert seed(f"s3://{bucket}/referencia") == "total 1 0 0 0 0"
    assert seed(f"s3://{bucket}/referencia") == "total 0 0 1 0 0"

    assert stored_name(ReferenceImage.objects.get()) == key
    assert default_storage.listdir("referencia") == (["straumann"], [])


def test_reference_renamed_in_its_bucket_leaves_its_old_name_to_another_film(
    make_bucket: MakeBucket, bucket_storage: Callable[[str], None]
) -> None:
    old, new = (f"referencia/straumann/blx_0{number}.png" for number in (1, 9))
    bucket = make_bucket({old: film(1)})
    bucket_storage(bucket)
    source = f"s3://{bucket}/referencia"
    seed(source)
    ReferenceImage.objects.update(region=[0.1, 0.1, 0.5, 0.5])
    default_storage.delete(old)
    default_storage.save(new, ContentFile(film(1)))

    assert seed(source) == "total 1 0 0 0 0"
    default_storage.save(old, ContentFile(film(7)))
    assert seed(source) == "total 1 0 1 0 0"

    first, second = ReferenceImage.objects.order_by("pk")
    assert (stored_name(first), first.region) == (new, [0.1, 0.1, 0.5, 0.5])
    assert (stored_name(second), second.region) == (old, None)
    assert seed(source) == "total 0 0 2 0 0"


def test_film_of_a_case_that_gets_its_file_from_the_bucket_stays_the_cases(
    make_bucket: MakeBucket, bucket_storage: Callable[[str], None]
) -> None:
    """As films were promoted before they had a folder of their own."""
    key = "referencia/straumann/blx_01.png"
    bucket = make_bucket({key: film(1)})
    bucket_storage(bucket)
    seed(f"s3://{bucket}/referencia")
    of_a_case = "case/1/image/1/finding/1"
    ReferenceImage.objects.update(source_key=of_a_case, image="referencia/raiox/1/x.png")

    seed(f"s3://{bucket}/referencia")

    reference = ReferenceImage.objects.get()
    assert (reference.source_key, stored_name(reference)) == (of_a_case, key)


def test_references_of_another_bucket_are_copied(
    make_bucket: MakeBucket, bucket_storage: Callable[[str], None]
) -> None:
    other = make_bucket({"referencia/straumann/blx_01.png": film(1)})
    own = make_bucket({})
    bucket_storage(own)

    seed(f"s3://{other}")

    name = stored_name(ReferenceImage.objects.get())
    assert name.startswith("referencia/")
    assert name != "referencia/straumann/blx_01.png"
    assert default_storage.exists(name)
    assert "no images" in failure(f"s3://{own}/referencia")


def test_object_that_is_too_large_is_not_downloaded(
    make_bucket: MakeBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = make_bucket({"STRAUMANN_BLX_4.5mm_1.png": bytes(MAX_BYTES + 1)})
    monkeypatch.setattr(S3Source, "_read", no_download)

    assert "STRAUMANN_BLX_4.5mm_1.png: " in failure(f"s3://{bucket}")


def test_object_that_grew_after_the_listing_is_read_no_further(make_bucket: MakeBucket) -> None:
    bucket = make_bucket({"STRAUMANN_BLX_4.5mm_1.png": bytes(2 * MAX_BYTES)})

    (file,) = S3Source.from_url(f"s3://{bucket}").files()

    assert len(file.read()) == MAX_BYTES + 1


def test_object_that_goes_away_is_reported_and_the_rest_seeded(make_bucket: MakeBucket) -> None:
    bucket = make_bucket(
        {"STRAUMANN_BLX_4.5mm_1.png": film(1), "STRAUMANN_TLX_4.5mm_1.png": film(2)}
    )
    source = S3Source.from_url(f"s3://{bucket}")
    files = list(source.files())
    source._client.delete_object(Bucket=bucket, Key="STRAUMANN_BLX_4.5mm_1.png")

    seeder = Seeder(source, Convention.AUTO, active())
    assert list(seeder.seed(files)) == files

    assert [key for key, _ in seeder.summary.failures] == [f"s3://{bucket}/{files[0].path}"]
    assert str(ReferenceImage.objects.get().implant) == "Straumann TLX"


def test_unchanged_objects_are_not_downloaded_again(
    make_bucket: MakeBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = make_bucket({"STRAUMANN_BLX_4.5mm_1.png": film(1)})
    seed(f"s3://{bucket}")
    reference = ReferenceImage.objects.get()
    reference.created_at = reference.created_at.replace(year=reference.created_at.year + 1)
    reference.save()
    monkeypatch.setattr(S3Source, "_read", no_download)

    assert seed(f"s3://{bucket}") == "total 0 0 1 0 0"


def test_bucket_that_does_not_exist_is_an_error(make_bucket: MakeBucket) -> None:
    make_bucket({})

    assert "can't be listed" in failure("s3://no-such-bucket")


@pytest.mark.parametrize("name", ["DO_SPACES_KEY", "DO_SPACES_SECRET"])
def test_bucket_without_keys_is_an_error(make_bucket: MakeBucket, settings: Any, name: str) -> None:
    make_bucket({})
    setattr(settings, name, "")

    with pytest.raises(SourceError, match="DO_SPACES_KEY"):
        S3Source.from_url("s3://bucket")
