"""References change their implant: a film had the wrong label, or two implants are one."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.admin.models import CHANGE
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from implants.catalogue import catalogue_changed, curators_key
from implants.history import record_all
from implants.models import Implant, ReferenceImage
from implants.seeding.systems import take_over
from implants.suspects import forget_suspicions


@dataclass(frozen=True, slots=True)
class Moved:
    """`moved` now belong to the implant; `known` stayed where they were: it has their films."""

    moved: tuple[ReferenceImage, ...]
    known: tuple[ReferenceImage, ...]


def move_references(ids: Iterable[int], target: Implant, actor: Any) -> Moved:
    """Make these references the target's, with their vectors; the files stay in place.

    Those that are the target's already are passed over. A film that the target has stays where it
    is: one film documents an implant once.
    """
    with transaction.atomic():
        Implant.objects.select_for_update(of=("self",)).get(pk=target.pk)
        coming = _locked(ids, target)
        there = set(target.references.values_list("sha256", flat=True))
        moved: list[ReferenceImage] = []
        known: list[ReferenceImage] = []
        for reference in coming:
            (known if reference.sha256 in there else moved).append(reference)
            there.add(reference.sha256)
        _rewrite(moved, target, actor)
    return Moved(tuple(moved), tuple(known))


def _locked(ids: Iterable[int], target: Implant) -> list[ReferenceImage]:
    rows = ReferenceImage.objects.select_for_update(of=("self",)).exclude(implant=target)
    return list(
        rows.filter(pk__in=list(ids)).select_related("implant__manufacturer").order_by("pk")
    )


def _rewrite(references: list[ReferenceImage], target: Implant, actor: Any) -> None:
    if not references:
        return
    sources = {reference.pk: reference.implant for reference in references}
    for reference in references:
        # A curator's upload is known by its implant: the old one may get the same film again.
        if reference.source_key == curators_key(reference.implant_id, reference.sha256):
            reference.source_key = curators_key(target.pk, reference.sha256)
        reference.implant = target
    ReferenceImage.objects.bulk_update(references, ["implant", "source_key"], batch_size=500)
    if target.is_demo and not all(reference.is_demo for reference in references):
        take_over(target, actor)
    forget_suspicions(reference.pk for reference in references)
    catalogue_changed()
    _record(references, sources, target, actor)


def _record(
    references: list[ReferenceImage], sources: dict[int, Implant], target: Implant, actor: Any
) -> None:
    each = _("Moved from %(source)s to %(target)s.")
    record_all(
        [(one, each % {"source": sources[one.pk], "target": target}) for one in references],
        CHANGE,
        actor,
    )
    away: dict[Implant, int] = {}
    for source in sources.values():
        away[source] = away.get(source, 0) + 1
    went = [(source, _went(count, target)) for source, count in away.items()]
    came = ", ".join(str(source) for source in away)
    record_all([*went, (target, _came(len(references), came))], CHANGE, actor)


def _went(count: int, target: Implant) -> str:
    text = ngettext(
        "%(count)d radiograph moved to %(target)s.",
        "%(count)d radiographs moved to %(target)s.",
        count,
    )
    return text % {"count": count, "target": target}


def _came(count: int, sources: str) -> str:
    text = ngettext(
        "%(count)d radiograph came from %(sources)s.",
        "%(count)d radiographs came from %(sources)s.",
        count,
    )
    return text % {"count": count, "sources": sources}
