"""People with their tokens, films, and a catalogue that the real encoder has seen."""

import io
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import Group, User
from django.core.files.base import ContentFile
from PIL import Image
from rest_framework.test import APIClient

from implants.encoders import active
from implants.encoders.bundle import BUNDLED, load_bundle, version_of
from implants.models import Encoder, Implant, ReferenceImage
from implants.radiograph import open_radiograph
from tests.factories import ReferenceImageFactory, reference_with_vector

PASSWORD = secrets.token_urlsafe(12)


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> Path:
    """Where files go that a test stores."""
    folder = tmp_path / "media"
    local = {**settings.STORAGES["default"], "OPTIONS": {"location": folder}}
    settings.STORAGES = {**settings.STORAGES, "default": local}
    return folder


@pytest.fixture
def make_user(db: None) -> Callable[..., User]:
    """A person in these groups."""

    def make(name: str, *groups: str, **fields: Any) -> User:
        user = User.objects.create_user(name, password=PASSWORD, **fields)
        user.groups.set([Group.objects.get_or_create(name=group)[0] for group in groups])
        return user

    return make


def log_in(user: User) -> APIClient:
    """A client that carries the token which the API gave to `user`."""
    client = APIClient()
    body = {"username": user.username, "password": PASSWORD}
    tokens = client.post("/auth/token", body, format="json").json()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens['access']}")
    return client


@pytest.fixture
def brenda(make_user: Callable[..., User]) -> User:
    return make_user("brenda", "Revisores", first_name="Brenda")


@pytest.fixture
def as_brenda(brenda: User) -> APIClient:
    """Brenda's programs: reader and approver."""
    return log_in(brenda)


@pytest.fixture
def as_reader(make_user: Callable[..., User]) -> APIClient:
    """Somebody who may only look."""
    return log_in(make_user("leitora", "Leitores"))


def film(seed: int, *, size: tuple[int, int] = (120, 160)) -> bytes:
    """A PNG with a pattern of its own for each seed."""
    coarse = np.random.default_rng(seed).integers(0, 255, (8, 6), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def encoder(db: None) -> Iterator[Encoder]:
    """The encoder of the repository, active."""
    active.forget()
    name = load_bundle(BUNDLED).name
    version = version_of(load_bundle(BUNDLED))
    yield Encoder.objects.create(name=name, path=str(BUNDLED), version=version, is_active=True)
    active.forget()


@pytest.fixture
def add_film(encoder: Encoder) -> Callable[[Implant, bytes], ReferenceImage]:
    """A reference of an implant with this film as the encoder sees it."""

    def add(implant: Implant, data: bytes) -> ReferenceImage:
        embedding = active.active().session.encode(open_radiograph(data).image)
        return reference_with_vector(embedding, encoder, implant)

    return add


def stored_reference(implant: Implant, data: bytes) -> ReferenceImage:
    """A reference whose file is there."""
    return ReferenceImageFactory.create(implant=implant, image=ContentFile(data, "film.png"))
