"""Looks at a film before it becomes a reference. Nothing of it is stored.

The vector goes back and forth as a signed ticket: what was computed while the curator looked need
not be computed again when she saves, and no other vector can be put in its place.
"""

import base64
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from django.core import signing
from django.core.files.storage import default_storage

from implants.doubt import Concern, concerns_of
from implants.embedding import Encoded, embed
from implants.encoders.active import ActiveEncoder, active
from implants.encoders.bundle import EncoderUnavailable
from implants.encoders.session import EncodingError, Vector
from implants.models import Implant, ReferenceImage
from implants.radiograph import Radiograph
from implants.region import Region
from implants.resemblance import Likeness, Resemblance, resemblance
from implants.vectors import vector_of

logger = logging.getLogger(__name__)

TICKET_SECONDS: Final = 24 * 60 * 60
_SALT: Final = "implants.examination"
_ALARMING: Final = frozenset(Likeness) - {Likeness.OWN, Likeness.NOTHING}


@dataclass(frozen=True, slots=True)
class Examination:
    """What is known of a film that may document an implant.

    `same_film`: references of the same bytes. `obstacle` says why there is no resemblance:
    `encoder_unavailable` or `not_encodable`; empty when there is one, or when it is a duplicate.
    """

    implant: Implant
    same_film: Sequence[ReferenceImage]
    has_region: bool = False
    concerns: Sequence[Concern] = ()
    resemblance: Resemblance | None = None
    obstacle: str = ""
    ticket: str = ""

    @property
    def duplicate(self) -> ReferenceImage | None:
        """The implant's own reference of the same bytes: it can't be added once more."""
        own = (film for film in self.same_film if film.implant_id == self.implant.pk)
        return next(own, None)

    @property
    def also_documents(self) -> list[Implant]:
        """Other implants that this very film documents."""
        return [film.implant for film in self.same_film if film.implant_id != self.implant.pk]

    @property
    def is_alarming(self) -> bool:
        """Whether there is something to look at before the film is saved.

        A whole film is hardly found by the catalogue: not marked is worth a look too.
        """
        looks = self.resemblance is not None and self.resemblance.likeness in _ALARMING
        said = looks or self.concerns or self.obstacle or self.also_documents
        return bool(said) or not self.has_region


def examine(implant: Implant, radiograph: Radiograph, region: Region | None) -> Examination:
    """Compare a film, or its region, with the catalogue before it is saved for `implant`.

    `radiograph.sha256` must be that of the received bytes.
    """
    has_region = region is not None
    found = Examination(implant, _same_film(implant, radiograph.sha256), has_region)
    if found.duplicate:
        return found
    concerns = concerns_of(radiograph.image, radiograph.colour, has_region=has_region)
    found = replace(found, concerns=concerns)
    try:
        encoder = active()
        # As it is, also if it may be a negative: so it will stand in the catalogue.
        vector = vector_of(radiograph, encoder, region)
    except EncoderUnavailable as error:
        logger.error("encoder unavailable", extra={"reason": str(error)})
        return replace(found, obstacle="encoder_unavailable")
    except EncodingError:
        return replace(found, obstacle="not_encodable")
    looks = resemblance(implant, radiograph, vector, encoder.encoder_id, has_region=has_region)
    ticket = _signed(vector, radiograph.sha256, region, encoder)
    return replace(found, resemblance=looks, ticket=ticket)


def _same_film(implant: Implant, sha256: str) -> list[ReferenceImage]:
    """References of these bytes; not the implant's own one that has lost its file and may have it
    back (`catalogue.add_film`)."""
    same = ReferenceImage.objects.filter(sha256=sha256).select_related("implant__manufacturer")
    return [
        reference
        for reference in same.order_by("pk")
        if reference.implant_id != implant.pk or default_storage.exists(str(reference.image.name))
    ]


def embed_by_ticket(reference: ReferenceImage, ticket: str) -> bool:
    """Give a new reference the vector that its examination computed; False: leave it to the job.

    A ticket counts for the same bytes, region and encoder only.
    """
    try:
        encoder = active()
    except EncoderUnavailable:
        return False
    vector = _read(ticket, reference, encoder)
    if vector is None:
        return False
    encoded = Encoded(encoder.encoder_id, reference.region, vector)
    return not embed([reference], encoder, {reference.pk: encoded})


def _signed(vector: Vector, sha256: str, region: Region | None, encoder: ActiveEncoder) -> str:
    content = [
        *_about(sha256, region.to_list() if region else None, encoder),
        base64.b64encode(np.asarray(vector, dtype="<f4").tobytes()).decode(),
    ]
    return signing.dumps(content, salt=_SALT)


def _read(ticket: str, reference: ReferenceImage, encoder: ActiveEncoder) -> Vector | None:
    try:
        *about, encoded = signing.loads(ticket, salt=_SALT, max_age=TICKET_SECONDS)
    except signing.BadSignature:
        return None
    if about != _about(reference.sha256, reference.region, encoder):
        return None
    return np.frombuffer(base64.b64decode(encoded), dtype="<f4")


def _about(sha256: str, region: list[float] | None, encoder: ActiveEncoder) -> list[object]:
    return [sha256, region, encoder.encoder_id, encoder.version]
