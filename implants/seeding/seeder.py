"""Seeding: from named files to references with vectors, safe to interrupt and to repeat."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError
from django.db import DataError, IntegrityError
from django.db.models import Q

from implants.catalogue import (
    Film,
    add_film,
    describe_encoding_error,
    embed,
    replace_film,
    without_vector,
)
from implants.encoders.active import ActiveEncoder
from implants.models import ReferenceImage
from implants.radiograph import MAX_BYTES, Radiograph, RadiographError, open_radiograph
from implants.seeding.directory import Directory
from implants.seeding.names import Convention, Named, NameProblemError, read_name
from implants.seeding.sources import Source, SourceFile
from implants.seeding.systems import implant_called, take_over

BATCH: Final = 16
NO_MANUFACTURER: Final = "—"
# A store's clock and ours may differ; within the difference a file is read again to be sure.
_CLOCKS_DIFFER: Final = timedelta(minutes=5)
_STORAGE_ERRORS: Final = (OSError, BotoCoreError, ClientError)
# What befalls one file and leaves the next ones alone.
_FILE_ERRORS: Final = (
    NameProblemError,
    RadiographError,
    DataError,
    IntegrityError,
    *_STORAGE_ERRORS,
)


class Outcome(StrEnum):
    """What became of a file."""

    ADDED = "added"
    UPDATED = "updated"
    KNOWN = "known"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass
class Summary:
    """Counts of outcomes by manufacturer, and why files failed."""

    counts: dict[str, Counter[Outcome]] = field(default_factory=dict)
    failures: list[tuple[str, str]] = field(default_factory=list)

    def count(self, manufacturer: str, outcome: Outcome) -> None:
        """Count one file."""
        self.counts.setdefault(manufacturer, Counter())[outcome] += 1

    def fail(self, manufacturer: str, key: str, reason: str) -> None:
        """Count one file that failed, and say why."""
        self.count(manufacturer, Outcome.FAILED)
        self.failures.append((key, reason))

    def total(self, outcome: Outcome) -> int:
        """How many files came out so."""
        return sum(counter[outcome] for counter in self.counts.values())


class Seeder:
    """One run over a source. Each file is committed by itself, vectors in batches.

    An interrupted run is resumed by the next one: what is there is known by source key and
    content, and gets its vector if it lacks it.
    """

    def __init__(
        self, source: Source, convention: Convention, encoder: ActiveEncoder | None
    ) -> None:
        """Without an encoder nothing is written: a dry run, which reads and judges every file."""
        self.summary = Summary()
        self._convention = convention
        self._encoder = encoder
        self._known = Directory()
        # The source's own folder counts if it is a manufacturer's: data/straumann, not data/films.
        own = self._known.manufacturer_of_folder(source.name)
        self._root = PurePosixPath(source.name if own else "")
        self._without_vector: dict[int, tuple[ReferenceImage, Radiograph | None]] = {}
        self._judged: set[tuple[str, str, str]] = set()

    def take(self, file: SourceFile) -> None:
        """Bring one file into the catalogue; what goes wrong is counted, with the reason."""
        manufacturer = NO_MANUFACTURER
        try:
            named = read_name(self._root / file.path, self._convention, self._known)
            manufacturer = named.manufacturer if named else NO_MANUFACTURER
            outcome = self._take_named(file, named) if named else Outcome.SKIPPED
        except _FILE_ERRORS as error:
            self.summary.fail(manufacturer, file.key, str(error))
        else:
            self.summary.count(manufacturer, outcome)
        if len(self._without_vector) >= BATCH:
            self.finish()

    def finish(self) -> None:
        """Make the vectors that are still to be made."""
        if self._encoder is None:
            return
        batch, self._without_vector = self._without_vector, {}
        lacking = without_vector(self._encoder.encoder_id).filter(pk__in=batch)
        references = [batch[pk][0] for pk in lacking.values_list("pk", flat=True)]
        films = {pk: film for pk, (_, film) in batch.items() if film is not None}
        try:
            failed = embed(references, self._encoder, films)
        except _STORAGE_ERRORS as error:
            failed = references
            reasons = [str(error)] * len(failed)
        else:
            reasons = [describe_encoding_error(reference.encoding_error) for reference in failed]
        for reference, reason in zip(failed, reasons, strict=True):
            manufacturer = reference.implant.manufacturer.name
            self.summary.fail(manufacturer, reference.source_key, reason)

    def _take_named(self, file: SourceFile, named: Named) -> Outcome:
        known = _find(file)
        if known is not None and _is_unchanged(file, known):
            return self._keep(known)
        data = _read(file)
        if known is not None and known.sha256 == hashlib.sha256(data).hexdigest():
            return self._keep(known)
        film = Film(
            open_radiograph(data),
            file.stored_at,
            diameter_mm=named.diameter_mm,
            length_mm=named.length_mm,
        )
        if self._encoder is None:
            return self._judge(known, named, film)
        return self._update(known, film) if known else self._add(file, named, film)

    def _keep(self, known: ReferenceImage) -> Outcome:
        self._without_vector[known.pk] = known, None
        return Outcome.KNOWN

    def _update(self, known: ReferenceImage, film: Film) -> Outcome:
        replace_film(known, film)
        self._without_vector[known.pk] = known, film.radiograph
        return Outcome.UPDATED

    def _add(self, file: SourceFile, named: Named, film: Film) -> Outcome:
        implant = implant_called(named.manufacturer, named.line, self._known)
        added = add_film(implant, film, source_key=file.key)
        if not added.reference.is_demo:
            take_over(implant)
        self._without_vector[added.reference.pk] = added.reference, film.radiograph
        return Outcome.ADDED if added.created else Outcome.KNOWN

    def _judge(self, known: ReferenceImage | None, named: Named, film: Film) -> Outcome:
        """What would become of the file, without writing anything."""
        if known is not None:
            return Outcome.UPDATED
        mark = named.manufacturer, named.line, film.radiograph.sha256
        there = ReferenceImage.objects.filter(
            implant__manufacturer__name=mark[0], implant__name=mark[1], sha256=mark[2]
        )
        if mark in self._judged or there.exists():
            return Outcome.KNOWN
        self._judged.add(mark)
        return Outcome.ADDED


def _find(file: SourceFile) -> ReferenceImage | None:
    """The reference of this file: by its key, or because it is stored in that very place."""
    same = Q(source_key=file.key)
    if file.stored_at:
        same |= Q(image=file.stored_at)
    references = ReferenceImage.objects.select_related("implant__manufacturer")
    return references.filter(same).order_by("pk").first()


def _is_unchanged(file: SourceFile, known: ReferenceImage) -> bool:
    return file.changed_at is not None and file.changed_at + _CLOCKS_DIFFER < known.created_at


def _read(file: SourceFile) -> bytes:
    if file.size > MAX_BYTES:
        raise RadiographError("too_large")
    return file.read()
