"""Demo people can log in with what is printed, at every start."""

import stat
from pathlib import Path

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import Group, User
from django.http import HttpRequest

from raiox.up.demo_users import ensure_demo_users, passwords

pytestmark = pytest.mark.django_db


@pytest.fixture
def path(tmp_path: Path) -> Path:
    for name in ("Revisores", "Curadores"):
        Group.objects.get_or_create(name=name)
    return tmp_path / "private" / "demo-logins.json"


def test_demo_users_log_in_with_the_passwords_of_the_file(path: Path) -> None:
    logins = ensure_demo_users(path)
    assert set(logins) == {"brenda", "curadora", "admin"}
    for name, password in logins.items():
        assert authenticate(HttpRequest(), username=name, password=password)


def test_demo_users_have_the_rights_of_their_role_only(path: Path) -> None:
    ensure_demo_users(path)
    rights = {
        user.username: ([group.name for group in user.groups.all()], user.is_superuser)
        for user in User.objects.filter(is_staff=True)
    }
    assert rights == {
        "brenda": (["Revisores"], False),
        "curadora": (["Curadores"], False),
        "admin": ([], True),
    }


def test_passwords_stay_and_are_not_hashed_again(path: Path) -> None:
    first = ensure_demo_users(path)
    stored = list(User.objects.order_by("id").values_list("password", flat=True))
    assert ensure_demo_users(path) == first == passwords(path)
    assert list(User.objects.order_by("id").values_list("password", flat=True)) == stored


def test_password_that_was_changed_is_set_back(path: Path) -> None:
    password = ensure_demo_users(path)["brenda"]
    brenda = User.objects.get(username="brenda")
    brenda.set_password("another")
    brenda.save()
    ensure_demo_users(path)
    assert authenticate(HttpRequest(), username="brenda", password=password)


def test_new_database_gets_the_passwords_that_are_there(path: Path) -> None:
    logins = ensure_demo_users(path)
    User.objects.all().delete()
    assert ensure_demo_users(path) == logins
    assert authenticate(HttpRequest(), username="admin", password=logins["admin"])


def test_installations_have_different_passwords_that_only_their_owner_reads(path: Path) -> None:
    first = ensure_demo_users(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    second = ensure_demo_users(path.with_name("other.json"))
    assert not set(first.values()) & set(second.values())
