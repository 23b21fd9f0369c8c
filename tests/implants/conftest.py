"""Films, an encoder and a bucket for the tests of the catalogue."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
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
