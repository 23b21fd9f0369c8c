"""The text that the dentist reads in Jotform."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from cases.candidates import Shortlist, shortlists_of
from cases.models import Case, Finding
from implants.look_alikes import Groups, groups_of, look_alikes_of


class Outdated(Exception):
    """The answer that a reviewer saw is not the one that the case gives now."""


@dataclass(frozen=True)
class Wording:
    """An answer as its reviewer saw it: what the dentist shall read, made of a generated text."""

    text: str
    source: str

    @property
    def is_edited(self) -> bool:
        """Whether a person changed what was generated."""
        return self.text != self.source


def answer_text(case: Case, findings: Sequence[Finding] | None = None) -> str:
    """The generated answer, in the service's language whoever decided.

    `findings` are those of the case as they stand, unless others are given.
    """
    if case.state == Case.State.REJECTED:
        return _render("answers/rejected.txt", case=case)
    if findings is None:
        findings = list(case.findings.select_related("implant__manufacturer"))
    with translation.override(settings.LANGUAGE_CODE):
        entries = _entries(findings)
    return _render("answers/approved.txt", case=case, findings=entries)


def text_to_send(case: Case) -> str:
    """The edited answer, or the generated one where nobody edited it.

    Raises `Outdated` rather than send an edited answer that does not fit the case any more.
    """
    generated, edited = answer_text(case), edited_wording(case)
    if edited is None:
        return generated
    if edited.source != generated:
        raise Outdated
    return edited.text


def edited_wording(case: Case) -> Wording | None:
    """What a reviewer made of the answer, if she edited it."""
    return Wording(case.edited_answer, case.edited_from) if case.edited_answer else None


def received_text(case: Case) -> str:
    """The notice that the case was received."""
    return _render("answers/received.txt", case=case)


def as_correction(text: str) -> str:
    """The answer that follows an earlier one; one that says so already stays as it is."""
    preface = correction_preface()
    return text if text.startswith(preface) else _render("answers/correction.txt", text=text)


def correction_preface() -> str:
    """What stands above an answer that follows an earlier one."""
    return _render("answers/correction.txt", text="")


def _entries(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    shortlists = shortlists_of(findings)
    groups = groups_of([finding.implant for finding in findings if finding.implant])
    return [_finding(finding, shortlists[finding.pk], groups) for finding in findings]


def _finding(finding: Finding, shortlist: Shortlist, groups: Groups) -> dict[str, Any]:
    """What the template says of one finding; alternatives only beside a named implant.

    The word of confidence is about the first candidate: it says nothing of another choice.
    """
    implant, demo = finding.implant, f" {_('(demonstration data)')}"
    chosen = [found for found in shortlist.candidates if found.implant == implant]
    others = [found for found in shortlist.candidates if found.implant != implant]
    return {
        "finding": finding,
        "is_demo": any(found.is_demo for found in chosen) or (implant and implant.is_demo),
        "similarity": chosen[0].similarity if chosen else None,
        "confidence": shortlist.confidence if chosen and chosen[0].rank == 1 else None,
        "look_alikes": look_alikes_of(implant, groups, demo_mark=demo) if implant else "",
        "alternatives": others if finding.verdict in Finding.NAMES_IMPLANT else [],
    }


def _render(template: str, **context: Any) -> str:
    """Plain text: nothing is escaped, lines are trimmed, blank lines never double."""
    with translation.override(settings.LANGUAGE_CODE):
        text = render_to_string(template, {**context, "Verdict": Finding.Verdict})
    lines: list[str] = []
    for line in map(str.rstrip, text.strip().splitlines()):
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines)
