"""The same film in forms that no picture program writes: DICOM, PDF, HEIC."""

import io
from typing import Any

import numpy as np
import pillow_heif
import pypdfium2
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    SecondaryCaptureImageStorage,
)

PATIENT = "Maria^da Silva"


def dicom(
    pixels: np.ndarray, photometric: str = "MONOCHROME2", bits: int = 0, **tags: Any
) -> Dataset:
    """A film of unsigned numbers, (rows, columns) or (rows, columns, 3), as a device stores it."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = SecondaryCaptureImageStorage, "1.2.3"
    dataset.PatientName, dataset.PatientID = PATIENT, "12345678"
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.SamplesPerPixel = 1 if pixels.ndim == 2 else 3
    dataset.PlanarConfiguration = 0
    dataset.PhotometricInterpretation = photometric
    dataset.BitsAllocated = pixels.dtype.itemsize * 8
    dataset.BitsStored = bits or dataset.BitsAllocated
    dataset.HighBit, dataset.PixelRepresentation = dataset.BitsStored - 1, 0
    dataset.PixelData = pixels.tobytes()
    for name, value in tags.items():
        setattr(dataset, name, value)
    return dataset


def compressed(dataset: Dataset, frame: bytes, syntax: UID = JPEG2000Lossless) -> Dataset:
    """The same with this as its only, compressed frame."""
    dataset.PixelData = encapsulate([frame])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = syntax
    return dataset


def dicom_bytes(dataset: Dataset) -> bytes:
    """The file."""
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def pdf(
    film: Image.Image,
    *,
    at: tuple[float, float] = (0, 0),
    page: tuple[float, float] | None = None,
    turned: int = 0,
    more_pages: int = 0,
) -> bytes:
    """A PDF with the film, lossless, at this place of the page: by default it is all of it."""
    document = pypdfium2.PdfDocument.new()
    width, height = film.width * 0.31, film.height * 0.31
    sheet = document.new_page(*(page or (width, height)))
    shown = pypdfium2.PdfImage.new(document)
    shown.set_bitmap(pypdfium2.PdfBitmap.from_pil(film))
    shown.set_matrix(pypdfium2.PdfMatrix().scale(width, height).translate(*at))
    sheet.insert_obj(shown)
    sheet.gen_content()
    sheet.set_rotation(turned)
    for _ in range(more_pages):
        document.new_page(300, 400)
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def heic(film: Image.Image, quality: int = -1) -> bytes:
    """A HEIC; a quality of -1 loses nothing."""
    buffer = io.BytesIO()
    pillow_heif.from_pillow(film).save(buffer, quality=quality)
    return buffer.getvalue()
