"""A worker that was taken for dead and lives writes nothing of what another one does by now."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile

from cases import analysis, delivery, finding_search, intake, review
from cases.models import Case, CaseImage, Search
from implants.models import Encoder
from implants.radiograph import clean_copy, open_radiograph
from raiox.common.runs import Run, Superseded, running
from tests.runs import begun_run, hand_on
from tests.sandbox.process import SandboxProcess
from webhooks.client import JotformClient
from webhooks.models import InboundEvent, JotformForm

pytestmark = pytest.mark.django_db
MakeCase = Callable[..., Case]


@pytest.fixture
def run() -> Run:
    return begun_run()


@pytest.fixture
def hand_on_in(monkeypatch: pytest.MonkeyPatch, run: Run) -> Callable[[Any, str], None]:
    """The job is handed on right after that function of that module has answered."""

    def patch(place: Any, name: str) -> None:
        real = getattr(place, name)

        def answer(*arguments: Any, **more: Any) -> Any:
            found = real(*arguments, **more)
            hand_on(run)
            return found

        monkeypatch.setattr(place, name, answer)

    return patch


@pytest.fixture
def film_case(make_case: MakeCase, catalogue: Encoder, film: bytes) -> Case:
    """A waiting case with a film that can be encoded."""
    case = make_case()
    case.images.get().file.save("film.png", ContentFile(clean_copy(open_radiograph(film))))
    return case


@pytest.fixture
def film(reference_films: list[tuple[Any, bytes]]) -> bytes:
    return reference_films[0][1]


def kinds(case: Case) -> list[str]:
    return list(case.events.values_list("kind", flat=True))


def analyze(case: Case, run: Run, *, last: bool = True) -> None:
    with running(run), pytest.raises(Superseded):
        analysis.analyze_case(case.pk, is_last_attempt=last)


def test_an_analysis_that_came_second_is_thrown_away(
    film_case: Case, run: Run, hand_on_in: Any
) -> None:
    hand_on_in(analysis, "ask")
    analyze(film_case, run)
    assert not Search.objects.exists()
    assert kinds(film_case) == ["analysis_started"]


def test_an_analysis_that_was_handed_on_before_it_began_does_not_begin(
    film_case: Case, run: Run
) -> None:
    hand_on(run)
    analyze(film_case, run)
    assert kinds(film_case) == []


@pytest.mark.parametrize("last", [False, True])
def test_what_goes_wrong_in_it_is_not_said_of_the_case(
    make_case: MakeCase, run: Run, monkeypatch: pytest.MonkeyPatch, *, last: bool
) -> None:
    def fail(*_: Any) -> None:
        hand_on(run)
        raise RuntimeError

    monkeypatch.setattr(analysis, "ask", fail)
    case = make_case()
    analyze(case, run, last=last)
    assert kinds(case) == ["analysis_started"]


def test_a_film_that_another_run_has_kept_stays(
    make_case: MakeCase, run: Run, media: Any, film: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = make_case("received")
    case.images.update(state="waiting", file="")

    def download(*_: Any, **__: Any) -> Any:
        hand_on(run)
        CaseImage.objects.update(state="stored", file="uploads/kept.png")
        return SimpleNamespace(data=film)

    monkeypatch.setattr(analysis, "download_file", download)
    analyze(case, run)
    assert case.images.get().file.name == "uploads/kept.png"


def test_a_film_that_came_through_elsewhere_is_not_refused(
    make_case: MakeCase, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = make_case("received")
    case.images.update(state="waiting", file="")

    def fail(*_: Any, **__: Any) -> None:
        hand_on(run)
        CaseImage.objects.update(state="stored", file="uploads/kept.png")
        raise analysis.RadiographError("not_an_image")

    monkeypatch.setattr(analysis, "download_file", fail)
    analyze(case, run)
    assert case.images.get().state == "stored"


def test_a_search_for_one_implant_is_thrown_away_too(
    film_case: Case, run: Run, hand_on_in: Any
) -> None:
    hand_on_in(finding_search, "ask")
    with running(run), pytest.raises(Superseded):
        finding_search.search_finding(film_case.findings.get().pk, is_last_attempt=True)
    assert not Search.objects.exists()
    assert kinds(film_case) == []


def test_an_event_is_opened_or_given_up_by_its_own_run_only(
    make_event: Callable[..., InboundEvent], run: Run
) -> None:
    event = make_event()
    hand_on(run)
    with running(run):
        with pytest.raises(Superseded):
            intake.open_case(event.pk)
        with pytest.raises(Superseded):
            intake.mark_failed(event.pk, "too late")
    event.refresh_from_db()
    assert event.state == InboundEvent.State.RECEIVED
    assert not Case.objects.exists()


@pytest.fixture
def decided(
    make_case: MakeCase, sandbox: SandboxProcess, sandbox_form: JotformForm, brenda: User
) -> Case:
    """A case whose answer waits for its delivery."""
    sandbox.reset()
    sent = sandbox.submit({"dente": "44"}, files={"a.png": b"x"}, webhook=False)
    case = make_case(form=sandbox_form, submission_id=sent["id"])
    review.set_verdict(case.findings.get(), brenda, verdict="not_identifiable", implant=None)
    return review.approve(case, brenda)


def deliver(case: Case, run: Run) -> None:
    with running(run), pytest.raises(Superseded):
        delivery.deliver(case.pk, case.decision_id)


def rows(case: Case) -> list[tuple[int, str]]:
    return list(case.deliveries.values_list("attempt", "state"))


def test_a_delivery_that_was_handed_on_before_it_began_does_not_begin(
    decided: Case, run: Run
) -> None:
    hand_on(run)
    deliver(decided, run)
    assert decided.deliveries.get().started_at is None


def test_an_answer_is_not_written_late(
    sandbox: SandboxProcess, decided: Case, run: Run, hand_on_in: Any
) -> None:
    """Somebody may have corrected it meanwhile."""
    hand_on_in(delivery, "client_from_settings")
    deliver(decided, run)
    assert [row for row in sandbox.requests() if row["method"] == "POST"] == []
    assert rows(decided) == [(1, "queued")]


def test_what_jotform_said_is_left_to_be_found_by_the_run_that_has_the_job(
    sandbox: SandboxProcess, decided: Case, run: Run, hand_on_in: Any
) -> None:
    hand_on_in(JotformClient, "update_answer")
    deliver(decided, run)
    assert rows(decided) == [(1, "queued")]
    with running(Run(run.job_id, 1)):
        delivery.deliver(decided.pk, decided.decision_id)
    assert rows(decided) == [(1, "sent")]
    assert len([row for row in sandbox.requests() if row["method"] == "POST"]) == 1


@pytest.mark.parametrize(
    "trouble", [{"fail_next": 1, "fail_status": 503}, {"quota_left": 0, "quota_answer": "429"}]
)
def test_a_delivery_that_was_handed_on_is_not_put_off(
    sandbox: SandboxProcess, decided: Case, run: Run, monkeypatch: pytest.MonkeyPatch,
    trouble: dict[str, Any],
) -> None:  # fmt: skip
    real = JotformClient.update_answer

    def fail(*arguments: Any) -> Any:
        hand_on(run)
        return real(*arguments)

    monkeypatch.setattr(JotformClient, "update_answer", fail)
    sandbox.set(**trouble)
    deliver(decided, run)
    sandbox.reset()
    assert rows(decided) == [(1, "queued")]
