"""HEIC, DICOM and PDF: the same film, nothing of the patient, and bounds that hold."""

import io
import os
import signal
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from implants.formats import Busy, apart
from implants.formats.__main__ import main
from implants.radiograph import RadiographError, clean_copy, open_radiograph
from tests.implants import foreign_films as files
from tests.implants.test_radiograph import difference, encoded, film, refusal

PIXELS = np.asarray(film())


@pytest.fixture(autouse=True)
def _a_busy_machine_counts_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long is waited is for the tests of waiting; what a reader may work stays bounded."""
    monkeypatch.setattr(apart, "_WAIT_SECONDS", 300)


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a process for each film: what is read is the same, and tests are quick."""

    def read_here(kind: str, data: bytes) -> apart.Pixels:
        target = io.BytesIO()
        main(kind, io.BytesIO(data), target)
        return apart._parse(target.getvalue())

    monkeypatch.setattr("implants.formats.__main__._limit", lambda: None)
    monkeypatch.setattr("implants.radiograph.read_apart", read_here)


here = pytest.mark.usefixtures("in_this_process")
DEEP = PIXELS.astype(np.uint16) * 16


def dicom_film(pixels: np.ndarray = PIXELS, *args: Any, **tags: Any) -> bytes:
    return files.dicom_bytes(files.dicom(pixels, *args, **tags))


def in_same_range(image: Image.Image) -> Image.Image:
    """Deep films come out stretched: brought back to the range of the 8-bit one."""
    values = np.asarray(image, float)
    values = (values - values.min()) / np.ptp(values) * np.ptp(PIXELS) + PIXELS.min()
    return Image.fromarray(values.astype(np.uint8))


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("HEIC", files.heic(film())),
        ("DICOM", dicom_film()),
        ("DICOM", dicom_film(255 - PIXELS, "MONOCHROME1")),
        ("DICOM", dicom_film(np.stack([PIXELS] * 3, axis=2), "RGB")),
        ("PDF", files.pdf(film())),
        ("PDF", files.pdf(film(), at=(13.37, 200.2), page=(595, 842))),
    ],
    ids=["heic", "dicom", "monochrome1", "dicom-rgb", "pdf", "pdf-in-a-page"],
)
def test_open_gives_the_same_film(kind: str, data: bytes) -> None:
    radiograph = open_radiograph(data)
    assert (radiograph.format, radiograph.width, radiograph.height) == (kind, 120, 160)
    assert radiograph.image.mode == "L"
    assert difference(radiograph.image, film()) < 1
    assert radiograph.colour == pytest.approx(0, abs=0.01)


@here
@pytest.mark.parametrize(
    ("pixels", "photometric", "tags"),
    [
        (DEEP, "MONOCHROME2", {}),
        (4095 - DEEP, "MONOCHROME1", {}),
        (DEEP, "MONOCHROME2", {"WindowCenter": 2048, "WindowWidth": 4096}),
        (DEEP, "MONOCHROME2", {"WindowCenter": [2048, 9], "WindowWidth": [4096, 9]}),
        (DEEP, "MONOCHROME2", {"WindowCenter": 2048, "WindowWidth": 0}),
        (DEEP, "MONOCHROME2", {"RescaleSlope": "2", "RescaleIntercept": "-1000"}),
        (DEEP | 0x8000, "MONOCHROME2", {}),
    ],
    ids=["12", "12-monochrome1", "window", "windows", "no-width", "rescale", "bits-above"],
)
def test_deep_dicom_keeps_its_gradation(
    pixels: np.ndarray, photometric: str, tags: dict[str, Any]
) -> None:
    image = open_radiograph(dicom_film(pixels, photometric, 12, **tags)).image
    assert difference(in_same_range(image), film()) < 2.5


@here
def test_a_window_shows_what_is_in_it_and_nothing_else() -> None:
    """Levels 100 to 150 of 8 bits: what is darker is black, what is lighter white."""
    tags = {"WindowCenter": 125.5 * 16, "WindowWidth": 50 * 16}
    shown = np.asarray(open_radiograph(dicom_film(DEEP, "MONOCHROME2", 12, **tags)).image)
    assert shown[PIXELS < 99].max() <= 1
    assert shown[PIXELS > 152].min() >= 254
    assert shown[PIXELS == 125].mean() == pytest.approx(127, abs=6)


@here
@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, RLELossless]
)
def test_dicom_in_other_encodings(syntax: UID) -> None:
    dataset = files.dicom(DEEP, "MONOCHROME2", 12)
    if syntax == RLELossless:
        dataset.compress(RLELossless)
    else:
        dataset.file_meta.TransferSyntaxUID = syntax
    image = open_radiograph(files.dicom_bytes(dataset)).image
    assert difference(in_same_range(image), film()) < 2.5


@here
def test_dicom_with_pictures_inside() -> None:
    inside = {
        JPEGBaseline8Bit: encoded(film(), "JPEG", quality=95),
        JPEGLosslessSV1: encoded(film(), "JPEG", quality=95),
    }
    datasets = [files.compressed(files.dicom(PIXELS), *pair[::-1]) for pair in inside.items()]
    jpeg_2000 = files.compressed(files.dicom(PIXELS), encoded(film(), "JPEG2000", no_jp2=True))
    for dataset in (*datasets, jpeg_2000):
        assert difference(open_radiograph(files.dicom_bytes(dataset)).image, film()) < 2


@here
def test_dicom_that_nothing_well_kept_decodes_is_refused_by_name() -> None:
    stream = encoded(film(), "JPEG2000", no_jp2=True)
    assert refusal(
        files.dicom_bytes(files.compressed(files.dicom(PIXELS), stream, JPEGLSLossless))
    ) == ("unsupported_format")
    deep = files.compressed(files.dicom(DEEP, "MONOCHROME2", 12), stream, JPEGLosslessSV1)
    assert refusal(files.dicom_bytes(deep)) == "unsupported_format"


@here
def test_dicom_of_several_frames_is_refused() -> None:
    both = PIXELS.tobytes() * 2
    assert refusal(dicom_film(NumberOfFrames=2, PixelData=both)) == "unsupported_format"


@here
def test_dicom_without_a_picture_is_refused() -> None:
    dataset = files.dicom(PIXELS)
    del dataset.PixelData
    assert refusal(files.dicom_bytes(dataset)) == "not_an_image"


def test_nothing_of_the_patient_is_kept(capfd: pytest.CaptureFixture[str]) -> None:
    data = dicom_film()
    name = files.PATIENT.encode()
    radiograph = open_radiograph(data)
    assert name in data
    assert name not in apart.read_apart("DICOM", data).pgm
    assert name not in clean_copy(radiograph)
    assert not radiograph.image.info
    assert refusal(data.replace(b"MONOCHROME2", b"MONOCHROMEX")) == "unsupported_format"
    assert "".join(capfd.readouterr()) == ""


@here
@pytest.mark.parametrize("turned", [90, 180, 270])
def test_pdf_page_is_turned_as_it_is_shown(turned: int) -> None:
    image = open_radiograph(files.pdf(film(), turned=turned)).image
    assert difference(image, film().rotate(-turned, expand=True)) < 1


@here
def test_pdf_page_of_more_than_one_thing_is_shown_whole() -> None:
    import pypdfium2

    document = pypdfium2.PdfDocument(files.pdf(film(), at=(10, 10), page=(100, 90)))
    page = document[0]
    second = pypdfium2.PdfImage.new(document)
    second.set_bitmap(pypdfium2.PdfBitmap.from_pil(film(64, 64)))
    second.set_matrix(pypdfium2.PdfMatrix().scale(20, 20).translate(60, 20))
    page.insert_obj(second)
    page.gen_content()
    buffer = io.BytesIO()
    document.save(buffer)
    radiograph = open_radiograph(buffer.getvalue())
    assert radiograph.width / radiograph.height == pytest.approx(100 / 90, abs=0.01)
    assert np.asarray(radiograph.image)[:5].min() == 255


def pdf_of(width: float, height: float, drawing: bytes = b"") -> bytes:
    """A page of this many points with nothing on it but a line, or this drawing."""
    stream = drawing or b"0 0 m %d %d l S" % (width, height)
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %d %d]/Contents 4 0 R>>" % (width, height),
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
    ]
    body = b"".join(b"%d 0 obj%s endobj\n" % pair for pair in enumerate(objects, 1))
    return b"%PDF-1.4\n" + body + b"trailer<</Root 1 0 R>>"


@here
@pytest.mark.parametrize("side", [20_000, 14_400 * 75])
def test_a_huge_page_is_drawn_small(side: int) -> None:
    radiograph = open_radiograph(pdf_of(side, side))
    assert 3900 < radiograph.width <= 4000


@here
def test_pdf_that_needs_a_password_is_refused() -> None:
    # RC4 with 40 bits, revision 2; neither hash is that of the empty password.
    lock = b"/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<%s>/U<%s>>>/ID[<00><00>]" % (
        b"41" * 32,
        b"42" * 32,
    )
    locked = pdf_of(100, 100).replace(b"/Root 1 0 R", b"/Root 1 0 R" + lock)
    assert refusal(locked) == "unsupported_format"


@here
@pytest.mark.parametrize("data", [files.heic(film()), dicom_film(), files.pdf(film())])
def test_a_cut_file_is_refused(data: bytes) -> None:
    assert refusal(data[: len(data) // 2]) == "not_an_image"


@here
@pytest.mark.parametrize(
    "data",
    [b"\0\0\0\x18ftypheic" + bytes(99), bytes(128) + b"DICM" + bytes(99), b"%PDF-1.4 nothing"],
)
def test_a_file_of_nothing_but_its_mark_is_refused(data: bytes) -> None:
    assert refusal(data) == "not_an_image"


@here
@pytest.mark.parametrize(
    "data",
    [
        files.heic(film(63, 80)),
        dicom_film(PIXELS[:63]),
        files.pdf(film(63, 80)),
    ],
)
def test_too_small_is_refused_here_too(data: bytes) -> None:
    assert refusal(data) == "too_small"


def deflated_dicom(content: bytes) -> bytes:
    dataset = files.dicom(PIXELS)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    data = files.dicom_bytes(dataset)
    (length,) = struct.unpack("<I", data[140:144])
    return data[: 144 + length] + content


def test_too_large_is_refused_before_it_is_decoded() -> None:
    blank = np.zeros((6000, 7000), np.uint8)
    header = files.dicom(PIXELS)
    header.Rows, header.Columns = 60_000, 60_000
    for data in (
        files.heic(Image.fromarray(blank), 50),
        files.pdf(Image.fromarray(blank)),
        files.dicom_bytes(header),
    ):
        assert refusal(data) == "too_large"


def test_a_deflated_bomb_is_refused_for_its_size_before_it_has_swollen() -> None:
    packer = zlib.compressobj(9, wbits=-15)
    bomb = b"".join(packer.compress(bytes(10_000_000)) for _ in range(40)) + packer.flush()
    assert refusal(deflated_dicom(bomb)) == "too_large"


def test_a_file_that_takes_its_reader_too_long_is_refused() -> None:
    """A small page that is painted all over, thousands of times: many seconds of work."""
    assert refusal(pdf_of(14_400, 14_400, b"0 0 14400 14400 re f\n" * 4000)) == "unsupported_format"


def test_a_reader_has_its_bounds_of_memory_and_writes_no_file(tmp_path: Path) -> None:
    program = f"""
from implants.formats.__main__ import _limit
_limit()
try:
    bytearray(2 * 1024**3)
except MemoryError:
    print("memory")
try:
    with open({str(tmp_path / "left")!r}, "wb") as file:
        file.write(b"left behind")
except OSError:
    print("files")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["memory", "files"]


def test_a_reader_that_crashes_takes_nothing_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert refusal(dicom_film()) == "not_an_image"


def test_what_the_machine_is_to_blame_for_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def wait(*_: Any, timeout: float, **__: Any) -> None:
        raise subprocess.TimeoutExpired("reader", timeout)

    with monkeypatch.context() as hanging:
        hanging.setattr(subprocess, "run", wait)
        with pytest.raises(Busy):
            open_radiograph(dicom_film())
    killed = subprocess.CompletedProcess("reader", -signal.SIGKILL, b"")
    with monkeypatch.context() as short_of_memory:
        short_of_memory.setattr(subprocess, "run", lambda *_, **__: killed)
        with pytest.raises(Busy):
            open_radiograph(dicom_film())
    assert open_radiograph(dicom_film()).format == "DICOM"


def test_few_wait_for_a_reader_and_the_others_are_told_at_once() -> None:
    """Threads that wait for slow files are missing to those who send none."""
    begun = []
    with apart._turn, ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            begun.append(pool.submit(open_radiograph, dicom_film()))
        refused = next(as_completed(begun, timeout=60))
        assert isinstance(refused.exception(), Busy)
        assert sum(one.done() for one in begun) == 1
        apart._turn.release()
        others = [one for one in begun if one is not refused]
        assert [one.result(300).format for one in others] == ["DICOM"] * 3
        apart._turn.acquire()


def test_no_secret_of_the_service_reaches_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "do not tell")
    seen: dict[str, str] = {}
    run: Any = subprocess.run

    def spy(*arguments: Any, env: dict[str, str], **options: Any) -> Any:
        seen.update(env)
        return run(*arguments, env=env, **options)

    monkeypatch.setattr(subprocess, "run", spy)
    assert open_radiograph(dicom_film()).width == 120
    assert sorted(seen) == ["OPENBLAS_NUM_THREADS", "PYTHONPATH"]
    assert os.environ["SECRET_KEY"] not in seen.values()


def test_the_parsers_are_not_loaded_where_films_are_served() -> None:
    program = (
        "import sys, implants.radiograph\n"
        "print([name for name in ('pydicom', 'pi_heif', 'pypdfium2') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_a_refusal_is_no_crash_of_the_reader() -> None:
    with pytest.raises(RadiographError):
        open_radiograph(files.heic(film(30, 30)))
