"""The story of a case in words."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from django.contrib.admin.utils import label_for_field
from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from cases.admin.tellings import impression_texts, place_text, search_texts
from cases.claims import name_of
from cases.models import Case, CaseEvent, CaseImage, Delivery, Finding, Merging
from implants.models import Implant

Kind = CaseEvent.Kind


@dataclass(frozen=True)
class Entry:
    """One line of the timeline. `tone` is "good", "bad", "person" or "" and colours its mark.

    `count` says how often the same thing was done in a row, as somebody does who still thinks.
    """

    when: datetime
    who: str
    what: str
    detail: str
    tone: str
    count: int


@dataclass(frozen=True)
class Names:
    """What the events' details refer to by id."""

    implants: dict[int, str]
    people: dict[int, str]
    searches: dict[int, str]
    impressions: dict[int, str]


_WHILE_THINKING = (Kind.FINDING_CHANGED, Kind.NOTE_CHANGED, Kind.ANSWER_EDITED)
_TONES = {
    Kind.APPROVED: "good",
    Kind.DELIVERY_SENT: "good",
    Kind.PROMOTED: "good",
    Kind.ANALYSIS_FAILED: "bad",
    Kind.SEARCH_FAILED: "bad",
    Kind.DELIVERY_FAILED: "bad",
    Kind.DELIVERY_RETRYING: "bad",
    Kind.IMAGE_REFUSED: "bad",
    Kind.CHANGED_AFTER_DECISION: "bad",
    Kind.GONE_FROM_JOTFORM: "bad",
}


def timeline(case: Case, hidden: set[int]) -> list[Entry]:
    """Everything that happened, the newest first, without suggestions of the `hidden` findings."""
    events = list(case.events.select_related("actor").order_by("-pk"))
    names = _names(events, hidden)
    return [
        Entry(
            when=event.created_at,
            who=_who(event),
            what=event.get_kind_display(),
            detail=_detail(event, names),
            tone=_TONES.get(Kind(event.kind), "person" if event.actor else ""),
            count=count,
        )
        for event, count in _in_a_row(events)
    ]


def _in_a_row(events: list[CaseEvent]) -> list[tuple[CaseEvent, int]]:
    """Changes of one thing by one person without anything between them as one, the latest."""
    rows = [list(same) for _key, same in groupby(events, key=_what_changed)]
    return [(row[0], len(row)) for row in rows]


def _what_changed(event: CaseEvent) -> tuple[Any, ...]:
    if event.kind not in _WHILE_THINKING:
        return (event.pk,)
    return (event.kind, event.actor_id, event.data.get("finding"), "tooth" in event.data)


def _who(event: CaseEvent) -> str:
    return name_of(event.actor) or _("System")


def _names(events: list[CaseEvent], hidden: set[int]) -> Names:
    """Most stories name few of these, and a query for none costs nearly what one for some does."""
    implants, people = _ids(events, "implant"), _ids(events, "holder")
    searches, impressions = _best(events), _ids(events, "impression")
    return Names(
        implants=_implant_names(implants) if implants else {},
        people=_people_names(people) if people else {},
        searches=search_texts(searches, hidden) if searches else {},
        impressions=impression_texts(impressions, hidden) if impressions else {},
    )


def _people_names(ids: set[int]) -> dict[int, str]:
    return {user.pk: name_of(user) for user in User.objects.filter(pk__in=ids)}


def _implant_names(ids: set[int]) -> dict[int, str]:
    """Of those that were merged since, what they were called then and what they are now."""
    implants = Implant.objects.filter(pk__in=ids).select_related("manufacturer")
    names = {implant.pk: str(implant) for implant in implants}
    if gone := ids - names.keys():
        then_and_now = _("%(merged)s (now %(survivor)s)")
        for one in Merging.objects.filter(merged_id__in=gone).select_related(
            "survivor__manufacturer"
        ):
            names[one.merged_id] = then_and_now % {
                "merged": one.merged_name, "survivor": one.survivor,
            }  # fmt: skip
    return names


def _ids(events: list[CaseEvent], key: str) -> set[int]:
    return {event.data[key] for event in events if event.data.get(key) is not None}


def _best(events: list[CaseEvent]) -> set[int]:
    return {pk for event in events for pk in event.data.get("best", [])}


def _detail(event: CaseEvent, names: Names) -> str:
    describe = _DETAILS.get(Kind(event.kind))
    return describe(event.data, names) if describe else ""


def _files(data: dict[str, Any], names: Names) -> str:
    count = data.get("images", 0)
    return ngettext("%(count)d file", "%(count)d files", count) % {"count": count}


def _edited(data: dict[str, Any], names: Names) -> str:
    labels = [str(label_for_field(name, Case)) for name in data.get("fields", [])]
    if data.get("images"):
        labels.append(_files(data, names))
    labels += [text for text in (_withdrawn(data), _returned(data)) if text]
    return ", ".join(labels)


def _withdrawn(data: dict[str, Any]) -> str:
    count = data.get("withdrawn", 0)
    said = ngettext(
        "%(count)d file not in the submission any more",
        "%(count)d files not in the submission any more",
        count,
    )
    return said % {"count": count} if count else ""


def _returned(data: dict[str, Any]) -> str:
    count = data.get("returned", 0)
    said = ngettext(
        "%(count)d file back in the submission", "%(count)d files back in the submission", count
    )
    return said % {"count": count} if count else ""


def _refusal(data: dict[str, Any], names: Names) -> str:
    return _label(CaseImage.Refusal, data.get("reason"))


def _analyzed(data: dict[str, Any], names: Names) -> str:
    encoder = _("encoder: %(encoder)s") % {"encoder": data.get("encoder", "")}
    return _join(*(names.searches.get(pk, "") for pk in data.get("best", [])), encoder)


def _asked(data: dict[str, Any], names: Names) -> str:
    return place_text(data.get("region"))


def _impression(data: dict[str, Any], names: Names) -> str:
    return names.impressions.get(data.get("impression", 0), "")


def _problem(data: dict[str, Any], names: Names) -> str:
    return _label(Case.Problem, data.get("problem"))


def _finding(data: dict[str, Any], names: Names) -> str:
    verdict = _label(Finding.Verdict, data.get("verdict"))
    tooth = _("tooth: %(tooth)s") % {"tooth": data["tooth"] or "—"} if "tooth" in data else ""
    return _join(verdict, names.implants.get(data.get("implant", 0), ""), tooth)


def _decided(data: dict[str, Any], names: Names) -> str:
    return _("with an answer edited by hand") if data.get("edited") else ""


def _answer(data: dict[str, Any], names: Names) -> str:
    return _("back to the generated text") if data.get("taken_back") else ""


def _taken(data: dict[str, Any], names: Names) -> str:
    holder = names.people.get(data.get("holder", 0))
    return _("from %(who)s") % {"who": holder} if holder else ""


def _promoted(data: dict[str, Any], names: Names) -> str:
    return names.implants.get(data.get("implant", 0), "")


def _postponed(data: dict[str, Any], names: Names) -> str:
    return _until(data.get("until", ""))


def _delivery(data: dict[str, Any], names: Names) -> str:
    attempt = _("attempt %(number)d") % {"number": data["attempt"]} if "attempt" in data else ""
    reason = _label(Delivery.Reason, data.get("reason"))
    kind = _label(Delivery.Kind, data.get("kind"))
    return _join(kind, attempt, reason, _until(data.get("until", "")))


_DETAILS: dict[CaseEvent.Kind, Callable[[dict[str, Any], Names], str]] = {
    Kind.RECEIVED: _files,
    Kind.UPDATED: _edited,
    Kind.CHANGED_AFTER_DECISION: _edited,
    Kind.IMAGE_REFUSED: _refusal,
    Kind.ANALYZED: _analyzed,
    Kind.ANALYSIS_FAILED: _problem,
    Kind.FINDING_CHANGED: _finding,
    Kind.ANSWER_EDITED: _answer,
    Kind.APPROVED: _decided,
    Kind.REJECTED: _decided,
    Kind.POSTPONED: _postponed,
    Kind.PROMOTED: _promoted,
    Kind.CLAIM_TAKEN: _taken,
    Kind.IMPRESSION_NOTED: _impression,
    Kind.SEARCH_REQUESTED: _asked,
    Kind.SEARCHED: _analyzed,
    Kind.SEARCH_FAILED: _problem,
    Kind.DELIVERY_QUEUED: _delivery,
    Kind.DELIVERY_SENT: _delivery,
    Kind.DELIVERY_RETRYING: _delivery,
    Kind.DELIVERY_FAILED: _delivery,
    Kind.DELIVERY_WAITING: _delivery,
    Kind.DELIVERY_CANCELLED: _delivery,
}


def _label(choices: Any, value: str | None) -> str:
    return str(choices(value).label) if value in choices.values else ""


def _until(text: str) -> str:
    when = parse_datetime(text) if text else None
    if when is None:
        return ""
    shown = date_format(timezone.localtime(when), "SHORT_DATETIME_FORMAT")
    return _("until %(when)s") % {"when": shown}


def _join(*parts: str) -> str:
    return " · ".join(part for part in parts if part)
