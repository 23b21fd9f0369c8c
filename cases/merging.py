"""Two implants of the catalogue are one: everything that spoke of the second speaks of the first.

References move, past results and decisions are pointed to the implant that stays, its empty
attributes are filled. Nothing that was found is lost: where a search had both, the better-ranked
result stays and the other one is kept as a `MergedResult`. Answers that were sent stay as they are.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from django.contrib.admin.models import CHANGE, DELETION
from django.db import transaction
from django.db.models import Model, QuerySet
from django.db.models.fields.reverse_related import ForeignObjectRel
from django.utils.translation import gettext as _

from cases.models import Finding, MergedResult, Merging, Result
from implants.admin.removal import delete_with_films
from implants.catalogue import catalogue_changed
from implants.exchange.resource import ImplantResource, heading
from implants.history import record
from implants.models import Implant, ReferenceImage
from implants.moving import move_references
from implants.published import ATTRIBUTES
from implants.seeding.directory import squash
from implants.seeding.systems import take_over

_UNKNOWN: Final[tuple[Any, ...]] = ("", None, [], {})


class MergeError(Exception):
    """The two can't be merged; the message is for people."""


class PlanChanged(MergeError):
    """What a merge would do is not what was shown any more."""


@dataclass(frozen=True, slots=True)
class Fact:
    """An attribute in both: what stays, what the other said."""

    label: str
    stays: str
    other: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a merge will do, as it is shown before.

    `filled`: attributes that come from the merged implant; `conflicts`: both say something else,
    and the implant that stays is believed. `duplicates`: films that both have, kept once.
    `results` are pointed to the implant that stays; in `both` searches it was there already.
    `others`: rows of any other kind that follow, by what they are called.
    """

    survivor: Implant
    merged: Implant
    references: int
    duplicates: tuple[ReferenceImage, ...]
    aliases: tuple[str, ...]
    filled: tuple[Fact, ...]
    conflicts: tuple[Fact, ...]
    results: int
    both: int
    findings: int
    others: tuple[tuple[str, int], ...] = field(default=())

    @property
    def mark(self) -> str:
        """By which it is known again that a merge does what was shown."""
        shown = (
            self.survivor.pk, self.merged.pk, self.references,
            [one.pk for one in self.duplicates], self.aliases, self.filled, self.conflicts,
            self.results, self.both, self.findings, self.others,
        )  # fmt: skip
        return hashlib.sha256(repr(shown).encode()).hexdigest()

    @property
    def makers_differ(self) -> bool:
        """Whether the merged name is one of another manufacturer's."""
        return self.survivor.manufacturer_id != self.merged.manufacturer_id


def plan(survivor: Implant, merged: Implant) -> Plan:
    """What `merge` would do. Raises `MergeError`."""
    if survivor.pk == merged.pk:
        raise MergeError(_("Choose two different implants."))
    films = survivor.references.values("sha256")
    duplicates = merged.references.filter(sha256__in=films).order_by("pk")
    results = Result.objects.filter(implant=merged)
    both = _in_both(survivor, merged).count()
    filled, conflicts = _facts(survivor, merged)
    return Plan(
        survivor=survivor,
        merged=merged,
        references=merged.references.count() - duplicates.count(),
        duplicates=tuple(duplicates),
        aliases=tuple(_new_aliases(survivor, merged)),
        filled=filled,
        conflicts=conflicts,
        results=results.count() - both,
        both=both,
        findings=Finding.objects.filter(implant=merged).count(),
        others=tuple(_others(merged)),
    )


def merge(survivor_id: int, merged_id: int, mark: str, actor: Any) -> Implant:
    """Merge as it was shown with `mark`, in one transaction; gives back what stays.

    Raises `MergeError`, `PlanChanged` among them.
    """
    with transaction.atomic():
        survivor, merged = _locked(survivor_id, merged_id)
        planned = plan(survivor, merged)
        if planned.mark != mark:
            raise PlanChanged(_("Something has changed meanwhile: look again before you merge."))
        merging = Merging.objects.create(
            survivor=survivor, merged_id=merged.pk, merged_name=str(merged), merged_by=actor
        )
        _move_references(planned, actor)
        for relation in relations():
            _HANDLERS.get(_name(relation), _point_to)(relation, planned, merging)
        _take_attributes(planned)
        if survivor.is_demo and not merged.is_demo:
            take_over(survivor, actor)
        _log(planned, actor)
        Implant.objects.get(pk=merged.pk).delete()
        catalogue_changed()
    return survivor


def relations() -> list[ForeignObjectRel]:
    """What points to an implant, in whatever application."""
    return [
        relation
        for relation in Implant._meta.get_fields(include_hidden=True)
        if isinstance(relation, ForeignObjectRel)
    ]


def is_handled(relation: ForeignObjectRel) -> bool:
    """Whether a merge knows what to do: a rule of its own, or nothing that could collide."""
    return _name(relation) in _HANDLERS or not _collides(relation)


def _collides(relation: ForeignObjectRel) -> bool:
    """Whether pointing to another implant may break uniqueness."""
    options, name = relation.related_model._meta, relation.field.name
    unique = [set(one.fields) for one in options.total_unique_constraints]
    unique += [set(names) for names in options.unique_together]
    expressed = [one for one in options.constraints if getattr(one, "expressions", ())]
    conditional = [
        set(one.fields)
        for one in options.constraints
        if getattr(one, "condition", None) is not None and hasattr(one, "fields")
    ]
    return (
        relation.field.unique
        or relation.many_to_many
        or bool(expressed)
        or any(name in names for names in [*unique, *conditional])
    )


def _name(relation: ForeignObjectRel) -> str:
    return f"{relation.related_model._meta.label}.{relation.field.name}"


def _locked(survivor_id: int, merged_id: int) -> tuple[Implant, Implant]:
    rows = Implant.objects.select_for_update(of=("self",)).select_related("manufacturer")
    found = rows.order_by("pk").in_bulk([survivor_id, merged_id])
    try:
        return found[survivor_id], found[merged_id]
    except KeyError as error:
        raise PlanChanged(_("One of the two implants is gone.")) from error


def _move_references(planned: Plan, actor: Any) -> None:
    """Films that both have are kept once, with the sizes that either knows."""
    survivor, merged = planned.survivor, planned.merged
    moved = move_references(merged.references.values_list("pk", flat=True), survivor, actor)
    for double in moved.known:
        kept = survivor.references.get(sha256=double.sha256)
        for name in ("diameter_mm", "length_mm"):
            if getattr(kept, name) is None:
                setattr(kept, name, getattr(double, name))
        kept.save(update_fields=["diameter_mm", "length_mm"])
        Result.objects.filter(reference=double).update(reference=kept)
        MergedResult.objects.filter(reference=double).update(reference=kept)
    ids = [double.pk for double in moved.known]
    rows = ReferenceImage.objects.filter(pk__in=ids)
    delete_with_films(rows, rows)


def _in_both(survivor: Implant, merged: Implant) -> QuerySet[Result]:
    """The merged implant's results in searches that found the other one too."""
    twins = Result.objects.filter(implant=survivor).values("search")
    return Result.objects.filter(implant=merged, search__in=twins)


def _point_to(relation: ForeignObjectRel, planned: Plan, merging: Merging) -> None:
    if not is_handled(relation):
        raise MergeError(_("A merge does not know what to do with %(rows)s.") % {
            "rows": relation.related_model._meta.verbose_name_plural
        })  # fmt: skip
    rows = relation.related_model._base_manager.filter(**{relation.field.name: planned.merged})
    rows.update(**{relation.field.name: planned.survivor})


def _merge_results(relation: ForeignObjectRel, planned: Plan, merging: Merging) -> None:
    """Of two results in one search the better-ranked one stays; the other is kept beside it."""
    survivor, merged = planned.survivor, planned.merged
    searches = list(_in_both(survivor, merged).values_list("search_id", flat=True))
    doubles = Result.objects.filter(search__in=searches, implant__in=[survivor, merged])
    seen: set[int] = set()
    worse = []
    for one in doubles.order_by("search", "rank"):
        if one.search_id in seen:
            worse.append(one)
        seen.add(one.search_id)
    MergedResult.objects.bulk_create(
        MergedResult(
            merging=merging,
            search_id=one.search_id,
            implant_name=str(survivor if one.implant_id == survivor.pk else merged),
            rank=one.rank,
            reference_id=one.reference_id,
            similarity=one.similarity,
        )
        for one in worse
    )
    Result.objects.filter(pk__in=[one.pk for one in worse]).delete()
    Result.objects.filter(implant=merged).update(implant=survivor)


def _leave(relation: ForeignObjectRel, planned: Plan, merging: Merging) -> None:
    """Was done already."""


_HANDLERS: Final[dict[str, Callable[[ForeignObjectRel, Plan, Merging], None]]] = {
    "implants.ReferenceImage.implant": _leave,
    "cases.Result.implant": _merge_results,
}


def _others(merged: Implant) -> Iterator[tuple[str, int]]:
    told = {*_HANDLERS, "cases.Finding.implant"}
    for relation in relations():
        if _name(relation) in told:
            continue
        model: type[Model] = relation.related_model
        count = model._base_manager.filter(**{relation.field.name: merged}).count()
        if count:
            yield f"{model._meta.verbose_name_plural}: {relation.field.verbose_name}", count


def _new_aliases(survivor: Implant, merged: Implant) -> list[str]:
    """The merged name and its aliases, so that films' names still find the implant.

    Another maker's with its maker, under whose name films and published facts will look for it.
    """
    known = {squash(name) for name in (survivor.name, *survivor.aliases)}
    names = [merged.name, *merged.aliases]
    if survivor.manufacturer_id != merged.manufacturer_id:
        maker = merged.manufacturer.name
        names += [f"{maker} {name}" for name in names if not squash(name).startswith(squash(maker))]
    new = []
    for name in names:
        if squash(name) not in known:
            known.add(squash(name))
            new.append(name)
    return new


def _facts(survivor: Implant, merged: Implant) -> tuple[tuple[Fact, ...], tuple[Fact, ...]]:
    filled: list[Fact] = []
    conflicts: list[Fact] = []
    for name in ATTRIBUTES:
        ours, theirs = getattr(survivor, name), getattr(merged, name)
        if theirs in _UNKNOWN or ours == theirs:
            continue
        column = ImplantResource().fields[name]
        fact = Fact(heading(name), column.export(survivor), column.export(merged))
        (filled if ours in _UNKNOWN else conflicts).append(fact)
    return tuple(filled), tuple(conflicts)


def _take_attributes(planned: Plan) -> None:
    survivor, merged = planned.survivor, planned.merged
    sources = dict(survivor.sources)
    for name in ATTRIBUTES:
        if getattr(survivor, name) in _UNKNOWN and getattr(merged, name) not in _UNKNOWN:
            setattr(survivor, name, getattr(merged, name))
            sources.pop(name, None)
            if merged.sources.get(name):
                sources[name] = merged.sources[name]
    survivor.sources = sources
    survivor.aliases = [*survivor.aliases, *planned.aliases]
    survivor.save()


def _log(planned: Plan, actor: Any) -> None:
    said = [
        _("Merged with %(implant)s (number %(pk)d).")
        % {"implant": planned.merged, "pk": planned.merged.pk}
    ]
    if planned.filled:
        names = ", ".join(f"{fact.label}: {fact.other}" for fact in planned.filled)
        said.append(_("Taken over: %(facts)s.") % {"facts": names})
    if planned.conflicts:
        names = ", ".join(f"{fact.label}: {fact.other}" for fact in planned.conflicts)
        said.append(_("Not taken over: %(facts)s.") % {"facts": names})
    record(planned.survivor, CHANGE, " ".join(said), actor)
    gone = _("Merged into %(implant)s.") % {"implant": planned.survivor}
    record(planned.merged, DELETION, gone, actor)
