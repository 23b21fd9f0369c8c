"""Where patients' and dentists' data are: one list, which deletion follows.

A test holds it against the models, so that a new field can't be forgotten.
"""

from typing import Final

from django.db import models

from cases.models import Case, CaseEvent, CaseImage, Delivery, Finding
from webhooks.models import InboundEvent

PERSONAL: Final[dict[type[models.Model], dict[str, object]]] = {
    Case: {
        "dentist_name": "",
        "dentist_email": "",
        "patient": "",
        "note": "",
        "rejection_text": "",
        "edited_answer": "",
        "edited_from": "",
    },
    Finding: {"note": ""},
    # `url` ends with the file's name, which may be the patient's; see `blank_urls`.
    CaseImage: {"file": "", "sha256": ""},
    Delivery: {"text": "", "response": ""},
    InboundEvent: {"payload": {}},
}
"""Fields with personal data, and what stands there once it is deleted."""

HARMLESS: Final[dict[type[models.Model], frozenset[str]]] = {
    # Ids of Jotform, teeth, and what the service itself wrote.
    Case: frozenset({"submission_id", "tooth", "confidence", "correlation_id"}),
    Finding: frozenset({"tooth"}),
    # Of `data` what `HARMLESS_DETAILS` names.
    CaseEvent: frozenset({"correlation_id"}),
    InboundEvent: frozenset({"form_id", "submission_id", "digest", "reason", "correlation_id"}),
}
"""Fields of text that hold none."""

HARMLESS_DETAILS: Final[frozenset[str]] = frozenset({
    "attempt", "best", "consent", "edited", "encoder", "fields", "finding", "holder", "image",
    "images", "implant", "impression", "kind", "lacking", "problem", "reason", "reference",
    "region", "returned", "searches", "taken_back", "tooth", "until", "verdict", "withdrawn",
})  # fmt: skip
"""Details of a case's events that are ids, counts, codes, times and places on a film.

Whatever else an event says goes with the personal data: errors' words may quote a patient.
"""
