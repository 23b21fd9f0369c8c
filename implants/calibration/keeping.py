"""Calibrations in the database: made anew by a job when what they were learned from has changed."""

import hashlib
import logging
from collections.abc import Sequence
from typing import Final

from django.conf import settings
from django.db import connection
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from implants import reduction
from implants.calibration.evidence import Decision
from implants.calibration.words import FORMAT, Calibration
from implants.catalogue import without_vector
from implants.depth import keep_depths
from implants.leave_one_out import CatalogueVectors, leave_one_out
from implants.models import Encoder, ReferenceVector
from implants.quality import keep_quality, measure
from implants.suspects import keep_suspicions, suspicious

logger = logging.getLogger(__name__)

_MADE: Final = "calibration by kind of film, quality, suspicions, depths"
"""What a refresh makes: with something new in it, what is there already is made anew."""

# A vector made anew is a new row; an implant can be merged, a film turn out to be another's.
_CONTENT: Final = """
SELECT md5(coalesce(string_agg(
    concat_ws(':', v.id, r.id, r.implant_id, r.sha256, r.region::text), ',' ORDER BY v.id
), ''))
FROM reference_vectors v JOIN reference_images r ON r.id = v.reference_id
WHERE v.encoder_id = %(encoder_id)s
"""


def to_refresh() -> list[Encoder]:
    """The active encoder, and those that could take its place: no reference waits for a vector."""
    vectors = ReferenceVector.objects.filter(encoder=OuterRef("pk"))
    return [
        encoder
        for encoder in Encoder.objects.filter(Exists(vectors) | Q(is_active=True))
        if encoder.is_active or not without_vector(encoder.pk).filter(encoding_error="").exists()
    ]


def refresh(encoder: Encoder, decisions: Sequence[Decision]) -> bool:
    """Calibrate the encoder, and measure it, unless nothing has changed since; whether it was done.

    `decisions` are those on this encoder's suggestions. Takes minutes for 100,000 references: never
    called while somebody waits.
    """
    # Read first: what changes from here on makes the next refresh see another mark.
    mark = fingerprint(encoder.pk, decisions)
    if (encoder.calibration or {}).get("fingerprint") == mark:
        return False
    vectors = CatalogueVectors.load(encoder.pk)
    found = leave_one_out(vectors)
    # The mark last: whatever fails before it is done again, and so is what could not be done now.
    keep_quality(encoder.pk, measure(found))
    keep_suspicions(encoder.pk, suspicious(vectors))
    is_done = keep_depths(encoder.pk, vectors)
    values = {
        **Calibration.learned(found, decisions).to_json(),
        "fingerprint": mark if is_done else "",
        "made_at": timezone.now().isoformat(),
    }
    Encoder.objects.filter(pk=encoder.pk).update(calibration=values)
    logger.info("encoder calibrated", extra={"encoder": encoder.name})
    return True


def calibration_of(encoder_id: int) -> Calibration | None:
    """What was kept for this encoder; None while there is nothing."""
    rows = Encoder.objects.filter(pk=encoder_id).values_list("calibration", flat=True)
    return Calibration.from_json(rows.first())


def fingerprint(encoder_id: int, decisions: Sequence[Decision]) -> str:
    """By what is known again what a calibration was learned from, and how."""
    with connection.cursor() as cursor:
        cursor.execute(_CONTENT, {"encoder_id": encoder_id})
        (content,) = cursor.fetchone()
    how = f"{FORMAT} {_MADE} {settings.EXACT_SEARCH_LIMIT} {reduction.is_kept()}"
    return hashlib.sha256(f"{how} {content} {sorted(map(repr, decisions))}".encode()).hexdigest()
