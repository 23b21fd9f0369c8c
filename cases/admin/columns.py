"""The columns of the reviewers' queue."""

from typing import Any

from django.contrib import admin
from django.template.defaultfilters import floatformat
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext_lazy as _

from cases.models import Case, CaseImage

# The list gives each case more than the model has, see cases.admin.changelist.
Row = Any


class Columns:
    """What each column shows of a case; none of them asks the database."""

    @admin.display(description=_("radiograph"))
    def film(self, case: Case) -> SafeString:
        """A thumbnail of the first stored image."""
        stored = [image for image in case.images.all() if image.state == CaseImage.State.STORED]
        if not stored:
            return format_html('<span class="rx-thumb rx-thumb-none">{}</span>', _("no image"))
        return format_html(
            '<img class="rx-thumb" src="{}" alt="{}" width="72" height="72" loading="lazy">',
            reverse("cases:thumbnail", args=[stored[0].pk]),
            _("Radiograph of case %(case)s") % {"case": case},
        )

    @admin.display(description=_("dentist"), ordering="dentist_name")
    def dentist(self, case: Case) -> SafeString:
        """The name; below it, the case's number and the patient."""
        name = case.dentist_name or _("no name given")
        below = " · ".join(filter(None, [str(case), case.patient]))
        return format_html('{}<small class="rx-quiet">{}</small>', name, below)

    @admin.display(description=_("age"), ordering="created_at")
    def age(self, case: Case) -> SafeString:
        """How long ago the case came; the exact time on hovering."""
        return format_html(
            '<time datetime="{}" title="{}">{}</time>',
            case.created_at.isoformat(),
            date_format(timezone.localtime(case.created_at), "SHORT_DATETIME_FORMAT"),
            timesince(case.created_at, depth=1),
        )

    @admin.display(description=_("first suggestion"), empty_value="—")
    def suggestion(self, case: Row) -> SafeString | None:
        """The best candidate of each finding with its similarity."""
        lines = [
            (
                floatformat(found.similarity, 2),
                found.implant,
                format_html('<span class="rx-badge rx-demo">{}</span> ', _("demo"))
                if found.implant.is_demo
                else "",
            )
            for found in case.suggestions
        ]
        line = '<span class="rx-suggestion"><b class="rx-number">{}</b> {} {}</span>'
        return format_html_join("", line, lines) or None

    @admin.display(description=_("attention"), empty_value="")
    def marks(self, case: Row) -> SafeString | None:
        """Badges: what is wrong with the case, and its state when it does not simply wait."""
        return format_html_join(" ", '<span class="rx-badge {}">{}</span>', _marks(case)) or None


def _marks(case: Row) -> list[tuple[str, str | Promise]]:
    refused = any(image.state == CaseImage.State.REFUSED for image in case.images.all())
    marks: list[tuple[bool, str, str | Promise]] = [
        (bool(case.problem), "rx-bad", case.get_problem_display()),
        (refused, "rx-warn", _("refused image")),
        (case.is_undelivered, "rx-bad", _("answer not delivered")),
        (case.changed_after_decision, "rx-warn", _("changed after the decision")),
        (case.is_postponed, "", _("put off")),
        (case.state != Case.State.PENDING, f"rx-state-{case.state}", case.get_state_display()),
        (case.is_direct, "", _("direct")),
    ]
    return [(css, text) for applies, css, text in marks if applies]
