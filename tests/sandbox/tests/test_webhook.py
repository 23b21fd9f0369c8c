"""The webhook, as Jotform sends it."""

import re

from tests.sandbox.process import SandboxProcess, wait_for
from tests.sandbox.tests.helpers import ANA, PARTS, PNG, Receiver, call, fill_in, text_parts, write


def test_webhook_has_every_part_as_text(sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.register_webhook(receiver.url)
    fill_in(sandbox, ("q5_radiografia[]", "rx 1.png", PNG))
    wait_for(lambda: receiver.bodies)
    message = receiver.messages()[0]
    assert message.get_content_type() == "multipart/form-data"
    assert [part.get_filename() for part in text_parts(message)] == [None] * 23
    parts = receiver.parts()[0]
    assert sorted(parts) == sorted(PARTS.split())
    assert parts["formID"] == sandbox.form_id
    assert re.fullmatch(r"\d{15,}", parts["formID"])
    assert re.fullmatch(r"\d{19}", parts["submissionID"])
    assert parts["webhookURL"] == receiver.url
    assert (parts["type"], parts["username"]) == ("WEB", "clinica")
    assert parts["pretty"].endswith("Dente:44, Radiografia:rx 1.png")


def test_raw_request_keys_answers_by_qid_but_file_urls_by_name(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.register_webhook(receiver.url)
    made = sandbox.submit(ANA, files={"rx 1.png": PNG})
    sandbox.delivered(made["id"])
    raw = receiver.raw()
    assert raw["q3_nome"] == {"first": "Ana", "last": "Dias"}
    assert (raw["q4_email"], raw["q7_dente"]) == ("ana@example.org", "44")
    path = f"/uploads/clinica/{sandbox.form_id}/{made['id']}/rx%201.png"
    assert raw["radiografia"] == [sandbox.url + path]
    assert raw["temp_upload"]["q5_radiografia"][0].startswith("rx 1.png#jotformfs-")
    assert raw["path"] == f"/submit/{sandbox.form_id}"
    assert "q6_paciente" not in raw
    assert "q5_radiografia" not in raw
    assert '"slug":"submit\\/' in receiver.parts()[0]["rawRequest"]


def test_raw_spaces_switch_leaves_other_escapes(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.register_webhook(receiver.url)
    sandbox.set(raw_spaces=True)
    made = sandbox.submit(ANA, files={"rx 1 100%.png": PNG})
    sandbox.delivered(made["id"])
    assert receiver.raw()["radiografia"][0].endswith("/rx 1 100%25.png")


def test_missing_file_urls_switch_leaves_the_api_to_ask(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.register_webhook(receiver.url)
    sandbox.set(missing_file_urls=True)
    made = sandbox.submit(ANA, files={"rx.png": PNG})
    sandbox.delivered(made["id"])
    assert "radiografia" not in receiver.raw()
    assert "q5_radiografia" in receiver.raw()["temp_upload"]
    assert sandbox.submission(made["id"])["answers"]["5"]["answer"]


def test_edit_sends_the_webhook_again(sandbox: SandboxProcess, receiver: Receiver) -> None:
    sandbox.register_webhook(receiver.url)
    made = sandbox.submit(ANA, samples=["outro.jpg"])
    sandbox.delivered(made["id"])
    sandbox.edit(made["id"], {"dente": "45"}, files={"new.png": PNG})
    assert [row["reason"] for row in sandbox.delivered(made["id"], 2)] == ["new", "edit"]
    assert receiver.raw()["q7_dente"] == "45"
    assert receiver.raw()["q4_email"] == "ana@example.org"
    assert [url.rsplit("/", 1)[1] for url in receiver.raw()["radiografia"]] == [
        "outro.jpg",
        "new.png",
    ]
    sandbox.edit(made["id"], files={"only.png": PNG}, replace_files=True, webhook=False)
    assert len(sandbox.submission(made["id"])["answers"]["5"]["answer"]) == 1
    assert len(receiver.bodies) == 2


def test_write_back_sends_the_webhook_again_unless_switched_off(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    sandbox.register_webhook(receiver.url)
    made = sandbox.submit(ANA, webhook=False)
    write(sandbox, made["id"], {"submission[9]": "Straumann BLX"})
    assert sandbox.delivered(made["id"])[0]["reason"] == "api"
    assert receiver.raw()["q9_resultado"] == "Straumann BLX"
    sandbox.set(webhook_on_edit=False)
    write(sandbox, made["id"], {"submission[9]": "corrected"})
    assert len(sandbox.webhooks(made["id"])) == 1


def test_refused_and_lost_webhooks_are_recorded_and_shown(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    receiver.status = 401
    sandbox.register_webhook(receiver.url)
    made = sandbox.submit(ANA)
    (delivery,) = sandbox.delivered(made["id"])
    assert (delivery["state"], delivery["status"]) == ("failed", 401)
    page = call(f"{sandbox.url}/submissions/{made['id']}").text
    assert "falhou (401)" in page
    assert "receivers-token" not in page
    sandbox.reset(everything=True)
    sandbox.register_webhook("http://127.0.0.1:9/nobody")
    made = sandbox.submit(ANA)
    (delivery,) = sandbox.delivered(made["id"])
    assert (delivery["state"], delivery["status"]) == ("failed", None)
    assert "refused" in delivery["error"]


def test_other_form_has_its_own_questions_page_and_webhooks(
    sandbox: SandboxProcess, receiver: Receiver
) -> None:
    questions = [
        {
            "qid": "12",
            "name": "laudo",
            "text": "Laudo",
            "type": "control_textarea",
            "hidden": "Yes",
        },
        {"qid": "8", "name": "imagem", "text": "Imagem", "type": "control_fileupload"},
        {"qid": "2", "name": "dentista", "text": "Dentista", "type": "control_fullname"},
    ]
    form_id = sandbox.create_form(questions)
    sandbox.register_webhook(receiver.url, form_id)
    page = call(f"{sandbox.url}/{form_id}").text
    assert 'name="q8_imagem[]"' in page
    assert "laudo" not in page
    made = sandbox.submit({"2": {"first": "Eva"}}, files={"a.png": PNG}, form_id=form_id)
    sandbox.delivered(made["id"])
    assert receiver.parts()[0]["formID"] == form_id
    assert list(receiver.raw()["temp_upload"]) == ["q8_imagem"]
    write(sandbox, made["id"], {"submission[12]": "Titamax"})
    assert sandbox.submission(made["id"])["result"] == "Titamax"
