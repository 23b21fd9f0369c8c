"""Tokens: who gets one, and what it is good for."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.test import APIClient
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken

from raiox.tasks import forget_log_ins
from tests.api.conftest import PASSWORD, log_in

pytestmark = pytest.mark.django_db
MakeUser = Callable[..., User]


def tokens_of(user: User) -> dict[str, str]:
    body = {"username": user.username, "password": PASSWORD}
    tokens: dict[str, str] = APIClient().post("/auth/token", body, format="json").json()
    return tokens


def refresh(token: str) -> Any:
    return APIClient().post("/auth/token/refresh", {"refresh": token}, format="json")


def scope(access: str) -> str:
    return str(AccessToken(access)["scope"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("groups", "scopes"),
    [
        (["Revisores"], "approver reader"),
        (["Curadores"], "curator reader"),
        (["Leitores"], "reader"),
        (["Revisores", "Curadores"], "approver curator reader"),
        (["Something else"], ""),
        ([], ""),
    ],
)
def test_scopes_follow_from_the_groups(make_user: MakeUser, groups: list[str], scopes: str) -> None:
    assert scope(tokens_of(make_user("ana", *groups))["access"]) == scopes


def test_superuser_may_do_everything(make_user: MakeUser) -> None:
    assert scope(tokens_of(make_user("root", is_superuser=True))["access"]) == (
        "approver curator reader"
    )


def test_refresh_computes_the_scopes_again(make_user: MakeUser) -> None:
    user = make_user("ana", "Revisores")
    tokens = tokens_of(user)
    user.groups.clear()
    assert scope(refresh(tokens["refresh"]).json()["access"]) == ""


def test_wrong_password_gets_no_token(make_user: MakeUser) -> None:
    make_user("ana", "Leitores")
    answer = APIClient().post(
        "/auth/token", {"username": "ana", "password": "guess"}, format="json"
    )
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "no_active_account"


def test_inactive_user_gets_nothing(make_user: MakeUser) -> None:
    user = make_user("ana", "Leitores")
    tokens, client = tokens_of(user), log_in(user)
    assert client.get("/implants").status_code == 200
    User.objects.update(is_active=False)
    assert client.get("/implants").status_code == 401
    assert refresh(tokens["refresh"]).status_code == 401
    assert "error" in tokens_of(user)


def test_refresh_of_a_deleted_user_is_refused(make_user: MakeUser) -> None:
    user = make_user("ana", "Leitores")
    token = tokens_of(user)["refresh"]
    user.delete()
    answer = refresh(token)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "no_active_account")


def test_refresh_token_opens_no_route(make_user: MakeUser) -> None:
    client = APIClient()
    token = tokens_of(make_user("ana", "Leitores"))["refresh"]
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    answer = client.get("/implants")
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "token_not_valid")


def test_altered_token_is_refused(make_user: MakeUser) -> None:
    token = AccessToken.for_user(make_user("ana", "Leitores"))
    token["scope"] = "reader"
    head, body, _signature = str(token).split(".")
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {head}.{body}.{_signature[::-1]}")
    assert client.get("/implants").status_code == 401


def test_token_without_the_scope_does_not_suffice(make_user: MakeUser) -> None:
    token = AccessToken.for_user(make_user("ana", "Leitores"))
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    assert client.get("/implants").status_code == 403


def test_group_taken_away_counts_at_once(make_user: MakeUser) -> None:
    user = make_user("ana", "Leitores")
    client = log_in(user)
    user.groups.clear()
    assert client.get("/implants").status_code == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("post", "/search"),
        ("post", "/upload"),
        ("get", "/implants"),
        ("get", "/implants/1"),
        ("get", "/cases"),
        ("get", "/cases/1"),
        ("post", "/cases/1/approve"),
        ("post", "/cases/1/reject"),
        ("post", "/cases/1/reopen"),
        ("get", "/openapi.json"),
    ],
)
def test_strangers_are_asked_for_a_token(method: str, path: str) -> None:
    answer = getattr(APIClient(), method)(path)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "not_authenticated"
    assert answer["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("action", ["approve", "reject", "reopen"])
@pytest.mark.parametrize("group", ["Leitores", "Curadores"])
def test_only_approvers_decide(make_user: MakeUser, group: str, action: str) -> None:
    answer = log_in(make_user("ana", group)).post(f"/cases/1/{action}", {}, format="json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "permission_denied")


def test_a_wrong_password_is_said_in_portuguese() -> None:
    sent = {"username": "nobody", "password": "x"}
    answer = APIClient().post("/auth/token", sent, format="json")
    assert answer.status_code == 401
    assert "Nenhuma conta" in answer.content.decode()


def test_a_refresh_token_serves_once(make_user: MakeUser) -> None:
    first = tokens_of(make_user("ana", "Leitores"))["refresh"]
    second = refresh(first).json()["refresh"]
    answer = refresh(first)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "token_not_valid")
    assert refresh(second).status_code == 200


def test_after_the_log_out_no_refresh(make_user: MakeUser) -> None:
    token = tokens_of(make_user("ana", "Leitores"))["refresh"]
    assert APIClient().post("/auth/logout", {"refresh": token}, format="json").status_code == 200
    assert refresh(token).status_code == 401
    again = APIClient().post("/auth/logout", {"refresh": token}, format="json")
    assert (again.status_code, again.json()["error"]["code"]) == (401, "token_not_valid")


def test_a_new_password_ends_the_tokens_of_the_old_one(make_user: MakeUser) -> None:
    user = make_user("ana", "Leitores")
    token, client = tokens_of(user)["refresh"], log_in(user)
    user.set_password("another-" + PASSWORD)
    user.save()
    assert client.get("/implants").status_code == 401
    assert refresh(token).status_code == 401


def test_expired_tokens_are_forgotten(make_user: MakeUser) -> None:
    tokens_of(make_user("ana", "Leitores"))
    OutstandingToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    tokens_of(make_user("eva", "Leitores"))
    forget_log_ins(0)
    assert list(OutstandingToken.objects.values_list("user__username", flat=True)) == ["eva"]
