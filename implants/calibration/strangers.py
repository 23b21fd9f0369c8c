"""Pictures that are no radiograph of one implant, made for trying out what tells them."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_TEXT = (
    "implante dentário paciente radiografia periapical região elemento data retorno clínica "
    "laudo observações solicita exame anexo conforme osso altura largura conexão parafuso"
)
_WORDS = _TEXT.split()
_PAGES = ((850, 1100), (1240, 1754), (1100, 850), (720, 1280))
_GRIDS = ((2, 1), (1, 2), (2, 2), (3, 2), (4, 2), (3, 3), (4, 3), (7, 2))


def document(seed: int) -> Image.Image:
    """A page of text or a form, grayscale; every other one as a noisy scan, unevenly lit."""
    rng = np.random.default_rng(seed)
    width, height = _PAGES[rng.integers(len(_PAGES))]
    page = Image.new("L", (width, height), 255)
    _write(rng, ImageDraw.Draw(page), width, height * rng.uniform(0.5, 0.97))
    return _scanned(rng, page) if seed % 2 else page


def contact_sheet(films: list[Image.Image], seed: int) -> Image.Image:
    """Some of these films (mode "L") in a grid with gutters of one shade."""
    rng = np.random.default_rng(seed)
    columns, rows = _GRIDS[rng.integers(len(_GRIDS))]
    cell, gutter = int(rng.choice([150, 220, 300])), int(rng.choice([4, 8, 16, 30]))
    size = columns * (cell + gutter) + gutter, rows * (cell + gutter) + gutter
    sheet = Image.new("L", size, int(rng.choice([0, 30, 128, 220, 255])))
    for place in range(columns * rows):
        film = films[rng.integers(len(films))].copy()
        film.thumbnail((cell, cell))
        row, column = divmod(place, columns)
        corner = gutter + column * (cell + gutter), gutter + row * (cell + gutter)
        sheet.paste(film, corner)
    return sheet


def _write(rng: np.random.Generator, pen: ImageDraw.ImageDraw, width: int, bottom: float) -> None:
    size = int(rng.choice([14, 18, 22, 28, 36]))
    font, margin = ImageFont.load_default(size), int(width * rng.uniform(0.04, 0.12))
    is_form, y = rng.random() < 0.4, float(margin)
    while y < bottom:
        text = " ".join(rng.choice(_WORDS, 2 if is_form else 30))
        while pen.textlength(text, font=font) > width - 2 * margin:
            text = text.rpartition(" ")[0]
        pen.text((margin, y), text, font=font, fill=0)
        if is_form:
            pen.rectangle((width // 2, y, width - margin, y + size), outline=0, width=2)
        y += size * rng.uniform(1.4, 2.0)


def _scanned(rng: np.random.Generator, page: Image.Image) -> Image.Image:
    levels = np.asarray(page, dtype=np.float32) * rng.uniform(0.6, 0.9) + rng.uniform(5, 30)
    across = np.linspace(-0.5, 0.5, page.width, dtype=np.float32)
    levels *= 1 + rng.uniform(-0.3, 0.3) * across
    levels += rng.normal(0, rng.uniform(2, 8), levels.shape)
    return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))
