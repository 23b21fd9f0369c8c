"""Implants that a film can't tell apart: one interface and one silhouette under several names.

Curators keep the groups (`Implant.look_alike_group`). A group with a single implant in the
catalogue says nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from django.utils.translation import gettext as _

from implants.models import Implant

Groups = Mapping[str, "LookAlikes"]
_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class LookAlikes:
    """All implants of the catalogue that are in one group: two at least."""

    group: str
    implants: tuple[Implant, ...]

    def besides(self, implant: Implant) -> list[Implant]:
        """The others of the group."""
        return [other for other in self.implants if other != implant]


def groups_of(implants: Iterable[Implant]) -> Groups:
    """The groups that these implants are in, by name, in one query (none without any group).

    Their implants come with their manufacturers, in the catalogue's order.
    """
    names = {implant.look_alike_group for implant in implants} - {""}
    members: dict[str, list[Implant]] = {name: [] for name in names}
    if names:
        for implant in Implant.objects.filter(look_alike_group__in=names).select_related(
            "manufacturer"
        ):
            members[implant.look_alike_group].append(implant)
    return {
        name: LookAlikes(name, tuple(found)) for name, found in members.items() if len(found) > 1
    }


def not_told_apart(candidates: Sequence[Implant], groups: Groups) -> LookAlikes | None:
    """What the film leaves open among `candidates` (best first), those of them in front.

    It is the first candidate's group: its others may be right as well, shown or not. Without one
    it is the group that two of the other candidates share.
    """
    names = [implant.look_alike_group for implant in candidates]
    for place, name in enumerate(names):
        if name in groups and (place == 0 or names.count(name) > 1):
            return _with_candidates_in_front(groups[name], candidates)
    return None


def look_alikes_of(implant: Implant, groups: Groups, *, demo_mark: str = "") -> str:
    """The names of the others of its group; "" when there are none."""
    found = groups.get(implant.look_alike_group)
    return names_of(found.besides(implant), demo_mark=demo_mark) if found else ""


def names_of(implants: Sequence[Implant], *, demo_mark: str = "") -> str:
    """Five names at most and how many more there are; the mark follows each demo implant's."""
    names = [f"{implant}{demo_mark if implant.is_demo else ''}" for implant in implants]
    shown, more = ", ".join(names[:_NAMED]), len(names) - _NAMED
    return (
        _("%(names)s and %(count)d more") % {"names": shown, "count": more} if more > 0 else shown
    )


def _with_candidates_in_front(found: LookAlikes, candidates: Sequence[Implant]) -> LookAlikes:
    shown = [implant for implant in candidates if implant.look_alike_group == found.group]
    others = [implant for implant in found.implants if implant not in shown]
    return replace(found, implants=(*shown, *others))
