"""Where an implant lies on the film: marked by a reviewer, then searched for."""

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from cases import queue, review
from cases.events import record
from cases.models import Case, CaseEvent, CaseImage, Finding
from implants.region import Region, RegionError

MAX_FINDINGS = 32
"""As many as there are teeth: more is a slip or a script."""


@transaction.atomic
def mark_implant(
    case: Case, actor: User, *, image_id: int, region: Sequence[float], tooth: str = ""
) -> Finding:
    """Add an implant by where it lies; its candidates are searched for in the background."""
    if case.findings.count() >= MAX_FINDINGS:
        raise review.InvalidDecision(_("A case can't hold more implants."))
    image = _film(case, image_id)
    return review.add_finding(case, actor, tooth=tooth, image=image, region=_checked(region))


@transaction.atomic
def set_region(
    finding: Finding,
    actor: User,
    *,
    image_id: int = 0,
    region: Sequence[float] | None = None,
) -> None:
    """Say where the implant lies, or nowhere (the whole films count), and search anew for it."""
    case = review.lock_pending(finding.case_id, actor)
    if region is None:
        finding.image, finding.region = None, None
    else:
        finding.image = _film(case, image_id)
        finding.region = _checked(region)
    finding.save(update_fields=["image", "region"])
    record(case, CaseEvent.Kind.SEARCH_REQUESTED, actor, finding=finding.pk, region=finding.region)
    queue.defer_finding_search(finding)


def _film(case: Case, image_id: int) -> CaseImage:
    image = case.images.filter(pk=image_id, state=CaseImage.State.STORED).first()
    if image is None:
        raise review.InvalidDecision(_("This radiograph is not there any more."))
    return image


def _checked(region: Sequence[float]) -> list[float]:
    try:
        return Region.from_list(region).to_list()
    except RegionError as error:
        raise review.InvalidDecision(str(error)) from error
