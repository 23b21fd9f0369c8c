"""One small film in every form that is taken, as made by programs and devices of all sorts."""

import io
import struct
import zlib
from collections.abc import Callable
from functools import cache, partial
from typing import Final

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    RLELossless,
)

from tests.implants import foreign_films as foreign

WIDTH, HEIGHT = 96, 80
ORIENTATION: Final = 0x0112


@cache
def gray() -> Image.Image:
    """Soft, with an edge and a little noise: like a film to every encoder, and quickly made."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    implant = 90 * ((abs(x - 48) < 12 + 3 * np.sin(y)) & (y > 20))
    noise = np.random.default_rng(1).integers(0, 12, (HEIGHT, WIDTH))
    return Image.fromarray((60 + y // 2 + implant + noise).astype(np.uint8))


def deep() -> Image.Image:
    return Image.fromarray(np.asarray(gray(), np.uint16) * 16)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


def _jpegs() -> dict[str, Callable[[], bytes]]:
    return {
        "jpeg": lambda: encoded(gray(), "JPEG"),
        "jpeg-colour": lambda: encoded(gray().convert("RGB"), "JPEG", subsampling=2),
        "jpeg-progressive": lambda: encoded(gray(), "JPEG", progressive=True, optimize=True),
        "jpeg-cmyk": lambda: encoded(gray().convert("CMYK"), "JPEG"),
        "jpeg-cmyk-progressive": lambda: encoded(gray().convert("CMYK"), "JPEG", progressive=True),
        "jpeg-turned": lambda: encoded(gray(), "JPEG", exif=_turned(6), comment=b"made of noise"),
        "jpeg-restarts": lambda: encoded(gray(), "JPEG", restart_marker_blocks=2),
        "jpeg-12-bits": lambda: _with_twelve_bits(encoded(gray(), "JPEG")),
        "mpo": lambda: encoded(gray(), "MPO", save_all=True, append_images=[gray()]),
    }


def _with_twelve_bits(data: bytes) -> bytes:
    """Says so, as the devices that use them do; this is not what its tables hold."""
    at = data.index(b"\xff\xc0") + 4
    return data[:at] + b"\x0c" + data[at + 1 :]


def _pngs() -> dict[str, Callable[[], bytes]]:
    frames = [gray().rotate(turn) for turn in (10, 20)]
    return {
        "png": lambda: encoded(gray(), "PNG", exif=_turned(8)),
        **{f"png-{mode}": partial(_in_mode, mode, "PNG") for mode in ("1", "P", "LA", "RGBA")},
        "png-see-through": lambda: encoded(gray().convert("P"), "PNG", transparency=70),
        "png-deep": lambda: encoded(deep(), "PNG", dpi=(300, 300)),
        "png-interlaced": interlaced,
        "apng": lambda: encoded(gray(), "PNG", save_all=True, append_images=frames),
    }


def _in_mode(mode: str, kind: str, **options: object) -> bytes:
    return encoded(gray().convert(mode), kind, **options)


def interlaced() -> bytes:
    """In the seven passes of Adam7, which Pillow reads but does not write."""
    pixels = np.asarray(gray())
    starts = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2),
              (1, 0, 2, 1))  # fmt: skip
    rows = b"".join(
        b"\0" + row.tobytes() for y, x, down, right in starts for row in pixels[y::down, x::right]
    )
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 0, 0, 0, 1)
    pieces = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*piece) for piece in pieces)


def chunk(name: bytes, content: bytes) -> bytes:
    """Of a PNG."""
    checked = name + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


def _others() -> dict[str, Callable[[], bytes]]:
    alpha = gray().convert("RGBA")
    moved = alpha.rotate(10)
    packings = ("raw", "tiff_adobe_deflate", "tiff_lzw", "packbits", "jpeg", "group4")
    return {
        "webp": lambda: encoded(gray(), "WEBP"),
        "webp-lossless": lambda: encoded(alpha, "WEBP", lossless=True, exif=_turned(3)),
        "webp-moving": lambda: encoded(alpha, "WEBP", save_all=True, append_images=[moved]),
        **{
            f"tiff-{packing.removeprefix('tiff_')}": partial(
                _in_mode, "1" if packing == "group4" else "L", "TIFF", compression=packing
            )
            for packing in packings
        },
        "tiff-deep": lambda: encoded(deep(), "TIFF"),
        "tiff-float": lambda: encoded(gray().convert("F"), "TIFF"),
        "tiff-big": lambda: encoded(gray(), "TIFF", big_tiff=True),
        "tiff-pages": lambda: encoded(gray(), "TIFF", save_all=True, append_images=[gray()]),
        "heic": lambda: foreign.heic(gray()),
        "pdf": lambda: foreign.pdf(gray()),
        "pdf-page": lambda: foreign.pdf(gray(), at=(10, 20), page=(595, 842), turned=90),
        **{f"not-taken-{kind}": partial(_in_mode, "L", kind) for kind in ("gif", "bmp")},
    }


def _dicoms() -> dict[str, Callable[[], bytes]]:
    return {
        "dicom": lambda: foreign.dicom_bytes(foreign.dicom(np.asarray(gray()))),
        "dicom-deep": lambda: foreign.dicom_bytes(_deep_dicom()),
        "dicom-deflated": lambda: foreign.dicom_bytes(_deep_dicom(DeflatedExplicitVRLittleEndian)),
        "dicom-rle": _rle_dicom,
        "dicom-jpeg": lambda: _jpeg_dicom(JPEGBaseline8Bit, "JPEG"),
        "dicom-jpeg-lossless": lambda: _jpeg_dicom(JPEGLosslessSV1, "JPEG"),
        "dicom-jpeg-2000": lambda: _jpeg_dicom(JPEG2000Lossless, "JPEG2000", no_jp2=True),
    }


def _deep_dicom(syntax: UID = ExplicitVRLittleEndian) -> Dataset:
    dataset = foreign.dicom(np.asarray(deep()), "MONOCHROME1", 12)
    dataset.file_meta.TransferSyntaxUID = syntax
    return dataset


def _rle_dicom() -> bytes:
    dataset = _deep_dicom()
    dataset.compress(RLELossless)
    return foreign.dicom_bytes(dataset)


def _jpeg_dicom(syntax: UID, kind: str, **options: object) -> bytes:
    dataset = foreign.dicom(np.asarray(gray()))
    return foreign.dicom_bytes(
        foreign.compressed(dataset, encoded(gray(), kind, **options), syntax)
    )


_SAMPLES: Final = {**_jpegs(), **_pngs(), **_others(), **_dicoms()}
NAMES: Final = tuple(_SAMPLES)


@cache
def sample(name: str) -> bytes:
    """The file of this name."""
    return _SAMPLES[name]()
