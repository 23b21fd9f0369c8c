"""Object storage for tests: moto's S3 as a real server on loopback."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer


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
