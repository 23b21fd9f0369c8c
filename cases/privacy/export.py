"""All that is held about a submission, as one file for whoever has a right to it."""

import json
import zipfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any, BinaryIO, Final

import numpy as np
from django.contrib.admin.utils import NestedObjects
from django.core.files.storage import default_storage
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Model

from cases.models import CaseImage
from cases.privacy.access import note_cases
from cases.privacy.erasure import Holding
from cases.privacy.models import AccessRecord
from implants.models import ReferenceImage

ROWS: Final = "data.json"


def export(held: Holding, target: BinaryIO) -> None:
    """Write a ZIP: every row as `data.json` (a list for each table), and the films beside it.

    What hangs on the case is found through the models' relations, so nothing is left out. Raises
    `FileNotFoundError` when a film is not where its row says.
    """
    if held.case is not None:
        note_cases(None, [held.case], AccessRecord.What.EXPORT)
    rows = [*_all_of(held), *held.events, *held.promoted]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            ROWS, json.dumps(_tables(rows), cls=_Encoder, ensure_ascii=False, indent=1)
        )
        for name in _films(rows):
            with default_storage.open(name) as film:
                archive.writestr(str(PurePosixPath("films", name)), film.read())


def _all_of(held: Holding) -> list[Model]:
    if held.case is None:
        return []
    collector = NestedObjects(using="default", origin=held.case)
    collector.collect([held.case])
    rows: list[Model] = [row for found in collector.data.values() for row in found]
    return [*rows, *AccessRecord.objects.filter(case_number=held.case.pk)]


def _tables(rows: Iterable[Model]) -> dict[str, list[dict[str, Any]]]:
    tables: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: (row._meta.db_table, row.pk)):
        tables[row._meta.db_table].append(
            {field.attname: field.value_from_object(row) for field in row._meta.concrete_fields}
        )
    return tables


def _films(rows: Iterable[Model]) -> list[str]:
    names = [row.file.name for row in rows if isinstance(row, CaseImage)]
    names += [row.image.name for row in rows if isinstance(row, ReferenceImage)]
    return [name for name in names if name]


class _Encoder(DjangoJSONEncoder):
    def default(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return value.tolist()
        if hasattr(value, "name") and hasattr(value, "storage"):  # a file field
            return value.name
        return super().default(value)
