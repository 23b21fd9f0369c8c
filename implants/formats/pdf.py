"""The first page of a PDF, drawn by PDFium at the resolution of the film on it."""

import math
from itertools import islice
from typing import Final

import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image

from implants.formats import Unreadable, check_pixels

_POINTS_PER_INCH: Final = 72
_DRAWN_DPI: Final = 150
"""A page without any image: lines and text."""
_PAGE_PIXELS: Final = 16_000_000
"""A page that is more than one image: enough for A4 at 400 dpi."""
_MOST_OBJECTS: Final = 10_000


def read(data: bytes) -> Image.Image:
    """The page, mode "RGB"; of a page that is one image and nothing else, that image alone."""
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        locked = error.err_code == pdfium.FPDF_ERR_PASSWORD
        raise Unreadable("unsupported_format" if locked else "not_an_image") from None
    try:
        return _draw(document[0])
    except (pypdfium2.PdfiumError, IndexError):
        raise Unreadable("not_an_image") from None


def pages(data: bytes) -> int:
    """How many pages a PDF has that could be read."""
    return len(pypdfium2.PdfDocument(data))


def _draw(page: pypdfium2.PdfPage) -> Image.Image:
    shown = list(islice(page.get_objects(max_depth=4), _MOST_OBJECTS))
    contents = [found for found in shown if found.type != pdfium.FPDF_PAGEOBJ_FORM]
    images = [found for found in contents if isinstance(found, pypdfium2.PdfImage)]
    for image in images:
        check_pixels(*image.get_px_size())
    density = max(map(_density, images), default=_DRAWN_DPI / _POINTS_PER_INCH)
    if len(shown) == len(images) == 1:
        return _alone(images[0], page.get_rotation())
    width, height = page.get_size()
    return _rendered(page, min(density, math.sqrt(_PAGE_PIXELS / (width * height))))


def _alone(image: pypdfium2.PdfImage, turned: int) -> Image.Image:
    """The image, pixel for pixel: at its place on the page it would lie between the pixels."""
    a, b, c, d, _, _ = image.get_matrix().get()
    width, height = image.get_px_size()
    across, up = math.hypot(a, b) or 1, math.hypot(c, d) or 1
    a, b, c, d = a / across * width, b / across * width, c / up * height, d / up * height
    left, bottom = min(0, a, c, a + c), min(0, b, d, b + d)
    image.set_matrix(pypdfium2.PdfMatrix(a, b, c, d, -left, -bottom))
    shown = image.get_bitmap(render=True, scale_to_original=False).to_pil().convert("RGBA")
    paper = Image.new("RGB", shown.size, "white")
    paper.paste(shown, mask=shown.getchannel("A"))
    return paper.rotate(-turned, expand=True)


def _density(image: pypdfium2.PdfImage) -> float:
    """Pixels per point of the page."""
    a, b, c, d, _, _ = image.get_matrix().get()
    width, height = image.get_px_size()
    return max(width / max(math.hypot(a, b), 1e-3), height / max(math.hypot(c, d), 1e-3))


def _rendered(page: pypdfium2.PdfPage, density: float) -> Image.Image:
    width, height = (max(1, round(side * density)) for side in page.get_size())
    check_pixels(width, height)
    bitmap = pypdfium2.PdfBitmap.new_native(width, height, pdfium.FPDFBitmap_BGR, True)
    bitmap.fill_rect((255, 255, 255, 255), 0, 0, width, height)
    # Exactly so many pixels: `page.render` rounds up, and one too many blurs the film.
    flags = pdfium.FPDF_ANNOT | pdfium.FPDF_REVERSE_BYTE_ORDER
    pdfium.FPDF_RenderPageBitmap(bitmap, page, 0, 0, width, height, 0, flags)
    return bitmap.to_pil()
