"""The encoder that answers now, as the `Encoder` rows say; a running process follows a change."""

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from django.conf import settings
from django.utils.translation import gettext as _

from implants.encoders.bundle import JSON_NAME, EncoderUnavailable, load_bundle, version_of
from implants.encoders.session import EncoderSession
from implants.models import Encoder

RECHECK_SECONDS: Final = 2.0


class EncoderReplaced(EncoderUnavailable):
    """Another encoder was activated while this one was asked; to be asked again."""


@dataclass(frozen=True, slots=True)
class ActiveEncoder:
    """An encoder at work: its row's id, name and version, and its session."""

    encoder_id: int
    name: str
    version: str
    session: EncoderSession


@dataclass(frozen=True, slots=True)
class _State:
    """What was found at `checked_at` (monotonic seconds), and by which marks it is known again."""

    checked_at: float
    marks: "_Marks"
    encoder: ActiveEncoder


class _Marks(NamedTuple):
    """By what an encoder is known again without loading it."""

    encoder_id: int
    name: str
    path: str
    version: str
    changed: int


_lock = threading.Lock()
_state: _State | None = None


def active() -> ActiveEncoder:
    """The active encoder, one session for the whole process.

    The row and the bundle's file are looked at again when two seconds have passed. Raises
    `EncoderUnavailable` when no row is active or its bundle is gone or broken.
    """
    global _state
    with _lock:
        now = time.monotonic()
        if _state is None or now - _state.checked_at >= RECHECK_SECONDS:
            _state = _check(_state, now)
        return _state.encoder


def forget() -> None:
    """Makes the next `active()` look again at once, as after activating another encoder."""
    global _state
    with _lock:
        _state = None


def still_active(encoder: ActiveEncoder) -> bool:
    """Whether it is the one that answers at this moment, as the database says."""
    return Encoder.objects.filter(pk=encoder.encoder_id, is_active=True).exists()


def open_encoder(row: Encoder) -> ActiveEncoder:
    """A session of its own for any row's encoder; raises `EncoderUnavailable`."""
    return _open(row.pk, row.name, row.path, row.version)


def bundle_path(stored: str) -> Path:
    """The folder an `Encoder` row names, relative to the project unless absolute."""
    return Path(settings.BASE_DIR) / stored


def _check(before: _State | None, now: float) -> _State:
    marks = _marks()
    if before is not None and before.marks == marks:
        return _State(now, marks, before.encoder)
    # The session before is let go here, and the graph of this one is loaded when it is asked.
    return _State(now, marks, _open(marks.encoder_id, marks.name, marks.path, marks.version))


def _open(encoder_id: int, name: str, path: str, version: str) -> ActiveEncoder:
    bundle = load_bundle(bundle_path(path))
    if version_of(bundle) != version:
        # The catalogue's vectors are another encoder's: comparing them would be guessing.
        raise EncoderUnavailable(
            _("The bundle of “%(name)s” has changed: run “manage.py activate_encoder”.")
            % {"name": name}
        )
    session = EncoderSession(bundle, settings.ENCODER_THREADS)
    return ActiveEncoder(encoder_id, name, version, session)


def _marks() -> _Marks:
    active_row = Encoder.objects.filter(is_active=True)
    row = active_row.values_list("pk", "name", "path", "version").first()
    if row is None:
        raise EncoderUnavailable(_("No encoder is active: run “manage.py activate_encoder”."))
    description = bundle_path(row[2]) / JSON_NAME
    if not description.is_file():
        raise EncoderUnavailable(
            _("%(file)s is missing: export the encoder or activate another one.")
            % {"file": description}
        )
    return _Marks(*row, description.stat().st_mtime_ns)
