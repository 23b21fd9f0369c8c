"""Films that no row names: whoever stored them died, or was refused, before a row said so.

No row names a film either while the database is empty or older than the film: then its row may
still come back, and the film could not. So what may be a mistake is refused, and told.
"""

import logging
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.core.files.storage import default_storage
from django.db.models import QuerySet
from django.utils import timezone

from cases.models import CaseImage
from cases.privacy.files import FOLDER, LEGACY, films_below
from implants.catalogue import PROMOTED
from implants.models import ReferenceImage
from raiox.common.deletions import may_be_mistake

logger = logging.getLogger(__name__)
_AT_ONCE: Final = 1000


class _Place(NamedTuple):
    """A folder, and where rows name the films in it.

    `settled`: a film is stored before its row is written, so for a while it may be without.
    """

    folder: str
    rows: Callable[[], QuerySet[Any]]
    field: str
    settled: timedelta


_PLACES: Final = (
    _Place(FOLDER, CaseImage.objects.all, "file", timedelta(days=1)),
    # A promotion that was broken off, or refused at the last moment, leaves its copy.
    _Place(PROMOTED.rstrip("/"), ReferenceImage.objects.all, "image", timedelta(days=2)),
)


class Strays(NamedTuple):
    """Films in `folder` that no row names, among so many.

    `may_be_mistake`: the database knows no film at all, or less than half of those that are there.
    """

    folder: str
    names: list[str]
    among: int
    may_be_mistake: bool


class Cleared(NamedTuple):
    """How many films were deleted, and what was left where it is because it may be a mistake."""

    deleted: int
    refused: list[Strays]


def find_strays() -> list[Strays]:
    """What `delete_strays` would look at, folder by folder."""
    return [_strays(place) for place in _PLACES]


def delete_strays(*, accept_deletions: bool = False) -> Cleared:
    """Delete films without a row, and those of the earlier service whose time is over.

    What may be a mistake is left, and told, unless `accept_deletions` says that it is none.
    """
    deleted = _delete_expired_legacy()
    refused = []
    for place in _PLACES:
        found = _strays(place)
        if found.may_be_mistake and not accept_deletions:
            refused.append(found)
            continue
        # Asked once more: a promotion may have taken up what an earlier one had left.
        gone = [name for name in found.names if _unnamed(place, [name]) and _delete(name)]
        if gone:
            facts = {"folder": place.folder, "count": len(gone)}
            logger.warning("films without a row deleted", extra=facts)
        deleted += len(gone)
    return Cleared(deleted, refused)


def _strays(place: _Place) -> Strays:
    films = [name for name in films_below(place.folder) if not name.startswith(LEGACY)]
    names = [name for name in _unnamed(place, films) if _is_older(name, place.settled)]
    is_empty = bool(names) and not place.rows().exists()
    return Strays(
        place.folder, names, len(films), is_empty or may_be_mistake(len(names), len(films))
    )


def _delete_expired_legacy() -> int:
    """They never had rows: their age alone counts, whatever the database holds."""
    kept = timedelta(days=settings.RETENTION_DAYS)
    films = films_below(LEGACY.rstrip("/"))
    return sum(_delete(name) for name in films if _is_older(name, kept))


def _unnamed(place: _Place, names: Iterable[str]) -> list[str]:
    wanted = list(names)
    named: set[str] = set()
    for start in range(0, len(wanted), _AT_ONCE):
        some = {f"{place.field}__in": wanted[start : start + _AT_ONCE]}
        named.update(place.rows().filter(**some).values_list(place.field, flat=True))
    return [name for name in wanted if name not in named]


def _is_older(name: str, age: timedelta) -> bool:
    return default_storage.get_modified_time(name) < timezone.now() - age


def _delete(name: str) -> bool:
    default_storage.delete(name)
    return True
