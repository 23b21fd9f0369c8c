"""The groups of people and what each may do in the admin and, by scopes, in the API."""

from typing import Final

from django.contrib.auth.models import Group, Permission
from django.db.models import Q, QuerySet

_CATALOGUE: Final = ("manufacturer", "implant", "referenceimage")
_CASE: Final = (
    "case",
    "caseimage",
    "finding",
    "search",
    "result",
    "caseevent",
    "delivery",
)


def _view(app: str, models: tuple[str, ...]) -> list[str]:
    return [f"{app}.view_{model}" for model in models]


_SEE_CATALOGUE: Final = _view("implants", (*_CATALOGUE, "encoder"))
_KEEP_CATALOGUE: Final = [
    f"implants.{verb}_{model}" for verb in ("add", "change", "delete") for model in _CATALOGUE
]
_SEE_CASES: Final = _view("cases", _CASE)

GROUPS: Final[dict[str, list[str]]] = {
    "Revisores": [*_SEE_CASES, "cases.decide_case", *_SEE_CATALOGUE],
    "Curadores": [*_SEE_CATALOGUE, *_KEEP_CATALOGUE],
    "Leitores": [*_SEE_CASES, *_SEE_CATALOGUE],
}


def ensure_groups() -> None:
    """Make the groups, each with exactly its permissions: what was added by hand is taken away.

    People who need more get it themselves or in a group of another name.
    """
    for name, permissions in GROUPS.items():
        group, _ = Group.objects.get_or_create(name=name)
        group.permissions.set(_find(permissions))


def _find(names: list[str]) -> QuerySet[Permission]:
    wanted = Q()
    for name in names:
        app, codename = name.split(".")
        wanted |= Q(content_type__app_label=app, codename=codename)
    found = Permission.objects.filter(wanted)
    if len(found) != len(names):
        raise LookupError(f"Of {len(names)} permissions only {len(found)} exist: run migrate.")
    return found
