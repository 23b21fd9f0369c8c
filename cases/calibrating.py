"""What reviewers decided, for the calibration of the encoders whose suggestions they saw."""

from datetime import UTC, datetime
from typing import Final

from cases.agreement import Reviewed, reviewed
from implants.calibration import keeping
from implants.calibration.evidence import Decision

_EVER: Final = datetime.min.replace(tzinfo=UTC)


def refresh_calibrations() -> int:
    """Calibrate anew every encoder whose catalogue or decisions have changed; how many it were."""
    findings = reviewed(_EVER)
    return sum(
        keeping.refresh(encoder, [_decision(it) for it in findings if it.encoder_id == encoder.pk])
        for encoder in keeping.to_refresh()
    )


def _decision(finding: Reviewed) -> Decision:
    return Decision(
        similarity=finding.similarity,
        has_region=finding.has_region,
        suggested_id=finding.suggested_id,
        chosen_id=finding.chosen_id,
    )
