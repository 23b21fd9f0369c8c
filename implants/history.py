"""Who changed what in the catalogue, and when: Django's log, written on every way of a change."""

from collections.abc import Iterable
from typing import Any, Final

from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model

from implants.models import Implant

SERVICE: Final = "raiox-servico"
"""Whose name stands for commands: the log wants a person. Nobody can log in as it."""


def record(row: Model, flag: int, message: str, actor: Any = None) -> None:
    """Write a change of `row` into the log; `actor` None is the service itself."""
    record_all([(row, message)], flag, actor)


def record_all(changes: Iterable[tuple[Model, str]], flag: int, actor: Any = None) -> None:
    """The same for many rows, in one statement."""
    changes = list(changes)
    if not changes:
        return
    who = actor or _service()
    LogEntry.objects.bulk_create(
        LogEntry(
            user_id=who.pk,
            content_type=ContentType.objects.get_for_model(row),
            object_id=str(row.pk),
            object_repr=str(row)[:200],
            action_flag=flag,
            change_message=message,
        )
        for row, message in changes
    )


def field_labels(names: Iterable[str], model: type[Model] = Implant) -> str:
    """The names of fields as people read them."""
    # To mypy a field may be a relation's other side, which has no name.
    return ", ".join(
        str(model._meta.get_field(name).verbose_name)  # type: ignore[union-attr]
        for name in names
    )


def _service() -> AbstractBaseUser:
    people = get_user_model().objects
    found = people.filter(username=SERVICE).first()
    if found:
        return found
    return people.get_or_create(
        username=SERVICE, defaults={"is_active": False, "password": "!", "first_name": "Raiox"}
    )[0]
