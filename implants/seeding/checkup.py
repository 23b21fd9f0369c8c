"""Is the catalogue sound? Counts, and what is wrong with which reference."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.postgres.aggregates import ArrayAgg
from django.core.files.storage import default_storage
from django.db import connection
from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from implants.catalogue import without_vector
from implants.models import Encoder, Implant, Manufacturer, ReferenceImage

_UNIT_TOLERANCE: Final = 1e-3
_LOOKUPS_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class Checkup:
    """What was found. Lists hold ids of references; `duplicates` holds lists of them.

    `implants_unmarked`: ids of implants that have films, but none with a marked part. No trouble,
    but whoever marks the implant on a patient's film will hardly ever find one of these.
    """

    encoder: str
    manufacturers: list[dict[str, Any]]
    vectors: int
    without_vector: list[int]
    not_unit_length: list[int]
    duplicates: list[list[int]]
    files_gone: list[int]
    implants_unmarked: list[int]

    def problems(self) -> list[str]:
        """One sentence for each kind of trouble; empty if all is well."""
        found = {
            "No encoder is active.": not self.encoder,
            f"{len(self.without_vector)} references have no vector of the active encoder.": (
                self.without_vector
            ),
            f"{len(self.not_unit_length)} vectors are not of length 1.": self.not_unit_length,
            f"{len(self.duplicates)} films document several implants by the same part.": (
                self.duplicates
            ),
            f"{len(self.files_gone)} references have lost their file.": self.files_gone,
        }
        return [sentence for sentence, trouble in found.items() if trouble]


def check() -> Checkup:
    """Look at all of the catalogue; of files only whether they are there."""
    encoder = Encoder.objects.filter(is_active=True).first()
    return Checkup(
        encoder=encoder.name if encoder else "",
        manufacturers=_counts(),
        vectors=encoder.vectors.count() if encoder else 0,
        without_vector=_ids(without_vector(encoder.pk)) if encoder else [],
        not_unit_length=_not_unit_length(),
        duplicates=_duplicates(),
        files_gone=_files_gone(),
        implants_unmarked=_implants_unmarked(),
    )


def _ids(references: QuerySet[ReferenceImage]) -> list[int]:
    return list(references.order_by("pk").values_list("pk", flat=True))


def _counts() -> list[dict[str, Any]]:
    references = "implants__references"
    counted = Manufacturer.objects.annotate(
        implants_count=Count("implants", distinct=True),
        references_count=Count(references, distinct=True),
        demo_count=Count(references, filter=Q(implants__references__is_demo=True), distinct=True),
    )
    return [
        {
            "manufacturer": maker.name,
            "implants": maker.implants_count,
            "references": maker.references_count,
            "demo_references": maker.demo_count,
        }
        for maker in counted.order_by("name")
    ]


def _not_unit_length() -> list[int]:
    """References with a vector, of any encoder, that isn't of length 1."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT reference_id FROM reference_vectors"
            " WHERE abs(vector_norm(embedding) - 1) > %s ORDER BY reference_id",
            [_UNIT_TOLERANCE],
        )
        return [reference_id for (reference_id,) in cursor.fetchall()]


def _duplicates() -> list[list[int]]:
    """References of several implants by the same part of the same film: one must be wrong."""
    same = (
        ReferenceImage.objects.values("sha256", "region")
        .annotate(ids=ArrayAgg("pk", order_by="pk"), count=Count("pk"))
        .filter(count__gt=1)
        .order_by("ids")
    )
    return list(same.values_list("ids", flat=True))


def _implants_unmarked() -> list[int]:
    marked = ReferenceImage.objects.filter(implant=OuterRef("pk"), region__isnull=False)
    implants = Implant.objects.filter(~Exists(marked), references__isnull=False)
    return list(implants.distinct().order_by("pk").values_list("pk", flat=True))


def _files_gone() -> list[int]:
    stored = list(ReferenceImage.objects.order_by("pk").values_list("pk", "image"))
    with ThreadPoolExecutor(_LOOKUPS_AT_ONCE) as lookups:
        there = lookups.map(default_storage.exists, (name for _, name in stored))
        return [pk for (pk, _), exists in zip(stored, there, strict=True) if not exists]
