"""The teeth of a case's findings follow what the dentist says, where no reviewer said otherwise."""

from cases.models import Case


def follow_dentist(case: Case, old_tooth: str) -> None:
    """Findings at the tooth that the dentist named before are at the one that she names now.

    Where she had named none, only the finding that the case came with: a second one without a tooth
    is another implant, whose tooth nobody has said.
    """
    findings = case.findings.filter(tooth=old_tooth)
    if not old_tooth:
        findings = findings.filter(pk__in=case.findings.order_by("pk").values("pk")[:1])
    findings.update(tooth=case.tooth)
