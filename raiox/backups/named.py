"""Which films the database names.

A patient's film goes with its row, so one that no row names was deleted on purpose: perhaps she
asked to be erased. No such film is put back, and of those that were promoted into the catalogue no
copy is kept. A curator's film may have been deleted by mistake: its copy is kept and put back, as
are those that are used in place and those of the earlier service.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from django.db import Error

from cases.models import CaseImage
from cases.privacy.files import FOLDER, LEGACY
from implants.catalogue import PROMOTED
from implants.models import ReferenceImage
from raiox.backups.errors import BackupError

_UPLOADS: Final = f"{FOLDER}/"
_AT_ONCE: Final = 1000


def unnamed(keys: Iterable[str]) -> set[str]:
    """Those of `keys` that need a row to name them, and have none.

    Raises `BackupError` if the database does not say.
    """
    wanted = list(keys)
    promoted = [key for key in wanted if key.startswith(PROMOTED)]
    uploads = [key for key in wanted if key.startswith(_UPLOADS) and not key.startswith(LEGACY)]
    named: set[str] = set()
    try:
        for some in _in_parts(promoted):
            references = ReferenceImage.objects.filter(image__in=some)
            named.update(references.values_list("image", flat=True))
        for some in _in_parts(uploads):
            images = CaseImage.objects.filter(file__in=some)
            named.update(images.values_list("file", flat=True))
    except Error as error:
        raise BackupError(
            "The database does not say which films it names. Restore it first, and repeat the "
            f"erasures: {error}"
        ) from error
    return {*promoted, *uploads} - named


def forgotten(keys: Iterable[str]) -> set[str]:
    """Promoted films among `keys` that no row names: nothing of them is kept.

    None while the catalogue is empty: it may be one whose restore is still to come.
    """
    found = unnamed(key for key in keys if key.startswith(PROMOTED))
    return found if found and ReferenceImage.objects.exists() else set()


def _in_parts(keys: list[str]) -> Iterator[list[str]]:
    return (keys[start : start + _AT_ONCE] for start in range(0, len(keys), _AT_ONCE))
