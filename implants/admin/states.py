"""How far the active encoder has got with references, as the pages say it."""

from typing import Any

from django.db.models import QuerySet
from django.utils.html import format_html
from django.utils.safestring import SafeString

from implants.catalogue import EncodingState, describe_encoding_error, with_encoding_state
from implants.models import ReferenceImage

_COLOURS = {
    EncodingState.READY: "rx-good",
    EncodingState.WAITING: "rx-warn",
    EncodingState.FAILED: "rx-bad",
}


def references_with_state() -> QuerySet[Any]:
    """All references, each with its `encoding_state`."""
    return with_encoding_state(ReferenceImage.objects.select_related("implant__manufacturer"))


def state_badge(reference: ReferenceImage) -> SafeString:
    """The state as a coloured word; an error's reason stands beside it."""
    state = EncodingState(reference.encoding_state)  # type: ignore[attr-defined]  # annotated
    reason = describe_encoding_error(reference.encoding_error) if state == "failed" else ""
    return format_html(
        '<span class="rx-badge {}">{}</span> <span class="rx-quiet">{}</span>',
        _COLOURS[state],
        state.label,
        reason,
    )
