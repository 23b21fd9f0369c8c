"""The film of an approved case becomes a reference of the catalogue.

It needs the consent of those whose film it is, and a region. Its source key names the case, so that
erasing the case finds it; nothing else of the case goes with it.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from cases.events import record
from cases.models import Case, CaseEvent, CaseImage, Finding
from implants.catalogue import CASE_KEYS, PROMOTED, Film, add_film, defer_embedding, store_copy
from implants.examination import Examination, examine
from implants.models import Implant, ReferenceImage
from implants.radiograph import Radiograph, RadiographError, reopen_copy
from implants.region import Region


class PromotionRefused(Exception):
    """The film may not become a reference; the message is for people."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A finding that names an implant for sure, and a film of the case that shows it."""

    case: Case
    finding: Finding
    implant: Implant
    image: CaseImage
    is_promoted: bool

    @property
    def source_key(self) -> str:
        """Where the reference comes from."""
        return source_key(self.finding, self.image)

    @property
    def region(self) -> list[float] | None:
        """What the reviewer has marked on this film."""
        return self.finding.region if self.finding.image_id == self.image.pk else None


@dataclass(frozen=True, slots=True)
class Promotion:
    """What somebody declares of the film; `has_consent`: dentist and patient have agreed."""

    region: Region | None
    has_consent: bool
    diameter_mm: Decimal | None = None
    length_mm: Decimal | None = None


def source_key(finding: Finding, image: CaseImage) -> str:
    """`case/<case>/image/<image>/finding/<finding>`: the key of the reference."""
    return f"{key_prefix(finding.case_id)}image/{image.pk}/finding/{finding.pk}"


def key_prefix(case_id: int) -> str:
    """What the keys of all references from this case begin with."""
    return f"{CASE_KEYS}{case_id}/"


def subjects(case: Case) -> list[Subject]:
    """What of the case can become a reference, or has become one already."""
    if case.state != Case.State.APPROVED:
        return []
    known = ReferenceImage.objects.filter(source_key__startswith=key_prefix(case.pk))
    promoted = set(known.values_list("source_key", flat=True))
    findings = case.findings.filter(verdict=Finding.Verdict.IDENTIFIED)
    images = list(case.images.filter(state=CaseImage.State.STORED))
    return [
        Subject(case, finding, finding.implant, image, source_key(finding, image) in promoted)
        for finding in findings.select_related("implant__manufacturer")
        for image in images
        if finding.implant and (finding.region is None or finding.image_id == image.pk)
    ]


def examine_subject(subject: Subject, region: Region | None) -> Examination:
    """What the film resembles and whether it is known, before it is promoted.

    Raises `PromotionRefused` when it can't be read.
    """
    return examine(subject.implant, _film(subject.image), region)


def promote(subject: Subject, promotion: Promotion, actor: User) -> ReferenceImage:
    """Make the film a reference, and its vector by a job; the timeline says who agreed and when.

    Raises `PromotionRefused`.
    """
    if not promotion.has_consent:
        raise PromotionRefused(_("Without consent the film does not enter the catalogue."))
    if promotion.region is None:
        raise PromotionRefused(_("Mark the implant on the film."))
    film = Film(
        _film(subject.image),
        region=promotion.region,
        diameter_mm=promotion.diameter_mm,
        length_mm=promotion.length_mm,
    )
    # What is refused here leaves no copy of the film behind.
    _check(subject, film)
    # Before the transaction, which must not wait for storage. A copy that no reference names in the
    # end is not deleted here, for another promotion of this film may be about to name it: it goes
    # at night (`cases.privacy.strays`).
    name = store_copy(subject.implant.pk, film.radiograph, place=PROMOTED)
    reference = _added(subject, replace(film, stored_at=name), actor)
    _keep_copy(reference, film)
    return reference


@transaction.atomic
def _keep_copy(reference: ReferenceImage, film: Film) -> None:
    """If it was an earlier attempt's, the night may just have taken it; not if its row is gone."""
    if ReferenceImage.objects.select_for_update().filter(pk=reference.pk).exists():
        store_copy(reference.implant_id, film.radiograph, place=PROMOTED)


@transaction.atomic
def _added(subject: Subject, film: Film, actor: User) -> ReferenceImage:
    _check(subject, film)
    reference, created = add_film(
        subject.implant,
        film,
        source_key=subject.source_key,
        is_demo=_is_demo(subject, film.radiograph),
        actor=actor,
    )
    if not created:
        raise PromotionRefused(_("The implant has this radiograph already."))
    defer_embedding([reference.pk])
    record(
        subject.case,
        CaseEvent.Kind.PROMOTED,
        actor,
        reference=reference.pk,
        implant=subject.implant.pk,
        finding=subject.finding.pk,
        image=subject.image.pk,
        consent=True,
    )
    return reference


@transaction.atomic
def _check(subject: Subject, film: Film) -> None:
    """The case may have been opened again meanwhile, and the film deleted."""
    approved = Case.objects.select_for_update().filter(state=Case.State.APPROVED)
    if not approved.filter(pk=subject.case.pk).exists():
        raise PromotionRefused(_("Only films of approved cases enter the catalogue."))
    stored = CaseImage.objects.select_for_update().filter(state=CaseImage.State.STORED)
    if not stored.filter(pk=subject.image.pk).exists():
        raise PromotionRefused(_("The film was deleted."))
    said = Finding.objects.filter(verdict=Finding.Verdict.IDENTIFIED, implant=subject.implant)
    if not said.filter(pk=subject.finding.pk).exists():
        raise PromotionRefused(_("The finding says something else now: open the page again."))
    known = ReferenceImage.objects.filter(source_key=subject.source_key).first()
    if known is not None and known.implant_id != subject.implant.pk:
        raise PromotionRefused(
            _("This film is in the catalogue as %(implant)s. Move it there, or remove it.")
            % {"implant": known.implant}
        )
    if known is not None:
        raise PromotionRefused(_("This film of the case is in the catalogue already."))
    if subject.implant.references.filter(sha256=film.radiograph.sha256).exists():
        raise PromotionRefused(_("The implant has this radiograph already."))


def _film(image: CaseImage) -> Radiograph:
    """The stored copy, known by the bytes that were received."""
    try:
        with image.file.open("rb") as file:
            copy = reopen_copy(file.read(), colour=image.colour)
    except (FileNotFoundError, RadiographError) as error:
        raise PromotionRefused(_("The film can't be read any more.")) from error
    return replace(copy, sha256=image.sha256 or copy.sha256)


def _is_demo(subject: Subject, film: Radiograph) -> bool:
    """Whether film or label are drawn for demonstration: then the reference says so too."""
    address = urlsplit(subject.image.url)
    from_sandbox = f"{address.scheme}://{address.netloc}" in settings.DOWNLOAD_EXTRA_ORIGINS
    known = ReferenceImage.objects.filter(sha256=film.sha256, is_demo=True)
    return from_sandbox or subject.implant.is_demo or known.exists()
