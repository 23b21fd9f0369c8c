"""What the timeline tells of searches and first impressions, in words."""

from collections.abc import Iterable

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from cases.models import Finding, FirstImpression, Result


def search_texts(ids: Iterable[int], hidden: set[int]) -> dict[int, str]:
    """Of each search: where it looked; its first candidate unless its finding is in `hidden`."""
    firsts = Result.objects.filter(search__in=ids, rank=1).select_related(
        "search__finding", "implant__manufacturer"
    )
    return {row.search_id: _search_text(row, hidden) for row in firsts.defer("search__embedding")}


def impression_texts(ids: Iterable[int], hidden: set[int]) -> dict[int, str]:
    """Of each impression: what it was, and how it compared unless its finding is in `hidden`."""
    rows = FirstImpression.objects.filter(pk__in=ids).select_related(
        "finding", "implant__manufacturer", "manufacturer", "suggested__manufacturer"
    )
    return {row.pk: _impression_text(row, row.finding_id in hidden) for row in rows}


def place_text(region: list[float] | None) -> str:
    """Whether a part of a film was looked at or all of it."""
    return _("whole film") if region is None else _("marked part")


def tooth_text(finding: Finding) -> str:
    """Which of the case's implants it is, as far as that was said."""
    return _("tooth %(tooth)s") % {"tooth": finding.tooth} if finding.tooth else ""


def _search_text(first: Result, hidden: set[int]) -> str:
    place = place_text(first.search.region)
    parts = [tooth_text(first.search.finding), place]
    if first.search.finding_id not in hidden:
        similarity = number_format(first.similarity, 2)
        parts.append(
            _("first: %(implant)s (%(similarity)s)")
            % {"implant": first.implant, "similarity": similarity}
        )
    return ", ".join(part for part in parts if part)


def _impression_text(impression: FirstImpression, is_hidden: bool) -> str:
    said = impression.implant or impression.manufacturer or pgettext("impression", "can't tell")
    parts = [tooth_text(impression.finding), str(said)]
    if not is_hidden and impression.suggested is not None:
        words = {
            True: _("the first suggestion was the same"),
            False: _("the first suggestion was %(implant)s"),
            None: _("the first suggestion was %(implant)s"),
        }[impression.agrees]
        parts.append(words % {"implant": impression.suggested})
    return ", ".join(part for part in parts if part)
