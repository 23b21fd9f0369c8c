"""The table of systems: one row an implant, each fact with its source beside it."""

from collections.abc import Sequence
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import override
from import_export import resources
from import_export.fields import Field
from tablib import Dataset

from implants.attributes import without_outdated
from implants.exchange.columns import (
    Choice,
    CountryField,
    Diameters,
    Maker,
    SourceField,
    Text,
    Texts,
    YesNo,
)
from implants.exchange.tables import Table, TableError
from implants.history import field_labels
from implants.models import Implant, Manufacturer
from implants.published import ATTRIBUTES
from implants.seeding.directory import squash

_CHOICES: Final = {
    "type": Implant.Type,
    "connection": Implant.Connection,
    "level": Implant.Level,
    "body": Implant.Body,
    "apex": Implant.Apex,
    "apical_feature": Implant.ApicalFeature,
}
_KEY: Final = ("manufacturer", "name")
_LANGUAGES: Final = ("pt-br", "en")


def _attribute(name: str) -> Field:
    if name in _CHOICES:
        return Field(name, name, Choice(_CHOICES[name]))
    widgets = {"microthread": YesNo, "diameters_mm": Diameters}
    return Field(name, name, widgets.get(name, Text)())


class ImplantResource(resources.ModelResource):
    """Implants by manufacturer and name; a missing column leaves its field alone.

    `created_makers`: the manufacturers that an import has made.
    """

    class Meta:
        model = Implant
        fields = ()
        import_id_fields = _KEY
        skip_unchanged = True
        clean_model_instances = True
        use_transactions = True

    def __init__(self, *, may_add_makers: bool = False) -> None:
        super().__init__()
        self._may_add_makers = may_add_makers
        self.created_makers: list[Manufacturer] = []
        self._makers: dict[str, Manufacturer] = {}
        self._seen: set[tuple[str, str]] = set()
        self.fields = {
            "manufacturer": Field("manufacturer", "manufacturer", Maker(self._maker)),
            "country": CountryField(),
            "name": Field("name", "name", Text()),
            "aliases": Field("aliases", "aliases", Texts()),
        }
        for name in ATTRIBUTES:
            self.fields[name] = _attribute(name)
            self.fields[f"{name}_source"] = SourceField(name)

    def get_queryset(self) -> QuerySet[Implant]:
        """With their makers."""
        return Implant.objects.select_related("manufacturer")

    def get_import_order(self) -> Sequence[str]:
        """The maker comes before its country."""
        return tuple(self.fields)

    def get_export_order(self) -> Sequence[str]:
        """As they are read."""
        return tuple(self.fields)

    def before_import_row(self, row: Any, **_options: Any) -> None:
        """Each implant once. Raises `ValidationError`."""
        key = squash(row["manufacturer"] or ""), (row["name"] or "").casefold()
        if not all(key):
            raise ValidationError(_("A row needs the manufacturer's name and the implant's."))
        if key in self._seen:
            raise ValidationError(_("This implant stands in the table twice."))
        self._seen.add(key)

    def get_instance(self, instance_loader: Any, row: Any) -> Implant | None:
        """The implant of this name, in upper or lower case."""
        try:
            maker = self.fields["manufacturer"].clean(row)
        except ValueError as error:
            raise ValidationError({"manufacturer": str(error)}) from error
        name = self.fields["name"].clean(row)
        named = list(self.get_queryset().filter(manufacturer=maker, name__iexact=name))
        return min(named, key=lambda one: (one.name != name, one.pk), default=None)

    def import_instance(self, instance: Implant, row: Any, **options: Any) -> None:
        """A fact that changes loses the source of the earlier one, unless the row has another."""
        before = {name: getattr(instance, name) for name in ATTRIBUTES}
        sources = instance.sources
        super().import_instance(instance, row, **options)
        changed = [name for name in ATTRIBUTES if getattr(instance, name) != before[name]]
        instance.sources = without_outdated(instance.sources, sources, changed)

    def _maker(self, name: str) -> Manufacturer:
        """Several rows may name a new one."""
        if name not in self._makers:
            found = Manufacturer.objects.filter(name__iexact=name).first()
            self._makers[name] = found or self._new_maker(name)
        return self._makers[name]

    def _new_maker(self, name: str) -> Manufacturer:
        same = [one for one in Manufacturer.objects.all() if squash(one.name) == squash(name)]
        if same:
            return same[0]
        if not self._may_add_makers:
            raise ValueError(_("You may not add the manufacturer “%(name)s”.") % {"name": name})
        maker = Manufacturer(name=name)
        maker.full_clean()
        maker.save()
        self.created_makers.append(maker)
        return maker


def to_dataset(implants: QuerySet[Implant]) -> Dataset:
    """The table of these implants, its head in the reader's language."""
    dataset: Dataset = ImplantResource().export(implants.select_related("manufacturer"))
    dataset.headers = [heading(name) for name in dataset.headers]
    return dataset


def from_table(table: Table) -> Dataset:
    """The rows under the names of our columns. Raises `TableError`."""
    known: dict[str, str] = {}
    for name in ImplantResource().fields:
        known |= {squash(text): name for text in (name, *_headings(name))}
    unknown = [text for text in table.head if squash(text) not in known]
    if unknown:
        raise TableError(_("Unknown columns: %(names)s.") % {"names": ", ".join(unknown)})
    names = [known[squash(text)] for text in table.head]
    if len(set(names)) < len(names):
        raise TableError(_("A column stands in the table twice."))
    if missing := [heading(name) for name in _KEY if name not in names]:
        raise TableError(_("Columns are missing: %(names)s.") % {"names": ", ".join(missing)})
    return Dataset(*table.rows, headers=names)


def heading(name: str) -> str:
    """What a column is called in the reader's language."""
    if name == "country":
        return _("Country")
    if name == "manufacturer":
        return _("Manufacturer")
    if name.endswith("_source"):
        return _("%(fact)s: source") % {"fact": heading(name.removesuffix("_source"))}
    label = field_labels([name])
    return label[:1].upper() + label[1:]


def _headings(name: str) -> list[str]:
    found = []
    for language in _LANGUAGES:
        with override(language):
            found.append(heading(name))
    return found
