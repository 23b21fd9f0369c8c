"""DICOM, read by pydicom: the pixels as their maker wants them shown, and no other tag."""

import io
import struct
import zlib
from typing import Any, Final

import numpy as np
import pydicom
from PIL import Image
from pydicom import uid
from pydicom.encaps import generate_frames
from pydicom.pixels.processing import apply_modality_lut, apply_voi_lut

from implants.formats import Unreadable, check_pixels

# All that is needed; of anything else, so of the patient, not even the value is read.
_TAGS: Final = [
    *("SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames"),
    *("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"),
    *("RescaleSlope", "RescaleIntercept", "ModalityLUTSequence"),
    *("WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence", "PixelData"),
]

_MONOCHROME: Final = {"MONOCHROME1": True, "MONOCHROME2": False}
_COLOUR: Final = frozenset({"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"})
_LOSSLESS_JPEG: Final = frozenset({uid.JPEGLossless, uid.JPEGLosslessSV1})

# Several times what the largest film that is taken holds, and inflated in well under a second.
_MAX_INFLATED: Final = 256 * 1024**2
# PS3.10: a preamble, then group 2, whose first element says how long the rest of it is.
_META_LENGTH: Final = 140
_META: Final = 144


def read(data: bytes) -> Image.Image:
    """The only frame, in mode "L", "I;16" or "RGB"; metal is bright in whichever way it came.

    Several frames (a tomography, a film strip) are no radiograph: which one is meant? They are
    refused, and so are compressions that nothing well kept decodes.
    """
    try:
        _check_inflated_size(data)
        dataset = pydicom.dcmread(io.BytesIO(data), specific_tags=_TAGS)
        _check(dataset)
        return _shown(dataset, _decoded(dataset))
    except (Unreadable, MemoryError):
        raise
    except NotImplementedError:
        raise Unreadable("unsupported_format") from None
    except Exception:  # pydicom's own, and whatever its Python code meets in a damaged file
        raise Unreadable("not_an_image") from None


def _check_inflated_size(data: bytes) -> None:
    """Refuses a deflated file that swells beyond any film: pydicom would inflate all of it."""
    end = _META + struct.unpack_from("<I", data, _META_LENGTH)[0]
    if uid.DeflatedExplicitVRLittleEndian.encode() not in data[_META:end]:
        return
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflater.decompress(data[end:], _MAX_INFLATED)
    if inflater.unconsumed_tail:
        raise Unreadable("too_large")


def _check(dataset: pydicom.Dataset) -> None:
    if "PixelData" not in dataset:
        raise Unreadable("not_an_image")  # a report, a directory
    check_pixels(dataset.Columns, dataset.Rows)
    known = dataset.PhotometricInterpretation in (*_MONOCHROME, *_COLOUR)
    if not known or int(dataset.get("NumberOfFrames") or 1) != 1:
        raise Unreadable("unsupported_format")


def _decoded(dataset: pydicom.Dataset) -> np.ndarray:
    """Stored values, shape (rows, columns) or (rows, columns, 3)."""
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax in _LOSSLESS_JPEG:
        return _lossless_jpeg(dataset)
    try:
        return dataset.pixel_array
    except RuntimeError as error:  # pydicom has no decoder, or the one there is can't
        message = str(error)
        code = "unsupported_format" if "missing dependencies" in message else "not_an_image"
        raise Unreadable(code) from None


def _lossless_jpeg(dataset: pydicom.Dataset) -> np.ndarray:
    """Pillow decodes it up to 8 bits, but pydicom doesn't ask it to."""
    if dataset.BitsAllocated != 8:
        raise Unreadable("unsupported_format")
    frame = next(generate_frames(dataset.PixelData, number_of_frames=1))
    with Image.open(io.BytesIO(frame), formats=("JPEG",)) as image:
        check_pixels(*image.size)
        return np.asarray(image)


def _shown(dataset: pydicom.Dataset, stored: np.ndarray) -> Image.Image:
    """As a screen shows it: through rescaling and the first window or table."""
    if dataset.SamplesPerPixel == 3:
        return Image.fromarray(stored)
    values = apply_modality_lut(_stored_bits(dataset, stored), dataset)
    if _has_window(dataset):
        values = apply_voi_lut(values, dataset)
    inverted = _MONOCHROME[dataset.PhotometricInterpretation]
    if values.dtype == np.uint8:
        return Image.fromarray(255 - values if inverted else values)
    return Image.fromarray(_to_uint16(values, inverted=inverted))


def _stored_bits(dataset: pydicom.Dataset, stored: np.ndarray) -> np.ndarray:
    """Without what old devices drew into the bits above the value."""
    spare = stored.dtype.itemsize * 8 - dataset.BitsStored
    return (stored << spare) >> spare if spare > 0 else stored


def _has_window(dataset: pydicom.Dataset) -> bool:
    """A window of no width would show black and white only: such a tag is a slip."""
    if dataset.get("VOILUTSequence"):
        return True
    center, width = (_first(dataset.get(name)) for name in ("WindowCenter", "WindowWidth"))
    return center is not None and width is not None and width > 1


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, pydicom.multival.MultiValue) and value else value


def _to_uint16(values: np.ndarray, *, inverted: bool) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    scaled = (values.astype(np.float32) - low) * (65535 / max(high - low, 1))
    return (65535 - scaled if inverted else scaled).astype(np.uint16)
