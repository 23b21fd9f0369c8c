"""Which encoder answers: registering bundles as rows, and changing the active one."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from django.conf import settings
from django.db import transaction
from PIL import Image

from implants.catalogue import defer_embedding, without_vector
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
from implants.models import Encoder

_TRIAL_SIDE = 96


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


def activate(folder: Path) -> Activation:
    """Make the bundle in `folder` the one that answers; asks for the vectors that it lacks.

    Raises `EncoderUnavailable` for a bundle that can't be loaded; nothing has changed then.
    """
    bundle = load_bundle(folder)
    bundle.check_graph()
    _try_out(bundle)
    with transaction.atomic():
        encoder = _register(bundle)
        Encoder.objects.filter(is_active=True).exclude(pk=encoder.pk).update(is_active=False)
        Encoder.objects.filter(pk=encoder.pk).update(is_active=True)
        encoder.is_active = True
        waiting = list(without_vector(encoder.pk).values_list("pk", flat=True))
        defer_embedding(waiting)
    active.forget()
    return Activation(encoder, len(waiting))


def activate_bundled_if_none() -> Activation | None:
    """Activate the bundled encoder if none is active, or if it is and its content has changed.

    None: the active encoder stays as it is.
    """
    current = Encoder.objects.filter(is_active=True).first()
    if current is None:
        return activate(BUNDLED)
    if current.path != _stored_path(BUNDLED) or current.version == version_of(load_bundle(BUNDLED)):
        return None
    return activate(BUNDLED)


def _try_out(bundle: EncoderBundle) -> None:
    """One image through the encoder; raises `EncoderUnavailable` if that gives no vector."""
    gradient = np.add.outer(np.arange(_TRIAL_SIDE), np.arange(_TRIAL_SIDE)).astype(np.uint8)
    try:
        EncoderSession(bundle).encode(Image.fromarray(gradient))
    except EncodingError as error:
        raise EncoderUnavailable(f"The encoder “{bundle.name}” gives no vectors.") from error


def _register(bundle: EncoderBundle) -> Encoder:
    """The row of this bundle. Another content under a known name is another encoder."""
    version, path = version_of(bundle), _stored_path(bundle.path)
    known = Encoder.objects.select_for_update().filter(name=bundle.name).first()
    if known is not None and known.version != version:
        _retire(known)
        known = None
    if known is None:
        return Encoder.objects.create(name=bundle.name, path=path, version=version)
    Encoder.objects.filter(pk=known.pk).update(path=path)
    return known


def _retire(encoder: Encoder) -> None:
    """Its bundle is overwritten: the row stays for the searches that name it, without vectors."""
    encoder.vectors.all().delete()
    suffix = f" ({encoder.version}, #{encoder.pk})"
    encoder.name = encoder.name[: 100 - len(suffix)] + suffix
    encoder.is_active = False
    encoder.save(update_fields=["name", "is_active"])


def _stored_path(folder: Path) -> str:
    """Relative to the project where possible, so that a clone can be moved."""
    base = Path(settings.BASE_DIR).resolve()
    resolved = folder.resolve()
    return str(resolved.relative_to(base) if resolved.is_relative_to(base) else resolved)
