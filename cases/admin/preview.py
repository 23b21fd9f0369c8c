"""The answer as the reviewer sees it before it goes: exact, hers to edit, and where it goes.

From what is filled in at this moment; nothing here writes.
"""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.forms import BaseForm
from django.utils.translation import gettext as _

from cases import answers, delivery, impressions, preview, review
from cases.answers import Wording
from cases.forms import AnswerForm, Desk, FindingForm, RejectionForm
from cases.models import Case


@dataclass(frozen=True)
class Shown:
    """An answer that can be sent, or what is missing for one.

    `edited` may have been made of another text than `generated`: then the reviewer chooses between
    the two before anything goes.
    """

    generated: str
    edited: Wording | None
    problems: list[str]

    @property
    def is_outdated(self) -> bool:
        """Whether the edited text no longer fits."""
        return bool(self.generated and self.edited and self.edited.source != self.generated)

    @property
    def state(self) -> str:
        """For the page's script: only what is `ready` can be sent."""
        if self.problems:
            return "missing"
        return "outdated" if self.is_outdated else "ready"

    @property
    def text(self) -> str:
        """What goes out when it is ready."""
        return self.edited.text if self.edited else self.generated


def approval(case: Case, desk: Desk) -> Shown:
    """The answer that approving this desk gives."""
    edited = answers.edited_wording(case) if desk.answer is None else _edited(desk.answer)
    if problems := [*_problems(desk), *_errors(desk.case_form)]:
        return Shown("", edited, problems)
    sheet = desk.sheet() if desk.is_bound else None
    return Shown(preview.approved_text(case, sheet), edited, [])


def rejection(case: Case, form: RejectionForm, answer: AnswerForm | None) -> Shown:
    """The answer that rejecting for this reason gives."""
    edited = _edited(answer) if answer else None
    form.is_valid()
    reason, text = form.cleaned_data.get("reason", ""), form.cleaned_data.get("text", "")
    try:
        review.check_rejection(reason, text)
    except review.InvalidDecision as error:
        return Shown("", edited, [str(error)])
    return Shown(preview.rejected_text(case, reason, text), edited, [])


def outcome(case: Case) -> dict[str, Any]:
    """Where the answer goes and when, for the templates."""
    may_have_been_read = not case.is_direct and delivery.may_have_been_read(case)
    return {
        "preface": answers.correction_preface() if may_have_been_read else "",
        "grace_seconds": settings.DELIVERY_GRACE_SECONDS,
    }


def _edited(answer: AnswerForm) -> Wording | None:
    """What was sent, if a person changed it and left something of it."""
    wording = answer.wording() if answer.is_valid() else None
    return wording if wording and wording.is_edited else None


def _problems(desk: Desk) -> list[str]:
    several = len(desk.finding_forms) > 1
    found = [(number, _problem(form)) for number, form in enumerate(desk.finding_forms, 1)]
    return [
        _("Implant %(number)d: %(problem)s") % {"number": number, "problem": problem}
        if several
        else problem
        for number, problem in found
        if problem
    ]


def _errors(form: BaseForm) -> list[str]:
    """What is wrong in a form that was sent."""
    if not form.is_bound or form.is_valid():
        return []
    return [str(error) for errors in form.errors.values() for error in errors]


def _problem(form: FindingForm) -> str:
    """Why a finding gives no answer yet; "" when it does.

    The answer names the other candidates too: it must not show them before the first impression.
    """
    if form.shortlist.is_hidden:
        return impressions.missing_text()
    for error in _errors(form):
        return error
    verdict = form.cleaned_data["verdict"] if form.is_bound else form.finding.verdict
    return "" if verdict else _("Choose an implant or a verdict.")
