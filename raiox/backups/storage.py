"""Object storage for backups: where they lie, streams in both directions, checksums on the way."""

import base64
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any, Final
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings

from raiox.backups.errors import DamagedError, StorageError

MIB: Final = 1024 * 1024
_PART: Final = 16 * MIB
_READ: Final = 8 * MIB
_READ_ATTEMPTS: Final = 4


@dataclass(frozen=True)
class Bucket:
    """A bucket and what opens it. `settings` names the prefix of its settings, for messages."""

    name: str
    region: str
    endpoint: str
    key: str = field(repr=False)
    secret: str = field(repr=False)
    settings: str

    @cached_property
    def client(self) -> Any:
        """boto3's client. Raises `StorageError` if a setting is missing."""
        if not (self.name and self.key and self.secret):
            names = ", ".join(f"{self.settings}_{part}" for part in ("BUCKET", "KEY", "SECRET"))
            raise StorageError(f"Set {names}.")
        if urlsplit(self.endpoint).scheme not in ("http", "https"):
            raise StorageError(f"{self.settings}_ENDPOINT is not an address (https://…).")
        return boto3.client(
            "s3",
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            region_name=self.region,
            endpoint_url=self.endpoint,
            config=Config(
                connect_timeout=10,
                read_timeout=60,
                retries={"max_attempts": 5, "mode": "standard"},
                # Newer checksums of Amazon's are not known to every store; ours are sent instead.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def list(self, prefix: str) -> Iterator[dict[str, Any]]:
        """The objects below `prefix` as the service tells them, in the order of their keys."""
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.name, Prefix=prefix
        )
        with self.errors("be listed"):
            for page in pages:
                yield from page.get("Contents", [])

    def read(self, key: str) -> bytes:
        """A small object, whole."""
        with self.errors(f"give {key}"):
            body: bytes = self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return body

    def head(self, key: str) -> dict[str, Any]:
        """Size, ETag and metadata of an object."""
        with self.errors(f"give {key}"):
            answer: dict[str, Any] = self.client.head_object(Bucket=self.name, Key=key)
        return answer

    def put(self, key: str, data: bytes, **more: Any) -> dict[str, Any]:
        """Store `data`; the service checks what arrives."""
        with self.errors(f"take {key}"):
            answer: dict[str, Any] = self.client.put_object(
                Bucket=self.name, Key=key, Body=data, ContentMD5=_md5(data), **more
            )
        return answer

    def copy(self, key: str, new_key: str) -> None:
        """Another object of the same bucket with the same content and metadata."""
        with self.errors(f"copy {key}"):
            self.client.copy_object(
                Bucket=self.name, Key=new_key, CopySource={"Bucket": self.name, "Key": key}
            )

    def now(self) -> datetime:
        """The time by the store's clock, which is the one that its objects are dated by."""
        with self.errors("answer"):
            answer = self.client.head_bucket(Bucket=self.name)
        return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])

    def delete(self, key: str) -> None:
        """Delete an object; one that is gone is as good."""
        with self.errors(f"delete {key}"):
            self.client.delete_object(Bucket=self.name, Key=key)

    @contextmanager
    def errors(self, doing: str) -> Iterator[None]:
        """What boto3 raises becomes a `StorageError` that names the bucket."""
        try:
            yield
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            raise StorageError(f"Bucket {self.name} would not {doing}: {code}.") from error
        except BotoCoreError as error:
            reason = type(error).__name__
            raise StorageError(f"Bucket {self.name} could not {doing}: {reason}.") from error


def configured(prefix: str) -> Bucket:
    """The bucket of the settings `<prefix>_BUCKET`, `_REGION`, `_ENDPOINT`, `_KEY`, `_SECRET`."""

    def value(part: str) -> str:
        return str(getattr(settings, f"{prefix}_{part}"))

    return Bucket(
        name=value("BUCKET"),
        region=value("REGION"),
        endpoint=value("ENDPOINT"),
        key=value("KEY"),
        secret=value("SECRET"),
        settings=prefix,
    )


class Upload:
    """A stream into one object, in parts; memory holds one part.

    The object appears when `complete` returns, and not before: a context that ends otherwise leaves
    nothing. `size` and `sha256` are of the bytes so far.
    """

    def __init__(self, bucket: Bucket, key: str, metadata: dict[str, str] | None = None) -> None:
        self._bucket, self._key = bucket, key
        self._buffer = bytearray()
        self._parts: list[dict[str, Any]] = []
        self._digest = hashlib.sha256()
        self.size = 0
        self._is_open = True
        with bucket.errors(f"take {key}"):
            started = bucket.client.create_multipart_upload(
                Bucket=bucket.name, Key=key, Metadata=metadata or {}
            )
        self._where = {"Bucket": bucket.name, "Key": key, "UploadId": started["UploadId"]}

    def __enter__(self) -> "Upload":
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_open:
            # What the store does not forget now is swept up later; the first error is told.
            with suppress(StorageError), self._bucket.errors(f"forget {self._key}"):
                self._bucket.client.abort_multipart_upload(**self._where)

    @property
    def sha256(self) -> str:
        """In hex."""
        return self._digest.hexdigest()

    def write(self, data: bytes) -> int:
        """Take the next bytes."""
        self._digest.update(data)
        self.size += len(data)
        self._buffer += data
        if len(self._buffer) >= self._part_size:
            self._send()
        return len(data)

    def flush(self) -> None:
        """Nothing to do: writers of streams ask for it."""

    def complete(self) -> None:
        """Make the object appear. Raises `DamagedError` if it is not as long as what was sent."""
        if self._buffer or not self._parts:
            self._send()
        with self._bucket.errors(f"take {self._key}"):
            self._bucket.client.complete_multipart_upload(
                **self._where, MultipartUpload={"Parts": self._parts}
            )
        self._is_open = False
        if self._bucket.head(self._key)["ContentLength"] != self.size:
            self._bucket.delete(self._key)
            raise DamagedError(f"{self._key} arrived with another length than it was sent with.")

    @property
    def _part_size(self) -> int:
        """Later parts are bigger, so that the 10,000 that S3 allows hold 850 GiB."""
        return _PART * (1 + len(self._parts) // 1000)

    def _send(self) -> None:
        number, data = len(self._parts) + 1, bytes(self._buffer)
        with self._bucket.errors(f"take {self._key}"):
            answer = self._bucket.client.upload_part(
                **self._where, PartNumber=number, Body=data, ContentMD5=_md5(data)
            )
        self._parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        self._buffer.clear()


class Download:
    """An object as a stream, read piece by piece; a piece that breaks off is asked for again.

    All pieces are of the same object: `StorageError` if it is replaced meanwhile. `sha256` is of
    the bytes so far.
    """

    def __init__(self, bucket: Bucket, key: str) -> None:
        found = bucket.head(key)
        self._bucket, self._key = bucket, key
        self.etag, self.size = found["ETag"], found["ContentLength"]
        self._digest = hashlib.sha256()
        self._piece = memoryview(b"")
        self._position = 0

    @property
    def sha256(self) -> str:
        """In hex."""
        return self._digest.hexdigest()

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, of one piece; b"" at the end."""
        if not self._piece and self._position < self.size:
            self._fetch()
        size = len(self._piece) if size < 0 else size
        data, self._piece = bytes(self._piece[:size]), self._piece[size:]
        self._digest.update(data)
        return data

    def _fetch(self) -> None:
        end = min(self._position + _READ, self.size)
        for attempt in range(1, _READ_ATTEMPTS + 1):
            try:
                with self._bucket.errors(f"give {self._key}"):
                    body = self._bucket.client.get_object(
                        Bucket=self._bucket.name,
                        Key=self._key,
                        Range=f"bytes={self._position}-{end - 1}",
                        IfMatch=self.etag,
                    )["Body"]
                    piece = body.read()
                break
            except StorageError:
                if attempt == _READ_ATTEMPTS:
                    raise
        self._piece = memoryview(piece)
        self._position = end


class Told:
    """A stream whose reader is told on the way: each piece's length goes to `progress`."""

    def __init__(self, stream: Any, progress: Callable[[int], object]) -> None:
        self._stream, self._progress = stream, progress

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes; b"" at the end."""
        data: bytes = self._stream.read(size)
        self._progress(len(data))
        return data


def _md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
