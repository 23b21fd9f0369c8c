"""The films that patients sent, in storage."""

import logging
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Final

from django.conf import settings
from django.core.files.storage import default_storage
from django.utils import timezone

from cases.models import CaseImage

logger = logging.getLogger(__name__)
FOLDER: Final = "uploads"
LEGACY: Final = f"{FOLDER}/legado/"
"""Films of the earlier service, which never had cases: kept for `RETENTION_DAYS` (cases.legacy)."""
# A film is saved a moment before its row says so.
_SETTLED: Final = timedelta(days=1)


def delete_films(images: Iterable[CaseImage]) -> None:
    """Delete the stored copies; one that is gone already is as good. Raises `OSError`."""
    for image in images:
        if name := image.file.name:
            default_storage.delete(name)


def delete_strays() -> int:
    """Delete films whose row was never written, since their worker died in between; the count."""
    strays = [name for name in _unknown(films_below(FOLDER)) if _is_over(name)]
    for name in strays:
        default_storage.delete(name)
    if strays:
        logger.warning("films without a case deleted", extra={"count": len(strays)})
    return len(strays)


def films_below(folder: str) -> Iterator[str]:
    """The names of all files in `folder` and in those below it; none if it is not there."""
    try:
        folders, files = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    yield from (str(PurePosixPath(folder, name)) for name in files)
    for name in folders:
        yield from films_below(str(PurePosixPath(folder, name)))


def _unknown(names: Iterable[str]) -> list[str]:
    found = list(names)
    known: set[str] = set()
    for start in range(0, len(found), 1000):
        rows = CaseImage.objects.filter(file__in=found[start : start + 1000])
        known.update(rows.values_list("file", flat=True))
    return [name for name in found if name not in known]


def _is_over(name: str) -> bool:
    kept = timedelta(days=settings.RETENTION_DAYS) if name.startswith(LEGACY) else _SETTLED
    return default_storage.get_modified_time(name) < timezone.now() - kept
