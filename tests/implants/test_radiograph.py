"""Film intake: what is taken, how it is turned upright and gray, and every refusal."""

import hashlib
import io
import struct
import time
import tracemalloc
import warnings
import zlib

import numpy as np
import pytest
from django.utils import translation
from PIL import Image, ImageFile
from PIL.PngImagePlugin import PngInfo

from implants.formats import Unreadable, pictures
from implants.radiograph import (
    MAX_BYTES,
    RadiographError,
    clean_copy,
    open_radiograph,
    reopen_copy,
)

ORIENTATION = 0x0112


def film(width: int = 120, height: int = 160) -> Image.Image:
    """A soft ramp, bright at the top left, so that each turn of it looks different."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return Image.fromarray((230 - 120 * y / height - 80 * x / width).astype(np.uint8))


def encoded(image: Image.Image, format_: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises more than it holds."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(1000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


def refusal(data: bytes) -> str:
    with pytest.raises(RadiographError) as caught:
        open_radiograph(data)
    return caught.value.code


def difference(first: Image.Image, second: Image.Image) -> float:
    """Mean difference of brightness, 0 to 255."""
    assert first.size == second.size
    return float(np.abs(np.asarray(first, float) - np.asarray(second, float)).mean())


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_open_each_format_gives_the_same_gray_film(format_: str) -> None:
    data = encoded(film(), format_)
    radiograph = open_radiograph(data)
    assert (radiograph.format, radiograph.width, radiograph.height) == (format_, 120, 160)
    assert radiograph.image.mode == "L"
    assert difference(radiograph.image, film()) < 2
    assert radiograph.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("mode", ["RGB", "CMYK", "YCbCr"])
def test_open_colour_jpeg_becomes_gray(mode: str) -> None:
    radiograph = open_radiograph(encoded(film().convert("RGB").convert(mode), "JPEG"))
    assert radiograph.image.mode == "L"
    assert difference(radiograph.image, film()) < 2


@pytest.mark.parametrize("mode", ["P", "LA", "RGBA"])
def test_open_palette_and_opaque_alpha_keep_brightness(mode: str) -> None:
    radiograph = open_radiograph(encoded(film().convert(mode), "PNG"))
    assert difference(radiograph.image, film()) < 1


def test_open_transparent_part_is_black() -> None:
    image = film().convert("RGBA")
    image.paste((255, 255, 255, 0), (0, 0, 120, 40))
    pixels = np.asarray(open_radiograph(encoded(image, "PNG")).image)
    assert pixels[:40].max() == 0
    assert pixels[40:].min() > 0


def test_open_jpeg_with_a_second_picture_takes_the_first() -> None:
    data = encoded(film(), "MPO", save_all=True, append_images=[Image.new("L", (120, 160))])
    radiograph = open_radiograph(data)
    assert radiograph.format == "JPEG"
    assert difference(radiograph.image, film()) < 2


@pytest.mark.parametrize("format_", ["PNG", "TIFF"])
def test_open_sixteen_bits_keeps_the_gradation(format_: str) -> None:
    deep = Image.fromarray(np.asarray(film(), np.uint16) * 257)
    levels = np.unique(np.asarray(open_radiograph(encoded(deep, format_)).image))
    assert len(levels) > 150


def test_open_twelve_bits_in_sixteen_is_not_nearly_black() -> None:
    pixels = np.asarray(film(), np.uint16) * 16
    pixels[0, 0] = 65535  # one dead pixel must not darken all others
    image = open_radiograph(encoded(Image.fromarray(pixels), "PNG")).image
    assert np.median(np.asarray(image)) > 100


def test_open_deep_tiff_with_white_as_zero_is_turned_around() -> None:
    deep = Image.fromarray(65535 - np.asarray(film(), np.uint16) * 257)
    pixels = np.asarray(open_radiograph(encoded(deep, "TIFF", tiffinfo={262: 0})).image)
    assert pixels[:20, :20].mean() > pixels[-20:, -20:].mean() + 100


def test_a_deep_image_of_one_value_shows_nothing() -> None:
    flat = Image.fromarray(np.full((80, 80), 3000, np.uint16))
    assert refusal(encoded(flat, "PNG")) == "not_an_image"


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_open_turns_the_film_upright(orientation: int, format_: str) -> None:
    stored_as = {
        1: lambda image: image,
        2: lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: lambda image: image.transpose(Image.Transpose.ROTATE_180),
        4: lambda image: image.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: lambda image: image.transpose(Image.Transpose.TRANSPOSE),
        6: lambda image: image.transpose(Image.Transpose.ROTATE_90),
        7: lambda image: image.transpose(Image.Transpose.TRANSVERSE),
        8: lambda image: image.transpose(Image.Transpose.ROTATE_270),
    }
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    data = encoded(stored_as[orientation](film()), format_, exif=exif)
    radiograph = open_radiograph(data)
    assert (radiograph.width, radiograph.height) == (120, 160)
    assert difference(radiograph.image, film()) < 3


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_open_unreadable_exif_is_ignored() -> None:
    data = encoded(film(), "JPEG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff")
    assert difference(open_radiograph(data).image, film()) < 2


@pytest.mark.parametrize("content", [b"garbage!", b"MM\0*"], ids=["mark", "cut"])
def test_open_exif_that_nobody_can_read_says_nothing(content: bytes) -> None:
    data = encoded(film(), "PNG")
    piece = b"eXIf" + content
    piece = struct.pack(">I", len(content)) + piece + struct.pack(">I", zlib.crc32(piece))
    assert difference(open_radiograph(data[:33] + piece + data[33:]).image, film()) == 0


def test_colours_by_number_without_their_list_are_refused() -> None:
    data = encoded(film().convert("P"), "PNG")
    start = data.index(b"PLTE") - 4
    (length,) = struct.unpack(">I", data[start : start + 4])
    assert refusal(data[:start] + data[start + 12 + length :]) == "not_an_image"


def test_a_film_of_numbers_that_are_none_is_refused() -> None:
    values = np.asarray(film(), np.float32).copy()
    values[0, 0] = np.inf
    assert refusal(encoded(Image.fromarray(values), "TIFF")) == "not_an_image"


def test_too_large_in_bytes_is_refused() -> None:
    padded = encoded(film(), "JPEG")
    padded += bytes(MAX_BYTES - len(padded))
    assert open_radiograph(padded).width == 120
    assert refusal(padded + b"\0") == "too_large"


@pytest.mark.parametrize("side", [6_400, 12_000, 30_000, 2_000_000])
def test_bomb_is_refused_without_decoding(side: int) -> None:
    data = png_header(side, side)
    tracemalloc.start()
    started = time.perf_counter()
    assert refusal(data) == "too_large"
    assert time.perf_counter() - started < 0.5
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


def test_forty_megapixels_are_taken_and_one_more_row_is_not() -> None:
    large = Image.new("L", (8000, 5000))
    large.paste(200, (0, 0, 10, 10))
    assert open_radiograph(encoded(large, "PNG")).height == 5000
    assert refusal(encoded(Image.new("L", (8000, 5001)), "PNG")) == "too_large"


def test_too_many_pixels_are_refused_where_warnings_are_switched_off() -> None:
    """Pillow only warns of a picture a little above its bound."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(Unreadable, match="too_large"):
            pictures.opened(png_header(8000, 5001))


@pytest.mark.parametrize("size", [(63, 500), (500, 63), (1, 1)])
def test_too_small_is_refused(size: tuple[int, int]) -> None:
    assert refusal(encoded(film(*size), "PNG")) == "too_small"


def test_sixty_four_pixels_are_enough() -> None:
    assert open_radiograph(encoded(film(64, 64), "PNG")).width == 64


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<!DOCTYPE html><html><body>Log in</body></html>",
        bytes(500),
        b"\xff\xd8\xff",
        b"II*\0",
    ],
)
def test_not_an_image_is_refused(data: bytes) -> None:
    assert refusal(data) == "not_an_image"


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_truncated_is_refused(format_: str) -> None:
    rng = np.random.default_rng(1)
    noisy = Image.fromarray(rng.integers(0, 255, (160, 120), dtype=np.uint8))
    data = encoded(noisy, format_)
    assert refusal(data[: len(data) * 2 // 3]) == "not_an_image"
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


@pytest.mark.parametrize("format_", ["GIF", "BMP", "JPEG2000", "ICO"])
def test_other_formats_are_refused_by_name(format_: str) -> None:
    assert refusal(encoded(film(), format_)) == "unsupported_format"


def test_a_jpeg_of_more_than_8_bits_is_refused_by_name() -> None:
    data = encoded(film(), "JPEG")
    at = data.index(b"\xff\xc0") + 4
    assert data[at] == 8
    deep = data[:at] + b"\x0c" + data[at + 1 :]
    assert refusal(deep) == "unsupported_format"
    assert [refusal(deep[:end]) for end in (3, at - 3, at)] == ["not_an_image"] * 3


@pytest.mark.parametrize("brand", [b"avif", b"isom", b"qt  "])
def test_films_of_other_kinds_in_the_same_box_are_refused_by_name(brand: bytes) -> None:
    assert refusal(b"\0\0\0\x18ftyp" + brand + bytes(99)) == "unsupported_format"


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "TIFF", "JPEG"])
def test_colour_is_told_whatever_the_format(format_: str) -> None:
    y, x = np.mgrid[:160, :120].astype(np.float32)
    photograph = np.stack([255 * x / 120, 255 * y / 160, 255 - 255 * x / 120], axis=2)
    tinted = np.stack([np.asarray(film())] * 3, axis=2) * np.array([1, 0.9, 0.7])
    colours = [
        open_radiograph(encoded(Image.fromarray(pixels.astype(np.uint8)), format_)).colour or 0
        for pixels in (photograph, tinted)
    ]
    assert colours[0] > 0.25
    assert colours[1] < 0.06
    assert open_radiograph(encoded(film(), format_)).colour == pytest.approx(0, abs=0.005)


def test_colour_space_without_brightness_is_refused() -> None:
    assert refusal(encoded(Image.new("LAB", (100, 100)), "TIFF")) == "unsupported_format"


def test_error_speaks_the_readers_language() -> None:
    error = RadiographError("too_large")
    with translation.override("en"):
        assert str(error) == "The image is larger than 5 MiB or 40 megapixels."


def test_clean_copy_is_the_same_film_without_metadata() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif[0x010E] = "Maria da Silva"
    text = PngInfo()
    text.add_text("Patient", "Maria da Silva")
    data = encoded(film(), "PNG", exif=exif, pnginfo=text, dpi=(300, 300))
    radiograph = open_radiograph(data)
    copy = clean_copy(radiograph)
    assert b"Maria" in data
    assert b"Maria" not in copy
    reopened = Image.open(io.BytesIO(copy))
    assert not reopened.info
    assert not reopened.getexif()
    assert np.array_equal(np.asarray(reopened), np.asarray(radiograph.image))


def test_clean_copy_above_the_byte_limit_can_be_read_again() -> None:
    rng = np.random.default_rng(2)
    # In a JPEG of low quality this noise is small; as lossless PNG it is above 5 MiB.
    noise = Image.fromarray(rng.integers(0, 255, (2500, 2500), dtype=np.uint8))
    copy = clean_copy(open_radiograph(encoded(noise, "JPEG", quality=30)))
    assert len(copy) > MAX_BYTES
    assert refusal(copy) == "too_large"
    assert reopen_copy(copy).width == 2500


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_film_with_nothing_on_it_is_refused(level: int) -> None:
    buffer = io.BytesIO()
    Image.new("L", (300, 300), level).save(buffer, "PNG")
    assert refusal(buffer.getvalue()) == "not_an_image"
