"""Files that a submission names, does not name any more, and names again."""

from collections.abc import Callable
from typing import Any

import pytest

from cases import files, intake, sweep
from cases.models import Case, CaseEvent
from tests.cases.conftest import URL, jobs
from tests.people import logged_in, person
from tests.sandbox.process import SandboxProcess
from webhooks.models import InboundEvent, JotformForm
from webhooks.submission import from_event

pytestmark = pytest.mark.django_db
UPLOADED = {"q5_radiografia": ["rx 1.png#jotformfs-xx#uuid"]}
OTHER = URL.replace("rx%201", "rx%202")
MakeEvent = Callable[..., InboundEvent]


def take_over(event: InboundEvent) -> Case:
    case = intake.open_case(event.pk)
    assert case is not None
    return case


def urls_of(sandbox: SandboxProcess, form: JotformForm, submission: str) -> list[str]:
    answer = sandbox.submission(submission)["answers"][form.qid_images]["answer"]
    return [answer] if isinstance(answer, str) else list(answer)


def withdrawn(case: Case) -> list[str]:
    return [image.url for image in case.images.all() if image.is_withdrawn]


def found(*urls: str) -> InboundEvent:
    """What the sweep brought: Jotform's API names every file."""
    answers = {"5": list(urls), "3": {"first": "Ana", "last": "Dias"}, "4": "ana@example.org"}
    payload = {"answers": {qid: {"answer": answer} for qid, answer in answers.items()}}
    return InboundEvent.objects.create(
        kind="swept", form_id="24", submission_id="62", payload=payload
    )


def told(*urls: str, form: JotformForm, submission: str) -> InboundEvent:
    """A webhook of the stand-in's form, with these files."""
    payload = {"answers": {form.qid_images: {"answer": list(urls)}}}
    return InboundEvent.objects.create(
        kind="json", form_id=form.form_id, submission_id=submission, payload=payload
    )


def test_a_film_that_was_replaced_is_kept_and_marked_as_withdrawn(make_event: MakeEvent) -> None:
    case = take_over(make_event())
    take_over(found(OTHER))
    assert [image.url for image in case.images.all()] == [URL, OTHER]
    assert withdrawn(case) == [URL]
    assert case.events.get(kind=CaseEvent.Kind.UPDATED).data["withdrawn"] == 1


def test_a_film_that_was_taken_out_alone_is_news_too(make_event: MakeEvent) -> None:
    case = take_over(make_event(radiografia=[URL, OTHER]))
    take_over(found(OTHER))
    assert withdrawn(case) == [URL]
    assert len(jobs("cases.analyze_case")) == 1


def test_a_film_that_is_named_again_is_not_withdrawn(make_event: MakeEvent) -> None:
    case = take_over(make_event())
    take_over(found(OTHER))
    take_over(make_event(radiografia=[URL, OTHER]))
    assert withdrawn(case) == []
    said = [event.data for event in case.events.filter(kind=CaseEvent.Kind.UPDATED)]
    assert said[-1]["returned"] == 1


@pytest.mark.parametrize("addresses", [[OTHER], []])
def test_a_webhook_alone_withdraws_nothing(
    make_event: MakeEvent, settings: Any, addresses: list[str]
) -> None:
    settings.JOTFORM_API_KEY = ""
    case = take_over(make_event())
    take_over(make_event(q7_dente="45", radiografia=addresses, temp_upload=UPLOADED))
    assert withdrawn(case) == []
    case.refresh_from_db()
    assert (case.tooth, case.images.count()) == ("45", 1 + len(addresses))


def test_where_a_webhook_names_fewer_files_jotform_is_asked(
    sandbox: SandboxProcess, sandbox_form: JotformForm
) -> None:
    sent = sandbox.submit({"dente": "36"}, files={"a.png": b"x"}, webhook=False)["id"]
    [url] = urls_of(sandbox, sandbox_form, sent)
    case = take_over(told(url, OTHER, form=sandbox_form, submission=sent))
    take_over(told(url, form=sandbox_form, submission=sent))
    assert withdrawn(case) == [OTHER]
    case.refresh_from_db()
    assert case.tooth == "36", "what Jotform says counts whole"


def test_an_edit_that_names_its_new_files_only_withdraws_none_and_its_echo_is_a_duplicate(
    sandbox: SandboxProcess, sandbox_form: JotformForm
) -> None:
    sent = sandbox.submit({}, files={"a.png": b"x"}, webhook=False)["id"]
    case = take_over(
        told(*urls_of(sandbox, sandbox_form, sent), form=sandbox_form, submission=sent)
    )
    sandbox.edit(sent, {}, files={"b.png": b"y"}, webhook=False)
    _, new = urls_of(sandbox, sandbox_form, sent)
    take_over(told(new, form=sandbox_form, submission=sent))
    assert (case.images.count(), withdrawn(case)) == (2, [])
    echo = told(new, form=sandbox_form, submission=sent)
    assert intake.open_case(echo.pk) is None
    echo.refresh_from_db()
    assert echo.state == InboundEvent.State.DUPLICATE


def test_where_jotform_can_not_be_asked_what_came_counts(
    sandbox: SandboxProcess, sandbox_form: JotformForm
) -> None:
    sent = sandbox.submit({}, files={"a.png": b"x"}, webhook=False)["id"]
    case = take_over(told(OTHER, form=sandbox_form, submission=sent))
    sandbox.set(fail_next=10, fail_status=503)
    take_over(told(URL, form=sandbox_form, submission=sent))
    sandbox.reset()
    assert (case.images.count(), withdrawn(case)) == (2, [])


def test_the_same_file_by_another_host_is_the_same_file(make_event: MakeEvent) -> None:
    case = take_over(make_event())
    take_over(make_event(radiografia=[URL.replace("www.", "eu."), OTHER]))
    assert [image.url for image in case.images.all()] == [URL, OTHER]
    assert withdrawn(case) == []


def test_files_that_one_address_tells_apart_by_its_query_are_two(make_event: MakeEvent) -> None:
    case = take_over(make_event(radiografia=[f"{URL}?file=1", f"{URL}?file=2"]))
    assert case.images.count() == 2


def test_a_withdrawn_film_after_the_decision_flags_the_case(
    form: JotformForm, make_case: Callable[..., Case]
) -> None:
    case = make_case("approved", decided_by=person("rita"), submission_id="62")
    take_over(found(OTHER))
    case.refresh_from_db()
    assert case.changed_after_decision
    assert withdrawn(case) == [URL]


def test_nothing_is_withdrawn_where_the_addresses_were_deleted(
    make_event: MakeEvent, form: JotformForm
) -> None:
    case = take_over(make_event())
    case.images.update(url="deleted/1")
    submission = from_event(found(URL), form, must_have_images=True)
    assert files.mark_withdrawn(case, submission) == {}
    assert not files.files_differ(case, submission)


def test_the_sweep_finds_that_a_film_was_withdrawn(
    sandbox: SandboxProcess, sandbox_form: JotformForm
) -> None:
    sandbox.reset(everything=True)
    sent = sandbox.submit({"dente": "36"}, files={"a.png": b"x"}, webhook=False)
    sweep.sweep(sandbox_form)
    take_over(InboundEvent.objects.get())
    case = Case.objects.get(submission_id=sent["id"])
    case.images.create(url=OTHER)
    assert sweep.sweep(sandbox_form).edited == 0  # brought in once already
    InboundEvent.objects.update(digest="another")
    assert sweep.sweep(sandbox_form).edited == 1
    take_over(InboundEvent.objects.filter(state="received").get())
    assert withdrawn(case) == [OTHER]
    assert sweep.sweep(sandbox_form).edited == 0


def test_the_page_says_which_film_was_withdrawn_and_what_to_do(make_event: MakeEvent) -> None:
    case = take_over(make_event())
    take_over(found(OTHER))
    case.images.update(state="stored", file="uploads/x.png")
    Case.objects.update(state="pending")
    browser = logged_in(person("brenda", "Revisores"))
    page = browser.get(f"/admin/cases/case/{case.pk}/change/").content.decode()
    assert "Radiografia 1: não está mais no envio." in page
    assert "marque o implante nela: só ela será comparada." in page
    assert "Radiografia 2:" not in page
    assert "1 arquivo retirado do envio" in page


def test_the_page_says_that_a_film_is_the_first_of_several(make_event: MakeEvent) -> None:
    case = take_over(make_event())
    case.images.update(state="stored", file="uploads/x.png", pages=3)
    Case.objects.update(state="pending")
    browser = logged_in(person("brenda", "Revisores"))
    page = browser.get(f"/admin/cases/case/{case.pk}/change/").content.decode()
    assert "A primeira de 3 páginas." in page
