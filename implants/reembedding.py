"""The vectors of all references by another encoder, beside those of the one that answers."""

import time
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Final, NamedTuple

from django.db import transaction
from django.db.models import QuerySet

from implants.ahead import batches, work_ahead
from implants.catalogue import describe_encoding_error, without_vector
from implants.embedding import BATCH, LASTING, PASSING, Encoded, embed, encode_reference, for_many
from implants.encoders.active import RECHECK_SECONDS, open_encoder
from implants.models import Encoder, ReferenceImage, ReferenceVector
from implants.vectors import Part, part_of

_ROWS_AT_ONCE: Final = 200
PRUNE_PATIENCE_SECONDS: Final = 2 * RECHECK_SECONDS + 1
"""By then every process has followed a change, and a question asked before it is answered."""

_Read = tuple[ReferenceImage, "Future[Encoded]"]


class Failure(NamedTuple):
    """A reference that got no vector, and why."""

    reference: ReferenceImage
    reason: str


class Reembedding:
    """One run: makes what the encoder of `row` lacks, in batches that are committed each.

    Goes on until nothing is lacking, so that references which are added or changed meanwhile get
    their vectors too. An interrupted run is resumed by the next one. Raises `EncoderUnavailable`.
    """

    def __init__(self, row: Encoder) -> None:
        self._encoder = for_many(open_encoder(row))
        self._failed: dict[int, tuple[Part, Failure]] = {}

    @property
    def failures(self) -> list[Failure]:
        """Those that could not be encoded; a change of the film is tried again by `run`."""
        return [failure for _, failure in self._failed.values()]

    def lacking(self) -> list[int]:
        """The references that have no vector and have not failed as they are, by id."""
        rows = without_vector(self._encoder.encoder_id).order_by("pk")
        films = rows.values_list("pk", "sha256", "region")
        parts = {pk: part_of(sha256, region) for pk, sha256, region in films}
        gone = self._failed.keys() - parts.keys()
        self._failed = {pk: known for pk, known in self._failed.items() if pk not in gone}
        return [pk for pk, part in parts.items() if self._failed.get(pk, (None,))[0] != part]

    def run(self) -> Iterator[int]:
        """Make the vectors; gives after each batch the number of references that it took."""
        while ids := self.lacking():
            for batch in batches(work_ahead(_rows(ids), self._read), BATCH):
                yield self._embed(batch)

    def _read(self, reference: ReferenceImage) -> Encoded:
        return encode_reference(reference, self._encoder)

    def _embed(self, batch: list[_Read]) -> int:
        encoded: dict[int, Encoded | Exception] = {}
        for reference, done in batch:
            try:
                encoded[reference.pk] = done.result()
            except LASTING as error:
                encoded[reference.pk] = error
            except PASSING as error:
                self._fail(reference, str(error))
        readable = [reference for reference, _ in batch if reference.pk in encoded]
        for reference in embed(readable, self._encoder, encoded):
            self._fail(reference, describe_encoding_error(reference.encoding_error))
        return len(batch)

    def _fail(self, reference: ReferenceImage, reason: str) -> None:
        part = part_of(reference.sha256, reference.region)
        self._failed[reference.pk] = part, Failure(reference, reason)


def prune() -> dict[str, int]:
    """Remove the vectors of all encoders but the active one; how many of which, by name.

    Waits a few seconds first, for questions that were asked before the change. Rows of encoders
    stay: searches name them.
    """
    if not _idle().filter(vectors__isnull=False).exists():
        return {}
    time.sleep(PRUNE_PATIENCE_SECONDS)
    with transaction.atomic():
        idle = list(_idle().select_for_update().order_by("pk"))
        counts = {row.name: ReferenceVector.objects.filter(encoder=row).delete()[0] for row in idle}
    return {name: count for name, count in counts.items() if count}


def _idle() -> QuerySet[Encoder]:
    return Encoder.objects.filter(is_active=False)


def _rows(ids: list[int]) -> Iterator[ReferenceImage]:
    """The references, read shortly before they are needed: they may change meanwhile."""
    for start in range(0, len(ids), _ROWS_AT_ONCE):
        chunk = ids[start : start + _ROWS_AT_ONCE]
        yield from ReferenceImage.objects.filter(pk__in=chunk).order_by("pk")
