"""The process that reads one file: bytes on stdin, a line of JSON and a PGM on stdout."""

import json
import math
import resource
import sys
import time
from importlib import import_module
from typing import BinaryIO, Final

from implants.formats import Unreadable
from implants.formats.colour import hue_variation

_READERS: Final = {"HEIC": "heic", "DICOM": "dicom", "PDF": "pdf"}
_MEMORY: Final = 1024**3
_CPU_SECONDS: Final = 2


def main(kind: str, source: BinaryIO, target: BinaryIO) -> None:
    """Reads all of `source`; the answer is written in one go, complete or an error."""
    reader = import_module(f"implants.formats.{_READERS[kind]}")
    _limit()
    try:
        image = reader.read(source.read())
        head: dict[str, object] = {"colour": hue_variation(image)}
    except Unreadable as error:
        return _write(target, {"error": error.code})
    except MemoryError:
        return _write(target, {"error": "too_large"})
    _write(target, head)
    gray = image if image.mode == "I;16" else image.convert("L")
    gray.save(target, "PPM")
    return None


def _write(target: BinaryIO, head: dict[str, object]) -> None:
    target.write(json.dumps(head).encode() + b"\n")


def _limit() -> None:
    """What a hostile file can make its reader take. No core file: it would hold the film.

    Set after the imports: where nothing is compiled yet, those alone take seconds.
    """
    seconds = math.ceil(time.process_time()) + _CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


if __name__ == "__main__":
    main(sys.argv[1], sys.stdin.buffer, sys.stdout.buffer)
