"""A NUL, which PostgreSQL keeps in no text, is refused wherever strangers or staff can put one."""

import json
from typing import Any

import pytest
from django.test import Client, RequestFactory
from django.utils.html import escape

from implants.admin.chosen import back_to
from tests.factories import ImplantFactory
from tests.people import logged_in, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def superuser() -> Client:
    return logged_in(person("boss", is_superuser=True))


@pytest.mark.parametrize(
    "address",
    [
        "/admin/cases/case/?tooth=%00",
        "/admin/cases/case/?q=a%00b",
        "/admin/cases/case/?a%00b=1",
        "/admin/implants/implant/?manufacturer__name=%00",
        "/admin/login/?next=%00",
        "/admin/cases/case/%00/change/",
        "/admin/r/%00/1/",
    ],
)
def test_a_page_that_is_asked_for_a_nul_can_not_be_read(superuser: Client, address: str) -> None:
    answer = superuser.get(address)
    assert answer.status_code == 400
    assert "Não foi possível ler a requisição" in answer.content.decode()


@pytest.mark.parametrize("path", ["/cases?submission_id=%00", "/implants?name=%00", "/%00"])
def test_a_program_is_refused_in_the_shape_of_all_errors(client: Client, path: str) -> None:
    answer = client.get(path, headers={"Accept-Language": "en"})
    error = {"code": "bad_request", "message": "The request is not valid."}
    assert (answer.status_code, answer.json()) == (400, {"error": error})


def test_a_cookie_with_a_nul_is_no_session(client: Client) -> None:
    answer = client.get("/admin/", headers={"Cookie": 'raiox_session="\\000aaaaaaaaaa"'})
    assert answer.status_code == 400


def test_a_percent_sign_is_no_nul(superuser: Client) -> None:
    assert superuser.get("/admin/cases/case/?q=%2500").status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/auth/token", {"username": "a\0", "password": "b\0", "otp": "\0"}),
        ("/auth/token/refresh", {"refresh": "\0"}),
        ("/auth/logout", {"refresh": "\0"}),
    ],
)
def test_a_body_with_a_nul_is_refused_by_its_fields(client: Client, path: str, body: Any) -> None:
    answer = client.post(path, body, content_type="application/json")
    assert answer.status_code in (400, 401)


@pytest.mark.parametrize("wrong", ["\0", "1\0", "x", "9" * 30])
@pytest.mark.parametrize(
    "page", ["implants/implant/add", "implants/referenceimage/move", "merge-implants"]
)
def test_a_choice_that_is_none_is_told_so(superuser: Client, page: str, wrong: str) -> None:
    address = f"/admin/{page}/"
    chosen = dict.fromkeys(("manufacturer", "implant", "stays", "goes"), wrong)
    assert superuser.post(address, {"ids": "1", **chosen}).status_code == 200
    asked = {name: text.replace("\0", "-") for name, text in chosen.items()}
    assert superuser.get(address, {"ids": "1", **asked}).status_code == 200


def test_json_that_writes_no_text_is_refused_by_its_form(superuser: Client) -> None:
    implant = ImplantFactory.create()
    page = f"/admin/implants/implant/{implant.pk}/change/"
    sent = {"name": "Line", "manufacturer": implant.manufacturer_id, "type": implant.type}
    for refused in ('{"body": "\\u0000"}', '{"body": "\\ud800"}', '{"\\udc00": 1}'):
        answer = superuser.post(page, {**sent, "sources": refused})
        assert list(answer.context["adminform"].form.errors) == ["sources"]
        # What was typed is there to be mended.
        assert escape(refused) in answer.content.decode()
    for kept in ('{"body": "a book"}', '{"body": "\\\\u0000 \\ud83d\\ude00"}'):
        assert superuser.post(page, {**sent, "sources": kept}).status_code == 302
        implant.refresh_from_db()
        assert implant.sources == json.loads(kept)


def test_a_way_back_that_is_no_address_is_not_taken(superuser: Client) -> None:
    request = RequestFactory().post("/", {"next": "nowhere"})
    assert back_to(request, "admin:index") == "/admin/"
    request = RequestFactory().post("/", {"next": "/admin/cases/case/?p=2"})
    assert back_to(request, "admin:index") == "/admin/cases/case/?p=2"
