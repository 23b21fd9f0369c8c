"""What the page of a case says about how far its candidates can be trusted."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from cases.admin.advice import CONCERN_ADVICE, PAGES_ADVICE, WITHDRAWN_ADVICE
from cases.candidates import Shortlist, concerns_by_image
from cases.models import CaseImage, Finding
from implants.doubt import Concern
from implants.look_alikes import Groups, LookAlikes, groups_of, names_of, not_told_apart
from implants.models import Implant


@dataclass(frozen=True)
class ImageConcern:
    """Something that speaks against one of the films; `number` is 0 when there is one film only."""

    number: int
    label: str
    advice: Promise


@dataclass(frozen=True)
class Undecided:
    """An implant and the others that the film does not tell from it, as text."""

    implant: Implant
    others: str
    is_demo: bool


def image_concerns(
    images: Sequence[CaseImage], shortlists: Iterable[Shortlist]
) -> list[ImageConcern]:
    """What speaks against the stored films of a case, film by film."""
    found = concerns_by_image(shortlists)
    return [
        ImageConcern(number if len(images) > 1 else 0, label, advice)
        for number, image in enumerate(images, start=1)
        for label, advice in _about(image, found.get(image.pk, ()))
    ]


def _about(image: CaseImage, concerns: Iterable[Concern]) -> Iterator[tuple[str, Promise]]:
    if image.is_withdrawn:
        yield _("not in the submission any more"), WITHDRAWN_ADVICE
    if image.pages > 1:
        yield _("the first of %(count)d pages") % {"count": image.pages}, PAGES_ADVICE
    for concern in concerns:
        yield str(concern.label), CONCERN_ADVICE[concern]


def groups_on_page(findings: Iterable[tuple[Finding, Shortlist]]) -> Groups:
    """The look-alikes of everything that is suggested or chosen on a page."""
    shown: list[Implant] = []
    for finding, shortlist in findings:
        shown += [found.implant for found in shortlist.candidates]
        shown += [finding.implant] if finding.implant else []
    return groups_of(shown)


def undecided(finding: Finding, shortlist: Shortlist, groups: Groups) -> list[Undecided]:
    """What the film leaves open among the candidates, and about the implant that was chosen."""
    among = not_told_apart([found.implant for found in shortlist.candidates], groups)
    said = [_undecided(among.implants[0], among)] if among else []
    chosen = finding.implant
    about = groups.get(chosen.look_alike_group) if chosen else None
    if chosen and about and (among is None or about.group != among.group):
        said.append(_undecided(chosen, about))
    return said


def _undecided(implant: Implant, found: LookAlikes) -> Undecided:
    others = found.besides(implant)
    return Undecided(implant, names_of(others), any(other.is_demo for other in others))
