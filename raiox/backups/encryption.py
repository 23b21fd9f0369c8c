"""Encryption of backups in the format of age (https://age-encryption.org/v1), by `pyrage`.

A stream in chunks that are authenticated one by one, the last one marked: whatever was changed,
swapped or cut off is noticed. The program `age` opens such a file without any of this.
"""

import shutil
from collections.abc import Callable
from typing import Any, Final, Protocol

from pyrage import DecryptError, EncryptError, IdentityError, RecipientError, decrypt_io, encrypt_io
from pyrage.x25519 import Identity, Recipient

from raiox.backups.errors import BackupError, DamagedError

AGE: Final = "age"
_PIECE: Final = 256 * 1024


class Readable(Protocol):
    """A stream of bytes."""

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes; b"" at the end."""


class Writable(Protocol):
    """What takes a stream of bytes."""

    def write(self, data: bytes, /) -> Any:
        """Take the next bytes."""

    def flush(self) -> Any:
        """Pass on what was taken."""


class _Remembering:
    """A stream at one end of pyrage, which turns whatever happens there into errors of its own."""

    error: BaseException | None = None

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        return self._call(self._stream.read, size)

    def write(self, data: bytes) -> Any:
        return self._call(self._stream.write, data)

    def flush(self) -> Any:
        return self._call(self._stream.flush)

    def _call(self, do: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return do(*arguments)
        except BaseException as error:
            self.error = error
            raise


class Keys:
    """The keys of `BACKUP_ENCRYPTION_KEY`, as `age-keygen` writes them, one a line.

    The first one encrypts, each identity (`AGE-SECRET-KEY-1…`) decrypts: a new key goes above the
    old one, which leaves when its backups have. With a recipient alone (`age1…`) backups can be
    made here and opened elsewhere only.
    """

    def __init__(self, text: str) -> None:
        lines = [line.strip() for line in text.splitlines()]
        words = [line for line in lines if line and not line.startswith("#")]
        self._recipients: list[Recipient] = []
        self._identities: list[Identity] = []
        for number, word in enumerate(words, 1):
            self._take(number, word)

    def __bool__(self) -> bool:
        return bool(self._recipients)

    @property
    def can_decrypt(self) -> bool:
        """Whether there is any identity."""
        return bool(self._identities)

    @property
    def scheme(self) -> str:
        """`age`, or '' where nothing is encrypted."""
        return AGE if self else ""

    def encrypt(self, source: Readable, target: Writable) -> None:
        """All of `source` into `target`; without a key as it is."""
        if not self:
            return shutil.copyfileobj(source, target, _PIECE)
        return _by_age(encrypt_io, source, target, self._recipients[:1])

    def decrypt(self, scheme: str, source: Readable, target: Writable) -> None:
        """All of `source`, encrypted by `scheme`, into `target`.

        Raises `BackupError` for a key that does not fit, `DamagedError` for damaged bytes.
        """
        if not scheme:
            return shutil.copyfileobj(source, target, _PIECE)
        if scheme != AGE:
            raise BackupError(f"This version can't read what was encrypted by {scheme!r}.")
        if not self._identities:
            raise BackupError(
                "The backup is encrypted: set BACKUP_ENCRYPTION_KEY to its secret key "
                "(AGE-SECRET-KEY-1…)."
            )
        return _by_age(decrypt_io, source, target, self._identities)

    def _take(self, number: int, word: str) -> None:
        try:
            if word.startswith("age1"):
                self._recipients.append(Recipient.from_str(word))
                return
            identity = Identity.from_str(word)
        except (IdentityError, RecipientError):
            raise BackupError(
                f"Key {number} of BACKUP_ENCRYPTION_KEY is none of age's (age-keygen makes one)."
            ) from None
        self._identities.append(identity)
        self._recipients.append(identity.to_public())


def _by_age(work: Callable[..., None], source: Readable, target: Writable, keys: Any) -> None:
    """Raises what went wrong at either end as it was there, and age's own words as ours."""
    ends = _Remembering(source), _Remembering(target)
    try:
        work(*ends, keys)
    except (EncryptError, DecryptError, OSError) as error:
        ours = next((end.error for end in ends if end.error), None)
        raise (ours or _translated(error)) from (None if ours else error)


def _translated(error: Exception) -> BackupError:
    if isinstance(error, EncryptError):
        return BackupError(f"The backup could not be encrypted: {error}.")
    if isinstance(error, DecryptError):
        return BackupError(f"BACKUP_ENCRYPTION_KEY does not open this backup ({error}).")
    return DamagedError("The backup is damaged: its encryption does not hold.")
