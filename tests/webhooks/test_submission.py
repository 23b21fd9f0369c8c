"""Reading a submission out of an event, traps of Jotform's included."""

from typing import Any

import pytest

from webhooks.models import InboundEvent, JotformForm
from webhooks.submission import AnswersMissing, Submission, from_answers, from_event

URL = "https://www.jotform.com/uploads/clinica/24/62/rx%201.png"


def form() -> JotformForm:
    return JotformForm(
        form_id="24", qid_dentist="3", qid_email="4", qid_images="5", qid_patient="6",
        qid_tooth="7", qid_result="9",
    )  # fmt: skip


def raw_request(**changes: Any) -> dict[str, Any]:
    raw = {
        "slug": "submit/24",
        "q3_nome": {"first": "Ana", "last": "Dias"},
        "q4_email": "ana@example.org",
        "q6_paciente": "B. F.",
        "q7_dente": "44",
        "event_id": "1740000000000_24_AbC",
        "temp_upload": {"q5_radiografia": ["rx 1.png#jotformfs-xx#uuid"]},
        "radiografia": [URL],
    }
    return {key: value for key, value in {**raw, **changes}.items() if value is not None}


def read(raw: Any, *, must_have_images: bool = True) -> Submission:
    event = InboundEvent(
        kind="multipart", form_id="24", submission_id="62", payload={"rawRequest": raw}
    )
    return from_event(event, form(), must_have_images=must_have_images)


def test_from_event_finds_files_under_the_bare_name() -> None:
    submission = read(raw_request())
    assert submission.image_urls == (URL,)
    assert submission.fields == {
        "dentist_name": "Ana Dias",
        "dentist_email": "ana@example.org",
        "patient": "B. F.",
        "tooth": "44",
    }


def test_from_event_maps_by_qid_not_by_name() -> None:
    raw = raw_request(q7_dente=None, q7_elemento="36", q17_dente="11")
    assert read(raw).fields["tooth"] == "36"


def test_from_event_without_addresses_asks_for_the_api() -> None:
    with pytest.raises(AnswersMissing):
        read(raw_request(radiografia=None))
    assert read(raw_request(radiografia=None), must_have_images=False).image_urls == ()


def test_from_event_with_an_unreadable_request_asks_for_the_api() -> None:
    with pytest.raises(AnswersMissing):
        read(None, must_have_images=False)


def test_a_cleared_answer_is_known_and_a_missing_one_is_not() -> None:
    fields = read(raw_request(q6_paciente="", q7_dente=None)).fields
    assert fields["patient"] == ""
    assert "tooth" not in fields


def test_an_address_is_the_same_with_raw_and_with_encoded_spaces() -> None:
    raw = raw_request(radiografia=[URL.replace("%20", " ")])
    assert read(raw).image_urls == (URL,)
    assert read(raw).digest == read(raw_request()).digest


def test_answers_lose_what_the_database_refuses() -> None:
    fields = from_answers({"6": "B.\x00F.", "7": "\ud800"}, form(), "62").fields
    assert fields == {"patient": "B.F.", "tooth": "?"}


def test_from_event_takes_each_address_once() -> None:
    assert read(raw_request(radiografia=[URL, URL, "x"])).image_urls == (URL,)


def test_from_event_reads_answers_by_qid_from_json() -> None:
    payload = {"answers": {"5": {"answer": URL}, "7": {"answer": "44"}, "9": {"name": "resultado"}}}
    event = InboundEvent(kind="json", form_id="24", submission_id="62", payload=payload)
    submission = from_event(event, form(), must_have_images=True)
    assert (submission.image_urls, submission.fields) == ((URL,), {"tooth": "44"})


def test_from_event_reads_a_direct_image() -> None:
    payload = {"image_url": URL, "client_id": "clinica-7", "metadata": {}}
    event = InboundEvent(kind="direct", form_id="24", submission_id="direct-x", payload=payload)
    submission = from_event(event, form(), must_have_images=True)
    assert submission.is_direct
    assert (submission.image_urls, submission.fields) == ((URL,), {"dentist_name": "clinica-7"})


def test_digest_ignores_our_result_and_what_changes_with_each_delivery() -> None:
    changed = raw_request(
        q9_resultado="Raiox AI: ...",
        event_id="1740000009999_24_XyZ",
        temp_upload={"q5_radiografia": ["rx 1.png#jotformfs-yy#other"]},
    )
    assert read(changed).digest == read(raw_request()).digest


@pytest.mark.parametrize(
    "changes", [{"q7_dente": "45"}, {"radiografia": [URL, URL + "2"]}, {"q12_outro": "x"}]
)
def test_digest_changes_with_each_answer(changes: dict[str, Any]) -> None:
    assert read(raw_request(**changes)).digest != read(raw_request()).digest


def test_digest_is_the_same_for_a_file_as_string_and_as_list_of_one() -> None:
    assert read(raw_request(radiografia=URL)).digest == read(raw_request()).digest
