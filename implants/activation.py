"""Which encoder answers: registering bundles as rows, and changing the active one.

Without downtime: `register` the new one, make its vectors beside the old one's
(`implants.reembedding`), then `switch`, which refuses while a reference would get lost.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from PIL import Image

from implants.catalogue import catalogue_changed, defer_embedding, without_vector
from implants.encoders import active
from implants.encoders.bundle import (
    BUNDLED,
    JSON_NAME,
    EncoderBundle,
    EncoderUnavailable,
    load_bundle,
    version_of,
)
from implants.encoders.session import EncoderSession, EncodingError
from implants.models import Encoder, ReferenceVector

_TRIAL_SIDE = 96


class IncompleteError(Exception):
    """References that are found now would not be found by the other encoder."""

    def __init__(self, encoder: Encoder, missing: int) -> None:
        super().__init__(f"{missing} references have no vector of {encoder.name} yet.")
        self.missing = missing


@dataclass(frozen=True, slots=True)
class Activation:
    """The encoder that is active now, and how many references wait for its vectors."""

    encoder: Encoder
    waiting: int


def find_bundle(name: str) -> Path:
    """The folder of a bundle, given by an encoder's name, a folder of var/encoders, or a path.

    Raises `EncoderUnavailable` if there is none.
    """
    row = Encoder.objects.filter(name=name).first()
    folders = [active.bundle_path(row.path)] if row else []
    folders += [Path(settings.VAR_DIR) / "encoders" / name, Path(name)]
    for folder in folders:
        if (folder / JSON_NAME).is_file():
            return folder.resolve()
    raise EncoderUnavailable(f"No encoder “{name}”: neither a known name nor a bundle's folder.")


def register(folder: Path) -> Encoder:
    """The row of the bundle in `folder`, which need not be active; tried out with one image.

    Raises `EncoderUnavailable` for a bundle that can't be loaded; nothing has changed then.
    """
    bundle = load_bundle(folder)
    bundle.check_graph()
    _try_out(bundle)
    with transaction.atomic():
        return _row_of(bundle)


def activate(folder: Path) -> Activation:
    """Make the bundle in `folder` the one that answers, at once.

    References without a vector of it are not found until the worker, which is asked, has made it.
    Raises as `register` does.
    """
    return switch(register(folder))


def switch(encoder: Encoder, *, complete: bool = False) -> Activation:
    """Make `encoder` the one that answers; asks the worker for the vectors that it lacks.

    With `complete` raises `IncompleteError`, and changes nothing, while it lacks a vector of a
    reference that is found now.
    """
    with transaction.atomic():
        done = _switch(encoder, complete=complete)
    active.forget()
    return done


def _switch(encoder: Encoder, *, complete: bool) -> Activation:
    # A vector's foreign key is checked when its transaction commits. With these rows locked that
    # waits for this one, and finds then that another encoder answers (`embed_for_search`).
    either = Encoder.objects.filter(Q(is_active=True) | Q(pk=encoder.pk))
    list(either.select_for_update().order_by("pk"))
    if complete and (missing := found_only_now(encoder)):
        raise IncompleteError(encoder, missing)
    Encoder.objects.filter(is_active=True).exclude(pk=encoder.pk).update(is_active=False)
    Encoder.objects.filter(pk=encoder.pk).update(is_active=True)
    encoder.is_active = True
    waiting = list(without_vector(encoder.pk).values_list("pk", flat=True))
    defer_embedding(waiting)
    catalogue_changed()
    return Activation(encoder, len(waiting))


def activate_bundled_if_none() -> Activation | None:
    """Activate the bundled encoder if none is active, or if it is and its content has changed.

    None: the active encoder stays as it is.
    """
    if bundled_has_changed() or not Encoder.objects.filter(is_active=True).exists():
        return activate(BUNDLED)
    return None


def bundled_has_changed() -> bool:
    """Whether the bundled encoder is the active one, but that of another release."""
    current = Encoder.objects.filter(is_active=True, path=_stored_path(BUNDLED)).first()
    return current is not None and current.version != version_of(load_bundle(BUNDLED))


def _try_out(bundle: EncoderBundle) -> None:
    """One image through the encoder; raises `EncoderUnavailable` if that gives no vector."""
    gradient = np.add.outer(np.arange(_TRIAL_SIDE), np.arange(_TRIAL_SIDE)).astype(np.uint8)
    try:
        EncoderSession(bundle).encode(Image.fromarray(gradient))
    except EncodingError as error:
        raise EncoderUnavailable(f"The encoder “{bundle.name}” gives no vectors.") from error


def found_only_now(encoder: Encoder) -> int:
    """How many references the active encoder has a vector of, and this one has not."""
    found = ReferenceVector.objects.filter(encoder__is_active=True).values("reference")
    return without_vector(encoder.pk).filter(pk__in=found).count()


def _row_of(bundle: EncoderBundle) -> Encoder:
    """The row of this bundle. Another content under a known name is another encoder.

    What comes back after another content, as the code of a release before does, has its row, its
    vectors and its calibration again: the version tells the content.
    """
    version, path = version_of(bundle), _stored_path(bundle.path)
    either = Encoder.objects.filter(Q(name=bundle.name) | Q(version=version))
    rows = list(either.select_for_update().order_by("is_active", "pk"))
    holder = next((row for row in rows if row.name == bundle.name), None)
    known = next((row for row in reversed(rows) if row.version == version), None)
    if holder is not None and holder != known:
        _rename(holder)
    if known is None:
        return Encoder.objects.create(name=bundle.name, path=path, version=version)
    known.name, known.path = bundle.name, path
    known.save(update_fields=["name", "path"])
    return known


def _rename(encoder: Encoder) -> None:
    """Its name goes to a newer bundle; row and vectors stay, and it answers if it is active."""
    suffix = f" ({encoder.version}, #{encoder.pk})"
    encoder.name = encoder.name[: 100 - len(suffix)] + suffix
    encoder.save(update_fields=["name"])


def _stored_path(folder: Path) -> str:
    """Relative to the project where possible, so that a clone can be moved."""
    base = Path(settings.BASE_DIR).resolve()
    resolved = folder.resolve()
    return str(resolved.relative_to(base) if resolved.is_relative_to(base) else resolved)
