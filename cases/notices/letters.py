"""What a notice says, in the language of the moment.

A message leaves the house: it names a case's number, its tooth when that is nothing but a number,
its age and a link; never who the patient or the dentist is.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from cases.models import Case, Delivery
from cases.notices.figures import Figures, figures
from cases.notices.models import Notice
from cases.waiting import is_postponed

Topic = Notice.Topic
_SHOWN = 25
# Dentists write into this field what they like; numbers of teeth name nobody.
_TEETH = re.compile(r"[1-8][1-8](?:\s*[,;/-]\s*[1-8][1-8])*")


@dataclass(frozen=True)
class Letter:
    """A finished message."""

    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)


@dataclass(frozen=True)
class CaseLine:
    """What may be said of a case outside."""

    number: int
    tooth: str
    received: datetime
    link: str


@dataclass(frozen=True)
class FailureLine:
    """What went wrong, what to do, and where."""

    what: str
    advice: str | Promise
    link: str


def write(rows: Sequence[Notice]) -> Letter | None:
    """One letter for notices of one kind; None when nothing of it matters any more."""
    writer = _WRITERS.get(rows[0].topic, _failures)
    return writer(rows)


def _cases(rows: Sequence[Notice]) -> Letter | None:
    waiting = Case.objects.filter(
        pk__in=[int(row.about) for row in rows], state=Case.State.PENDING
    ).exclude(is_postponed())
    found = list(waiting.order_by("created_at", "pk"))
    if not found:
        return None
    subject = ngettext(
        "%(count)d case waits for review", "%(count)d cases wait for review", len(found)
    ) % {"count": len(found)}
    lines = [_case_line(case) for case in found[:_SHOWN]]
    return _letter("cases", subject, lines=lines, more=len(found) - len(lines), link=_queue_link())


def _case_line(case: Case) -> CaseLine:
    tooth = case.tooth.strip()
    return CaseLine(
        number=case.pk,
        tooth=tooth if _TEETH.fullmatch(tooth) else "",
        received=case.created_at,
        link=_link("admin:cases_case_change", case.pk),
    )


def _failures(rows: Sequence[Notice]) -> Letter | None:
    lines = [line for row in rows if (line := _FAILURES[row.topic](row))]
    if not lines:
        return None
    subject = ngettext("Something failed", "%(count)d things failed", len(lines)) % {
        "count": len(lines)
    }
    return _letter("failures", subject, lines=lines[:_SHOWN], more=max(0, len(lines) - _SHOWN))


def _delivery_failed(row: Notice) -> FailureLine | None:
    delivery = Delivery.objects.filter(pk=int(row.about)).first()
    if delivery is None or delivery.state != Delivery.State.FAILED:
        return None
    what = gettext("The answer to case #%(case)d could not be delivered: %(reason)s.") % {
        "case": delivery.case_id,
        "reason": delivery.get_reason_display(),
    }
    advice = _("The case is in the queue again; on its page the answer can be sent once more.")
    return FailureLine(what, advice, _link("admin:cases_case_change", delivery.case_id))


def _event_failed(row: Notice) -> FailureLine:
    what = gettext("A submission could not be opened as a case (event %(event)s).") % {
        "event": row.about
    }
    advice = _("It is kept. Whoever looks after the service can have it processed again.")
    return FailureLine(what, advice, _link("admin:webhooks_inboundevent_changelist"))


def _worker_missing(row: Notice) -> FailureLine:
    advice = _("New cases are not analysed and answers don't go out until a worker runs again.")
    return FailureLine(gettext("No worker is alive."), advice, _link("admin:index"))


def _encoder_missing(row: Notice) -> FailureLine:
    advice = _("Cases still arrive and wait, but without candidates.")
    return FailureLine(
        gettext("No encoder answers: radiographs can't be compared."), advice, _link("admin:index")
    )


def _summary(rows: Sequence[Notice]) -> Letter:
    found: Figures = figures()
    subject = ngettext(
        "Summary: %(count)d case waits", "Summary: %(count)d cases wait", found.waiting
    ) % {"count": found.waiting}
    return _letter("summary", subject, figures=found, link=_queue_link())


def _letter(name: str, subject: str, **content: Any) -> Letter:
    content |= {
        "subject": subject,
        "preferences_link": _link("admin:preferences"),
    }
    return Letter(
        subject=f"Raiox AI: {subject}",
        text=render_to_string(f"mail/{name}.txt", content),
        html=render_to_string(f"mail/{name}.html", content),
    )


def _queue_link() -> str:
    return _link("admin:cases_case_changelist")


def _link(name: str, *args: object) -> str:
    return settings.PUBLIC_URL.rstrip("/") + reverse(name, args=args)


_WRITERS: dict[str, Callable[[Sequence[Notice]], Letter | None]] = {
    Topic.CASE: _cases,
    Topic.SUMMARY: _summary,
}
_FAILURES: dict[str, Callable[[Notice], FailureLine | None]] = {
    Topic.DELIVERY: _delivery_failed,
    Topic.EVENT: _event_failed,
    Topic.WORKER: _worker_missing,
    Topic.ENCODER: _encoder_missing,
}
