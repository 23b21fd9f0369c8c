"""Files made to be expensive: what each of them takes of time and memory."""

import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.uid import JPEGBaseline8Bit

from implants.formats import apart
from implants.formats.plain import is_plain
from implants.radiograph import MAX_BYTES, open_radiograph
from tests.implants import foreign_films as foreign
from tests.implants.test_radiograph import encoded, film, refusal

SIDES = (8000, 5000)
SECONDS = 2.3
MEGABYTES = 500


def large(mode: str) -> Image.Image:
    image = Image.new(mode, SIDES)
    image.paste(Image.new(mode, (3000, 3000), "white"), (0, 0))
    return image


def filled(data: bytes, at: int, piece: bytes) -> bytes:
    """A file of the largest size that is taken, by this piece again and again."""
    return data[:at] + piece * ((MAX_BYTES - len(data)) // len(piece)) + data[at:]


def segments(marker: bytes, content: bytes) -> bytes:
    """A JPEG with hundreds of thousands of such segments before its picture."""
    return filled(
        encoded(film(), "JPEG"), 2, marker + struct.pack(">H", len(content) + 2) + content
    )


def chunks() -> bytes:
    content = b"prVt"
    piece = struct.pack(">I", 0) + content + struct.pack(">I", zlib.crc32(content))
    return filled(encoded(film(), "PNG"), 33, piece)


def scans() -> bytes:
    """A progressive JPEG whose second pass comes thousands of times: minutes of work."""
    data = encoded(large("L"), "JPEG", progressive=True, quality=30)
    marks = [at for at in range(len(data)) if data.startswith((b"\xff\xc4", b"\xff\xda"), at)]
    return filled(data, len(data) - 2, data[marks[2] : marks[4]])


def tile() -> bytes:
    """A TIFF of few pixels, whose one tile swells to 400 MB."""
    side, packer = 20_000, zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(side)) for _ in range(side)) + packer.flush()
    fields = [(256, 64), (257, 64), (258, 8), (259, 8), (262, 1), (277, 1), (322, side),
              (323, side), (324, 8), (325, len(packed))]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in fields)
    head = b"II*\0" + struct.pack("<I", 8 + len(packed))
    return head + packed + struct.pack("<H", len(fields)) + entries + bytes(4)


HOSTILE: dict[str, Callable[[], bytes]] = {
    "exif-segments": lambda: segments(b"\xff\xe1", b"Exif\0\0" + bytes(8)),
    "empty-segments": lambda: segments(b"\xff\xe5", b""),
    "fill-bytes": lambda: filled(encoded(film(), "JPEG"), 2, b"\xff"),
    "chunks": chunks,
    "scans": scans,
    "tile": tile,
    "cmyk": lambda: encoded(large("CMYK"), "JPEG", progressive=True, subsampling=0),
    "rgba": lambda: encoded(large("RGBA"), "PNG", compress_level=1),
    "webp": lambda: encoded(large("RGBA"), "WEBP", quality=50, method=0),
    "float": lambda: encoded(large("L").convert("F"), "TIFF", compression="tiff_adobe_deflate"),
}

PROGRAM = """
import json, os, re, resource, sys
from pathlib import Path
os.environ["RAIOX_ENV"], os.environ["DJANGO_SETTINGS_MODULE"] = "test", "tests.settings"
import django
django.setup()
from implants.formats import apart
from implants.formats.plain import is_plain
from implants.radiograph import RadiographError, open_radiograph
apart._WAIT_SECONDS = 300
who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
used = lambda: [sum(resource.getrusage(one)[:2]) for one in who]
before = used()
try:
    outcome = open_radiograph(sys.stdin.buffer.read()).format
except RadiographError as error:
    outcome = error.code
seconds = [after - earlier for after, earlier in zip(used(), before)]
# Not its own `ru_maxrss`: that begins with what the process that started it holds.
here = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
peak = max(here, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) // 1024
print(json.dumps({"outcome": outcome, "seconds": seconds, "megabytes": peak}))
"""


def measured(data: bytes) -> Any:
    """Read in a process of its own: with what was spent there, and in its reader's."""
    run = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(
        run, input=data, capture_output=True, check=True, cwd=Path(__file__).parents[2]
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_takes_little_time_and_memory(name: str) -> None:
    data = HOSTILE[name]()
    assert len(data) <= MAX_BYTES
    took = measured(data)
    here, apart = took["seconds"]
    assert took["outcome"] in ("JPEG", "PNG", "TIFF", "WEBP", "too_large", "unsupported_format",
                               "not_an_image")  # fmt: skip
    assert here < 1.0
    assert apart < SECONDS + 1.0, "a reader's start counts too"
    assert took["megabytes"] < MEGABYTES


@pytest.mark.parametrize("name", ["exif-segments", "empty-segments", "fill-bytes", "chunks"])
def test_what_is_built_of_too_many_pieces_is_not_plain(name: str) -> None:
    assert not is_plain("PNG" if name == "chunks" else "JPEG", HOSTILE[name]())


@pytest.mark.parametrize(("passes", "plain"), [(10, True), (60, False)])
def test_a_jpeg_of_too_many_passes_is_not_plain(passes: int, plain: bool) -> None:
    data = encoded(film(), "JPEG")
    scan = data[data.index(b"\xff\xda") : -2]
    assert is_plain("JPEG", data[:-2] + scan * (passes - 1) + data[-2:]) == plain


def jpeg_in_dicom() -> bytes:
    colours = large("RGB")
    dataset = foreign.dicom(np.asarray(colours), "RGB")
    return foreign.dicom_bytes(
        foreign.compressed(dataset, encoded(colours, "JPEG"), JPEGBaseline8Bit)
    )


@pytest.mark.parametrize(
    "data", [HOSTILE["cmyk"], HOSTILE["float"], jpeg_in_dicom], ids=["cmyk", "float", "dicom"]
)
def test_what_a_reader_has_no_memory_for_is_too_large_not_damaged(
    data: Callable[[], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forty megapixels are allowed; neither libjpeg nor pydicom says why it gave up, NumPy does."""
    monkeypatch.setattr(apart, "_WAIT_SECONDS", 300)
    assert refusal(data()) == "too_large"


def test_a_large_film_that_is_damaged_is_not_called_too_large(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(apart, "_WAIT_SECONDS", 300)
    data = encoded(large("L"), "JPEG", progressive=True)
    assert refusal(data[: len(data) // 2]) == "not_an_image"


def test_what_is_see_through_is_black_in_every_strip() -> None:
    image = film(100, 700).convert("RGBA")
    image.putpixel((5, 5), (255, 255, 255, 0))
    image.paste((255, 255, 255, 0), (0, 300, 100, 600))
    gray = open_radiograph(encoded(image, "PNG")).image
    assert gray.getpixel((5, 5)) == 0
    assert gray.crop((0, 300, 100, 600)).getextrema() == (0, 0)
    assert gray.crop((0, 600, 100, 700)).histogram()[0] == 0
