"""Prometheus, Alertmanager and exporters as real processes, with the files of deploy/watch."""

import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import requests
import yaml

from tests.deploy.tools import path
from tests.sandbox.process import ROOT, wait_for
from tests.stack import free_port

WATCH: Final = ROOT / "deploy" / "watch"
QUICK: Final = {
    r"(scrape_interval|scrape_timeout): \w+": r"\1: 4s",
    r"evaluation_interval: \w+": "evaluation_interval: 1s",
    r"(group_wait|group_interval): \w+": r"\1: 1s",
}
"""Minutes are for people; a test need not wait for them."""


@contextmanager
def running(*command: str, port: int, ready: str = "/", **environment: str) -> Iterator[str]:
    """A program until the context ends; its address once `ready` answers."""
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen(
        [path(command[0]), *command[1:]], env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    ) as process:  # fmt: skip
        try:
            wait_for(lambda: _answers(process, url + ready), 30)
            yield url
        finally:
            process.terminate()
            assert process.stdout
            process.stdout.read()


def _answers(process: subprocess.Popen[str], url: str) -> bool:
    assert process.poll() is None, process.stdout and process.stdout.read()
    try:
        return requests.get(url, timeout=2).ok
    except (requests.ConnectionError, requests.Timeout):
        return False


@contextmanager
def blackbox(**environment: str) -> Iterator[str]:
    """The exporter that asks as people do."""
    port = free_port()
    listen = f"--web.listen-address=127.0.0.1:{port}"
    config = f"--config.file={WATCH / 'blackbox.yml'}"
    with running("prometheus-blackbox-exporter", config, listen, port=port, **environment) as url:
        yield url


@contextmanager
def machine(textfiles: Path) -> Iterator[str]:
    """The exporter that tells of its machine."""
    port = free_port()
    listen = f"--web.listen-address=127.0.0.1:{port}"
    folder = f"--collector.textfile.directory={textfiles}"
    with running("prometheus-node-exporter", listen, folder, port=port) as url:
        yield url


def alertmanager_file(folder: Path, telegram: str = "") -> Path:
    """Our file as install.sh writes it, and quick; `telegram`: who is taken for Telegram.

    Debian 12 has 0.25, which knows no `bot_token_file`: there the token stands in the file.
    """
    text = (WATCH / "alertmanager.yml").read_text().replace("@TELEGRAM_CHAT_ID@", "-100200300")
    (folder / "token").write_text("123:abc")
    text = re.sub("bot_token_file: .*", f"bot_token_file: {folder / 'token'}", text)
    if alertmanager_version() < (0, 26):
        text = re.sub("bot_token_file: .*", 'bot_token: "123:abc"', text)
    if telegram:
        text = text.replace("      - bot_token", f"      - api_url: {telegram}\n        bot_token")
    return _quick(folder / "alertmanager.yml", text)


def alertmanager_version() -> tuple[int, int]:
    """Major and minor."""
    told = subprocess.run([path("amtool"), "--version"], capture_output=True, text=True, check=True)
    found = re.search(r"version (\d+)\.(\d+)", told.stdout + told.stderr)
    assert found
    return int(found[1]), int(found[2])


@contextmanager
def alertmanager(folder: Path, telegram: str) -> Iterator[str]:
    """Tells who is taken for Telegram."""
    port = free_port()
    file = alertmanager_file(folder, telegram)
    (folder / "raiox-telegram.tmpl").write_text((WATCH / "raiox-telegram.tmpl").read_text())
    options = [f"--config.file={file}", f"--storage.path={folder / 'data'}"]
    options += [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address="]
    with running("prometheus-alertmanager", *options, port=port, ready="/-/ready") as url:
        yield url


def prometheus_files(folder: Path, targets: Mapping[str, Any] | None = None) -> Path:
    """Our files as install.sh puts them, and quick; `targets` instead of the examples."""
    (folder / "raiox").mkdir()
    for file in (WATCH / "targets").iterdir():
        given = (targets or {}).get(file.stem)
        text = file.read_text() if given is None else yaml.safe_dump(given)
        (folder / "raiox" / file.name).write_text(text)
    (folder / "alerts.yml").write_text((WATCH / "alerts.yml").read_text())
    return _quick(folder / "prometheus.yml", (WATCH / "prometheus.yml").read_text())


def _quick(file: Path, text: str) -> Path:
    for pattern, quick in QUICK.items():
        text = re.sub(pattern, quick, text)
    file.write_text(text)
    return file


@dataclass(frozen=True)
class Watching:
    """Addresses of what runs."""

    prometheus: str
    alertmanager: str

    def ask(self, path: str, **query: str) -> Any:
        """What Prometheus' API says."""
        answer = requests.get(f"{self.prometheus}/api/v1/{path}", query, timeout=10)
        return answer.json()

    def values(self, query: str) -> dict[str, float]:
        """The samples of a query by job, instance and module."""
        found = self.ask("query", query=query)["data"]["result"]
        names = ("job", "module", "instance")
        return {
            " ".join(row["metric"].get(name, "-") for name in names): float(row["value"][1])
            for row in found
        }


@contextmanager
def everything(
    folder: Path, targets: Mapping[str, Any], telegram: str, **environment: str
) -> Iterator[Watching]:
    """A machine that watches; `targets`: what, by the names of the files in `targets/`."""
    with ExitStack() as all_of_it:
        port = free_port()
        exporter = all_of_it.enter_context(blackbox(**environment))
        alerts = all_of_it.enter_context(alertmanager(folder, telegram))
        file = prometheus_files(folder, targets)
        text = file.read_text()
        for usual, here in (("9115", exporter), ("9093", alerts), ("9090", f"http://x:{port}")):
            text = text.replace(f"127.0.0.1:{usual}", f"127.0.0.1:{here.rpartition(':')[2]}")
        file.write_text(text)
        options = [f"--config.file={file}", f"--storage.tsdb.path={folder / 'tsdb'}"]
        options.append(f"--web.listen-address=127.0.0.1:{port}")
        url = all_of_it.enter_context(running("prometheus", *options, port=port, ready="/-/ready"))
        yield Watching(url, alerts)
