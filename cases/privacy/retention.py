"""Deletes images and personal data after `RETENTION_DAYS`; what was found stays, without them.

Counted from the last that was received of a submission, so that an edit gets its full time.
"""

import logging
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final, NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from cases.delivery import OPEN
from cases.events import record
from cases.files import BLANK_ADDRESS
from cases.models import Case, CaseEvent, CaseImage, Delivery, Finding
from cases.privacy.files import delete_films
from cases.privacy.models import AccessRecord
from cases.privacy.personal import HARMLESS_DETAILS, PERSONAL
from cases.privacy.strays import Strays, delete_strays
from webhooks.models import InboundEvent

logger = logging.getLogger(__name__)
ACCESS_RECORDS_KEPT: Final = timedelta(days=365)
_BLANK: Final = Q(url__startswith=BLANK_ADDRESS)
"""An image of which nothing is left."""


class _Done(Enum):
    """What of a case was deleted."""

    NOTHING = auto()
    FILMS = auto()
    ALL = auto()


class Purged(NamedTuple):
    """How much was deleted.

    `films_alone`: cases whose words stay until their answer has gone out. `refused`: films without
    a row that are left, for it may be a mistake.
    """

    cases: int
    events: int
    access_records: int
    strays: int
    refused: list[Strays]
    films_alone: int


def expired_cases(now: datetime | None = None) -> QuerySet[Case]:
    """Cases whose time is over and that still hold something to delete.

    An answer that has not gone out yet keeps its case's words: deleted, the dentist would read
    nothing. Films it keeps not.
    """
    limit = _limit(now)
    events = InboundEvent.objects.filter(
        form_id=OuterRef("form__form_id"), submission_id=OuterRef("submission_id")
    )
    came_back = events.filter(received_at__gt=OuterRef("personal_data_deleted_at"))
    went_on = CaseEvent.objects.filter(
        case=OuterRef("pk"),
        created_at__gt=OuterRef("personal_data_deleted_at"),
        created_at__lte=limit,
    ).exclude(kind=CaseEvent.Kind.PERSONAL_DATA_DELETED)
    return (
        Case.objects.filter(created_at__lte=limit)
        .filter(Q(personal_data_deleted_at=None) | Exists(came_back) | Exists(went_on))
        .exclude(Exists(events.filter(received_at__gt=limit)))
        .exclude(
            Exists(_open_answers().filter(case=OuterRef("pk"))),
            ~Exists(CaseImage.objects.filter(case=OuterRef("pk")).exclude(_BLANK)),
        )
    )


def expired_events(now: datetime | None = None) -> QuerySet[InboundEvent]:
    """Stored webhooks whose time is over, those of unknown forms too."""
    found: QuerySet[InboundEvent] = InboundEvent.objects.filter(received_at__lte=_limit(now))
    return found.exclude(payload={})


def purge_expired(*, accept_deletions: bool = False) -> Purged:
    """Delete all that is due. A case whose film can't be deleted now is tried again tomorrow.

    `accept_deletions`: of films without a row as well those that may be a mistake.
    """
    done = [_purge_or_tell(case) for case in expired_cases()]
    events = expired_events().update(**PERSONAL[InboundEvent])
    old = AccessRecord.objects.filter(created_at__lt=timezone.now() - ACCESS_RECORDS_KEPT)
    access_records = old.delete()[0]
    strays = delete_strays(accept_deletions=accept_deletions)
    return Purged(
        done.count(_Done.ALL),
        events,
        access_records,
        strays.deleted,
        strays.refused,
        done.count(_Done.FILMS),
    )


def _limit(now: datetime | None) -> datetime:
    return (now or timezone.now()) - timedelta(days=settings.RETENTION_DAYS)


def _open_answers() -> QuerySet[Delivery]:
    """A notice of receipt that waits holds nothing back: nobody misses it by then."""
    return Delivery.objects.filter(kind=Delivery.Kind.ANSWER, state__in=OPEN)


def _purge_or_tell(case: Case) -> _Done:
    try:
        return _purge(case)
    except Exception:  # storage that fails for one film must not keep all the others
        logger.exception("personal data not deleted", extra={"case_id": case.pk})
        return _Done.NOTHING


def _purge(case: Case) -> _Done:
    """Films first: what fails after them is done again, and deleting twice does no harm."""
    delete_films(case.images.all())
    with transaction.atomic():
        Case.objects.select_for_update().get(pk=case.pk)
        _blank_images(case.images.all())
        if _open_answers().filter(case=case).exists():
            return _Done.FILMS  # the words go on another night
        Finding.objects.filter(case=case).update(**PERSONAL[Finding])
        Delivery.objects.filter(case=case).update(**PERSONAL[Delivery])
        Case.objects.filter(pk=case.pk).update(
            **PERSONAL[Case], personal_data_deleted_at=timezone.now()
        )
        _forget_words(case.events.all())
        record(case, CaseEvent.Kind.PERSONAL_DATA_DELETED)
    return _Done.ALL


def _blank_images(images: QuerySet[CaseImage]) -> None:
    kept = (CaseImage.State.STORED, CaseImage.State.WAITING)
    images.filter(state__in=kept).update(state=CaseImage.State.DELETED)
    # An address names the file, and must be another one for each image of a case.
    address = Concat(Value(BLANK_ADDRESS), Cast(F("pk"), TextField()))
    images.update(**PERSONAL[CaseImage], url=address)


def _forget_words(events: QuerySet[CaseEvent]) -> None:
    """Of what the events say, keep ids, counts and codes."""
    for event in events:
        kept = {name: value for name, value in event.data.items() if name in HARMLESS_DETAILS}
        if kept != event.data:
            events.filter(pk=event.pk).update(data=kept)
