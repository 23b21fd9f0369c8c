"""Which films the database names.

Our own copies of films go with their rows, so one that no row names was deleted on purpose. It may
have been promoted from the case of a patient who asked to be erased; its key doesn't tell, since a
curator's film has a key of the same kind. No such film is kept or put back; the same goes for the
films of cases. What lies elsewhere below `referencia/` belongs to whoever put it there, and needs
no row; neither do those of the earlier service.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from django.db import Error

from cases.models import CaseImage
from cases.privacy.files import FOLDER, LEGACY
from implants.catalogue import COPIES
from implants.models import ReferenceImage
from raiox.backups.errors import BackupError

_UPLOADS: Final = f"{FOLDER}/"
_AT_ONCE: Final = 1000


def unnamed(keys: Iterable[str]) -> set[str]:
    """Those of `keys` that need a row to name them, and have none.

    Raises `BackupError` if the database does not say.
    """
    wanted = list(keys)
    copies = [key for key in wanted if key.startswith(COPIES)]
    uploads = [key for key in wanted if key.startswith(_UPLOADS) and not key.startswith(LEGACY)]
    named: set[str] = set()
    try:
        for some in _in_parts(copies):
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
    return {*copies, *uploads} - named


def forgotten(keys: Iterable[str]) -> set[str]:
    """Our own copies among `keys` that no row names: nothing of them is kept.

    None while the catalogue is empty: it may be one whose restore is still to come.
    """
    found = unnamed(key for key in keys if key.startswith(COPIES))
    return found if found and ReferenceImage.objects.exists() else set()


def _in_parts(keys: list[str]) -> Iterator[list[str]]:
    return (keys[start : start + _AT_ONCE] for start in range(0, len(keys), _AT_ONCE))
