"""Looking first without suggestions, against automation bias.

Whoever has asked for it sees the candidates of a finding only after she has noted what she takes it
for herself. Until then they are not sent to her browser at all.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from cases import review
from cases.candidates import Shortlist, shortlists_of
from cases.events import record
from cases.models import CaseEvent, Finding, FirstImpression, ReviewerPreferences
from implants.models import Implant, Manufacturer


def looks_first(user: User) -> bool:
    """Whether she wants to see the candidates only after her own first impression."""
    preferences = ReviewerPreferences.objects.filter(user=user, sees_suggestions_later=True)
    return preferences.exists()


def hidden_from(user: User, findings: Iterable[Finding]) -> set[int]:
    """The ids of the findings whose suggestions `user` must not see yet; two queries at most.

    Only of cases that are not decided. Their `case` should be loaded.
    """
    open_ids = {finding.pk for finding in findings if not finding.case.is_decided}
    if not open_ids or not looks_first(user):
        return set()
    noted = FirstImpression.objects.filter(user=user, finding__in=open_ids)
    return open_ids - set(noted.values_list("finding", flat=True))


def may_see_suggestions(user: User, finding: Finding) -> bool:
    """Whether the candidates of the finding may be sent to her."""
    return finding.pk not in hidden_from(user, [finding])


def as_seen_by(
    user: User, findings: Iterable[Finding], shortlists: Mapping[int, Shortlist]
) -> dict[int, Shortlist]:
    """The shortlists by finding id, those that `user` must not see yet without anything in them."""
    hidden = hidden_from(user, findings)
    return {pk: _hidden(row) if pk in hidden else row for pk, row in shortlists.items()}


@transaction.atomic
def note(
    finding: Finding,
    user: User,
    *,
    implant: Implant | None = None,
    manufacturer: Manufacturer | None = None,
) -> FirstImpression:
    """Note what she takes the finding for, neither being “I can't tell”; the first note stays."""
    if implant and manufacturer:
        raise ValueError("an impression is of an implant or of a manufacturer alone")
    case = review.lock_pending(finding.case_id, user)
    impression, is_new = FirstImpression.objects.get_or_create(
        finding=finding,
        user=user,
        defaults={
            "implant": implant,
            "manufacturer": manufacturer,
            "suggested": _first_suggestion(finding),
        },
    )
    if is_new:
        record(
            case, CaseEvent.Kind.IMPRESSION_NOTED, user, finding=finding.pk,
            impression=impression.pk,
        )  # fmt: skip
    return impression


def missing_text() -> str:
    """What has to be done before there can be an answer with candidates in it."""
    return _("Note your first impression of the implant first.")


def _first_suggestion(finding: Finding) -> Implant | None:
    candidates = shortlists_of([finding])[finding.pk].candidates
    return candidates[0].implant if candidates else None


def _hidden(shortlist: Shortlist) -> Shortlist:
    """What speaks against the film stays: it says nothing about the implant."""
    return replace(
        shortlist, candidates=[], confidence=None, observations=0, image_id=None, is_hidden=True
    )
