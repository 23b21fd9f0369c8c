"""References: how they come in, are stored, and get their vectors."""

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.storage import default_storage
from PIL import Image
from procrastinate.contrib.django.models import ProcrastinateJob

from implants.catalogue import (
    PROMOTED,
    EncodingState,
    Film,
    PatientKeyError,
    add_film,
    add_reference,
    change_region,
    describe_encoding_error,
    forget_vectors,
    refuse_patient_key,
    replace_film,
    with_encoding_state,
)
from implants.embedding import embed, embed_reference
from implants.encoders.active import active
from implants.encoders.bundle import EncoderUnavailable
from implants.models import Encoder, Implant, ReferenceImage, ReferenceVector
from implants.radiograph import RadiographError, open_radiograph
from implants.region import Region
from tests.factories import ImplantFactory, ReferenceImageFactory
from tests.implants.conftest import film, stored_name, write_film
from tests.implants.tiny_encoder import GRAY

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]


@pytest.fixture
def implant() -> Implant:
    return ImplantFactory.create()


def vector_of(reference: ReferenceImage) -> np.ndarray:
    return np.asarray(ReferenceVector.objects.get(reference=reference).embedding)


def jobs() -> list[int]:
    waiting = ProcrastinateJob.objects.filter(task_name="implants.embed_reference")
    return sorted(job.args["reference_id"] for job in waiting)


def test_add_reference_stores_a_clean_copy_and_asks_for_its_vector(implant: Implant) -> None:
    data = film(1, kind="JPEG")

    reference, created = add_reference(implant, data)

    assert created
    assert reference.sha256 == hashlib.sha256(data).hexdigest()
    assert stored_name(reference).startswith("referencia/")
    with default_storage.open(stored_name(reference)) as file:
        stored = file.read()
    assert stored.startswith(b"\x89PNG")
    assert open_radiograph(stored).image.tobytes() == open_radiograph(data).image.tobytes()
    assert jobs() == [reference.pk]


def test_add_reference_of_a_known_film_gives_the_one_that_is_there(implant: Implant) -> None:
    first, _ = add_reference(implant, film(1))
    again, created = add_reference(implant, film(1), source_key="elsewhere/film.png")

    assert (again, created) == (first, False)
    assert jobs() == [first.pk]


def test_add_reference_of_one_film_for_two_implants(implant: Implant) -> None:
    first, _ = add_reference(implant, film(1), region=Region(0, 0, 0.5, 1))
    second, created = add_reference(ImplantFactory.create(), film(1))

    assert created
    assert stored_name(first) != stored_name(second)
    assert first.region == [0, 0, 0.5, 1]


def test_add_reference_refuses_what_is_no_radiograph(implant: Implant) -> None:
    with pytest.raises(RadiographError):
        add_reference(implant, b"<html>")

    assert not ReferenceImage.objects.exists()
    assert jobs() == []


@pytest.mark.parametrize(
    "key",
    ["uploads/a.png", "clientes/x/a.png", "s3://bucket/Uploads/2024/a.png", "copy/uploads/a.png"],
)
def test_add_reference_refuses_films_of_patients(implant: Implant, key: str) -> None:
    with pytest.raises(PatientKeyError):
        add_reference(implant, film(1), source_key=key)
    with pytest.raises(PatientKeyError):
        add_film(implant, Film(open_radiograph(film(1)), stored_at=key), source_key="a")

    assert not ReferenceImage.objects.exists()


@pytest.mark.parametrize("key", ["referencia/uploads.png", "straumann/my-uploads/a.png"])
def test_patients_films_are_told_by_whole_folder_names(key: str) -> None:
    refuse_patient_key(key)


def test_embed_reference_makes_the_vector_of_the_active_encoder(
    implant: Implant, encoder: Encoder
) -> None:
    reference, _ = add_reference(implant, film(1))

    embed_reference(reference.pk)

    expected = active().session.encode(open_radiograph(film(1)).image)
    assert vector_of(reference) == pytest.approx(expected, abs=1e-6)
    assert ReferenceVector.objects.get().encoder == encoder


def test_embed_reference_honours_the_region(implant: Implant, encoder: Encoder) -> None:
    part = Region(0.25, 0.25, 0.5, 0.5)
    reference, _ = add_reference(implant, film(1), region=part)

    embed_reference(reference.pk)

    expected = active().session.encode(open_radiograph(film(1)).image, part)
    assert vector_of(reference) == pytest.approx(expected, abs=1e-6)


def test_embed_reference_twice_or_of_a_deleted_row_changes_nothing(
    implant: Implant, encoder: Encoder
) -> None:
    reference, _ = add_reference(implant, film(1))
    embed_reference(reference.pk)
    made_at = ReferenceVector.objects.get().created_at

    embed_reference(reference.pk)
    embed_reference(reference.pk + 1)

    assert ReferenceVector.objects.get().created_at == made_at


def test_embed_reference_without_an_encoder_may_be_repeated(
    implant: Implant, no_encoder: None
) -> None:
    reference, _ = add_reference(implant, film(1))

    with pytest.raises(EncoderUnavailable):
        embed_reference(reference.pk)

    reference.refresh_from_db()
    assert reference.encoding_error == ""


def test_embed_reference_whose_file_is_gone_says_so(implant: Implant, encoder: Encoder) -> None:
    reference, _ = add_reference(implant, film(1))
    default_storage.delete(stored_name(reference))

    embed_reference(reference.pk)

    reference.refresh_from_db()
    assert reference.encoding_error == "file_missing"
    assert describe_encoding_error("file_missing")


def test_embed_reference_of_a_damaged_file_says_so(
    implant: Implant, encoder: Encoder, media: Path
) -> None:
    reference, _ = add_reference(implant, film(1))
    (media / stored_name(reference)).write_bytes(b"no longer an image")

    embed_reference(reference.pk)

    reference.refresh_from_db()
    assert reference.encoding_error == "not_an_image"
    assert describe_encoding_error("not_an_image") == str(RadiographError("not_an_image"))


def test_film_used_in_place_that_changed_since_is_not_encoded(
    implant: Implant, encoder: Encoder, media: Path
) -> None:
    """Its vector would stand for bytes that it was not made of."""
    place = "referencia/straumann/blx_01.png"
    write_film(media / place, 1)
    here = Film(open_radiograph(film(1)), stored_at=place)
    reference = add_film(implant, here, source_key="films/a.png").reference
    write_film(media / place, 2)

    embed_reference(reference.pk)

    reference.refresh_from_db()
    assert reference.encoding_error == "file_changed"
    assert describe_encoding_error("file_changed")
    assert not ReferenceVector.objects.exists()


def test_embed_goes_on_after_a_film_that_fails(implant: Implant, encoder: Encoder) -> None:
    references = [add_reference(implant, film(seed))[0] for seed in range(3)]
    default_storage.delete(stored_name(references[1]))

    failed = embed(references, active())

    assert failed == [references[1]]
    done = ReferenceVector.objects.values_list("reference_id", flat=True)
    assert set(done) == {references[0].pk, references[2].pk}


def test_embed_goes_on_after_a_film_that_gives_no_vector(
    implant: Implant, encoder: Encoder
) -> None:
    blank = io.BytesIO()
    half_empty = Image.new("L", (96, 96), GRAY)
    half_empty.paste(GRAY + 40, (0, 0, 20, 20))
    half_empty.save(blank, "PNG")
    region = Region(0.5, 0.5, 0.5, 0.5)
    empty = add_reference(implant, blank.getvalue(), region=region).reference
    sound = [add_reference(implant, film(seed)).reference for seed in range(2)]

    failed = embed([sound[0], empty, sound[1]], active())

    assert failed == [empty]
    empty.refresh_from_db()
    assert empty.encoding_error == "not_encodable"
    assert ReferenceVector.objects.count() == 2


def test_embed_drops_the_vector_of_a_film_that_was_replaced_meanwhile(
    implant: Implant, encoder: Encoder
) -> None:
    reference, _ = add_reference(implant, film(1))
    before = ReferenceImage.objects.get(pk=reference.pk)
    replace_film(reference, Film(open_radiograph(film(2))))

    embed([before], active())

    assert not ReferenceVector.objects.exists()


def test_replaced_film_loses_its_vectors_and_keeps_its_key(
    implant: Implant, encoder: Encoder
) -> None:
    reference, _ = add_reference(implant, film(1), source_key="films/a.png")
    change_region(reference, Region(0.1, 0.1, 0.5, 0.5))
    embed_reference(reference.pk)

    replace_film(reference, Film(open_radiograph(film(2))))

    reference.refresh_from_db()
    assert reference.source_key == "films/a.png"
    assert reference.region is None, "it was drawn on another film"
    assert "ubstitu" in LogEntry.objects.latest("pk").change_message
    assert reference.sha256 == hashlib.sha256(film(2)).hexdigest()
    assert default_storage.exists(stored_name(reference))
    assert not ReferenceVector.objects.exists()


def test_reference_that_lost_its_file_gets_it_back(implant: Implant, encoder: Encoder) -> None:
    """As its page advises: upload the radiograph again."""
    reference, _ = add_reference(implant, film(1), source_key="films/a.png")
    change_region(reference, Region(0.1, 0.1, 0.5, 0.5))
    embed_reference(reference.pk)
    assert not add_reference(implant, film(1), source_key="films/b.png").created
    default_storage.delete(stored_name(reference))

    again = add_reference(implant, film(1), source_key="films/b.png")

    assert (again.reference, again.created) == (reference, True)
    reference.refresh_from_db()
    assert default_storage.exists(stored_name(reference))
    assert reference.region is not None and reference.source_key == "films/a.png"
    embed_reference(reference.pk)
    assert reference.vectors.count() == 1


def test_promoted_film_that_gets_its_file_back_is_still_its_cases(implant: Implant) -> None:
    reference, _ = add_reference(implant, film(1), source_key="case/7/image/1/finding/1")
    ReferenceImage.objects.update(image=f"{PROMOTED}{implant.pk}/gone.png")

    assert add_reference(implant, film(1)).created

    reference.refresh_from_db()
    assert reference.source_key == "case/7/image/1/finding/1"
    assert stored_name(reference).startswith(PROMOTED)


def test_encoding_state_follows_the_active_encoder(implant: Implant, encoder: Encoder) -> None:
    ready, gone = (add_reference(implant, film(seed))[0] for seed in range(2))
    waiting = ReferenceImageFactory.create()
    default_storage.delete(stored_name(gone))
    embed([ready, gone], active())

    def states() -> dict[int, str]:
        annotated = with_encoding_state(ReferenceImage.objects.all())
        return dict(annotated.values_list("pk", "encoding_state"))

    assert states() == {
        ready.pk: EncodingState.READY,
        gone.pk: EncodingState.FAILED,
        waiting.pk: EncodingState.WAITING,
    }
    Encoder.objects.update(is_active=False)
    assert states()[ready.pk] == EncodingState.WAITING


def test_forgotten_vectors_leave_no_old_error_behind(implant: Implant, encoder: Encoder) -> None:
    reference, _ = add_reference(implant, film(1))
    default_storage.delete(stored_name(reference))
    embed_reference(reference.pk)

    forget_vectors(reference)

    state = with_encoding_state(ReferenceImage.objects.all()).get().encoding_state
    assert state == EncodingState.WAITING
