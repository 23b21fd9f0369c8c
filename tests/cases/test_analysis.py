"""From addresses to candidates; whatever goes wrong, the case waits with the right reason."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from PIL import ExifTags, Image, PngImagePlugin

from cases import analysis, review, searching
from cases.models import Case, CaseImage, Finding, Search
from cases.tasks import analyze_case as analyze_task
from implants.demo.catalogue import encode_png
from implants.demo.renderer import VIEWS, render_film
from implants.demo.systems import DEMO_SYSTEMS
from implants.encoders.active import active
from implants.formats import Busy
from implants.models import Encoder, ReferenceVector
from implants.radiograph import open_radiograph
from implants.region import Region
from tests.cases.conftest import candidates
from tests.cases.test_intake import Context
from tests.implants.foreign_films import pdf
from tests.sandbox.process import SandboxProcess
from webhooks.models import JotformForm

pytestmark = pytest.mark.django_db
Analyze = Callable[..., Case]


@pytest.fixture(scope="session")
def film() -> bytes:
    """A patient's film, rendered."""
    return encode_png(render_film(DEMO_SYSTEMS[0], VIEWS[0], query=True).image)


@pytest.fixture
def analyze(sandbox: SandboxProcess, sandbox_form: JotformForm, media: Path) -> Analyze:
    """Submit files to the sandbox, open the case, analyse it."""

    def run(files: dict[str, bytes], *, urls: list[str] | None = None, last: bool = True) -> Case:
        sent = sandbox.submit({"dente": "44"}, files=files, webhook=False)
        case = Case.objects.create(form=sandbox_form, submission_id=sent["id"], tooth="44")
        images = sandbox.submission(sent["id"])["answers"][sandbox_form.qid_images].get("answer")
        for url in urls or images or []:
            CaseImage.objects.create(case=case, url=url)
        Finding.objects.create(case=case, tooth="44")
        analysis.analyze_case(case.pk, is_last_attempt=last)
        return Case.objects.get(pk=case.pk)

    return run


def test_the_row_says_how_many_pages_the_file_had(analyze: Analyze, film: bytes) -> None:
    with Image.open(io.BytesIO(film)) as image:
        case = analyze({"rx.pdf": pdf(image, more_pages=2)})
    assert case.images.get().pages == 3


def refusals(case: Case) -> list[str]:
    return list(case.images.values_list("refusal", flat=True))


@pytest.mark.usefixtures("catalogue")
def test_analysis_gives_three_distinct_implants(analyze: Analyze, film: bytes) -> None:
    case = analyze({"rx 1.png": film})
    assert (case.state, case.problem) == ("pending", "")
    found = candidates(case.findings.get())
    assert len({candidate.implant.pk for candidate in found}) == 3
    similarities = [candidate.similarity for candidate in found]
    assert similarities == sorted(similarities, reverse=True)
    assert len(set(similarities)) == 3
    assert all(-1 <= similarity <= 1 for similarity in similarities)
    assert all(candidate.reference is not None for candidate in found)


@pytest.mark.usefixtures("catalogue")
def test_similarities_come_from_the_image(analyze: Analyze, film: bytes) -> None:
    """The very film of a reference is found with similarity 1, another one is not."""
    reference = ReferenceVector.objects.select_related("reference__implant").first()
    assert reference is not None
    with default_storage.open(reference.reference.image.name) as file:
        case = analyze({"same.png": file.read()})
    best = candidates(case.findings.get())[0]
    assert best.implant == reference.reference.implant
    assert best.similarity == pytest.approx(1, abs=1e-3)
    other = candidates(analyze({"other.png": film}).findings.get())[0]
    assert other.similarity < 0.999


@pytest.mark.usefixtures("catalogue")
def test_the_stored_copy_is_private_and_without_metadata(analyze: Analyze, film: bytes) -> None:
    marked, info = io.BytesIO(), PngImagePlugin.PngInfo()
    info.add_text("PatientName", "Zilda Prado")
    Image.open(io.BytesIO(film)).save(marked, "PNG", pnginfo=info)
    image = analyze({"rx.png": marked.getvalue()}).images.get()
    with image.file.open("rb") as file:
        data = file.read()
    assert b"Zilda" not in data
    assert str(image.file.name).startswith("uploads/")
    assert Path(image.file.path).stat().st_mode & 0o077 == 0
    assert (image.width, image.height) == Image.open(io.BytesIO(film)).size


@pytest.mark.usefixtures("catalogue")
def test_a_new_analysis_is_a_new_search(analyze: Analyze, film: bytes) -> None:
    case = analyze({"rx.png": film})
    analysis.analyze_case(case.pk, is_last_attempt=True)
    assert Search.objects.count() == 2
    assert len(candidates(case.findings.get())) == 3
    assert Case.objects.get(pk=case.pk).state == "pending"


@pytest.mark.usefixtures("catalogue")
def test_a_finding_with_a_region_searches_its_own_image(analyze: Analyze, film: bytes) -> None:
    case = analyze({"a.png": film, "b.png": film})
    assert Search.objects.count() == 2
    image = case.images.first()
    Finding.objects.create(case=case, image=image, region=[0.3, 0.3, 0.4, 0.6])
    analysis.analyze_case(case.pk, is_last_attempt=True)
    whole, part = case.findings.all()
    assert (whole.searches.count(), part.searches.count()) == (4, 1)
    assert part.searches.get().region == [0.3, 0.3, 0.4, 0.6]
    expected = active().session.encode(
        open_radiograph(film).image, Region.from_list([0.3, 0.3, 0.4, 0.6])
    )
    assert part.searches.get().image == image
    assert part.searches.get().embedding == pytest.approx(expected, abs=1e-5)
    assert whole.searches.order_by("-pk")[0].embedding != pytest.approx(expected, abs=0.01)


@pytest.mark.usefixtures("catalogue")
def test_a_region_lies_on_the_upright_image_however_the_file_is_turned(
    analyze: Analyze, film: bytes
) -> None:
    upright, turned = Image.open(io.BytesIO(film)), io.BytesIO()
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    upright.transpose(Image.Transpose.ROTATE_90).save(turned, "PNG", exif=exif)
    case = analyze({"upright.png": film, "turned.png": turned.getvalue()})
    for image in case.images.all():
        Finding.objects.create(case=case, image=image, region=[0.1, 0.2, 0.3, 0.7])
    analysis.analyze_case(case.pk, is_last_attempt=True)
    first, second = Search.objects.filter(region__isnull=False)
    assert first.image_id != second.image_id
    assert first.embedding == pytest.approx(second.embedding, abs=1e-5)


@pytest.mark.usefixtures("catalogue")
def test_a_decided_case_is_left_alone(analyze: Analyze, film: bytes, brenda: Any) -> None:
    from cases import review

    case = review.reject(analyze({"rx.png": film}), brenda, reason="duplicate")
    analysis.analyze_case(case.pk, is_last_attempt=True)
    assert Search.objects.count() == 1
    assert Case.objects.get(pk=case.pk).state == "rejected"


@pytest.mark.usefixtures("encoder")
def test_an_empty_catalogue_is_said(analyze: Analyze, film: bytes) -> None:
    case = analyze({"rx.png": film})
    assert (case.state, case.problem) == ("pending", "empty_catalogue")
    assert not Search.objects.exists()


def test_a_missing_encoder_is_said(analyze: Analyze, film: bytes) -> None:
    assert analyze({"rx.png": film}).problem == "encoder_unavailable"


def test_a_broken_bundle_is_said(analyze: Analyze, film: bytes, catalogue: Encoder) -> None:
    Encoder.objects.update(path="/nowhere")
    from implants.encoders.active import forget

    forget()
    case = analyze({"rx.png": film})
    assert (case.state, case.problem) == ("pending", "encoder_unavailable")


def test_no_image_is_said(analyze: Analyze) -> None:
    assert analyze({}).problem == "no_image"


def bomb() -> bytes:
    """A small PNG that claims 30,000 × 30,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(30_001) * 1000)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def truncated_jpeg(film: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(film)).convert("L").save(buffer, "JPEG")
    return buffer.getvalue()[: len(buffer.getvalue()) // 2]


def bad_files() -> list[Any]:
    page = b"<!DOCTYPE html><html><head><title>Radiografia</title></head><body>oi</body></html>"
    tiny = io.BytesIO()
    Image.new("L", (20, 20)).save(tiny, "PNG")
    gif = io.BytesIO()
    Image.new("L", (200, 200)).save(gif, "GIF")
    return [
        pytest.param("a.jpg", page, "not_an_image", id="html named jpg"),
        pytest.param("a.png", b"", "not_an_image", id="empty"),
        pytest.param("a.png", bomb(), "too_large", id="decompression bomb"),
        pytest.param("a.png", bytes(5 * 1024 * 1024 + 1), "too_large", id="over 5 MiB"),
        pytest.param("a.png", tiny.getvalue(), "too_small", id="tiny"),
        pytest.param("a.gif", gif.getvalue(), "unsupported_format", id="gif"),
    ]


@pytest.mark.parametrize(("name", "data", "reason"), bad_files())
def test_a_bad_file_is_refused_with_its_reason(
    analyze: Analyze, name: str, data: bytes, reason: str
) -> None:
    case = analyze({name: data})
    assert refusals(case) == [reason]
    assert (case.state, case.problem) == ("pending", "no_usable_image")
    assert case.events.filter(kind="image_refused", data__reason=reason).exists()


def test_a_truncated_jpeg_is_refused(analyze: Analyze, film: bytes) -> None:
    assert refusals(analyze({"a.jpg": truncated_jpeg(film)})) == ["not_an_image"]


@pytest.mark.usefixtures("catalogue")
def test_one_bad_file_does_not_stop_the_others(analyze: Analyze, film: bytes) -> None:
    case = analyze({"bad.png": b"no", "good.png": film})
    assert sorted(case.images.values_list("state", flat=True)) == ["refused", "stored"]
    assert case.problem == ""
    assert len(candidates(case.findings.get())) == 3


@pytest.mark.parametrize(
    "url",
    [
        "https://10.0.0.1/a.png", "https://example.org/a.png", "http://127.0.0.1:1/a.png",
        "file:///etc/passwd", "https://www.jotform.com@10.0.0.1/a.png",
    ],
)  # fmt: skip
def test_an_address_that_is_not_jotforms_is_refused(analyze: Analyze, url: str) -> None:
    case = analyze({}, urls=[url])
    assert refusals(case) == ["host_not_allowed"]
    assert (case.state, case.problem) == ("pending", "no_usable_image")


def test_a_redirect_to_a_private_address_is_refused(
    analyze: Analyze, sandbox: SandboxProcess, film: bytes
) -> None:
    sandbox.set(file_redirect_to="https://169.254.169.254/latest/meta-data/")
    assert refusals(analyze({"a.png": film})) == ["host_not_allowed"]


@pytest.mark.parametrize("wall", ["redirect", "404", "html"])
def test_a_log_in_page_is_told_apart(
    analyze: Analyze, sandbox: SandboxProcess, settings: Any, film: bytes, wall: str
) -> None:
    sandbox.set(login_wall=wall)
    settings.JOTFORM_API_KEY = ""
    assert refusals(analyze({"a.png": film})) == ["login_required"]


@pytest.mark.usefixtures("catalogue")
@pytest.mark.parametrize("wall", ["redirect", "404", "html"])
def test_the_key_opens_the_log_in_wall(
    analyze: Analyze, sandbox: SandboxProcess, film: bytes, wall: str
) -> None:
    sandbox.set(login_wall=wall)
    assert analyze({"a.png": film}).problem == ""


def test_a_passing_failure_is_tried_again(
    analyze: Analyze, sandbox: SandboxProcess, film: bytes
) -> None:
    sandbox.set(file_status=503)
    with pytest.raises(searching.TryAgain):
        analyze({"a.png": film}, last=False)
    case = Case.objects.get()
    assert case.images.get().state == "waiting"
    analysis.analyze_case(case.pk, is_last_attempt=True)
    assert refusals(case) == ["download_failed"]
    assert Case.objects.get().problem == "no_usable_image"


def test_a_film_that_nobody_had_time_to_read_is_not_refused(
    analyze: Analyze, film: bytes, catalogue: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: Any) -> None:
        raise Busy

    with monkeypatch.context() as patched:
        patched.setattr(analysis, "open_radiograph", busy)
        with pytest.raises(searching.TryAgain):
            analyze({"a.png": film}, last=False)
        case = Case.objects.get()
        analysis.analyze_case(case.pk, is_last_attempt=True)
        case.refresh_from_db()
        assert (case.state, case.problem) == ("pending", "analysis_failed")
    assert case.images.get().state == "waiting"
    analysis.analyze_case(case.pk, is_last_attempt=True)
    case.refresh_from_db()
    assert (case.problem, case.images.get().state) == ("", "stored")


def test_a_fault_of_ours_ends_pending_after_the_last_try(
    analyze: Analyze, film: bytes, catalogue: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(searching, "identify", fail)
    with pytest.raises(RuntimeError):
        analyze({"a.png": film}, last=False)
    case = Case.objects.get()
    assert case.state == "analyzing"
    analysis.analyze_case(case.pk, is_last_attempt=True)
    case.refresh_from_db()
    assert (case.state, case.problem) == ("pending", "analysis_failed")


def test_a_job_that_ends_every_worker_is_given_up(make_case: Callable[..., Case]) -> None:
    case = make_case("analyzing")
    context: Any = Context(attempts=4)
    analyze_task.func(context, case_id=case.pk)
    case.refresh_from_db()
    assert (case.state, case.problem) == ("pending", "analysis_failed")


@pytest.mark.usefixtures("catalogue")
@pytest.mark.parametrize("attempts", [1, 4])
def test_a_job_whose_worker_died_at_its_very_end_finds_nothing_to_do(
    analyze: Analyze, film: bytes, attempts: int
) -> None:
    """The analysis was written, and the queue was not told any more."""
    case = analyze({"a.png": film})
    context: Any = Context(attempts)
    analyze_task.func(context, case_id=case.pk)
    assert Search.objects.count() == 1
    case.refresh_from_db()
    assert (case.state, case.problem) == ("pending", "")


@pytest.mark.usefixtures("catalogue")
def test_a_job_whose_worker_died_in_the_middle_is_done_again(
    analyze: Analyze, film: bytes, brenda: User
) -> None:
    """Also on a case that waits already: its reviewer asked for a new analysis."""
    case = analyze({"a.png": film})
    review.request_analysis(case, brenda)
    context: Any = Context(attempts=1)
    analyze_task.func(context, case_id=case.pk)
    assert Search.objects.count() == 2
