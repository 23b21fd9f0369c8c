"""The vectors of a large catalogue along their encoder's principal axes alone.

128 numbers in half precision are an eighth of what 512 in full take, and all of them are looked at
sooner than an index finds its way: where vectors spread along many directions, HNSW has to visit a
quarter of them, and each visit costs as much as looking at ten that lie beside each other. Which
128: along those axes in which the vectors are longest (principal component analysis, not centred,
since similarity is not either). The nearest are compared again in full (`implants.search`); how
many of them, and whether these are enough at all, is measured (`implants.depth`).

A row that is wrong or missing there would be a reference that is not found, and nobody would know.
So the database itself keeps `reduced_vectors`: a trigger reduces each row that is written to
`reference_vectors`, by whichever code, in the same transaction. They are searched only after all
vectors were seen to be reduced (`keep_depth`), and as long as the trigger is there. Not seen would
be what TRUNCATE does, a session as a replica's (`session_replication_role`), and a transaction that
repeats its reads from before the axes were there; nobody does any of that here.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
from django.db import OperationalError, connection, transaction
from numpy.typing import NDArray

from implants.leave_one_out import CatalogueVectors
from implants.models import AXES, PrincipalAxis, Reduction
from raiox.common import runs

logger = logging.getLogger(__name__)

GROWN: Final = 2
"""When a catalogue is so many times as large as it was, its axes may be learned again."""
_BATCH: Final = 500
_BLOCK: Final = 10_000
_LOCK: Final = 0x72656475  # "redu": a number for PostgreSQL's advisory locks
_LOCK_TIMEOUT: Final = "5s"
_IN_USE: Final = ("55P03", "40P01")
"""PostgreSQL's codes for a lock that was not to be had in time, and for a deadlock."""

# The encoder first, as whoever changes or removes one locks it. Until the axes are committed nobody
# writes vectors: a trigger that does not see them yet would reduce nothing, and a transaction that
# is under way would bring its vectors unseen.
_LOCK_VECTORS: Final = f"""
SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}';
SELECT FROM encoders WHERE id = %(encoder_id)s FOR KEY SHARE;
LOCK TABLE reference_vectors IN SHARE ROW EXCLUSIVE MODE
"""
TRIGGER: Final = """
CREATE OR REPLACE TRIGGER reduce_reference_vector
AFTER INSERT OR DELETE OR UPDATE OF reference_id, encoder_id, embedding ON reference_vectors
FOR EACH ROW EXECUTE FUNCTION reduce_reference_vector()
"""
IS_KEPT: Final = """
EXISTS (SELECT FROM pg_trigger WHERE tgrelid = 'reference_vectors'::regclass
    AND tgname = 'reduce_reference_vector' AND tgenabled = 'O')
"""
"""Whether the trigger is there, in SQL."""
# A vector that is locked is not removed meanwhile; one that is changed is reduced by the trigger.
_FILL: Final = """
INSERT INTO reduced_vectors (reference_id, encoder_id, reduced)
SELECT reference_id, encoder_id, reduced_vector(encoder_id, embedding) FROM (
    SELECT v.reference_id, v.encoder_id, v.embedding FROM reference_vectors v
    WHERE v.encoder_id = %(encoder_id)s
      AND v.reference_id > %(after)s AND v.reference_id <= %(last)s
      AND NOT EXISTS (
          SELECT FROM reduced_vectors d
          WHERE d.reference_id = v.reference_id AND d.encoder_id = v.encoder_id
      )
    ORDER BY v.reference_id
    FOR KEY SHARE OF v
) AS lacking
ON CONFLICT DO NOTHING
"""
_NEXT: Final = """
SELECT max(reference_id) FROM (
    SELECT reference_id FROM reference_vectors
    WHERE encoder_id = %(encoder_id)s AND reference_id > %(after)s
    ORDER BY reference_id LIMIT %(batch)s
) AS batch
"""
_KEEP: Final = """
UPDATE reductions SET depth = %(depth)s, measured_from = %(measured_from)s
WHERE encoder_id = %(encoder_id)s AND NOT EXISTS (
    SELECT FROM reference_vectors v WHERE v.encoder_id = %(encoder_id)s AND NOT EXISTS (
        SELECT FROM reduced_vectors d
        WHERE d.reference_id = v.reference_id AND d.encoder_id = v.encoder_id
    )
)
"""

Floats = NDArray[np.float32]


def principal_axes(catalogue: CatalogueVectors) -> Floats:
    """The directions in which the vectors are longest, longest first: (128, 512), of length 1.

    Each implant counts as much as any other, however many films it has.
    """
    _, owner, sizes = np.unique(catalogue.implant_ids, return_inverse=True, return_counts=True)
    weights = 1 / np.sqrt(sizes[owner])
    count = catalogue.vectors.shape[1]
    moment = np.zeros((count, count))
    for start in range(0, len(weights), _BLOCK):
        part = slice(start, start + _BLOCK)
        weighted = catalogue.vectors[part] * weights[part, None]
        moment += weighted.T @ weighted
    _, directions = np.linalg.eigh(moment)
    axes: Floats = directions[:, ::-1][:, :AXES].T.astype(np.float32)
    return axes


@contextmanager
def alone() -> Iterator[bool]:
    """Whether no other process learns axes or measures meanwhile: not even one that is frozen."""
    is_alone = _value("SELECT pg_try_advisory_lock(%(lock)s)", {"lock": _LOCK})
    if not is_alone:
        logger.info("another process reduces vectors")
    try:
        yield bool(is_alone)
    finally:
        if is_alone and connection.is_usable():
            _value("SELECT pg_advisory_unlock(%(lock)s)", {"lock": _LOCK})


def is_kept() -> bool:
    """Whether the database keeps reduced vectors true: whether the trigger is there."""
    return bool(_value(f"SELECT {IS_KEPT}", {}))


def reduce_vectors(encoder_id: int, catalogue: CatalogueVectors, *, anew: bool = False) -> bool:
    """Reduce all the encoder's vectors; its axes are learned if there are none, or if `anew`.

    False: not now, the encoder or its vectors are being written all the time. To be called `alone`.
    Takes 20 s for 100,000 vectors; what was done stays done when it is interrupted.
    """
    if anew or not is_kept() or not Reduction.objects.filter(pk=encoder_id).exists():
        axes = principal_axes(catalogue)
        if not _keep_axes(encoder_id, axes, len(catalogue.vectors)):
            return False
    _fill(encoder_id)
    _run("ANALYZE reduced_vectors")
    return True


@transaction.atomic
def keep_depth(encoder_id: int, depth: int | None, measured_from: int = 0) -> bool:
    """From now on reduced vectors are searched, so deeply; or not, if `depth` is None.

    Nor if a vector is not reduced, which can't be: then False.
    """
    runs.hold()
    facts = {"encoder_id": encoder_id, "depth": depth, "measured_from": measured_from}
    if depth is not None and _run(_KEEP, facts):
        return True
    Reduction.objects.filter(pk=encoder_id).update(depth=None, measured_from=0)
    if depth is not None:
        logger.warning("not all vectors are reduced", extra={"encoder_id": encoder_id})
    return depth is None


def has_grown(encoder_id: int, count: int) -> bool:
    """Whether there are so many vectors more that other axes may suit better."""
    return Reduction.objects.filter(pk=encoder_id, learned_from__lte=count // GROWN).exists()


def _keep_axes(encoder_id: int, axes: Floats, learned_from: int) -> bool:
    try:
        with transaction.atomic():
            runs.hold()
            _run(_LOCK_VECTORS, {"encoder_id": encoder_id})
            if not is_kept():
                _begin_anew()
            _run("DELETE FROM reduced_vectors WHERE encoder_id = %(id)s", {"id": encoder_id})
            Reduction.objects.filter(pk=encoder_id).delete()
            reduction = Reduction.objects.create(pk=encoder_id, learned_from=learned_from)
            PrincipalAxis.objects.bulk_create(
                PrincipalAxis(reduction=reduction, number=number, direction=axis)
                for number, axis in enumerate(axes)
            )
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") not in _IN_USE:
            raise
        logger.info("vectors are being written: the axes wait", extra={"encoder_id": encoder_id})
        return False
    return True


def _begin_anew() -> None:
    """The trigger is gone, or was switched off: an older release's `partition_vectors` knows none.

    What was written since then is not reduced, whichever encoder's it is.
    """
    _run(TRIGGER)
    _run("DELETE FROM reduced_vectors")
    Reduction.objects.all().delete()


def _fill(encoder_id: int) -> None:
    after = 0
    while True:
        batch = {"encoder_id": encoder_id, "after": after, "batch": _BATCH}
        last = _value(_NEXT, batch)
        if last is None:
            return
        with transaction.atomic():
            runs.hold()
            _run(_FILL, {**batch, "last": last})
        after = last


def _run(statement: str, parameters: dict[str, Any] | None = None) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)


def _value(statement: str, parameters: dict[str, Any]) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchone()[0]
