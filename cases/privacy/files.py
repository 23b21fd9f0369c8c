"""The films that patients sent, in storage."""

import logging
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Final

from django.core.files.storage import default_storage
from django.utils import timezone

from cases.models import CaseImage

logger = logging.getLogger(__name__)
FOLDER: Final = "uploads"
# A film is saved a moment before its row says so.
_SETTLED: Final = timedelta(days=1)


def delete_films(images: Iterable[CaseImage]) -> None:
    """Delete the stored copies; one that is gone already is as good. Raises `OSError`."""
    for image in images:
        if name := image.file.name:
            default_storage.delete(name)


def delete_strays() -> int:
    """Delete films whose row was never written, since their worker died in between; the count."""
    long_ago = timezone.now() - _SETTLED
    strays = [name for name in _unknown(_films(FOLDER)) if _written(name) < long_ago]
    for name in strays:
        default_storage.delete(name)
    if strays:
        logger.warning("films without a case deleted", extra={"count": len(strays)})
    return len(strays)


def _films(folder: str) -> Iterator[str]:
    try:
        folders, files = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    yield from (str(PurePosixPath(folder, name)) for name in files)
    for name in folders:
        yield from _films(str(PurePosixPath(folder, name)))


def _unknown(names: Iterable[str]) -> list[str]:
    found = list(names)
    known: set[str] = set()
    for start in range(0, len(found), 1000):
        rows = CaseImage.objects.filter(file__in=found[start : start + 1000])
        known.update(rows.values_list("file", flat=True))
    return [name for name in found if name not in known]


def _written(name: str) -> datetime:
    return default_storage.get_modified_time(name)
