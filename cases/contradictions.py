"""Films that a case gave to the catalogue, of which it says something else by now."""

from cases.models import Case, CaseEvent, Finding, Merging
from cases.promotion import key_prefix
from implants.models import Implant, ReferenceImage

Kind = CaseEvent.Kind


def contradicted(case: Case) -> list[ReferenceImage]:
    """References from this case whose own finding does not name their implant any more.

    One that a curator has moved since stays out as long as the finding has said nothing else since
    it was promoted: the catalogue knows better, and the case has not changed.
    """
    promoted = ReferenceImage.objects.filter(source_key__startswith=key_prefix(case.pk))
    references = list(promoted.select_related("implant__manufacturer").order_by("pk"))
    if not references:
        return []
    said, then = _said(case), _said_then(case)
    found = []
    for reference in references:
        word = said.get(_finding_of(reference))
        if word is None or word not in (reference.implant_id, then.get(reference.pk)):
            found.append(reference)
    return found


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

    Of a merged implant the one that it is now. Without those whose finding has been decided
    otherwise since, if only for a while: a curator may have moved them for that.
    """
    said = _never_changed(case)
    there = set(Implant.objects.filter(pk__in=said.values()).values_list("pk", flat=True))
    gone = set(said.values()) - there
    now = dict(Merging.objects.filter(merged_id__in=gone).values_list("merged_id", "survivor_id"))
    return {reference: now.get(implant, implant) for reference, implant in said.items()}


def _never_changed(case: Case) -> dict[int, int]:
    promoted: dict[int, tuple[int, int]] = {}
    events = case.events.filter(kind__in=[Kind.PROMOTED, Kind.FINDING_CHANGED, Kind.REJECTED])
    for kind, data in events.order_by("pk").values_list("kind", "data"):
        if kind == Kind.PROMOTED:
            promoted[data["reference"]] = data["finding"], data["implant"]
        elif kind == Kind.REJECTED:
            promoted.clear()
        elif "verdict" in data:
            said = data["finding"], data["implant"]
            promoted = {
                reference: then
                for reference, then in promoted.items()
                if then[0] != said[0] or then == said
            }
    return {reference: implant for reference, (_, implant) in promoted.items()}
