"""What tells an implant apart on a film, in the field's words and in the order one looks."""

from collections.abc import Iterable, Mapping

from django.utils.formats import localize
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from implants.models import Implant

_FEATURES = (
    "type",
    "connection",
    "level",
    "body",
    "thread",
    "apex",
    "apical_feature",
    "platform",
    "collar",
)
_MICROTHREAD = {True: gettext_lazy("yes"), False: gettext_lazy("no")}


def known_attributes(implant: Implant) -> list[tuple[str, str]]:
    """Pairs of label and value of what is known; nothing of what is not."""
    pairs = [(_label(name), _value(implant, name)) for name in _FEATURES]
    if implant.microthread is not None:
        pairs.append((_label("microthread"), str(_MICROTHREAD[implant.microthread])))
    pairs.append((_("diameters"), _diameters(implant)))
    return [(label, value) for label, value in pairs if value]


def without_outdated(
    sources: Mapping[str, str], before: Mapping[str, str], changed: Iterable[str]
) -> dict[str, str]:
    """`sources` without those that told of an earlier fact: it `changed`, its source did not."""
    outdated = {name for name in changed if name in before and sources.get(name) == before[name]}
    return {name: text for name, text in sources.items() if name not in outdated}


def _label(name: str) -> str:
    # To mypy it may be a relation's other side, which has no name.
    return str(Implant._meta.get_field(name).verbose_name)  # type: ignore[union-attr]  # no relation


def _value(implant: Implant, name: str) -> str:
    display = getattr(implant, f"get_{name}_display", None)
    value = str(display() if display else getattr(implant, name))
    if name == "connection" and implant.connection_detail:
        return f"{value}, {implant.connection_detail}" if value else implant.connection_detail
    return value


def _diameters(implant: Implant) -> str:
    sizes = " · ".join(localize(size.normalize() + 0) for size in implant.diameters_mm)
    return f"{sizes} mm" if sizes else ""
