"""Where films to seed from lie: a folder, or a bucket of object storage."""

import posixpath
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path, PurePath, PurePosixPath
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.files.storage import FileSystemStorage, default_storage

from implants.catalogue import COPIES, refuse_patient_key
from implants.radiograph import MAX_BYTES

_IMAGES: Final = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff", ".heic", ".heif", ".dcm",
    ".dicom", ".pdf",
})  # fmt: skip
# What systems put into every folder, besides names that begin with a dot.
_LITTER: Final = frozenset({"thumbs.db", "desktop.ini"})
_IN_PLACE: Final = "referencia/"


class SourceError(Exception):
    """The source can't be read at all; the message says why."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A film to seed from.

    `path` is relative to the source. `stored_at`: its name in the default storage if it lies under
    `referencia/` there. `changed_at`: known where the store itself sets it. `read` gives no more
    than `MAX_BYTES` + 1 bytes, whatever there is.
    """

    key: str
    path: PurePosixPath
    size: int
    read: Callable[[], bytes]
    stored_at: str = ""
    changed_at: datetime | None = None


class Source(Protocol):
    """A folder or bucket. `name` is the innermost folder's; '' for a bucket's root.

    `left_out`: how many files of other kinds than images `files` has met, by suffix; hidden ones
    are not counted.
    """

    name: str
    left_out: Counter[str]

    def files(self) -> Iterator[SourceFile]:
        """The images in it, in the order of their names. Raises `SourceError`, and
        `PatientKeyError` before anything of a source that holds patients' films is read."""


def open_source(text: str) -> Source:
    """The source that a command's argument names: `s3://bucket/prefix` or a folder."""
    return S3Source.from_url(text) if text.startswith("s3://") else FolderSource(Path(text))


class FolderSource:
    """A folder and all below it, hidden files left out."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise SourceError(f"{folder} is not a folder.")
        self._folder = folder.resolve()
        self.name = self._folder.name
        self.left_out: Counter[str] = Counter()

    def files(self) -> Iterator[SourceFile]:
        """The images, sorted by path."""
        refuse_patient_key(f"{self._folder.as_posix()}/")
        paths = sorted(path for path in self._folder.rglob("*") if self._is_film(path))
        for path in paths:
            refuse_patient_key(path.resolve().as_posix())
        return (self._file(path) for path in paths)

    def _is_film(self, path: Path) -> bool:
        hidden = any(part.startswith(".") for part in path.relative_to(self._folder).parts)
        if hidden or not path.is_file() or _stored_name(path).startswith(COPIES):
            return False
        return _is_image(path, self.left_out)

    def _file(self, path: Path) -> SourceFile:
        return SourceFile(
            key=path.as_uri(),
            path=PurePosixPath(path.relative_to(self._folder)),
            size=path.stat().st_size,
            read=partial(_read_capped, path),
            stored_at=_stored_name(path),
        )


class S3Source:
    """A bucket, or what lies under a prefix in it, by the service of `DO_SPACES_ENDPOINT`."""

    def __init__(self, bucket: str, prefix: str) -> None:
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._client = _client()
        self.name = PurePosixPath(self._prefix).name
        self.left_out: Counter[str] = Counter()

    @classmethod
    def from_url(cls, url: str) -> "S3Source":
        """The source `s3://bucket/prefix`."""
        bucket, _, prefix = url.removeprefix("s3://").partition("/")
        if not bucket:
            raise SourceError(f"{url} names no bucket: write s3://bucket/prefix.")
        return cls(bucket, prefix)

    def files(self) -> Iterator[SourceFile]:
        """The images, sorted by key as the service lists them."""
        refuse_patient_key(self._prefix)
        objects = list(self._objects())
        for item in objects:
            refuse_patient_key(item["Key"])
        return iter([self._file(item) for item in objects if self._is_film(item["Key"])])

    def _objects(self) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=self._prefix
        )
        try:
            for page in pages:
                yield from page.get("Contents", [])
        except (BotoCoreError, ClientError) as error:
            raise SourceError(f"s3://{self._bucket} can't be listed: {error}") from error

    def _is_film(self, key: str) -> bool:
        if key.endswith("/") or (self._is_configured and key.startswith(COPIES)):
            return False
        return _is_image(PurePosixPath(key), self.left_out)

    @property
    def _is_configured(self) -> bool:
        return self._bucket == settings.DO_SPACES_BUCKET

    def _file(self, item: dict[str, Any]) -> SourceFile:
        key = item["Key"]
        in_place = key.startswith(_IN_PLACE) and posixpath.normpath(key) == key
        return SourceFile(
            key=f"s3://{self._bucket}/{key}",
            path=PurePosixPath(key.removeprefix(self._prefix)),
            size=item["Size"],
            read=partial(self._read, key),
            stored_at=key if in_place and self._is_configured else "",
            changed_at=item["LastModified"],
        )

    def _read(self, key: str) -> bytes:
        body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
        try:
            data: bytes = body.read(MAX_BYTES + 1)
        finally:
            body.close()
        return data


def _is_image(path: PurePath, left_out: Counter[str]) -> bool:
    suffix = path.suffix.lower()
    if suffix not in _IMAGES:
        if not path.name.startswith(".") and path.name.lower() not in _LITTER:
            left_out[suffix or "no suffix"] += 1
        return False
    return True


def _client() -> Any:
    if not (settings.DO_SPACES_KEY and settings.DO_SPACES_SECRET):
        raise SourceError("Set DO_SPACES_KEY and DO_SPACES_SECRET to read from a bucket.")
    if urlsplit(settings.DO_SPACES_ENDPOINT).scheme not in ("http", "https"):
        raise SourceError("DO_SPACES_ENDPOINT is not an address (https://…).")
    return boto3.client(
        "s3",
        aws_access_key_id=settings.DO_SPACES_KEY,
        aws_secret_access_key=settings.DO_SPACES_SECRET,
        region_name=settings.DO_SPACES_REGION,
        endpoint_url=settings.DO_SPACES_ENDPOINT,
        config=Config(
            connect_timeout=10, read_timeout=30, retries={"max_attempts": 5, "mode": "standard"}
        ),
    )


def _read_capped(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _stored_name(path: Path) -> str:
    """The file's name in a local default storage, if it lies under its `referencia/`."""
    if not isinstance(default_storage, FileSystemStorage):
        return ""
    root = Path(default_storage.location).resolve()
    resolved = path.resolve()
    name = resolved.relative_to(root).as_posix() if resolved.is_relative_to(root) else ""
    return name if name.startswith(_IN_PLACE) else ""
