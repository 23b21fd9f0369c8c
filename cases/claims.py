"""Who has a case open: whoever opens a waiting case reserves it for a while, so that two people
don't decide it twice. A claim that ran out binds nobody, and a claim can be taken over."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from cases.events import record
from cases.models import Case, CaseEvent

LASTS: Final = timedelta(minutes=15)
"""A page that is open and looked at renews its claim; one that is not lets it run out."""
FREE: Final[dict[str, Any]] = {"claimed_by": None, "claimed_until": None}


def is_free_for(user: User) -> Q:
    """Cases that nobody but `user` has reserved at this moment."""
    # Not `exclude`: a NULL there would make the condition unknown.
    unclaimed = Q(claimed_by__isnull=True) | Q(claimed_until__isnull=True)
    return unclaimed | Q(claimed_by=user) | Q(claimed_until__lte=timezone.now())


def claim(case: Case, user: User) -> bool:
    """Reserve a waiting case, or renew the claim; whether `user` has it now.

    One guarded UPDATE: of two people at once exactly one has it. `case` shows who.
    """
    waiting = Case.objects.filter(is_free_for(user), pk=case.pk, state=Case.State.PENDING)
    updated = waiting.update(claimed_by=user, claimed_until=timezone.now() + LASTS)
    case.refresh_from_db(fields=["state", "claimed_by", "claimed_until"])
    return bool(updated)


def release(case: Case, user: User, *, until: datetime) -> None:
    """Give the case back on leaving it, unless the claim was renewed since it ended at `until`.

    The goodbye of a page can arrive after its successor has renewed the claim.
    """
    Case.objects.filter(pk=case.pk, claimed_by=user, claimed_until=until).update(**FREE)


@transaction.atomic
def take_over(case: Case, user: User, *, holder_id: int | None) -> bool:
    """Reserve a waiting case that `holder_id` has; whether `user` has it now.

    Whoever holds it by now must be the one that `user` was told of, or nobody.
    """
    waiting = Case.objects.select_for_update(of=("self",)).filter(state=Case.State.PENDING)
    held = waiting.select_related("claimed_by").filter(pk=case.pk).first()
    holder = held.claimant if held else None
    is_hers = holder in (None, user) or holder.pk == holder_id
    if held and is_hers:
        held.claimed_by, held.claimed_until = user, timezone.now() + LASTS
        held.save(update_fields=["claimed_by", "claimed_until"])
        if holder not in (None, user):
            record(held, CaseEvent.Kind.CLAIM_TAKEN, user, holder=holder.pk)
    case.refresh_from_db(fields=["state", "claimed_by", "claimed_until"])
    return bool(held and is_hers)


def refusal(case: Case) -> str:
    """Why somebody else can't work on a reserved case, in words for her."""
    return _(
        "%(who)s has the case open until %(when)s. Nothing was changed. "
        "To go on yourself, take the case over."
    ) % {"who": name_of(case.claimant), "when": until_text(case)}


def until_text(case: Case) -> str:
    """The time of day at which the claim ends, in the clinic's time zone."""
    return date_format(timezone.localtime(case.claimed_until), "TIME_FORMAT")


def name_of(user: User | None) -> str:
    """A colleague's name, as the pages show it."""
    return (user.get_full_name() or user.get_username()) if user else ""
