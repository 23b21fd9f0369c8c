"""Films of approved cases in the catalogue: who may, what is asked, what goes with them."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.test import Client
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from cases import promotion, review
from cases.models import Case, CaseEvent, CaseImage, Finding
from cases.privacy.erasure import erase, holding_of_case
from cases.promotion import Promotion, PromotionRefused, promote, subjects
from implants.catalogue import PROMOTED, add_reference
from implants.demo.systems import DemoSystem
from implants.embedding import embed_reference
from implants.models import Implant, ReferenceImage, ReferenceVector
from implants.region import Region
from tests.cases.conftest import jobs
from tests.people import logged_in, person

pytestmark = pytest.mark.usefixtures("media")

REGION = Region(0.25, 0.1, 0.5, 0.75)
FILM_SHA = "c" * 64
Make = Callable[..., Case]


def film_with_secrets(seed: int = 1) -> bytes:
    """A PNG in which a name, a place and a camera were left behind."""
    exif = Image.Exif()
    exif[0x010E] = "Maria da Silva"
    exif[0x8825] = {1: "S", 2: (23.0, 33.0, 1.0), 3: "W", 4: (46.0, 38.0, 1.0)}
    words = PngInfo()
    words.add_text("Patient", "Maria da Silva")
    pixels = Image.effect_noise((160, 200), 60 + seed)
    buffer = io.BytesIO()
    pixels.save(buffer, "PNG", exif=exif, pnginfo=words)
    return buffer.getvalue()


@pytest.fixture
def both(db: None) -> User:
    """Somebody who reviews and curates."""
    return person("ana", "Revisores", "Curadores")


@pytest.fixture
def approved(make_case: Make, implants: list[Implant], brenda: User) -> Case:
    """A case with a film, approved as the first implant."""
    case = make_case("approved", decided_by=brenda, patient="Maria da Silva")
    image = case.images.get()
    image.file.save("x.png", ContentFile(film_with_secrets()), save=False)
    image.sha256 = FILM_SHA
    image.save()
    case.findings.update(verdict="identified", implant=implants[0])
    return case


def address(case: Case, more: str = "") -> str:
    return f"/admin/cases/case/{case.pk}/promote/{more}"


def sent(**changes: Any) -> dict[str, Any]:
    filled = {"region": json.dumps(REGION.to_list()), "consent": "on", "diameter_mm": "3,75"}
    return {name: value for name, value in (filled | changes).items() if value is not None}


def test_film_becomes_a_reference_with_consent_origin_and_sizes(
    both: User, approved: Case, implants: list[Implant]
) -> None:
    answer: Any = logged_in(both).post(address(approved), sent())

    assert answer.url == f"/admin/cases/case/{approved.pk}/change/"
    reference = ReferenceImage.objects.get()
    image, finding = approved.images.get(), approved.findings.get()
    assert reference.implant == implants[0]
    assert reference.region == REGION.to_list() and str(reference.diameter_mm) == "3.75"
    assert reference.sha256 == FILM_SHA, "known by the received bytes"
    key = f"case/{approved.pk}/image/{image.pk}/finding/{finding.pk}"
    assert reference.source_key == key
    assert str(reference.image.name).startswith(PROMOTED) and not reference.is_demo
    assert [job["reference_id"] for job in jobs("implants.embed_reference")] == [reference.pk]


def test_the_catalogues_history_says_who_added_it(both: User, approved: Case) -> None:
    logged_in(both).post(address(approved), sent())

    entry = LogEntry.objects.get(content_type__model="referenceimage")
    assert (entry.user, entry.object_id) == (both, str(ReferenceImage.objects.get().pk))


def test_timeline_says_who_declared_the_consent_and_when(both: User, approved: Case) -> None:
    logged_in(both).post(address(approved), sent())

    event = approved.events.get(kind=CaseEvent.Kind.PROMOTED)
    assert (event.actor, event.data["consent"]) == (both, True)
    assert event.data["reference"] == ReferenceImage.objects.get().pk
    assert "Maria" not in json.dumps(event.data)
    page = logged_in(both).get(f"/admin/cases/case/{approved.pk}/change/").content.decode()
    assert str(event.get_kind_display()) in page and "Neodent Drive CM" in page


def test_nothing_but_pixels_goes_into_the_catalogue(
    both: User, approved: Case, media: Path
) -> None:
    stored = media / str(approved.images.get().file.name)
    before = stored.read_bytes()
    assert b"Maria" in before and Image.open(io.BytesIO(before)).getexif().get_ifd(0x8825)

    logged_in(both).post(address(approved), sent())

    copy = (media / str(ReferenceImage.objects.get().image.name)).read_bytes()
    film = Image.open(io.BytesIO(copy))
    assert not film.getexif() and not film.info and b"Maria" not in copy
    assert film.tobytes() == Image.open(io.BytesIO(before)).tobytes()


@pytest.mark.parametrize(
    "changes",
    [
        {"consent": None},
        {"region": ""},
        {"region": "[0.9, 0, 0.5, 1]"},
        {"diameter_mm": "-1"},
    ],
)
def test_without_consent_or_region_nothing_happens(
    both: User, approved: Case, changes: dict[str, Any]
) -> None:
    answer = logged_in(both).post(address(approved), sent(**changes))

    assert answer.status_code == 400
    assert 'role="alert"' in answer.content.decode()
    assert not ReferenceImage.objects.exists()
    assert not approved.events.filter(kind=CaseEvent.Kind.PROMOTED).exists()


def test_service_itself_asks_for_consent_and_region(both: User, approved: Case) -> None:
    subject = subjects(approved)[0]

    for promised in (Promotion(REGION, has_consent=False), Promotion(None, has_consent=True)):
        with pytest.raises(PromotionRefused):
            promote(subject, promised, both)
    assert not ReferenceImage.objects.exists()


@pytest.mark.parametrize("groups", [["Revisores"], ["Curadores"], ["Leitores"], []])
def test_only_who_sees_cases_and_adds_references_may(approved: Case, groups: list[str]) -> None:
    browser = logged_in(person("outra", *groups))

    for more in ("", "examine/"):
        assert browser.post(address(approved, more), sent()).status_code == 403
    assert browser.get(address(approved)).status_code == 403
    assert not ReferenceImage.objects.exists()
    if "Revisores" in groups:
        page = browser.get(f"/admin/cases/case/{approved.pk}/change/").content.decode()
        assert "/promote/" not in page


@pytest.mark.parametrize("state", ["pending", "rejected"])
def test_only_films_of_approved_cases(both: User, approved: Case, state: str, brenda: User) -> None:
    if state == "pending":
        review.reopen(approved, brenda)
    else:
        Case.objects.filter(pk=approved.pk).update(state=state, rejection_reason="other")

    answer: Any = logged_in(both).post(address(approved), sent())

    assert answer.url == f"/admin/cases/case/{approved.pk}/change/"
    assert not ReferenceImage.objects.exists()
    assert "/promote/" not in logged_in(both).get(answer.url).content.decode()


@pytest.mark.parametrize("verdict", ["probable", "not_in_catalogue", "not_identifiable"])
def test_only_findings_that_are_identified(
    both: User, approved: Case, implants: list[Implant], verdict: str
) -> None:
    implant = implants[0] if verdict == "probable" else None
    approved.findings.update(verdict=verdict, implant=implant)

    logged_in(both).post(address(approved), sent())

    assert not ReferenceImage.objects.exists()


def test_deleted_film_is_refused(both: User, approved: Case) -> None:
    approved.images.update(state="deleted")

    logged_in(both).post(address(approved), sent())

    assert not ReferenceImage.objects.exists()


def test_film_that_is_gone_from_storage_is_refused_in_words(
    both: User, approved: Case, media: Path
) -> None:
    (media / str(approved.images.get().file.name)).unlink()

    answer = logged_in(both).post(address(approved), sent())

    assert answer.status_code == 400 and 'role="alert"' in answer.content.decode()
    examined = logged_in(both).post(address(approved, "examine/"), sent())
    assert (examined.status_code, examined.json()["state"]) == (422, "refused")


def change_case(subject: promotion.Subject) -> None:
    Case.objects.filter(pk=subject.case.pk).update(
        state="pending", decided_by=None, decided_at=None, decision_id=None
    )


def delete_image(subject: promotion.Subject) -> None:
    CaseImage.objects.filter(pk=subject.image.pk).update(state="deleted")


def change_finding(subject: promotion.Subject) -> None:
    Finding.objects.filter(pk=subject.finding.pk).update(verdict="probable")


@pytest.mark.parametrize("meanwhile", [change_case, delete_image, change_finding])
def test_what_has_changed_meanwhile_is_seen(
    both: User, approved: Case, meanwhile: Callable[[promotion.Subject], None]
) -> None:
    subject = subjects(approved)[0]
    meanwhile(subject)

    with pytest.raises(PromotionRefused):
        promote(subject, Promotion(REGION, has_consent=True), both)
    assert not ReferenceImage.objects.exists()


def test_same_film_is_not_promoted_twice(both: User, approved: Case) -> None:
    browser = logged_in(both)
    browser.post(address(approved), sent())

    assert browser.post(address(approved), sent()).status_code == 400
    assert ReferenceImage.objects.count() == 1
    assert approved.events.filter(kind=CaseEvent.Kind.PROMOTED).count() == 1
    # It stays so when the reference was moved to another implant.
    ReferenceImage.objects.update(implant=Implant.objects.last())
    assert browser.post(address(approved), sent()).status_code == 400


def test_film_that_the_implant_has_already_is_refused(
    both: User, approved: Case, implants: list[Implant], media: Path
) -> None:
    known = add_reference(implants[0], film_with_secrets()).reference
    ReferenceImage.objects.filter(pk=known.pk).update(sha256=FILM_SHA)

    answer = logged_in(both).post(address(approved), sent())

    assert answer.status_code == 400
    assert ReferenceImage.objects.get() == known
    copies = [path for path in (media / PROMOTED).rglob("*") if path.is_file()]
    assert copies == [], "none of the patient's film"
    examined = logged_in(both).post(address(approved, "examine/"), sent()).json()
    assert examined["state"] == "duplicate"


def test_one_film_may_document_two_implants_of_its_case(
    both: User, approved: Case, implants: list[Implant]
) -> None:
    second = Finding.objects.create(case=approved, verdict="identified", implant=implants[1])
    image = approved.images.get()
    browser = logged_in(both)

    for finding in approved.findings.all():
        query = f"?finding={finding.pk}&image={image.pk}"
        assert browser.get(address(approved, query)).status_code == 200
        assert browser.post(address(approved, query), sent()).status_code == 302

    references = ReferenceImage.objects.order_by("pk")
    assert [reference.implant for reference in references] == implants[:2]
    assert references[1].source_key.endswith(f"/finding/{second.pk}")
    assert browser.get(address(approved, "?finding=0&image=0")).status_code == 404


def test_region_of_the_finding_is_preset_on_its_film_only(
    both: User, approved: Case, implants: list[Implant]
) -> None:
    other = CaseImage.objects.create(case=approved, url="https://x/2", state="stored")
    approved.findings.update(region=REGION.to_list(), image=approved.images.first())

    page = logged_in(both).get(address(approved)).content.decode()

    assert 'name="region" value="[0.25, 0.1, 0.5, 0.75]"' in page
    assert [one.image.pk for one in subjects(approved)] == [approved.images.first().pk]  # type: ignore[union-attr]
    assert other.pk != approved.images.first().pk  # type: ignore[union-attr]


@pytest.mark.parametrize("source", ["sandbox", "label", "film"])
def test_demo_data_stays_marked_as_demo(
    both: User, approved: Case, implants: list[Implant], settings: Any, source: str
) -> None:
    if source == "sandbox":
        settings.DOWNLOAD_EXTRA_ORIGINS = ["http://127.0.0.1:8001"]
        approved.images.update(url="http://127.0.0.1:8001/uploads/1.png")
    elif source == "label":
        Implant.objects.filter(pk=implants[0].pk).update(is_demo=True)
    else:
        ReferenceImage.objects.create(
            implant=implants[1], image="x", source_key="demo/x", sha256=FILM_SHA, is_demo=True
        )

    logged_in(both).post(address(approved), sent())

    assert implants[0].references.get().is_demo


def test_film_that_resembles_another_implant_is_said_before_it_is_saved(
    both: User, approved: Case, catalogue: Any, reference_films: list[tuple[DemoSystem, bytes]]
) -> None:
    system, data = reference_films[-1]
    marked = ReferenceImage.objects.order_by("-pk")[0]
    assert marked.implant.name == system.name
    ReferenceImage.objects.filter(pk=marked.pk).update(region=REGION.to_list())
    ReferenceVector.objects.filter(reference=marked).delete()
    embed_reference(marked.pk)
    image = approved.images.get()
    brighter = Image.open(io.BytesIO(data)).point([min(255, level + 6) for level in range(256)])
    buffer = io.BytesIO()
    brighter.save(buffer, "PNG")
    image.file.save("y.png", ContentFile(buffer.getvalue()))

    answer = logged_in(both).post(address(approved, "examine/"), sent()).json()

    assert answer["state"] == "warn"
    assert str(marked.implant) in answer["html"]
    assert not ReferenceImage.objects.filter(source_key__startswith="case/").exists()


def test_erasing_the_case_removes_its_promoted_film(
    both: User, approved: Case, implants: list[Implant], media: Path,
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    logged_in(both).post(address(approved), sent())
    copy = media / str(ReferenceImage.objects.get().image.name)
    other = add_reference(implants[1], film_with_secrets(2)).reference
    assert copy.exists()

    with django_capture_on_commit_callbacks(execute=True):
        erase(holding_of_case(approved))

    assert ReferenceImage.objects.get() == other and not copy.exists()


def test_film_that_is_decided_anew_leaves_no_second_copy_and_says_where_it_stands(
    both: User, approved: Case, implants: list[Implant], media: Path,
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    browser = logged_in(both)
    page = f"/admin/cases/case/{approved.pk}/change/"
    reference = promote(subjects(approved)[0], Promotion(REGION, has_consent=True), both)
    assert "no catálogo como" not in browser.get(page).content.decode()
    review.reopen(approved, both)
    finding = approved.findings.get()
    review.set_verdict(finding, both, verdict="identified", implant=implants[1])
    review.approve(approved, both)

    shown = browser.get(page).content.decode()
    assert f"no catálogo como {implants[0]}" in shown
    assert f"/admin/implants/referenceimage/{reference.pk}/change/" in shown
    with pytest.raises(PromotionRefused, match=str(implants[0])):
        promote(subjects(approved)[0], Promotion(REGION, has_consent=True), both)
    with django_capture_on_commit_callbacks(execute=True):
        erase(holding_of_case(approved))
    assert [path for path in media.rglob("*") if path.is_file()] == []


def test_page_is_guarded_against_other_sites(both: User, approved: Case) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(both)

    for more in ("", "examine/"):
        assert client.post(address(approved, more), sent()).status_code == 403
