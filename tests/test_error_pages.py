"""Error pages of the admin: in Portuguese, and without what went wrong inside."""

from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import include, path

from raiox import urls
from tests.people import logged_in, person

pytestmark = pytest.mark.django_db


def broken(request: Any) -> HttpResponse:
    raise RuntimeError("Zilda Prado")


urlpatterns = [path("admin/broken/", broken), path("", include(urls))]
handler500 = urls.handler500


def test_an_address_that_does_not_exist() -> None:
    browser = logged_in(person("brenda", "Revisores"))
    answer = browser.get("/admin/nothing/")
    assert answer.status_code == 404
    assert "Não há nada neste endereço" in answer.content.decode()


def test_a_page_that_is_not_for_this_person() -> None:
    answer = logged_in(person("curadora", "Curadores")).get("/admin/cases/case/")
    assert answer.status_code == 403
    assert "Você não pode ver esta página" in answer.content.decode()


def test_a_form_without_its_token() -> None:
    answer = Client(enforce_csrf_checks=True).post("/admin/login/", {"username": "brenda"})
    assert answer.status_code == 403
    assert "aberta por tempo demais" in answer.content.decode()


def test_a_fault_of_ours_shows_nothing_of_itself(settings: Any) -> None:
    settings.ROOT_URLCONF = __name__
    answer = Client(raise_request_exception=False).get("/admin/broken/")
    assert answer.status_code == 500
    assert "Ocorreu um erro do nosso lado" in answer.content.decode()
    assert "Zilda" not in answer.content.decode()
