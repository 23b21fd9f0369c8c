"""Copies of a bucket's folders in another region: only what is new or changed is read.

`<environment>/objects/current/<bucket>/<key>` is the copy of what is there,
`…/deleted/<moment>/<bucket>/<key>` what was deleted or replaced, kept for `DELETED_OBJECTS_DAYS`.
Of patients' films nothing is kept once they are deleted, and nothing comes back; that goes for
those that were promoted into the catalogue too (`raiox.backups.named`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from typing import Any

from django.conf import settings

from implants.catalogue import PatientKeyError, refuse_patient_key
from raiox.backups.copying import check_copy, copy_object, is_copy, was_made_of
from raiox.backups.errors import BackupError, DamagedError
from raiox.backups.named import forgotten, unnamed
from raiox.backups.storage import Bucket
from raiox.common.deletions import may_be_mistake

Listing = dict[str, dict[str, Any]]


@dataclass
class Report:
    """What one run did, and what went wrong, key by key."""

    copied: int = 0
    unchanged: int = 0
    set_aside: int = 0
    expired: int = 0
    left_out: list[str] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Copies:
    """The copies of one bucket in another. Raises `BackupError` if the two are one."""

    source: Bucket
    target: Bucket
    report: Report = field(default_factory=Report)

    def __post_init__(self) -> None:
        same = (self.source.endpoint, self.source.name) == (self.target.endpoint, self.target.name)
        if same:
            raise BackupError(f"{self.source.name} can't be its own backup.")
        self._root = f"{settings.RAIOX_ENV}/objects/"
        self._current = f"{self._root}current/{self.source.name}/"
        moment = self.target.now().astimezone(UTC)
        self._aside = f"{self._root}deleted/{moment:%Y-%m-%dT%H-%M-%SZ}/{self.source.name}/"

    def update(self, folder: str, *, verify: bool, accept_deletions: bool) -> Iterator[str]:
        """Copy what is new or changed below `folder`, set aside what is gone; each key in turn.

        `verify` reads all other copies back. What goes wrong with an object is a failure of the
        report. Raises `BackupError` if so much is gone that it may be a mistake.
        """
        originals = {item["Key"]: item for item in self.source.list(folder)}
        copies = self._listed(self._current, folder)
        for key, item in originals.items():
            yield key
            try:
                self._update(key, item, copies.get(key), verify=verify)
            except BackupError as error:
                self.report.failures.append((key, str(error)))
        gone = sorted(copies.keys() - originals.keys())
        if may_be_mistake(len(gone), len(copies)) and not accept_deletions:
            raise BackupError(
                f"{len(gone)} of {len(copies)} objects are gone from {self.source.name}/{folder}. "
                "Their copies stay where they are: put them back with --restore, or say "
                "--accept-deletions if they were meant to be deleted."
            )
        not_kept = forgotten(gone)
        for key in gone:
            yield key
            if key not in not_kept:
                self._set_aside(key)
            self.target.delete(self._current + key)

    def expire(self) -> None:
        """Delete what was set aside more than `DELETED_OBJECTS_DAYS` ago, or is named no more."""
        limit = self.target.now() - timedelta(days=settings.DELETED_OBJECTS_DAYS)
        place = f"{self._root}deleted/"
        items = list(self.target.list(place))
        # <moment>/<bucket>/<key>
        keys = [item["Key"].removeprefix(place).split("/", 2)[-1] for item in items]
        not_kept = forgotten(keys)
        for item, key in zip(items, keys, strict=True):
            if item["LastModified"] < limit or key in not_kept:
                self.target.delete(item["Key"])
                self.report.expired += 1

    def put_back(self, folder: str, moment: str) -> Iterator[str]:
        """Copy back what the bucket lacks below `folder`: of now, or what was set aside `moment`.

        Nothing that is there is replaced, and a film that needs a row and has none is left out: it
        was erased. Each copy is checked before; each key in turn. Raises `BackupError` if the
        database does not say.
        """
        place = f"{self._root}deleted/{moment}/{self.source.name}/" if moment else self._current
        present = {item["Key"] for item in self.source.list(folder)}
        copies = self._listed(place, folder)
        left_out = unnamed(copies.keys() - present)
        for key, item in copies.items():
            yield key
            if key in present:
                self.report.unchanged += 1
                continue
            if key in left_out:
                self.report.left_out.append(key)
                continue
            try:
                check_copy(self.target, item["Key"])
                copy_object(self.target, item["Key"], self.source, key)
                self.report.copied += 1
            except BackupError as error:
                self.report.failures.append((key, str(error)))

    def _listed(self, place: str, folder: str) -> Listing:
        return {item["Key"].removeprefix(place): item for item in self.target.list(place + folder)}

    def _update(
        self, key: str, item: dict[str, Any], copy: dict[str, Any] | None, *, verify: bool
    ) -> None:
        if copy is None:
            self._copy(key)
        elif not is_copy(item, copy, self.target):
            damaged = was_made_of(item, copy, self.target)
            self._set_aside(key)
            self._copy(key)
            if damaged:
                raise DamagedError("Its copy had changed by itself, and was made anew.")
        else:
            self.report.unchanged += 1
            if verify:
                self._verify(key)

    def _copy(self, key: str) -> None:
        copy_object(self.source, key, self.target, self._current + key)
        self.report.copied += 1

    def _verify(self, key: str) -> None:
        try:
            check_copy(self.target, self._current + key)
        except DamagedError:
            self._copy(key)
            raise DamagedError("Its copy was damaged, and was made anew.") from None

    def _set_aside(self, key: str) -> None:
        """Keep the copy that is about to go, except a patient's film's."""
        if not _is_patients(key):
            self.target.copy(self._current + key, self._aside + key)
            self.report.set_aside += 1


def _is_patients(key: str) -> bool:
    try:
        refuse_patient_key(key)
    except PatientKeyError:
        return True
    return False
