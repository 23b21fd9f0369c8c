"""What the earlier service left under `clientes/`: films of patients, without cases.

Each file is copied, compared and only then deleted where it was, so that a run that breaks off is
gone on with by the next one.
"""

import hashlib
from typing import Final, NamedTuple

from django.core.files.storage import default_storage
from django.db.models import Value
from django.db.models.functions import Concat

from cases.privacy.files import LEGACY, films_below
from implants.catalogue import add_reference
from implants.models import Implant, ReferenceImage
from implants.radiograph import MAX_BYTES, RadiographError, open_radiograph

FOLDER: Final = "clientes"
_PIECE: Final = 1024 * 1024


class LegacyError(Exception):
    """This file stays where it is; the message says why."""


class Named(NamedTuple):
    """A file under `clientes/`, and the implant that somebody knows it to show."""

    name: str
    implant: str


def legacy_films() -> list[str]:
    """The names of the files that are left, in their order."""
    return sorted(films_below(FOLDER))


def place_among_uploads(name: str) -> str:
    """Where a file goes among patients' films, to be deleted `RETENTION_DAYS` after the move."""
    return LEGACY + _relative(name)


def move_to_uploads(name: str) -> None:
    """Move a file there. Raises `LegacyError` if another file has its place."""
    target = place_among_uploads(name)
    original = _sha256(name)
    if not default_storage.exists(target):
        with default_storage.open(name) as file:
            stored = default_storage.save(target, file)
        if stored != target:
            default_storage.delete(stored)
            raise LegacyError(f"Storage does not take the name {target}.")
    if _sha256(target) != original:
        raise LegacyError(f"{target} is there already, with other content.")
    default_storage.delete(name)


def check(film: Named) -> bool:
    """Whether `move_to_catalogue` would have anything to do. Raises `LegacyError`."""
    if _is_moved(film.name):
        return False
    _implant(film.implant)
    try:
        open_radiograph(_read(film.name))
    except RadiographError as error:
        raise LegacyError(str(error)) from error
    return True


def move_to_catalogue(film: Named) -> bool:
    """Make a film a reference, as a copy without metadata; False if that was done before.

    Raises `LegacyError`.
    """
    if _is_moved(film.name):
        return False
    data = _read(film.name)
    try:
        added = add_reference(_implant(film.implant), data, source_key=_source_key(film.name))
    except RadiographError as error:
        raise LegacyError(str(error)) from error
    if not default_storage.exists(str(added.reference.image.name)):
        raise LegacyError("The catalogue has this film, but its file is gone: upload it there.")
    default_storage.delete(film.name)
    return True


def _is_moved(name: str) -> bool:
    """Whether it is gone from here because it is in the catalogue. Raises `LegacyError`."""
    _relative(name)
    if default_storage.exists(name):
        return False
    if ReferenceImage.objects.filter(source_key=_source_key(name)).exists():
        return True
    raise LegacyError("There is no such file.")


def _implant(text: str) -> Implant:
    """By its number, or by manufacturer and name. Raises `LegacyError`."""
    called = Implant.objects.alias(called=Concat("manufacturer__name", Value(" "), "name"))
    by_number = Implant.objects.filter(pk=text) if text.isdigit() else Implant.objects.none()
    if (implant := by_number.first() or called.filter(called__iexact=text).first()) is None:
        raise LegacyError(f"There is no implant {text!r} in the catalogue.")
    return implant


def _relative(name: str) -> str:
    relative = name.removeprefix(f"{FOLDER}/")
    if relative == name or ".." in name.split("/"):
        raise LegacyError(f"It does not lie under {FOLDER}/.")
    return relative


def _source_key(name: str) -> str:
    """Tells the file without its name, which may be a patient's."""
    return f"legacy/{hashlib.sha256(name.encode()).hexdigest()}"


def _read(name: str) -> bytes:
    with default_storage.open(name) as file:
        data: bytes = file.read(MAX_BYTES + 1)
    return data


def _sha256(name: str) -> str:
    digest = hashlib.sha256()
    with default_storage.open(name) as file:
        for piece in file.chunks(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
