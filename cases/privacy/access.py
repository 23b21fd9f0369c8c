"""Notes who saw patients' data."""

from django.contrib.auth.models import AnonymousUser, User

from cases.models import Case, CaseImage
from cases.privacy.models import AccessRecord
from raiox.common import correlation


def note_film(user: User | AnonymousUser, image: CaseImage, what: AccessRecord.What) -> None:
    """A film of a case was sent to `user`."""
    _note(user, what, image.case_id, image.pk)


def note_cases(
    user: User | AnonymousUser | None, cases: list[Case], what: AccessRecord.What
) -> None:
    """The data of these cases were shown to `user`; None: to somebody at the console."""
    AccessRecord.objects.bulk_create(_row(user, what, case.pk) for case in cases)


def _note(
    user: User | AnonymousUser, what: AccessRecord.What, case_number: int, image_number: int
) -> None:
    _row(user, what, case_number, image_number).save()


def _row(
    user: User | AnonymousUser | None,
    what: AccessRecord.What,
    case_number: int,
    image_number: int | None = None,
) -> AccessRecord:
    return AccessRecord(
        user=user if isinstance(user, User) else None,
        what=what,
        case_number=case_number,
        image_number=image_number,
        correlation_id=correlation.current(),
    )
