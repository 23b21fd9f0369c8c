"""One object from one bucket into another: checked where it is read, and where it arrives."""

import hashlib
import re
from typing import Any, Final, NamedTuple

from raiox.backups.errors import DamagedError
from raiox.backups.storage import MIB, Bucket, Download, Upload

_MD5: Final = re.compile('"?[0-9a-f]{32}"?')
_AT_ONCE: Final = 64 * MIB
"""Up to here an object is read once and held in memory; films have 5 MiB at most."""
_PIECE: Final = MIB
SHA256: Final = "sha256"
"""Metadata of a copy: of the bytes that were read for it."""
_SOURCE_ETAG: Final = "source-etag"


class _Digests(NamedTuple):
    sha256: str
    md5: str


def copy_object(source: Bucket, key: str, target: Bucket, target_key: str) -> None:
    """Copy it; its SHA-256 stands in the copy's metadata.

    Raises `DamagedError` if the source gives other bytes than its checksum tells, `StorageError` if
    the target received others than were sent.
    """
    stream = Download(source, key)
    if stream.size > _AT_ONCE:
        digests = _digests(stream)
        _check(key, stream.etag, digests)
        with Upload(target, target_key, _metadata(stream.etag, digests)) as upload:
            again = Download(source, key)
            while piece := again.read(_PIECE):
                upload.write(piece)
            if upload.sha256 != digests.sha256:
                raise DamagedError(f"{key} was replaced while it was copied.")
            upload.complete()
        return
    data = b"".join(iter(lambda: stream.read(_PIECE), b""))
    digests = _Digests(stream.sha256, hashlib.md5(data, usedforsecurity=False).hexdigest())
    _check(key, stream.etag, digests)
    target.put(target_key, data, Metadata=_metadata(stream.etag, digests))


def is_copy(original: dict[str, Any], copy: dict[str, Any], target: Bucket) -> bool:
    """Whether a listed object still has the content that its listed copy was made of.

    The ETag of what was uploaded in one piece is its MD5, on both sides; only for other ones the
    copy is asked what it is a copy of.
    """
    if original["Size"] != copy["Size"]:
        return False
    if _MD5.fullmatch(original["ETag"]) and _MD5.fullmatch(copy["ETag"]):
        return bool(original["ETag"] == copy["ETag"])
    return was_made_of(original, copy, target)


def was_made_of(original: dict[str, Any], copy: dict[str, Any], target: Bucket) -> bool:
    """Whether the copy was made of this very content, whatever it holds now."""
    metadata = target.head(copy["Key"])["Metadata"]
    return bool(metadata.get(_SOURCE_ETAG) == original["ETag"].strip('"'))


def check_copy(target: Bucket, key: str) -> None:
    """Read a copy back. Raises `DamagedError` if it is not what was read for it."""
    expected = target.head(key)["Metadata"].get(SHA256, "")
    stream = Download(target, key)
    while stream.read(_PIECE):
        pass
    if stream.sha256 != expected:
        raise DamagedError(f"{key} is damaged: its SHA-256 is not the one that was stored.")


def _digests(stream: Download) -> _Digests:
    md5 = hashlib.md5(usedforsecurity=False)
    while piece := stream.read(_PIECE):
        md5.update(piece)
    return _Digests(stream.sha256, md5.hexdigest())


def _check(key: str, etag: str, digests: _Digests) -> None:
    if _MD5.fullmatch(etag) and etag.strip('"') != digests.md5:
        raise DamagedError(f"{key} is damaged: the bucket gives other bytes than its MD5 tells.")


def _metadata(etag: str, digests: _Digests) -> dict[str, str]:
    return {SHA256: digests.sha256, _SOURCE_ETAG: etag.strip('"')}
