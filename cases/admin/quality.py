"""The page “Qualidade”: how well the active encoder tells the catalogue's implants apart, and how
often reviewers agree with its first suggestion."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Final

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from cases.agreement import WEEKS, Week, by_week, first_monday, reviewed
from cases.first_looks import first_looks
from implants.models import Encoder
from implants.quality import ConfusedPair, Quality, confused_pairs, quality_of, single_references
from raiox.common.staff import staff_required

_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class _Bar:
    """A week of the chart, in hundredths of its height from the top, as SVG counts."""

    week: Week
    decided_height: int
    first_height: int

    @property
    def decided_top(self) -> int:
        """Where the bar of the decisions begins."""
        return 100 - self.decided_height

    @property
    def first_top(self) -> int:
        """Where its part with the first suggestion begins."""
        return 100 - self.first_height


@staff_required("implants.view_encoder")
@staff_required("cases.view_case")
def quality(request: HttpRequest) -> HttpResponse:
    """What is known of the answers' quality; for whoever may see cases and encoders."""
    encoder = Encoder.objects.filter(is_active=True).first()
    since = _midnight()
    weeks = by_week(reviewed(since))
    measured = quality_of(encoder) if encoder else None
    singles = single_references()
    context = {
        **admin.site.each_context(request),
        "title": _("Quality"),
        "encoder": encoder,
        "quality": measured,
        "pairs": _pairs(measured),
        "singles": singles[:_SHOWN],
        "singles_count": len(singles),
        "singles_more": len(singles) - _SHOWN,
        "weeks": weeks,
        "bars": _bars(weeks),
        "total": _total(weeks),
        "week_count": WEEKS,
        "looks": first_looks(since),
        "is_nav_sidebar_enabled": False,
    }
    return TemplateResponse(request, "admin/quality.html", context)


def _midnight() -> datetime:
    return timezone.make_aware(datetime.combine(first_monday(), time.min))


def _pairs(measured: Quality | None) -> list[ConfusedPair]:
    return confused_pairs(measured)[:_SHOWN] if measured else []


def _total(weeks: Sequence[Week]) -> Week:
    """All the weeks as one."""
    return Week(
        weeks[0].starts,
        decided=sum(week.decided for week in weeks),
        first=sum(week.first for week in weeks),
        among_three=sum(week.among_three for week in weeks),
    )


def _bars(weeks: Sequence[Week]) -> list[_Bar]:
    most = max(week.decided for week in weeks) or 1
    return [
        _Bar(week, round(100 * week.decided / most), round(100 * week.first / most))
        for week in weeks
    ]
