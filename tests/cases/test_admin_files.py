"""Patients' radiographs over HTTP: who gets them, and how."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client

from cases.models import Case, CaseImage
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
    return [f"/files/cases/{image.pk}", f"/files/cases/{image.pk}/thumbnail"]


def test_reviewers_get_the_films_of_cases(image: CaseImage) -> None:
    reviewer = logged_in(person("brenda", "Revisores"))
    whole, small = (reviewer.get(address) for address in addresses(image))

    assert whole.content == film(1)
    assert small["Content-Type"] == "image/jpeg"
    for answer in (whole, small):
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Cache-Control"].startswith("private")


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


def test_film_that_was_refused_or_deleted_is_not_found(image: CaseImage) -> None:
    reviewer = logged_in(person("brenda", "Revisores"))

    for state, refusal in (("deleted", ""), ("refused", "too_small"), ("waiting", "")):
        CaseImage.objects.filter(pk=image.pk).update(state=state, refusal=refusal)
        assert [reviewer.get(address).status_code for address in addresses(image)] == [404, 404]
