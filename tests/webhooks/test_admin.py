"""Forms of Jotform and inbound events in the admin."""

from typing import Any

import pytest
from django.test import Client

from tests.people import logged_in, person
from webhooks.models import InboundEvent, JotformForm

FORMS = "/admin/webhooks/jotformform/"
EVENTS = "/admin/webhooks/inboundevent/"


@pytest.fixture
def browser(db: None) -> Client:
    return logged_in(person("admin", is_superuser=True))


@pytest.fixture
def form(db: None) -> JotformForm:
    return JotformForm.objects.create(form_id="24", title="Identificação", is_default=True)


def test_mapping_and_pause_of_a_form_are_changed(browser: Client, form: JotformForm) -> None:
    sent = {"title": "Outro", "qid_result": "9", "deliveries_paused": "on", "form_id": "99"}

    assert browser.post(f"{FORMS}{form.pk}/change/", sent).status_code == 302

    form.refresh_from_db()
    assert (form.title, form.qid_result, form.deliveries_paused) == ("Outro", "9", True)
    assert form.form_id == "24", "cases refer to the form by it"


def test_second_default_form_is_refused_with_the_name_of_the_first(
    browser: Client, form: JotformForm
) -> None:
    answer = browser.post(f"{FORMS}add/", {"form_id": "25", "is_default": "on"})

    assert answer.status_code == 200
    assert "Identificação" in answer.context["errors"].as_text()
    same = {"title": "Identificação", "is_default": "on"}
    assert browser.post(f"{FORMS}{form.pk}/change/", same).status_code == 302


def test_events_are_listed_by_state_and_shown_with_their_reason(browser: Client) -> None:
    ignored = InboundEvent.objects.create(
        kind="json", state="ignored", form_id="24", reason="unknown form", payload={"a": "né"}
    )
    InboundEvent.objects.create(kind="json", state="processed", form_id="24")

    rows = browser.get(f"{EVENTS}?state__exact=ignored").context["cl"].result_list
    page = browser.get(f"{EVENTS}{ignored.pk}/change/").content.decode()

    assert list(rows) == [ignored]
    assert "unknown form" in page and "&quot;a&quot;: &quot;né&quot;" in page


def test_list_of_events_does_not_load_their_bodies(
    browser: Client, django_assert_max_num_queries: Any
) -> None:
    InboundEvent.objects.create(kind="json", form_id="24", payload={"signature": "x" * 1000})

    with django_assert_max_num_queries(15) as queries:
        browser.get(EVENTS)

    assert not any('"payload"' in query["sql"] for query in queries.captured_queries)


def test_events_can_not_be_changed_by_anybody(browser: Client) -> None:
    event = InboundEvent.objects.create(kind="json", form_id="24")

    assert browser.post(f"{EVENTS}{event.pk}/change/", {"state": "failed"}).status_code == 403
    assert browser.post(f"{EVENTS}{event.pk}/delete/", {"post": "yes"}).status_code == 403
    assert browser.get(f"{EVENTS}add/").status_code == 403


@pytest.mark.parametrize("group", ["Revisores", "Curadores", "Leitores"])
def test_groups_see_neither_forms_nor_raw_events(form: JotformForm, group: str) -> None:
    browser = logged_in(person("outra", group))

    assert browser.get(FORMS).status_code == 403
    assert browser.get(EVENTS).status_code == 403


def test_failed_events_are_shown_and_processed_again(browser: Client, form: JotformForm) -> None:
    fields: dict[str, Any] = {"kind": "multipart", "form_id": "24", "submission_id": "62"}
    failed = InboundEvent.objects.create(state="failed", reason="x", **fields)
    done = InboundEvent.objects.create(state="processed", **fields)
    assert "1 envio não pôde ser aberto" in browser.get("/admin/").content.decode()
    chosen = {"action": "process_again", "_selected_action": [failed.pk, done.pk]}
    page = browser.post(EVENTS, chosen, follow=True).content.decode()
    failed.refresh_from_db()
    assert (failed.state, failed.reason) == ("received", "")
    assert "1 evento está sendo processado" in page
    assert "1 evento foi deixado como está" in page


def test_only_who_may_processes_events_again(form: JotformForm) -> None:
    failed = InboundEvent.objects.create(
        kind="multipart", form_id="24", submission_id="62", state="failed"
    )
    reviewer = logged_in(person("brenda", "Revisores"))
    reviewer.post(EVENTS, {"action": "process_again", "_selected_action": [failed.pk]})
    failed.refresh_from_db()
    assert failed.state == "failed"
    assert "1 envio não pôde ser aberto" in reviewer.get("/admin/").content.decode()
