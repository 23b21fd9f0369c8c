"""What tells the candidates of a finding apart, feature by feature, to be read across."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db.models import Count, F, Window
from django.db.models.functions import RowNumber
from django.utils.formats import localize
from django.utils.translation import gettext as _

from implants.models import Implant, ReferenceImage

_SHOWN_REFERENCES = 5


@dataclass(frozen=True)
class Row:
    """A feature of all candidates, "" where it is unknown; `differs` says that it may decide."""

    label: str
    values: list[str]
    differs: bool


@dataclass(frozen=True)
class Strip:
    """Some of the references of an implant, by id, and how many there are in all."""

    references: list[int]
    total: int


def comparison(implants: Sequence[Implant]) -> list[Row]:
    """The rows of what is known of at least one of them, in the order in which one looks."""
    rows = [_row(label(), [tell(implant) for implant in implants]) for label, tell in _FEATURES]
    # Not told by an uncalibrated film: it is said, but it does not decide.
    rows.append(Row(_("diameters"), [_diameters(implant) for implant in implants], differs=False))
    return [row for row in rows if any(row.values)]


def reference_strips(implant_ids: Sequence[int]) -> dict[int, Strip]:
    """The first references of each implant, in one query."""
    rows = (
        ReferenceImage.objects.filter(implant__in=implant_ids)
        .order_by("pk")
        .annotate(
            place=Window(RowNumber(), partition_by=F("implant"), order_by="pk"),
            total=Window(Count("pk"), partition_by=F("implant")),
        )
        .filter(place__lte=_SHOWN_REFERENCES)
        .values_list("implant", "pk", "total")
    )
    found: dict[int, Strip] = defaultdict(lambda: Strip([], 0))
    for implant, pk, total in rows:
        found[implant] = Strip([*found[implant].references, pk], total)
    return dict(found)


def _row(label: str, values: list[str]) -> Row:
    values = [_without(label, value) for value in values]
    return Row(label, values, differs=len({value for value in values if value}) > 1)


def _without(label: str, value: str) -> str:
    """The value alone: below “thread” nobody needs to read “thread” again."""
    start, rest = value[: len(label) + 1], value[len(label) + 1 :]
    return rest if rest and start.casefold() == f"{label} ".casefold() else value


def _connection(implant: Implant) -> str:
    return _join(implant.get_connection_display(), implant.connection_detail)


def _thread(implant: Implant) -> str:
    microthread = {True: _("with microthread"), False: _("without microthread"), None: ""}
    return _join(implant.thread, microthread[implant.microthread])


def _apex(implant: Implant) -> str:
    return _join(implant.get_apex_display(), implant.get_apical_feature_display())


def _body(implant: Implant) -> str:
    """Its shape; the type only where it is no screw, as most are."""
    is_screw = implant.type in ("", Implant.Type.SCREW)
    return _join("" if is_screw else implant.get_type_display(), implant.get_body_display())


def _diameters(implant: Implant) -> str:
    sizes = " · ".join(localize(size.normalize() + 0) for size in implant.diameters_mm)
    return f"{sizes} mm" if sizes else ""


def _join(*parts: str) -> str:
    return ", ".join(str(part) for part in parts if part)


_FEATURES: tuple[tuple[Callable[[], str], Callable[[Implant], str]], ...] = (
    (lambda: _("connection"), _connection),
    (lambda: _("level"), lambda implant: implant.get_level_display()),
    (lambda: _("collar"), lambda implant: implant.collar),
    (lambda: _("body"), _body),
    (lambda: _("thread"), _thread),
    (lambda: _("apex"), _apex),
    (lambda: _("platform"), lambda implant: implant.platform),
)
