"""Deletes references, and after them our own copies of their films."""

from typing import Any

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q, QuerySet

from implants.catalogue import COPIES, catalogue_changed
from implants.models import ReferenceImage


def delete_with_films(rows: QuerySet[Any], references: QuerySet[ReferenceImage]) -> None:
    """Delete `rows` and, once that is committed, the copies of the films of `references`.

    Films that are used in place (`referencia/` of a bucket) belong to whoever put them there.
    """
    copies = list(references.filter(Q(image__startswith=COPIES)).values_list("image", flat=True))
    with transaction.atomic():
        rows.delete()
        catalogue_changed()
        transaction.on_commit(lambda: _delete_files(copies))


def _delete_files(names: list[str]) -> None:
    """One file may stand behind two references: one was moved, and its film added once more."""
    used = ReferenceImage.objects.filter(image__in=names).values_list("image", flat=True)
    for name in set(names) - set(used):
        default_storage.delete(name)
