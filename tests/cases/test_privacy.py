"""Patients' data: deleted in time, erased and handed out when asked."""

import ast
import io
import json
import zipfile
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.management import CommandError, call_command
from django.db import models
from django.utils import timezone

from cases import delivery, events, intake
from cases.events import record
from cases.models import Case, CaseEvent, CaseImage, Delivery, Finding, Search
from cases.privacy import files, retention
from cases.privacy.models import AccessRecord, ErasedSubmission
from cases.privacy.personal import HARMLESS, HARMLESS_DETAILS, PERSONAL
from cases.privacy.retention import purge_expired
from implants.models import Implant, ReferenceImage
from tests.factories import ReferenceImageFactory
from webhooks.models import InboundEvent

pytestmark = pytest.mark.django_db
MARK = "Zulmira Quintanilha"


@pytest.fixture
def full_case(
    make_event: Callable[..., InboundEvent],
    add_search: Callable[..., Search],
    implants: list[Implant],
    media: Path,
) -> Case:
    """A decided case that came by a webhook, with a film, a search, notes and a delivery."""
    event = make_event(q3_nome={"first": MARK, "last": MARK}, q6_paciente=MARK)
    case = intake.open_case(event.pk)
    assert case is not None
    image = case.images.get()
    image.file.save(f"{case.pk}/film.png", ContentFile(b"film"), save=False)
    image.state, image.sha256, image.url = "stored", "5" * 64, f"https://host/{MARK}.png"
    image.save()
    finding = case.findings.get()
    add_search(finding, image, (implants[0], 0.9), (implants[1], 0.8))
    Finding.objects.update(verdict="identified", implant=implants[0], note=MARK)
    Case.objects.update(note=MARK, rejection_text=MARK, dentist_email=f"{MARK}@example.org")
    Delivery.objects.create(case=case, text=MARK, response=MARK, state="sent")
    record(case, CaseEvent.Kind.DELIVERY_FAILED, reason="refused", detail=f"no {MARK}", other=MARK)
    case.refresh_from_db()
    return case


def grow_old(days: int = 91) -> None:
    """As if everything had come that many days ago."""
    then = timezone.now() - timedelta(days=days)
    Case.objects.update(created_at=then)
    InboundEvent.objects.update(received_at=then)


def everything() -> str:
    """All that the tables of both applications hold, as text."""
    rows: list[Any] = []
    for name in ("cases", "webhooks"):
        for model in apps.get_app_config(name).get_models():
            rows += model._default_manager.values_list()
    return repr(rows)


def test_after_the_time_no_personal_data_is_left(full_case: Case) -> None:
    assert MARK in everything()
    film = str(full_case.images.get().file.name)
    grow_old()
    assert purge_expired()[:2] == (1, 1)
    assert MARK not in everything()
    assert not default_storage.exists(film)


def test_what_was_found_stays(full_case: Case, implants: list[Implant]) -> None:
    grow_old()
    purge_expired()
    finding = Finding.objects.get()
    assert (finding.verdict, finding.implant, finding.tooth) == ("identified", implants[0], "44")
    assert [row.similarity for row in Search.objects.get().results.all()] == [0.9, 0.8]
    assert CaseImage.objects.get().state == "deleted"
    assert full_case.events.filter(kind=CaseEvent.Kind.PERSONAL_DATA_DELETED).count() == 1


def test_of_events_ids_and_codes_stay(full_case: Case) -> None:
    grow_old()
    purge_expired()
    event = full_case.events.get(kind=CaseEvent.Kind.DELIVERY_FAILED)
    assert event.data == {"reason": "refused"}


def test_what_is_done_with_a_case_after_the_deletion_is_deleted_in_its_turn(
    full_case: Case,
) -> None:
    grow_old(200)
    purge_expired()
    Case.objects.update(note=MARK, personal_data_deleted_at=timezone.now() - timedelta(days=95))
    record(full_case, CaseEvent.Kind.DELIVERY_FAILED, detail=MARK)
    assert purge_expired().cases == 0
    CaseEvent.objects.update(created_at=timezone.now() - timedelta(days=91))
    assert purge_expired().cases == 1
    assert MARK not in everything()
    CaseEvent.objects.update(created_at=timezone.now() - timedelta(days=91))
    assert purge_expired().cases == 0


def test_before_the_time_everything_stays(full_case: Case, settings: Any) -> None:
    grow_old(89)
    assert purge_expired()[:2] == (0, 0)
    settings.RETENTION_DAYS = 80
    assert purge_expired()[:2] == (1, 1)


@pytest.mark.parametrize("state", ["queued", "waiting"])
def test_answer_that_has_not_gone_out_keeps_its_words_but_no_film(
    full_case: Case, state: str
) -> None:
    film = str(full_case.images.get().file.name)
    grow_old()
    row = full_case.deliveries.get()
    Delivery.objects.update(state=state)
    done = purge_expired()
    assert (done.cases, done.films_alone) == (0, 1)
    assert not default_storage.exists(film)
    image = full_case.images.get()
    assert (image.state, image.file.name, image.sha256) == ("deleted", "", "")
    row.refresh_from_db()
    full_case.refresh_from_db()
    assert (row.text, full_case.patient) == (MARK, MARK)
    # Its films are gone once.
    done = purge_expired()
    assert (done.cases, done.films_alone) == (0, 0)
    Delivery.objects.update(state="sent")
    assert purge_expired().cases == 1
    assert MARK not in everything()


@pytest.mark.parametrize("state", ["queued", "waiting"])
def test_a_notice_of_receipt_that_has_not_gone_out_keeps_nothing(
    full_case: Case, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Delivery] = []
    monkeypatch.setattr(delivery.telling, "delivery_failed", told.append)
    grow_old()
    Delivery.objects.update(kind="received", state=state)
    assert purge_expired().cases == 1
    assert MARK not in everything()
    # It comes due one day, and asks nobody to do anything.
    delivery.deliver(full_case.pk, None)
    assert full_case.deliveries.get().state == "cancelled"
    assert not told
    kinds = list(full_case.events.values_list("kind", flat=True))
    assert kinds[-1] == CaseEvent.Kind.DELIVERY_CANCELLED


def test_answer_queued_in_the_middle_of_the_deletion_keeps_its_text(
    full_case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow_old()

    def decided_now(images: Any) -> None:
        Delivery.objects.update(state="queued")
        files.delete_films(images)

    monkeypatch.setattr(retention, "delete_films", decided_now)
    purge_expired()
    assert full_case.deliveries.get().text == MARK
    assert full_case.images.get().state == "deleted"
    monkeypatch.undo()
    Delivery.objects.update(state="sent")
    assert purge_expired().cases == 1
    assert MARK not in everything()


def test_an_edit_counts_anew(full_case: Case, make_event: Callable[..., InboundEvent]) -> None:
    grow_old()
    make_event(q6_paciente="another")
    assert purge_expired()[0] == 0


def test_an_edit_after_the_deletion_is_deleted_in_its_turn(
    full_case: Case, make_event: Callable[..., InboundEvent]
) -> None:
    grow_old()
    purge_expired()
    intake.open_case(make_event(q6_paciente=MARK).pk)
    assert MARK in everything()
    Case.objects.update(personal_data_deleted_at=timezone.now() - timedelta(days=95))
    InboundEvent.objects.update(received_at=timezone.now() - timedelta(days=91))
    assert purge_expired()[0] == 1
    assert MARK not in everything()
    assert purge_expired()[0] == 0


def test_webhooks_of_unknown_forms_are_emptied_too() -> None:
    InboundEvent.objects.create(kind="other", state="ignored", payload={"name": MARK})
    grow_old()
    assert purge_expired().events == 1
    assert MARK not in everything()


def test_two_images_of_a_case_can_both_be_deleted(full_case: Case) -> None:
    CaseImage.objects.create(case=full_case, url=f"https://host/{MARK}-2.png", state="waiting")
    CaseImage.objects.create(
        case=full_case, url=f"https://host/{MARK}-3.png", state="refused", refusal="too_small"
    )
    grow_old()
    purge_expired()
    assert MARK not in everything()
    states = list(CaseImage.objects.order_by("pk").values_list("state", flat=True))
    assert states == ["deleted", "deleted", "refused"]


def test_storage_that_fails_for_one_case_keeps_it_whole_and_stops_no_other(
    full_case: Case, make_case: Callable[..., Case], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_case(patient=MARK)
    broken = full_case.images.get().file.name
    delete = FileSystemStorage.delete

    def fail(storage: FileSystemStorage, name: str) -> None:
        if name == broken:
            raise OSError
        delete(storage, name)

    monkeypatch.setattr(FileSystemStorage, "delete", fail)
    grow_old()
    assert purge_expired().cases == 1
    full_case.refresh_from_db()
    other.refresh_from_db()
    assert (full_case.patient, other.patient) == (MARK, "")
    assert CaseImage.objects.get(case=full_case).state == "stored"


def test_access_records_are_kept_for_a_year(full_case: Case) -> None:
    for days in (364, 366):
        row = AccessRecord.objects.create(what="film", case_number=days)
        then = timezone.now() - timedelta(days=days)
        AccessRecord.objects.filter(pk=row.pk).update(created_at=then)
    assert purge_expired().access_records == 1
    assert AccessRecord.objects.get().case_number == 364


def test_every_field_of_text_is_known_as_personal_or_harmless() -> None:
    """A new field must be put into one of the two lists of cases.privacy.personal."""
    unknown = []
    elsewhere = {(CaseImage, "url"), (CaseEvent, "data")}
    for model in [Case, CaseEvent, CaseImage, Finding, Delivery, InboundEvent]:
        for field in model._meta.concrete_fields:
            is_text = isinstance(field, models.CharField | models.TextField | models.JSONField)
            known = field.name in PERSONAL.get(model, {}) or field.name in HARMLESS.get(
                model, frozenset()
            )
            if is_text and not (field.choices or known or (model, field.name) in elsewhere):
                unknown.append(f"{model.__name__}.{field.name}")
    assert unknown == []


def test_every_detail_of_an_event_is_known_as_harmless_or_words() -> None:
    """What is neither would be lost with the personal data, a consent for one."""
    written = set()
    for path in Path(events.__file__).parent.rglob("*.py"):
        source = path.read_text()
        if "from cases.events import record" in source:
            calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
            calls = [call for call in calls if getattr(call.func, "id", "") == "record"]
            written |= {word.arg for call in calls for word in call.keywords if word.arg}
    assert {"attempt", "consent"} < written
    assert written - HARMLESS_DETAILS == {"detail"}


def promote(case: Case, implant: Implant) -> ReferenceImage:
    name = default_storage.save("referencia/raiox/promoted.png", ContentFile(b"film"))
    return ReferenceImageFactory.create(
        implant=implant, image=name, source_key=f"case/{case.pk}/image/{case.images.get().pk}"
    )


@pytest.mark.django_db(transaction=True)
def test_an_erased_case_leaves_nothing_but_a_digest(
    full_case: Case, implants: list[Implant]
) -> None:
    film, promoted = str(full_case.images.get().file.name), promote(full_case, implants[0])
    other = ReferenceImageFactory.create(source_key=f"case/{full_case.pk}1/image/1")
    call_command("erase_case", full_case.pk, "--yes", stdout=StringIO())
    assert MARK not in everything()
    assert not Case.objects.exists()
    assert not InboundEvent.objects.exists()
    assert list(ReferenceImage.objects.all()) == [other]
    assert not default_storage.exists(film)
    assert not default_storage.exists(str(promoted.image.name))
    assert ErasedSubmission.objects.count() == 1


def test_an_erased_case_does_not_come_back(
    full_case: Case, make_event: Callable[..., InboundEvent]
) -> None:
    call_command("erase_case", full_case.pk, "--yes", stdout=StringIO())
    assert intake.open_case(make_event(q6_paciente=MARK).pk) is None
    assert not Case.objects.exists()
    assert MARK not in everything()
    assert intake.open_case(make_event("63").pk) is not None


def test_webhooks_without_a_case_can_be_erased(make_event: Callable[..., InboundEvent]) -> None:
    make_event("77")
    call_command("erase_case", "--submission", "24", "77", "--yes", stdout=StringIO())
    assert not InboundEvent.objects.exists()
    with pytest.raises(CommandError, match="Nothing is held"):
        call_command("erase_case", "--submission", "24", "77", "--yes", stdout=StringIO())


def test_erasing_asks_first(full_case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda _: "no")
    with pytest.raises(CommandError, match="Nothing was erased"):
        call_command("erase_case", full_case.pk, stdout=StringIO())
    assert Case.objects.exists()


def test_an_export_holds_every_row_and_film(
    full_case: Case, implants: list[Implant], tmp_path: Path
) -> None:
    promote(full_case, implants[0])
    target = tmp_path / "case.zip"
    call_command("export_case", full_case.pk, "--output", str(target), stdout=StringIO())
    assert target.stat().st_mode & 0o777 == 0o600
    archive = zipfile.ZipFile(io.BytesIO(target.read_bytes()))
    tables = json.loads(archive.read("data.json"))
    assert {
        "cases", "case_images", "findings", "searches", "results", "case_events", "deliveries",
        "inbound_events", "reference_images", "access_records",
    } == set(tables)  # fmt: skip
    assert tables["cases"][0]["patient"] == MARK
    assert len(tables["searches"][0]["embedding"]) == 512
    films = [name for name in archive.namelist() if name.startswith("films/")]
    assert len(films) == 2
    assert all(archive.read(name) == b"film" for name in films)
    assert AccessRecord.objects.get(what="export").case_number == full_case.pk


def test_an_export_that_fails_leaves_no_half_file(full_case: Case, tmp_path: Path) -> None:
    default_storage.delete(str(full_case.images.get().file.name))
    target = tmp_path / "case.zip"
    with pytest.raises(FileNotFoundError):
        call_command("export_case", full_case.pk, "--output", str(target), stdout=StringIO())
    assert not target.exists()


def test_an_export_overwrites_nothing(full_case: Case, tmp_path: Path) -> None:
    target = tmp_path / "case.zip"
    target.write_text("mine")
    with pytest.raises(CommandError, match="exists"):
        call_command("export_case", full_case.pk, "--output", str(target), stdout=StringIO())
    assert target.read_text() == "mine"
