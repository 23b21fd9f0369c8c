"""An account for a program."""

import re
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("machine_account", *arguments, stdout=out)
    return out.getvalue()


def make(*groups: str) -> dict[str, str]:
    """The printed log-in of a new account or a new password."""
    printed = run("sync", *(f"--group={group}" for group in groups))
    return dict(re.findall(r"(\w+): (\S+)", printed))


def log_in(login: dict[str, str]) -> APIClient:
    client = APIClient()
    answer = client.post("/auth/token", login, format="json")
    assert answer.status_code == 200, answer.content
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['access']}")
    return client


def test_a_program_logs_in_and_may_what_its_group_may() -> None:
    client = log_in(make("Leitores"))
    assert client.get("/cases").status_code == 200
    assert client.post("/cases/1/reopen", {}, format="json").status_code == 403


def test_it_can_not_enter_the_admin() -> None:
    make("Revisores")
    client = APIClient()
    client.force_login(User.objects.get(username="machine:sync"))
    assert client.get("/admin/").status_code == 302


def test_a_new_password_replaces_the_old_one_and_keeps_the_group() -> None:
    old = make("Leitores")
    client, new = log_in(old), make()
    assert client.get("/cases").status_code == 401
    assert APIClient().post("/auth/token", old, format="json").status_code == 401
    assert log_in(new).get("/cases").status_code == 200


def test_a_revoked_account_is_out_at_once_until_it_is_renewed() -> None:
    client = log_in(make("Leitores"))
    run("sync", "--revoke")
    assert client.get("/cases").status_code == 401
    assert log_in(make()).get("/cases").status_code == 200


def test_an_account_without_a_group_is_refused() -> None:
    with pytest.raises(CommandError, match="--group"):
        make()
    assert not User.objects.exists()


def test_an_unknown_account_can_not_be_revoked() -> None:
    with pytest.raises(CommandError, match="no account"):
        run("sync", "--revoke")


def test_a_person_of_the_same_name_is_left_alone() -> None:
    person = User.objects.create_user("sync", password=None, is_staff=True)
    make("Leitores")
    person.refresh_from_db()
    assert (person.is_staff, person.has_usable_password()) == (True, False)
