"""The films that patients sent, in storage."""

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Final

from django.core.files.storage import default_storage

from cases.models import CaseImage

FOLDER: Final = "uploads"
LEGACY: Final = f"{FOLDER}/legado/"
"""Films of the earlier service, which never had cases: kept for `RETENTION_DAYS` (cases.legacy)."""


def delete_films(images: Iterable[CaseImage]) -> None:
    """Delete the stored copies; one that is gone already is as good. Raises `OSError`."""
    for image in images:
        if name := image.file.name:
            default_storage.delete(name)


def films_below(folder: str) -> Iterator[str]:
    """The names of all files in `folder` and in those below it; none if it is not there."""
    try:
        folders, files = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    yield from (str(PurePosixPath(folder, name)) for name in files)
    for name in folders:
        yield from films_below(str(PurePosixPath(folder, name)))
