"""Seeding: from named files to references with vectors, safe to interrupt and to repeat."""

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Final

from django.core.files.storage import default_storage
from django.db import DataError, IntegrityError
from django.db.models import Q

from implants.ahead import batches, decoding, work_ahead
from implants.catalogue import Film, add_film, describe_encoding_error, replace_film, store_copy
from implants.embedding import (
    BATCH,
    LASTING,
    PASSING,
    Encoded,
    embed_for_search,
    encode_film,
    encode_reference,
    for_many,
)
from implants.encoders.active import ActiveEncoder, active
from implants.models import Implant, ReferenceImage
from implants.radiograph import MAX_BYTES, RadiographError, open_radiograph
from implants.seeding.directory import Directory
from implants.seeding.names import Convention, Named, NameProblemError, read_name
from implants.seeding.sources import Source, SourceFile
from implants.seeding.summary import Outcome, Summary
from implants.seeding.systems import implant_called, take_over
from implants.vectors import Part, known_vectors, part_of

_FEW: Final = 4
"""Asked for together: more would keep the encoder waiting for the last of them."""
NO_MANUFACTURER: Final = "—"
# A store's clock and ours may differ; within the difference a file is read again to be sure.
_CLOCKS_DIFFER: Final = timedelta(minutes=5)
# What befalls one file and leaves the next ones alone.
_FILE_ERRORS: Final = (
    NameProblemError,
    RadiographError,
    DataError,
    IntegrityError,
    *PASSING,
)


@dataclass
class _Plan:
    """A file on its way: what is known of it, and what was made of it so far."""

    file: SourceFile
    named: Named | None = None
    known: ReferenceImage | None = None
    """The reference of this file: by its key, or because it is stored in that very place."""
    error: Exception | None = None
    film: Film | None = None
    """None if there was no reason to read it, or its content is known."""
    implant: Implant | None = None
    encoder: ActiveEncoder | None = None
    """None if the vector is known, or nothing is to be written."""
    encoded: Encoded | Exception | None = None

    @property
    def sha256(self) -> str:
        """Of the bytes as far as they are known; empty if they aren't."""
        if self.film:
            return self.film.radiograph.sha256
        return self.known.sha256 if self.known else ""

    @property
    def part(self) -> Part:
        """What is to be encoded."""
        return part_of(self.sha256, self.known.region if self.known else None)


class Seeder:
    """One run over a source. Each file is committed by itself, vectors in batches.

    Other threads read and decode the next files and store copies of the last ones meanwhile. An
    interrupted run is resumed by the next one: what is there is known by source key and content,
    and gets its vector if it lacks it.
    """

    def __init__(
        self, source: Source, convention: Convention, encoder: ActiveEncoder | None
    ) -> None:
        """Without an encoder nothing is written: a dry run, which reads and judges every file."""
        self.summary = Summary()
        self._convention = convention
        self._encoder = encoder and for_many(encoder)
        self._known = Directory()
        # The source's own folder counts if it is a manufacturer's: data/straumann, not data/films.
        own = self._known.manufacturer_of_folder(source.name)
        self._root = PurePosixPath(source.name if own else "")
        self._implants: dict[tuple[str, str], Implant] = {}
        self._without_vector: dict[int, tuple[ReferenceImage, Encoded | Exception | None]] = {}
        self._added: list[ReferenceImage] = []
        self._judged: set[tuple[str, str, str]] = set()

    def seed(self, files: Iterable[SourceFile]) -> Iterator[SourceFile]:
        """Bring files into the catalogue, in their order; gives each when it is taken.

        What goes wrong with a file is counted, with the reason. Raises `EncoderUnavailable`.
        """
        read = work_ahead(self._plans(files), _read_film)
        for plan, made in work_ahead(self._placed(read), _make):
            self._take(plan, made.exception())
            if len(self._without_vector) >= BATCH:
                self._embed()
            yield plan.file
        self._embed()

    def _plans(self, files: Iterable[SourceFile]) -> Iterator[_Plan]:
        """What the names say, and which files are known: one query for many of them."""
        for batch in batches(files, BATCH):
            plans = [self._plan(file) for file in batch]
            _find([plan for plan in plans if plan.named])
            yield from plans

    def _plan(self, file: SourceFile) -> _Plan:
        plan = _Plan(file)
        try:
            plan.named = read_name(self._root / file.path, self._convention, self._known)
        except NameProblemError as error:
            plan.error = error
        return plan

    def _placed(self, read: Iterable[tuple[_Plan, "Future[None]"]]) -> Iterator[_Plan]:
        """What is to be done with films that were read: whose they are, and whether to encode."""
        for batch in batches(read, _FEW):
            for plan, done in batch:
                self._place(plan, done)
            plans = [plan for plan, _ in batch]
            if self._encoder is not None:
                self._choose_encoder(self._encoder, [plan for plan in plans if plan.sha256])
            yield from plans

    def _place(self, plan: _Plan, done: "Future[None]") -> None:
        try:
            done.result()
            if plan.film and plan.named and self._encoder:
                plan.implant = plan.known.implant if plan.known else self._implant(plan.named)
        except _FILE_ERRORS as error:
            plan.error = error

    def _choose_encoder(self, encoder: ActiveEncoder, plans: list[_Plan]) -> None:
        """The encoder that answers now, for those whose vectors are not known."""
        answering = active()
        if answering.encoder_id != encoder.encoder_id:
            self._encoder = encoder = for_many(answering)
        known = known_vectors([plan.part for plan in plans], encoder)
        for plan in plans:
            plan.encoder = None if plan.part in known else encoder

    def _implant(self, named: Named) -> Implant:
        name = named.manufacturer, named.line
        if name not in self._implants:
            self._implants[name] = implant_called(*name, self._known)
        return self._implants[name]

    def _take(self, plan: _Plan, not_stored: BaseException | None) -> None:
        manufacturer = plan.named.manufacturer if plan.named else NO_MANUFACTURER
        try:
            if error := plan.error or not_stored:
                raise error
            outcome = self._outcome(plan, plan.named) if plan.named else Outcome.SKIPPED
        except _FILE_ERRORS as error:
            self.summary.fail(manufacturer, plan.file.key, str(error))
        else:
            self.summary.count(manufacturer, outcome)

    def _outcome(self, plan: _Plan, named: Named) -> Outcome:
        if plan.film is None:
            return self._keep(plan)
        if plan.implant is None:
            return self._judge(plan.known, named, plan.film)
        if plan.known is None:
            return self._add(plan.implant, plan.film, plan)
        if plan.known.sha256 == plan.sha256:
            return self._give_back(plan.known, plan.film, plan)
        replace_film(plan.known, plan.film)
        self._without_vector[plan.known.pk] = plan.known, plan.encoded
        return Outcome.UPDATED

    def _keep(self, plan: _Plan) -> Outcome:
        if plan.known and self._encoder:
            self._without_vector[plan.known.pk] = plan.known, plan.encoded
        return Outcome.KNOWN

    def _add(self, implant: Implant, film: Film, plan: _Plan) -> Outcome:
        reference, created = add_film(implant, film, source_key=plan.file.key)
        if not reference.is_demo:
            take_over(implant)
        self._without_vector[reference.pk] = reference, plan.encoded
        if created:
            self._added.append(reference)
        return Outcome.ADDED if created else Outcome.KNOWN

    def _give_back(self, known: ReferenceImage, film: Film, plan: _Plan) -> Outcome:
        """The reference had lost its file."""
        reference, _ = add_film(known.implant, film, source_key=plan.file.key)
        self._without_vector[reference.pk] = reference, plan.encoded
        return Outcome.UPDATED

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

    def _tell_doubles(self) -> None:
        """A file that was renamed to another implant is a new film: the old row still answers."""
        added, self._added = self._added, []
        films = {one.sha256 for one in added}
        same = ReferenceImage.objects.filter(sha256__in=films).order_by("pk")
        there = list(same.select_related("implant__manufacturer"))
        for one in added:
            for other in there:
                if other.sha256 == one.sha256 and other.pk < one.pk:
                    doubt = f"the same film stands for {other.implant} too (reference {other.pk})"
                    self.summary.doubts.append((one.source_key, doubt))

    def _embed(self) -> None:
        """Make the vectors that are still to be made."""
        self._tell_doubles()
        batch, self._without_vector = self._without_vector, {}
        if not batch:
            return
        references = [reference for reference, _ in batch.values()]
        encoded = {pk: ready for pk, (_, ready) in batch.items() if ready}
        try:
            failed = embed_for_search(references, encoded)
        except PASSING as error:
            failed, reasons = references, [str(error)] * len(references)
        else:
            reasons = [describe_encoding_error(reference.encoding_error) for reference in failed]
        for reference, reason in zip(failed, reasons, strict=True):
            manufacturer = reference.implant.manufacturer.name
            self.summary.fail(manufacturer, reference.source_key, reason)


def _read_film(plan: _Plan) -> None:
    """Read and decode what is not known, or lost. Runs in another thread: no database."""
    if plan.error or plan.named is None:
        return
    there = plan.known if plan.known and not _is_lost(plan.known, plan.file) else None
    if there and _is_unchanged(plan.file, there):
        return
    data = _read(plan.file)
    if there and there.sha256 == hashlib.sha256(data).hexdigest():
        return
    with decoding:
        radiograph = open_radiograph(data)
    diameter, length = plan.named.diameter_mm, plan.named.length_mm
    plan.film = Film(radiograph, plan.file.stored_at, None, diameter, length)


def _make(plan: _Plan) -> None:
    """Store a copy of a new film, and encode it. Runs in another thread: no database."""
    if plan.film and plan.implant and not plan.film.stored_at:
        name = store_copy(plan.implant.pk, plan.film.radiograph)
        plan.film = replace(plan.film, stored_at=name)
    if plan.encoder and not plan.error:
        plan.encoded = _encoded(plan, plan.encoder)


def _encoded(plan: _Plan, encoder: ActiveEncoder) -> Encoded | Exception | None:
    try:
        if plan.film is None:
            return encode_reference(plan.known, encoder) if plan.known else None
        return encode_film(plan.film.radiograph, None, encoder)
    except LASTING as error:
        return error


def _find(plans: list[_Plan]) -> None:
    """The references of these files: by their keys, or because they are stored in those places."""
    keys = [plan.file.key for plan in plans]
    places = [plan.file.stored_at for plan in plans if plan.file.stored_at]
    references = ReferenceImage.objects.select_related("implant__manufacturer")
    found = references.filter(Q(source_key__in=keys) | Q(image__in=places)).order_by("-pk")
    by_key = {reference.source_key: reference for reference in found}
    by_place = {str(reference.image.name): reference for reference in found}
    for plan in plans:
        either = by_key.get(plan.file.key), by_place.get(plan.file.stored_at)
        plan.known = min(filter(None, either), key=lambda one: one.pk, default=None)


def _is_lost(known: ReferenceImage, file: SourceFile) -> bool:
    """Whether our copy is gone; what lies in its place in our storage was just listed."""
    name = str(known.image.name)
    return name != file.stored_at and not default_storage.exists(name)


def _is_unchanged(file: SourceFile, known: ReferenceImage) -> bool:
    return file.changed_at is not None and file.changed_at + _CLOCKS_DIFFER < known.created_at


def _read(file: SourceFile) -> bytes:
    if file.size > MAX_BYTES:
        raise RadiographError("too_large")
    return file.read()
