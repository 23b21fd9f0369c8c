"""What the dentist would read if a decision were taken now. Nothing here writes."""

from copy import copy

from cases import answers
from cases.models import Case, Finding
from cases.worksheet import Sheet


def approved_text(case: Case, sheet: Sheet | None) -> str:
    """The answer that approving this sheet gives; without one, the case as it was saved."""
    draft = copy(case)
    draft.state = Case.State.APPROVED
    if sheet is None:
        return answers.answer_text(draft)
    draft.note = sheet.note.strip()
    return answers.answer_text(draft, _findings(case, sheet))


def rejected_text(case: Case, reason: str, text: str) -> str:
    """The answer that rejecting the case for this reason gives."""
    draft = copy(case)
    draft.state, draft.rejection_reason = Case.State.REJECTED, reason
    draft.rejection_text = text.strip()
    return answers.answer_text(draft)


def _findings(case: Case, sheet: Sheet) -> list[Finding]:
    """The findings as the sheet has them; those that are not on it stay as they are."""
    said = {entry.finding_id: entry for entry in sheet.entries}
    findings = list(case.findings.select_related("implant__manufacturer"))
    for finding in findings:
        if entry := said.get(finding.pk):
            finding.verdict, finding.implant = entry.verdict, entry.implant
            finding.tooth, finding.note = entry.tooth, entry.note.strip()
    return findings
