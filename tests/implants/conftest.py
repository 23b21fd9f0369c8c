"""Films, an encoder and a bucket for the tests of the catalogue."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer
from PIL import Image

from implants.activation import activate
from implants.encoders import active
from implants.models import Encoder, ReferenceImage
from tests.implants.tiny_encoder import write_bundle


def film(seed: int, *, kind: str = "PNG", side: int = 96) -> bytes:
    """A picture like no other, encoded."""
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(coarse).resize((side, side)).save(buffer, kind)
    return buffer.getvalue()


def write_film(path: Path, seed: int) -> Path:
    """A film of its own in a file; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(film(seed))
    return path


def stored_name(reference: ReferenceImage) -> str:
    """The reference's film in the default storage."""
    return str(reference.image.name)


@pytest.fixture
def media(settings: Any, tmp_path: Path) -> Path:
    """The default storage is an empty folder."""
    folder = tmp_path / "media"
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": folder},
        },
    }
    return folder


@pytest.fixture
def tiny_bundle(tmp_path: Path) -> Path:
    return write_bundle(tmp_path / "encoders" / "tiny")


@pytest.fixture
def no_encoder(db: None) -> Iterator[None]:
    """Nothing remembered of the encoders of other tests."""
    active.forget()
    yield
    active.forget()


@pytest.fixture
def encoder(no_encoder: None, tiny_bundle: Path) -> Encoder:
    """The active encoder."""
    return activate(tiny_bundle).encoder


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    """The address of an S3 service on loopback."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def make_bucket(s3_url: str, settings: Any) -> Callable[[dict[str, bytes]], str]:
    """Makes buckets with objects, in the service that the settings lead to; gives their names."""
    settings.DO_SPACES_ENDPOINT = s3_url
    settings.DO_SPACES_REGION = "us-east-1"
    settings.DO_SPACES_KEY, settings.DO_SPACES_SECRET = uuid4().hex, uuid4().hex

    def make(objects: dict[str, bytes]) -> str:
        # Put in behind the service's back: a thousand requests would take long.
        name = f"bucket-{uuid4().hex}"
        store = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
        store.create_bucket(name, "us-east-1")
        for key, data in objects.items():
            store.put_object(name, key, data)
        return name

    return make


@pytest.fixture
def bucket_storage(settings: Any) -> Callable[[str], None]:
    """Makes a bucket the configured one: the default storage lies in it."""

    def configure(bucket: str) -> None:
        settings.DO_SPACES_BUCKET = bucket
        options = {
            "access_key": settings.DO_SPACES_KEY,
            "secret_key": settings.DO_SPACES_SECRET,
            "bucket_name": bucket,
            "region_name": settings.DO_SPACES_REGION,
            "endpoint_url": settings.DO_SPACES_ENDPOINT,
            "file_overwrite": False,
        }
        settings.STORAGES = {
            **settings.STORAGES,
            "default": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options},
        }

    return configure
