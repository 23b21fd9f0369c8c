"""The forms of a case's page. All of them lie in one HTML form: no button loses what was typed."""

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cases.answers import Wording
from cases.candidates import Candidate, Shortlist
from cases.models import Case, Finding
from cases.worksheet import Entry, Sheet
from implants.models import Implant

OTHER = "other"
_MORNING = time(8)


class FindingForm(forms.Form):
    """Verdict, implant, tooth and note of one finding.

    `pick` holds the id of a candidate, `other` for any implant of the catalogue, or nothing.
    """

    verdict = forms.ChoiceField(
        label=_("Verdict"),
        choices=Finding.Verdict.choices,
        required=False,
        widget=forms.RadioSelect,
    )
    pick = forms.CharField(required=False)
    other = forms.ModelChoiceField(
        label=_("Another implant of the catalogue"),
        queryset=Implant.objects.select_related("manufacturer"),
        required=False,
        widget=forms.HiddenInput,
    )
    tooth = forms.CharField(
        label=_("Tooth"), max_length=40, required=False, widget=forms.TextInput({"size": 6})
    )
    note = forms.CharField(
        label=_("Note on this implant"), required=False, widget=forms.Textarea({"rows": 2})
    )

    def __init__(self, finding: Finding, shortlist: Shortlist, data: Any = None) -> None:
        self.finding, self.shortlist = finding, shortlist
        picked = _picked(finding, shortlist.candidates)
        prefix = f"finding-{finding.pk}"
        super().__init__(
            # A finding that was added meanwhile is not on the sheet that was sent.
            data if data is not None and f"{prefix}-tooth" in data else None,
            prefix=prefix,
            use_required_attribute=False,
            initial={
                "verdict": finding.verdict,
                "pick": picked,
                "other": finding.implant if picked == OTHER else None,
                "tooth": finding.tooth,
                "note": finding.note,
            },
        )

    @property
    def picked(self) -> str:
        """Which choice of implant the page shows as made."""
        return str(self["pick"].value() or "")

    @property
    def other_implant(self) -> Implant | None:
        """The implant from outside the candidates that the page shows as chosen."""
        chosen = str(self["other"].value() or "")
        if self.picked != OTHER or chosen == str(self.finding.implant_id or ""):
            return self.finding.implant if self.picked == OTHER else None
        known = Implant.objects.select_related("manufacturer")
        return known.filter(pk=chosen).first() if chosen.isdecimal() else None

    def clean(self) -> dict[str, Any]:
        """An implant goes with the verdicts that name one, and with no other."""
        cleaned: dict[str, Any] = super().clean() or {}
        cleaned["implant"] = implant = self._implant(cleaned)
        verdict = cleaned.get("verdict", "")
        names_implant = verdict in Finding.NAMES_IMPLANT
        if names_implant and implant is None and not self.errors:
            self.add_error(None, _("Choose the implant, or another verdict."))
        if implant and not verdict and "verdict" not in self.errors:
            self.add_error(None, _("Say whether the chosen implant is identified or probable."))
        if implant and verdict and not names_implant:
            self.add_error(
                None, _("This verdict names no implant: choose “none of these” or another verdict.")
            )
        return cleaned

    def entry(self) -> Entry:
        """What a valid form says, for the worksheet."""
        said = self.cleaned_data
        return Entry(self.finding.pk, said["verdict"], said["implant"], said["tooth"], said["note"])

    def _implant(self, cleaned: dict[str, Any]) -> Implant | None:
        pick = cleaned.get("pick", "")
        if pick == OTHER:
            return cleaned.get("other")
        # Not looked up among the candidates: a new analysis may have brought others meanwhile.
        return Implant.objects.filter(pk=pick).first() if pick.isdecimal() else None


class CaseForm(forms.Form):
    """The note to the dentist, and what the reviewer had seen of the case's story."""

    note = forms.CharField(
        label=_("Note to the dentist"), required=False, widget=forms.Textarea({"rows": 3})
    )
    last_seen = forms.IntegerField(widget=forms.HiddenInput)


class AnswerForm(forms.Form):
    """The answer as the reviewer sees it, which she may edit; `source` is what was generated."""

    text = forms.CharField(
        label=_("Text of the answer"),
        max_length=10_000,
        error_messages={"required": _("The answer can't be empty.")},
        widget=forms.Textarea,
    )
    source = forms.CharField(widget=forms.HiddenInput, required=False)

    def wording(self) -> Wording:
        """What a valid form says, in lines as the generated text has them."""
        return Wording(*(_lines(self.cleaned_data[name]) for name in ("text", "source")))


class RejectionForm(forms.Form):
    """Why the case gets no identification."""

    reason = forms.ChoiceField(
        label=_("Reason"), choices=Case.RejectionReason.choices, widget=forms.RadioSelect
    )
    text = forms.CharField(
        label=_("Text for the dentist"), required=False, widget=forms.Textarea({"rows": 3})
    )


class PostponementForm(forms.Form):
    """Until when the case stays out of the queue."""

    CHOICES = [("hour", _("for one hour")), ("morning", _("until tomorrow at 8:00")),
               ("week", _("for a week"))]  # fmt: skip
    delay = forms.ChoiceField(label=_("Put off"), choices=CHOICES, widget=forms.RadioSelect)

    def until(self) -> datetime:
        """The chosen time, in the clinic's time zone."""
        now = timezone.localtime()
        if self.cleaned_data["delay"] == "hour":
            return now + timedelta(hours=1)
        days = 1 if self.cleaned_data["delay"] == "morning" else 7
        return timezone.make_aware(datetime.combine(now.date() + timedelta(days=days), _MORNING))


class Desk:
    """All forms of a case's page, for showing the case or for what a reviewer sent."""

    def __init__(
        self,
        case: Case,
        findings: list[tuple[Finding, Shortlist]],
        last_seen: int,
        data: Any = None,
    ) -> None:
        self.case_form = CaseForm(data, initial={"note": case.note, "last_seen": last_seen})
        self.finding_forms = [FindingForm(*found, data) for found in findings]
        # A reason that was chosen stays chosen, whatever else was wrong.
        has_reason = data is not None and data.get("rejection-reason")
        self.rejection = RejectionForm(data if has_reason else None, prefix="rejection")
        self.postponement = PostponementForm(prefix="postponement")
        self.answer = answer_form(data, "answer")

    @property
    def is_bound(self) -> bool:
        """Whether somebody sent these forms."""
        return self.case_form.is_bound

    def is_valid(self, *, without: int | None = None) -> bool:
        """Whether everything was filled in well, but for the finding `without`."""
        sent = [form for form in self._sent if form.finding.pk != without]
        others = [self.answer] if self.answer else []
        return all([self.case_form.is_valid(), *(form.is_valid() for form in [*others, *sent])])

    def sheet(self) -> Sheet:
        """The valid forms, for `cases.worksheet`."""
        return Sheet(
            tuple(form.entry() for form in self._sent if form.is_valid()),
            self.case_form.cleaned_data["note"],
            self.case_form.cleaned_data["last_seen"],
            self.answer.wording() if self.answer and self.answer.is_valid() else None,
        )

    @property
    def _sent(self) -> list[FindingForm]:
        return [form for form in self.finding_forms if form.is_bound]


def answer_form(data: Any, prefix: str) -> AnswerForm | None:
    """The answer that was sent; None when it was not on the page (there is no script, say)."""
    if data is None or f"{prefix}-text" not in data:
        return None
    return AnswerForm(data, prefix=prefix)


def _lines(text: str) -> str:
    """As `answers` writes: browsers send other ends of lines."""
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def _picked(finding: Finding, candidates: list[Candidate]) -> str:
    if finding.implant_id is None:
        return ""
    among = any(found.implant.pk == finding.implant_id for found in candidates)
    return str(finding.implant_id) if among else OTHER
