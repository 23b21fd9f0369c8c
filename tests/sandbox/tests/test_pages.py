"""The pages that show the answer."""

import re

from playwright.sync_api import Page

from tests.sandbox.process import SandboxProcess
from tests.sandbox.tests.helpers import ANA, call, with_file, write


def test_submission_page_waits_then_shows_the_answer(sandbox: SandboxProcess) -> None:
    submission_id, _ = with_file(sandbox)
    address = f"{sandbox.url}/submissions/{submission_id}"
    page = call(address).text
    assert "Aguardando resposta…" in page
    assert "Ana Dias" in page
    assert re.findall(r"<dt>([^<]+)</dt>", page)[1:] == ["E-mail", "Paciente", "Dente"]
    picture = re.search(r'<img src="([^"]+)"', page)
    assert picture
    assert call(sandbox.url + picture[1]).headers["Content-Type"] == "image/png"
    write(sandbox, submission_id, {"submission[9]": "Dente 44: <Straumann> BLX"})
    page = call(address).text
    assert "Dente 44: &lt;Straumann&gt; BLX" in page
    assert "Aguardando" not in page
    assert "Respondido" in call(f"{sandbox.url}/submissions/").text


def test_file_that_is_no_picture_is_named_not_embedded(sandbox: SandboxProcess) -> None:
    made = sandbox.submit(ANA, files={"rx.jpg": b"<html>login</html>"}, webhook=False)
    page = call(f"{sandbox.url}/submissions/{made['id']}").text
    assert "<img" not in page
    assert "rx.jpg" in page


def test_page_renews_itself_in_a_browser(sandbox: SandboxProcess, page: Page) -> None:
    page.goto(f"{sandbox.url}/{sandbox.form_id}")
    page.fill("[name='q3_nome[first]']", "Ana")
    page.fill("[name=q4_email]", "ana@example.org")
    page.click("button")
    assert page.is_visible("text=Escolha um exemplo")
    page.click("label.sample >> nth=1")
    page.click("button")
    page.click("text=Acompanhar a resposta")
    page.wait_for_selector("text=Aguardando resposta…")
    submission_id = page.url.rsplit("/", 1)[1]
    write(sandbox, submission_id, {"submission[9]": "Straumann BLX"})
    page.wait_for_selector("[data-state=answered] >> text=Straumann BLX", timeout=10_000)
    (url,) = sandbox.submission(submission_id)["answers"]["5"]["answer"]
    assert url.endswith("um%20exemplo.png")
