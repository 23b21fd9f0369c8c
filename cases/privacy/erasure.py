"""Erases all that is held about a submission, as its patient or dentist may ask."""

import logging
from collections.abc import Iterable
from typing import NamedTuple

from django.db import transaction
from django.db.models import Q, QuerySet

from cases.intake import lock_submission
from cases.models import Case
from cases.privacy.files import delete_films
from cases.privacy.models import ErasedSubmission
from implants.admin.removal import delete_with_films
from implants.models import ReferenceImage
from webhooks.models import InboundEvent

logger = logging.getLogger(__name__)


class Holding(NamedTuple):
    """What there is about one submission; `case` is None when only webhooks are left."""

    form_id: str
    submission_id: str
    case: Case | None
    events: QuerySet[InboundEvent]
    promoted: QuerySet[ReferenceImage]


def holding_of_case(case: Case) -> Holding:
    """All that is held about the submission of `case`."""
    return Holding(
        case.form.form_id,
        case.submission_id,
        case,
        InboundEvent.objects.of_submission(case.form.form_id, case.submission_id),
        promoted_films(case),
    )


def holding_of_submission(form_id: str, submission_id: str) -> Holding:
    """The same by Jotform's ids, also where no case came of it."""
    case = Case.objects.filter(form__form_id=form_id, submission_id=submission_id).first()
    if case is not None:
        return holding_of_case(case)
    events = InboundEvent.objects.of_submission(form_id, submission_id)
    return Holding(form_id, submission_id, None, events, ReferenceImage.objects.none())


def promoted_films(case: Case) -> QuerySet[ReferenceImage]:
    """References that were made of the films of `case`: their source names it."""
    return ReferenceImage.objects.filter(Q(source_key__startswith=f"case/{case.pk}/"))


@transaction.atomic
def erase(held: Holding) -> None:
    """Delete it, films first, and remember that it may not come back. Raises `OSError`."""
    lock_submission(held.form_id, held.submission_id)
    if held.case is not None:
        delete_films(held.case.images.all())
    digest = ErasedSubmission.digest_of(held.form_id, held.submission_id)
    ErasedSubmission.objects.get_or_create(digest=digest)
    delete_with_films(held.promoted, held.promoted)
    held.events.delete()
    if held.case is not None:
        number = held.case.pk
        held.case.delete()
        logger.warning("case erased", extra={"case_id": number})


def erase_again(digests: Iterable[str]) -> int:
    """Erase what has these digests: a backup brought back what was erased after it; the count.

    Raises `OSError`; what was erased until then stays so.
    """
    wanted = set(digests)
    held = {
        *Case.objects.values_list("form__form_id", "submission_id"),
        *InboundEvent.objects.values_list("form_id", "submission_id"),
    }
    found = [ids for ids in sorted(held) if ErasedSubmission.digest_of(*ids) in wanted]
    for ids in found:
        erase(holding_of_submission(*ids))
    # Of the others nothing came back, and nothing may.
    ErasedSubmission.objects.bulk_create(
        [ErasedSubmission(digest=digest) for digest in wanted], ignore_conflicts=True
    )
    return len(found)
