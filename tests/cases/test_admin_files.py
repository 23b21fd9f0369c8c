"""Patients' radiographs over HTTP: who gets them, and how."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client

from cases import links
from cases.models import Case, CaseImage
from cases.privacy.models import AccessRecord
from tests.implants.conftest import film
from tests.people import logged_in, person


@pytest.fixture
def image(make_case: Callable[..., Case], settings: Any, tmp_path: Path) -> CaseImage:
    """A stored film of a case."""
    local = {**settings.STORAGES["default"], "OPTIONS": {"location": tmp_path}}
    settings.STORAGES = {**settings.STORAGES, "default": local}
    image = make_case().images.get()
    image.sha256 = "0" * 64
    image.file.save("film.png", ContentFile(film(1)))
    return image


def addresses(image: CaseImage) -> list[str]:
    return [links.film_url(image), links.thumbnail_url(image)]


def looks() -> list[tuple[Any, ...]]:
    """Who saw what, oldest first."""
    rows = AccessRecord.objects.order_by("pk")
    return list(rows.values_list("user__username", "what", "case_number", "image_number"))


def test_reviewers_get_the_films_of_cases(image: CaseImage) -> None:
    reviewer = logged_in(person("brenda", "Revisores"))
    whole, small = (reviewer.get(address) for address in addresses(image))

    assert whole.content == film(1)
    assert small["Content-Type"] == "image/jpeg"
    for answer in (whole, small):
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Cache-Control"] == "private, no-cache"


def test_nginx_sends_what_it_can_and_the_service_decides(image: CaseImage, settings: Any) -> None:
    settings.FILES_X_ACCEL = "/_films/"
    whole, small = addresses(image)
    assert "X-Accel-Redirect" not in Client().get(whole)
    reviewer = logged_in(person("brenda", "Revisores"))
    answer = reviewer.get(whole)
    assert (answer.content, answer["Content-Type"]) == (b"", "image/png")
    assert answer["X-Accel-Redirect"] == f"/_films/{image.file.name}"
    assert answer["Cache-Control"] == "private, no-cache"
    assert reviewer.get(small).content
    assert "X-Accel-Redirect" not in reviewer.get(whole, HTTP_IF_NONE_MATCH=answer["ETag"])
    image.file.storage.delete(str(image.file.name))
    assert reviewer.get(whole).status_code == 404


def test_nobody_else_gets_the_films_of_cases(image: CaseImage) -> None:
    refused = [
        person("curadora", "Curadores"),
        person("nova"),
        person("leitora", "Revisores", is_staff=False),
    ]

    for address in addresses(image):
        assert "/admin/login/" in Client().get(address).url  # type: ignore[attr-defined]
        for user in refused:
            assert logged_in(user).get(address).status_code == 403, user
    assert Client().get("/files/cases/").status_code == 404
    assert looks() == []


def test_film_that_was_refused_or_deleted_is_not_found(image: CaseImage) -> None:
    reviewer = logged_in(person("brenda", "Revisores"))

    for state, refusal in (("deleted", ""), ("refused", "too_small"), ("waiting", "")):
        CaseImage.objects.filter(pk=image.pk).update(state=state, refusal=refusal)
        assert [reviewer.get(address).status_code for address in addresses(image)] == [404, 404]


def test_each_look_at_a_film_is_recorded(image: CaseImage) -> None:
    reviewer = logged_in(person("brenda", "Revisores"))
    whole, small = addresses(image)
    etag = reviewer.get(whole)["ETag"]
    reviewer.get(small)
    again = reviewer.get(whole, HTTP_IF_NONE_MATCH=etag)
    assert (again.status_code, again["Cache-Control"]) == (304, "private, no-cache")
    seen = ("brenda", "film", image.case_id, image.pk)
    assert looks() == [seen, ("brenda", "thumbnail", image.case_id, image.pk), seen]


def test_the_page_of_a_case_is_recorded_with_who_opened_it(image: CaseImage) -> None:
    logged_in(person("brenda", "Revisores")).get(f"/admin/cases/case/{image.case_id}/change/")
    assert looks() == [("brenda", "case", image.case_id, None)]


@pytest.mark.parametrize("change", ["1", "x", "", "{pk}"])
def test_a_link_that_was_not_made_by_us_opens_nothing(image: CaseImage, change: str) -> None:
    reviewer = logged_in(person("brenda", "Revisores"))
    forged = change.format(pk=image.pk) or addresses(image)[0].rpartition("/")[2][:-1] + "_"
    for address in (f"/files/cases/{forged}", f"/files/cases/{forged}/thumbnail"):
        assert reviewer.get(address).status_code == 404
    assert Client().get(f"/files/cases/api/{forged}").status_code == 404


def test_links_stay_the_same_for_a_while_and_then_end(
    image: CaseImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    reviewer = logged_in(person("brenda", "Revisores"))
    now = 1_000_000 * 3600.0

    def at(seconds: float) -> None:
        monkeypatch.setattr("cases.links.time.time", lambda: now + seconds)

    at(1)
    address = links.film_url(image)
    at(3500)
    assert links.film_url(image) == address
    at(7199)
    assert reviewer.get(address).status_code == 200
    at(7200)
    assert reviewer.get(address).status_code == 404


def test_a_link_of_the_api_serves_its_reader_without_a_log_in(image: CaseImage) -> None:
    reader = person("leitora", "Leitores", is_staff=False)
    address = links.api_film_url(image, reader)
    assert Client().get(address).content == film(1)
    assert looks() == [("leitora", "film", image.case_id, image.pk)]

    reader.groups.clear()
    assert Client().get(address).status_code == 404


def test_a_link_of_the_api_is_no_link_of_a_page(image: CaseImage) -> None:
    reader = person("leitora", "Leitores")
    of_api = links.api_film_url(image, reader).rpartition("/")[2]
    of_page = links.film_url(image).rpartition("/")[2]
    assert logged_in(reader).get(f"/files/cases/{of_api}").status_code == 404
    assert Client().get(f"/files/cases/api/{of_page}").status_code == 404


def test_everybody_reads_what_is_kept(client: Client, settings: Any, db: None) -> None:
    settings.RETENTION_DAYS = 77
    page = client.get("/privacidade").content.decode()
    assert "77 dias" in page and "365 dias" in page
    assert "DigitalOcean" not in page
    settings.DO_SPACES_BUCKET = "films"
    assert "DigitalOcean" in client.get("/privacidade").content.decode()


def test_everybody_reads_of_the_copies(client: Client, settings: Any, db: None) -> None:
    settings.BACKUP_DAYS, settings.DELETED_OBJECTS_DAYS, settings.BACKUP_REGION = 31, 92, "far1"
    told = ("31 dias", "92 dias", "far1")
    for settings.IS_DEVELOPMENT in (True, False):
        page = client.get("/privacidade").content.decode()
        assert [text in page for text in told] == [not settings.IS_DEVELOPMENT] * 3
