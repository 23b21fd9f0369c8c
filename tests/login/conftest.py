"""People with passwords."""

import secrets
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.people import person

PASSWORD = secrets.token_urlsafe()
Browse = Callable[..., Client]


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def ana(db: None) -> User:
    """A reviewer who logs in by name and password."""
    return with_password(person("ana", "Revisores"))


@pytest.fixture
def boss(db: None) -> User:
    """Somebody who may do everything."""
    return with_password(person("boss", is_superuser=True))


def with_password(user: User) -> User:
    user.set_password(PASSWORD)
    user.save()
    return user


def log_in(client: Client, name: str, password: str = PASSWORD, **extra: Any) -> Any:
    """By the admin's form."""
    sent = {"username": name, "password": password, "next": "/admin/"}
    return client.post("/admin/login/?next=/admin/", sent, **extra)


def ask_token(name: str, password: str = PASSWORD, *, otp: str = "", **extra: Any) -> Any:
    """By the API."""
    sent = {"username": name, "password": password, **({"otp": otp} if otp else {})}
    return Client().post("/auth/token", sent, content_type="application/json", **extra)
