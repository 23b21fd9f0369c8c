"""Encryption of backups: which key does what, and whose errors come through."""

import io

import pytest
from pyrage import decrypt
from pyrage.x25519 import Identity

from raiox.backups.encryption import Keys
from raiox.backups.errors import BackupError, DamagedError, StorageError


def encrypted(keys: Keys, data: bytes) -> bytes:
    target = io.BytesIO()
    keys.encrypt(io.BytesIO(data), target)
    return target.getvalue()


def decrypted(keys: Keys, data: bytes) -> bytes:
    target = io.BytesIO()
    keys.decrypt("age", io.BytesIO(data), target)
    return target.getvalue()


def test_the_file_of_age_keygen_is_a_key() -> None:
    identity = Identity.generate()
    file = f"# created: 2026-01-01\n# public key: {identity.to_public()}\n{identity}\n"
    sealed = encrypted(Keys(file), b"dump" * 50_000)
    assert decrypt(sealed, [identity]) == b"dump" * 50_000


def test_a_new_key_goes_above_the_old_one() -> None:
    old, new = Identity.generate(), Identity.generate()
    rotated = Keys(f"{new}\n{old}\n")
    assert decrypted(rotated, encrypted(Keys(str(old)), b"before")) == b"before"
    after = encrypted(rotated, b"after")
    assert decrypted(Keys(str(new)), after) == b"after"
    with pytest.raises(BackupError, match="does not open"):
        decrypted(Keys(str(old)), after)


def test_a_recipient_alone_seals_and_does_not_open() -> None:
    identity = Identity.generate()
    public = Keys(str(identity.to_public()))
    sealed = encrypted(public, b"dump")
    assert decrypted(Keys(str(identity)), sealed) == b"dump"
    with pytest.raises(BackupError, match="secret key"):
        decrypted(public, sealed)


@pytest.mark.parametrize("cut", [slice(0, -1), slice(0, 65536 * 2), slice(0, 70_000)])
def test_what_was_cut_off_is_noticed(cut: slice) -> None:
    keys = Keys(str(Identity.generate()))
    with pytest.raises(DamagedError):
        decrypted(keys, encrypted(keys, b"dump" * 50_000)[cut])


def test_errors_at_either_end_come_through() -> None:
    keys = Keys(str(Identity.generate()))
    sealed = encrypted(keys, b"dump" * 500_000)

    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 100_000:
                raise StorageError("the bucket is gone")
            return super().read(size)

        def write(self, data: object, /) -> int:
            raise BrokenPipeError

    for source, target, error in (
        (Broken(sealed), io.BytesIO(), StorageError),
        (io.BytesIO(sealed), Broken(), BrokenPipeError),
    ):
        with pytest.raises(error):
            keys.decrypt("age", source, target)
        with pytest.raises(error):
            source.seek(0)
            keys.encrypt(source, target)


def test_another_scheme_is_refused() -> None:
    with pytest.raises(BackupError, match="'rot13'"):
        Keys("").decrypt("rot13", io.BytesIO(b""), io.BytesIO())
