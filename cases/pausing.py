"""Holds a form's answers back and lets them go again; who did it and when stands in the history."""

from datetime import datetime

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import transaction

from cases import delivery
from webhooks.models import JotformForm

# As Django's own pages note a change of this field, so that both are one history.
_FIELD = "deliveries paused"


@transaction.atomic
def set_paused(form: JotformForm, actor: User, *, paused: bool) -> bool:
    """Pause or release; releasing sends what waits. False when it was so already."""
    other = JotformForm.objects.filter(pk=form.pk, deliveries_paused=not paused)
    if not other.update(deliveries_paused=paused):
        return False
    LogEntry.objects.log_actions(
        actor.pk, [form], CHANGE, [{"changed": {"fields": [_FIELD]}}], single_object=True
    )
    if not paused:
        delivery.resume_due()
    return True


def last_changes(forms: list[JotformForm]) -> dict[int, tuple[User, datetime]]:
    """Who paused or released each form last, and when; in one query."""
    entries = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(JotformForm),
        object_id__in=[str(form.pk) for form in forms],
        change_message__contains=_FIELD,
    )
    entries = entries.select_related("user").order_by("action_time")
    return {int(it.object_id): (it.user, it.action_time) for it in entries if it.object_id}
