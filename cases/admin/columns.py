"""The columns of the reviewers' queue."""

from collections.abc import Iterator
from itertools import chain
from typing import Any, Final

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.template.defaultfilters import floatformat
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cases import claims
from cases.ages import Age, age_of
from cases.candidates import Shortlist, concerns_by_image
from cases.links import thumbnail_url
from cases.models import Case, CaseImage
from cases.templatetags.ages import how_long_ago
from implants.doubt import Concern, Confidence

# The list gives each case more than the model has, see cases.admin.changelist.
Row = Any
_BADGE = '<span class="rx-badge {}">{}</span>'
_CHECKBOX: Final = (
    '<input type="checkbox" name="{}" value="{}" class="action-select" aria-label="{}">'
)
_CHECKBOX_LABEL: Final = "Select this object for an action - {}"


class Columns:
    """What each column shows of a case; none of them asks the database."""

    def action_checkbox(self, case: Case) -> SafeString:
        """As Django's, in its words; it renders two templates for each row."""
        label = format_html(gettext(_CHECKBOX_LABEL), str(case))
        return format_html(_CHECKBOX, ACTION_CHECKBOX_NAME, case.pk, label)

    @admin.display(description=_("radiograph"))
    def film(self, case: Case) -> SafeString:
        """A thumbnail of the first stored image."""
        stored = [image for image in case.images.all() if image.state == CaseImage.State.STORED]
        if not stored:
            return format_html('<span class="rx-thumb rx-thumb-none">{}</span>', _("no image"))
        return format_html(
            '<img class="rx-thumb" src="{}" alt="{}" width="72" height="72" loading="lazy">',
            thumbnail_url(stored[0]),
            _("Radiograph of case %(case)s") % {"case": case},
        )

    @admin.display(description=_("dentist"), ordering="dentist_name")
    def dentist(self, case: Case) -> SafeString:
        """The name; below it, the case's number and the patient."""
        name = case.dentist_name or _("no name given")
        below = " · ".join(filter(None, [str(case), case.patient]))
        return format_html('{}<small class="rx-quiet">{}</small>', name, below)

    @admin.display(description=_("received"), ordering="created_at")
    def age(self, case: Case) -> SafeString:
        """How long ago the case came, and that it is late; the exact time on hovering."""
        step = age_of(case.created_at, timezone.now()) if not case.is_decided else Age.NEW
        late = format_html("<small>{}</small>", _("late")) if step >= Age.LATE else ""
        return format_html(
            '<span class="rx-age rx-age-{}"><time datetime="{}" title="{}">{}</time>{}</span>',
            int(step),
            case.created_at.isoformat(),
            date_format(timezone.localtime(case.created_at), "SHORT_DATETIME_FORMAT"),
            how_long_ago(case.created_at),
            late,
        )

    @admin.display(description=_("first suggestion"), empty_value="—")
    def suggestion(self, case: Row) -> SafeString | None:
        """The best candidate of each finding with its similarity and its word of confidence."""
        return (
            format_html_join("", "{}", [(_suggestion(found),) for found in case.shortlists]) or None
        )

    @admin.display(description=_("attention"), empty_value="")
    def marks(self, case: Row) -> SafeString | None:
        """Badges: what is wrong with the case, and its state when it does not simply wait."""
        return format_html_join(" ", _BADGE, _marks(case)) or None


def _suggestion(shortlist: Shortlist) -> SafeString:
    if shortlist.is_hidden:
        return format_html('<span class="rx-quiet">{}</span>', _("after your first impression"))
    first, word = shortlist.candidates[0], shortlist.confidence
    badges = [("rx-demo", gettext("demo"))] if first.is_demo else []
    badges += [(f"rx-word-{word}", _said(word))] if word else []
    return format_html(
        '<span class="rx-suggestion"><b class="rx-number">{}</b> {} {}</span>',
        floatformat(first.similarity, 2),
        first.implant,
        format_html_join(" ", _BADGE, badges),
    )


def _said(word: Confidence) -> str:
    """Out of the catalogue is no degree of confidence."""
    if word == Confidence.OUT_OF_CATALOGUE:
        return str(word.label)
    return gettext("Confidence: %(word)s") % {"word": word.label}


def _marks(case: Row) -> Iterator[tuple[str, str | Promise]]:
    if case.holder is not None:
        yield "rx-held", _held(case)
    if case.problem:
        yield "rx-bad", case.get_problem_display()
    if any(image.state == CaseImage.State.REFUSED for image in case.images.all()):
        yield "rx-warn", _("refused image")
    if concerns := concerns_by_image(case.shortlists):
        known = set(chain.from_iterable(concerns.values()))
        yield from (("rx-warn", concern.label) for concern in Concern if concern in known)
    if case.is_undelivered:
        yield "rx-bad", _("answer not delivered")
    if case.changed_after_decision:
        yield "rx-warn", _("changed after the decision")
    if case.is_postponed:
        yield "", _("put off")
    if case.state != Case.State.PENDING:
        yield f"rx-state-{case.state}", case.get_state_display()
    if case.is_direct:
        yield "", _("direct")


def _held(case: Row) -> str:
    words = {"who": claims.name_of(case.holder), "when": claims.until_text(case)}
    return gettext("open: %(who)s until %(when)s") % words
