"""The process that reads one file: bytes on stdin, a line of JSON and a PGM on stdout."""

import json
import math
import re
import resource
import signal
import sys
import time
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import BinaryIO, Final

from PIL import Image

from implants.formats import MAX_PIXELS, Unreadable
from implants.formats.colour import hue_variation

_READERS: Final = {
    **dict.fromkeys(("JPEG", "PNG", "WEBP", "TIFF"), "pictures"),
    "HEIC": "heic",
    "DICOM": "dicom",
    "PDF": "pdf",
}
_MEMORY: Final = 400 * 1024**2
"""On top of what the interpreter and the reader hold: below 500 MB together."""
_UNKNOWN_MAPPED: Final = 600 * 1024**2
_LARGEST_PIECE: Final = 4 * MAX_PIXELS
"""The most that a library asks for at once: one more copy of the largest film."""
_CPU_SECONDS: Final = 1.6
"""Below two with what the process that serves does for the same film."""


def main(kind: str, source: BinaryIO, target: BinaryIO) -> None:
    """Reads all of `source`; the answer is written in one go, complete or an error."""
    reader = import_module(f"implants.formats.{_READERS[kind]}")
    _limit()
    try:
        data = source.read()
        image, colour = _film(reader, data)
        pages = reader.pages(data) if hasattr(reader, "pages") else 1
        gray = image if image.mode == "I;16" else image.convert("L")
    except Unreadable as error:
        return _write(target, {"error": _blamed(error.code)})
    except MemoryError:
        return _write(target, {"error": "too_large"})
    _write(target, {"colour": colour, "pages": pages})
    gray.save(target, "PPM")
    return None


def _film(reader: ModuleType, data: bytes) -> tuple[Image.Image, float]:
    read: Image.Image | tuple[Image.Image, float] = reader.read(data)
    return read if isinstance(read, tuple) else (read, hue_variation(read))


def _write(target: BinaryIO, head: dict[str, object]) -> None:
    target.write(json.dumps(head).encode() + b"\n")


def _limit() -> None:
    """What a hostile file can make its reader take. No core file: it would hold the film.

    Set after the imports: where nothing is compiled yet, those alone take seconds.
    """
    memory = _mapped("VmSize") + _MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    seconds = math.ceil(time.process_time() + _CPU_SECONDS)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    signal.setitimer(signal.ITIMER_PROF, _CPU_SECONDS)  # the kernel's limit counts whole seconds
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _blamed(code: str) -> str:
    """Libraries tell of memory that they were refused in the same words as of damage.

    So what is `not_an_image` is `too_large` where one more large piece was not to be had.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    ran_short = limit != resource.RLIM_INFINITY and _mapped("VmPeak") > limit - _LARGEST_PIECE
    return "too_large" if code == "not_an_image" and ran_short else code


def _mapped(which: str) -> int:
    """Bytes of address space in use: libraries take far more of it than of memory."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return _UNKNOWN_MAPPED
    return int(re.findall(rf"{which}:\s+(\d+) kB", status)[0]) * 1024


if __name__ == "__main__":
    main(sys.argv[1], sys.stdin.buffer, sys.stdout.buffer)
