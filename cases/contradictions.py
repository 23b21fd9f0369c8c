"""Films that a case gave to the catalogue, of which it says something else by now."""

from cases.models import Case, CaseEvent, Finding, Merging
from cases.promotion import key_prefix
from implants.models import Implant, ReferenceImage


def contradicted(case: Case) -> list[ReferenceImage]:
    """References from this case whose own finding does not name their implant any more.

    One that a curator has moved since stays out as long as the finding says what it said then: the
    catalogue knows better, and the case has not changed.
    """
    promoted = ReferenceImage.objects.filter(source_key__startswith=key_prefix(case.pk))
    references = list(promoted.select_related("implant__manufacturer").order_by("pk"))
    if not references:
        return []
    said, then = _said(case), _said_then(case)
    return [
        reference
        for reference in references
        if said.get(_finding_of(reference)) not in (reference.implant_id, then.get(reference.pk))
    ]


def _finding_of(reference: ReferenceImage) -> int:
    """The last part of the key that `cases.promotion.source_key` makes."""
    return int(reference.source_key.rsplit("/", 1)[1])


def _said(case: Case) -> dict[int, int | None]:
    """The implants that findings are sure of, by the findings' ids; a rejected case names none."""
    if case.state == Case.State.REJECTED:
        return {}
    sure = case.findings.filter(verdict=Finding.Verdict.IDENTIFIED)
    return dict(sure.values_list("pk", "implant"))


def _said_then(case: Case) -> dict[int, int]:
    """The implants as which references were promoted, by the references' ids.

    Of a merged implant the one that it is now.
    """
    told = case.events.filter(kind=CaseEvent.Kind.PROMOTED).values_list("data", flat=True)
    named = {data["reference"]: data["implant"] for data in told}
    there = set(Implant.objects.filter(pk__in=named.values()).values_list("pk", flat=True))
    gone = set(named.values()) - there
    now = dict(Merging.objects.filter(merged_id__in=gone).values_list("merged_id", "survivor_id"))
    return {reference: now.get(implant, implant) for reference, implant in named.items()}
