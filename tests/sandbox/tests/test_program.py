"""Starting, stopping, state and key."""

import ast
import http.client
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.sandbox import process as process_module
from tests.sandbox.process import SandboxError, SandboxProcess
from tests.sandbox.tests.helpers import call, with_file


def test_program_imports_nothing_of_the_product() -> None:
    for file in Path(process_module.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            roots = {name.split(".")[0] for name in names}
            assert not roots & {"raiox", "implants", "webhooks", "cases"}, file


def test_key_is_random_private_and_given_away_by_no_route(sandbox: SandboxProcess) -> None:
    assert re.fullmatch("[0-9a-f]{32}", sandbox.api_key)
    assert stat.S_IMODE(sandbox.key_file.stat().st_mode) == 0o600
    assert call(f"{sandbox.url}/_control/key").status == 404
    for path in ("", "switches", "requests", "webhooks"):
        assert sandbox.api_key not in call(f"{sandbox.url}/_control/{path}").text


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_program_stops_within_a_second_though_a_request_hangs(
    tmp_path: Path, how: signal.Signals
) -> None:
    with SandboxProcess(data=tmp_path) as sandbox:
        sandbox.set(slow_seconds=30)
        url = f"{sandbox.url}/form/{sandbox.form_id}/questions"
        hanging = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
        hanging.request("GET", urlsplit(url).path, headers={"User-Agent": "tests"})
        time.sleep(0.2)
        assert sandbox.process
        sandbox.process.send_signal(how)
        assert sandbox.process.wait(1) == 0
        hanging.close()


def test_state_survives_a_kill(tmp_path: Path) -> None:
    with SandboxProcess(data=tmp_path, webhook_url="http://127.0.0.1:9/hook") as sandbox:
        key, url = sandbox.api_key, sandbox.url
        submission_id, file_url = with_file(sandbox)
        sandbox.set(login_wall="html")
        sandbox.kill()
        with pytest.raises(ConnectionError):
            call(url)
        sandbox.start()
        assert (sandbox.api_key, sandbox.url) == (key, url)
        assert sandbox.submission(submission_id)["answers"]["7"]["answer"] == "44"
        assert "Entre para ver" in call(file_url).text
        webhooks = sandbox.api("GET", f"/form/{sandbox.form_id}/webhooks")["content"]
        assert webhooks == {"0": "http://127.0.0.1:9/hook"}


def test_start_with_another_webhook_address_replaces_the_former(tmp_path: Path) -> None:
    with SandboxProcess(data=tmp_path, webhook_url="http://127.0.0.1:9/old") as sandbox:
        sandbox.register_webhook("http://127.0.0.1:9/other")
        sandbox.stop()
        sandbox.webhook_url = "http://127.0.0.1:9/new"
        sandbox.start()
        webhooks = sandbox.api("GET", f"/form/{sandbox.form_id}/webhooks")["content"]
        assert set(webhooks.values()) == {"http://127.0.0.1:9/other", "http://127.0.0.1:9/new"}


def test_port_in_use_is_explained(sandbox: SandboxProcess, tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="cannot listen on"):
        SandboxProcess(data=tmp_path, port=sandbox.port).start()


def test_help_shows_an_example() -> None:
    command = [sys.executable, "-m", "tests.sandbox", "--help"]
    run = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=process_module.ROOT
    )
    assert "example: python -m tests.sandbox" in run.stdout
