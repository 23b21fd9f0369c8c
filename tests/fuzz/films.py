"""Files that nearly are films, and what must hold for each of them.

Each reader's process is forked here instead of started anew: a thousand a minute, with its real
bounds. So this runs in a program of its own (`python -m tests.fuzz film`), which has no threads.
"""

import io
import os
import subprocess
import time
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from PIL import Image
from pydicom.uid import RLELossless

from implants.demo.catalogue import CATALOGUE_VIEWS
from implants.demo.renderer import render_film
from implants.demo.systems import DEMO_SYSTEMS
from implants.formats import Busy, apart
from implants.formats.__main__ import main as read_one
from implants.radiograph import RadiographError, clean_copy, open_radiograph, reopen_copy
from tests.implants import foreign_films as foreign

SECONDS: Final = 2.3
"""Two for the work, the rest for the fork and the kernel's clock."""
MEGABYTES: Final = 500


@dataclass
class Worst:
    """The most that any input took; `outcomes` says how often each was met."""

    seconds: float = 0.0
    megabytes: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)


worst = Worst()


def take(data: bytes) -> str:
    """A file on its way into the catalogue; the outcome in a word. Anything not typed gets out."""
    started = time.process_time()
    try:
        radiograph = open_radiograph(data)
        copy = clean_copy(radiograph)
        assert reopen_copy(copy).image.tobytes() == radiograph.image.tobytes()
        outcome = radiograph.format
    except RadiographError as error:
        outcome = error.code
    except Busy:
        outcome = "busy"
    _count(time.process_time() - started, 0)
    worst.outcomes[outcome] = worst.outcomes.get(outcome, 0) + 1
    return outcome


def _count(seconds: float, megabytes: int) -> None:
    worst.seconds = max(worst.seconds, seconds)
    worst.megabytes = max(worst.megabytes, megabytes)
    assert seconds < SECONDS, f"{seconds:.2f} s"
    assert megabytes < MEGABYTES, f"{megabytes} MB"


def fork_reader(kind: str, data: bytes) -> subprocess.CompletedProcess[bytes]:
    """Stands for `apart._run`: the same program under the same bounds, without its start."""
    source, target = os.pipe()
    child = os.fork()
    if child == 0:
        _read_and_leave(kind, data, target)
    os.close(target)
    with os.fdopen(source, "rb") as stream:
        written = stream.read()
    _, status, used = os.wait4(child, 0)
    _count(used.ru_utime + used.ru_stime, used.ru_maxrss // 1024)
    return subprocess.CompletedProcess(kind, os.waitstatus_to_exitcode(status), written)


def _read_and_leave(kind: str, data: bytes, target: int) -> None:
    """In the child, which never returns: as an uncaught error ends the real program, so with 1."""
    code = 1
    try:
        with os.fdopen(target, "wb") as stream:
            read_one(kind, io.BytesIO(data), stream)
        code = 0
    finally:
        os._exit(code)


def fork_instead_of_starting() -> None:
    """For this process, from now on."""
    apart._run = fork_reader


def seeds() -> list[bytes]:
    """One small film in every form that is taken, and in a few that are not."""
    gray = Image.fromarray(render_film(DEMO_SYSTEMS[0], CATALOGUE_VIEWS[0]).image).resize((96, 80))
    deep = Image.fromarray(np.asarray(gray, np.uint16) * 257)
    exif = Image.Exif()
    exif[0x0112] = 6
    packed = foreign.dicom(np.asarray(gray))
    packed.compress(RLELossless)
    return [
        *(_encoded(gray, kind) for kind in ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP")),
        _encoded(gray, "JPEG", progressive=True, exif=exif),
        _encoded(gray.convert("CMYK"), "JPEG"),
        _encoded(gray, "MPO", save_all=True, append_images=[gray]),
        *(_encoded(gray.convert(mode), "PNG", exif=exif) for mode in ("P", "LA", "RGBA", "1")),
        _encoded(gray.convert("RGBA"), "WEBP", lossless=True, exif=exif),
        *(_encoded(deep, kind) for kind in ("PNG", "TIFF")),
        *(
            _encoded(gray, "TIFF", compression=packing)
            for packing in ("tiff_adobe_deflate", "tiff_lzw", "packbits", "jpeg")
        ),
        foreign.heic(gray),
        foreign.dicom_bytes(foreign.dicom(np.asarray(gray))),
        foreign.dicom_bytes(packed),
        foreign.pdf(gray),
    ]


def _encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
