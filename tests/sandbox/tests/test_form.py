"""The form page and what it stores."""

import re
from pathlib import Path

from tests.sandbox.process import SandboxProcess
from tests.sandbox.tests.helpers import PNG, call, fill_in


def test_form_asks_everything_but_the_result(sandbox: SandboxProcess) -> None:
    page = call(f"{sandbox.url}/{sandbox.form_id}").text
    assert "Sandbox: isto imita o Jotform" in page
    for name in ("q3_nome[first]", "q3_nome[last]", "q4_email", "q6_paciente", "q7_dente"):
        assert f'name="{name}"' in page
    assert 'name="q5_radiografia[]" multiple' in page
    assert "q9" not in page


def test_form_offers_the_pictures_of_the_samples_folder(sandbox: SandboxProcess) -> None:
    page = call(f"{sandbox.url}/{sandbox.form_id}").text
    assert re.findall(r'name="sample" value="([^"]+)"', page) == ["outro.jpg", "um exemplo.png"]
    assert call(f"{sandbox.url}/samples/um%20exemplo.png").body == PNG + b"1"
    for outside in ("notes.txt", "..%2Fapi-key"):
        assert call(f"{sandbox.url}/samples/{outside}").status == 404


def test_form_without_samples_offers_upload_alone(tmp_path: Path) -> None:
    with SandboxProcess(data=tmp_path) as sandbox:
        page = call(f"{sandbox.url}/{sandbox.form_id}").text
        assert "<img" not in page
        assert 'type="file"' in page


def test_form_keeps_samples_and_own_files_in_one_submission(sandbox: SandboxProcess) -> None:
    reply = fill_in(
        sandbox,
        ("sample", None, b"um exemplo.png"),
        ("q5_radiografia[]", "minha.png", PNG + b"mine"),
        ("q5_radiografia[]", "minha.png", PNG + b"another of the same name"),
    )
    assert reply.status == 302
    thanks = call(sandbox.url + reply.headers["Location"]).text
    submission_id = re.search(r'href="/submissions/(\d{19})"', thanks)
    assert submission_id
    urls = sandbox.submission(submission_id[1])["answers"]["5"]["answer"]
    names = [url.rsplit("/", 1)[1] for url in urls]
    assert names == ["um%20exemplo.png", "minha.png", "minha_1.png"]
    assert [call(url).body[len(PNG) :] for url in urls] == [
        b"1",
        b"mine",
        b"another of the same name",
    ]


def test_form_without_a_radiograph_says_what_is_missing(sandbox: SandboxProcess) -> None:
    reply = fill_in(sandbox)
    assert reply.status == 400
    assert "Escolha um exemplo ou envie a sua radiografia." in reply.text
    assert 'value="ana@example.org"' in reply.text
    assert "Nenhum envio ainda" in call(sandbox.url).text


def test_form_refuses_a_sample_that_does_not_exist(sandbox: SandboxProcess) -> None:
    assert fill_in(sandbox, ("sample", None, b"../api-key")).status == 404


def test_front_page_leads_to_form_submissions_and_admin(sandbox: SandboxProcess) -> None:
    page = call(sandbox.url).text
    for address in (f"/{sandbox.form_id}", "/submissions/", "http://127.0.0.1:8000/admin/"):
        assert f'href="{address}"' in page
