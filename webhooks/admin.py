"""Forms of Jotform and what Jotform delivered, for whoever looks after the service."""

import json
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from raiox.common.audit import ReadOnlyAdmin
from webhooks import inbox
from webhooks.forms import JotformFormForm
from webhooks.models import InboundEvent, JotformForm


@admin.register(JotformForm)
class JotformFormAdmin(admin.ModelAdmin):
    """Which questions mean what, and whether answers may go out."""

    form = JotformFormForm
    list_display = ("__str__", "form_id", "is_default", "deliveries_paused", "sends_received_text")
    search_fields = ("title", "form_id")
    fieldsets = (
        (None, {"fields": ("form_id", "title", "is_default")}),
        (
            _("Answers"),
            {
                "fields": ("deliveries_paused", "sends_received_text"),
                "description": _(
                    "While deliveries are paused, answers wait. Within a minute after the pause "
                    "ends they go out."
                ),
            },
        ),
        (
            _("Questions"),
            {
                "fields": (
                    "qid_dentist",
                    "qid_email",
                    "qid_patient",
                    "qid_tooth",
                    "qid_images",
                    "qid_result",
                ),
                "description": _(
                    "The ids of the form's questions in Jotform. The command connect_jotform "
                    "reads them and proposes this mapping."
                ),
            },
        ),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: JotformForm | None = None) -> Any:
        """A form that is known keeps its id: cases refer to it."""
        return ("form_id",) if obj else ()


@admin.register(InboundEvent)
class InboundEventAdmin(ReadOnlyAdmin):
    """Every delivery of a webhook, as it came."""

    list_display = ("received_at", "kind", "form_id", "submission_id", "state", "reason")
    list_filter = ("state", "kind")
    search_fields = ("=submission_id", "correlation_id")
    date_hierarchy = "received_at"
    exclude = ("payload",)
    readonly_fields = ("received_at", "content")
    actions = ("process_again",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[InboundEvent]:
        """Bodies are large (signatures come as base64) and only one page shows them."""
        events: QuerySet[InboundEvent] = super().get_queryset(request)
        return events.defer("payload")

    @admin.action(description=_("Process the chosen events again"), permissions=["process"])
    def process_again(self, request: HttpRequest, events: QuerySet[InboundEvent]) -> None:
        """For events that failed, or that came before their form was known."""
        done = sum(inbox.try_again(event) for event in events)
        left = len(events) - done
        if done:
            text = ngettext(
                "%(count)d event is being processed.", "%(count)d events are being processed.", done
            )
            self.message_user(request, text % {"count": done})
        if left:
            text = ngettext(
                "%(count)d event was left as it is.",
                "%(count)d events were left as they are.",
                left,
            )
            self.message_user(request, text % {"count": left}, messages.WARNING)

    def has_process_permission(self, request: HttpRequest) -> bool:
        """Whether this person may have events processed again."""
        return request.user.has_perm("webhooks.process_inboundevent")

    @admin.display(description=_("payload"))
    def content(self, event: InboundEvent) -> SafeString:
        """The body, indented."""
        text = json.dumps(event.payload, indent=2, ensure_ascii=False)
        return format_html('<pre class="rx-payload">{}</pre>', text)
