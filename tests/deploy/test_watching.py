"""The files of deploy/watch in the hands of the programs that they are for."""

import json
import re
import ssl
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import requests

from tests.common.certificates import certificate
from tests.common.loopback import Loopback, answer, serve
from tests.deploy.test_alerts import ALERTS, RULES
from tests.deploy.tools import path
from tests.deploy.watchers import (
    WATCH,
    Watching,
    alertmanager_file,
    blackbox,
    everything,
    machine,
    prometheus_files,
)
from tests.figures import figures, value
from tests.sandbox.process import ROOT, wait_for
from tests.stack import SYSTEMS, Stack, film

TELEGRAM: Final = "/bot123:abc/sendMessage"
DASHBOARD: Final = json.loads((WATCH / "grafana" / "raiox.json").read_text())
QUERIES: Final = [
    target["expr"].replace("$__rate_interval", "5m")
    for panel in DASHBOARD["panels"]
    for target in panel["targets"]
]
_METRIC: Final = re.compile(r"\b(?:raiox|probe|node|alertmanager)_\w+|\bup\b(?=\{)")


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, env=environment or None)


def test_prometheus_takes_its_files(tmp_path: Path) -> None:
    done = run(path("promtool"), "check", "config", str(prometheus_files(tmp_path)))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(ALERTS) + 2} rules found" in done.stdout


def test_alertmanager_takes_its_file(tmp_path: Path) -> None:
    (tmp_path / "raiox-telegram.tmpl").write_text((WATCH / "raiox-telegram.tmpl").read_text())
    done = run(path("amtool"), "check-config", str(alertmanager_file(tmp_path)))
    assert done.returncode == 0, done.stdout + done.stderr


def test_blackbox_exporter_takes_its_file() -> None:
    program = path("prometheus-blackbox-exporter")
    done = run(program, "--config.check", f"--config.file={WATCH / 'blackbox.yml'}")
    assert done.returncode == 0, done.stderr


def test_scripts_are_sound() -> None:
    scripts = sorted(map(str, WATCH.glob("*.sh")))
    assert len(scripts) >= 2
    done = run(path("shellcheck"), "-x", *scripts)
    assert done.returncode == 0, done.stdout


# What the probes take for an answer


HEALTHY: Final = '{"status":"ok","checks":{"database":{"status":"ok"},"encoder":{"status":"ok"}}}'
NO_ENCODER: Final = HEALTHY.replace('"encoder":{"status":"ok"}', '"encoder":{"status":"failed"}')


@pytest.fixture(scope="module")
def exporter() -> Iterator[str]:
    with blackbox() as url:
        yield url


@pytest.mark.parametrize(
    ("module", "status", "body", "is_up"),
    [
        ("alive", 200, '{"status":"ok"}', 1),
        ("alive", 503, '{"status":"ok"}', 0),
        ("alive", 200, "<html>parked</html>", 0),
        ("alive", 301, '{"status":"ok"}', 0),
        ("health", 200, HEALTHY, 1),
        ("health", 503, NO_ENCODER, 0),
        ("encoder", 503, HEALTHY, 1),
        ("encoder", 200, NO_ENCODER, 0),
    ],
)
def test_probe(exporter: str, module: str, status: int, body: str, is_up: int) -> None:
    with serve() as server:
        server.answers["/"] = answer(body.encode(), status=status, Location=f"{server.origin}/b")
        server.answers["/b"] = answer(HEALTHY.encode())
        asked = {"target": f"{server.origin}/", "module": module}
        text = requests.get(f"{exporter}/probe", asked, timeout=20).text
    assert value(figures(text), "probe_success") == is_up


# All of it at work


@pytest.fixture(scope="module")
def telegram() -> Iterator[Loopback]:
    with serve() as server:
        sent = {"ok": True, "result": {"message_id": 1, "date": 1, "chat": {"id": -100200300}}}
        server.answers[TELEGRAM] = answer(
            json.dumps(sent).encode(), Content_Type="application/json"
        )
        yield server


@pytest.fixture(scope="module")
def watching(
    stack: Stack, telegram: Loopback, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watching]:
    """Watches the running service, a machine, and a site with a certificate."""
    folder = tmp_path_factory.mktemp("watch")
    textfiles = folder / "textfiles"
    textfiles.mkdir()
    done = run(str(WATCH / "finished.sh"), "raiox-backup-database", TEXTFILES=str(textfiles), PATH="/usr/bin:/bin")  # fmt: skip  # noqa: E501
    assert done.returncode == 0, done.stderr
    submission = stack.sandbox.submit({}, files={"a.png": film(SYSTEMS[2], query=True)})["id"]
    stack.pending(submission)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(folder, "localhost", timedelta(days=60)))
    with serve(context) as site, machine(textfiles) as node:
        site.answers["/ping"] = answer(b'{"status": "ok"}')
        probes = {"alive": f"https://localhost:{site.port}/ping"}
        probes |= {"health": f"{stack.url}/health", "encoder": f"{stack.url}/health"}
        targets = {
            "service": [{"targets": [stack.url.removeprefix("http://")]}],
            "machines": [{"targets": [node.removeprefix("http://")]}],
            "probes": [
                {"targets": [url], "labels": {"__param_module": module}}
                for module, url in probes.items()
            ],
        }
        with everything(
            folder, targets, telegram.origin, SSL_CERT_FILE=str(folder / "cert.pem")
        ) as running:
            wait_for(lambda: len(running.values("up == 1")) == 8, 60)
            yield running


def test_every_target_answers(watching: Watching) -> None:
    jobs = sorted(key.partition(" ")[0] for key in watching.values("up == 1"))
    assert jobs == ["machine", "probe", "probe", "probe", "raiox", "watch", "watch", "watch"]

    def well() -> set[str]:
        return {key.split(" ")[1] for key in watching.values("probe_success == 1")}

    assert wait_for(lambda: well() == {"alive", "health", "encoder"}, 60)


def test_every_rule_can_be_judged(watching: Watching) -> None:
    def judged() -> list[dict[str, Any]]:
        groups = watching.ask("rules")["data"]["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        return rules if all(rule["health"] != "unknown" for rule in rules) else []

    rules = wait_for(judged, 60)
    assert len(rules) == len(ALERTS) + 2
    assert [rule["name"] for rule in rules if rule["health"] != "ok"] == []


def test_every_metric_that_is_asked_for_is_there(watching: Watching) -> None:
    """In rules and dashboard: a name that nobody tells would keep an alert quiet for ever."""
    rules = [rule["expr"] for group in RULES["groups"] for rule in group["rules"]]
    asked = {name for query in [*rules, *QUERIES] for name in _METRIC.findall(query)}
    assert len(asked) > 25
    told = set(watching.ask("label/__name__/values")["data"])
    assert asked - told == set()


def test_every_panel_can_be_drawn(watching: Watching) -> None:
    assert {panel["datasource"]["uid"] for panel in DASHBOARD["panels"]} == {"${datasource}"}
    assert [row["name"] for row in DASHBOARD["templating"]["list"]] == ["datasource"]
    refused = {
        query: answer["error"]
        for query in QUERIES
        if (answer := watching.ask("query", query=query))["status"] != "success"
    }
    assert refused == {}


def test_the_watch_is_watched(watching: Watching) -> None:
    """The alert that is always there has come all the way; where it has not, that is told."""
    script, path_of = str(WATCH / "watched.sh"), {"PATH": "/usr/bin:/bin", "RETRIES": "0"}

    def is_watched() -> bool:
        return not run(script, WATCH_URL=watching.alertmanager, **path_of).returncode

    assert wait_for(is_watched, 60)
    with serve() as server:
        server.answers["/api/v2/alerts"] = answer(b"[]")
        done = run(script, WATCH_URL=server.origin, **path_of)
    assert (done.returncode, "Prometheus does not reach it" in done.stderr) == (1, True)
    assert run(script, WATCH_URL="http://127.0.0.1:1", **path_of).returncode != 0


def tell(watching: Watching, *names: str, **labels: str) -> None:
    body = [
        {
            "labels": {"alertname": name, "severity": "urgente", **labels},
            "annotations": {"summary": f"Algo houve: {name}.", "runbook": f"leia#{name}"},
        }
        for name in names
    ]
    requests.post(
        f"{watching.alertmanager}/api/v2/alerts", json=body, timeout=10
    ).raise_for_status()


def test_the_chat_hears_of_it_in_portuguese(watching: Watching, telegram: Loopback) -> None:
    tell(watching, "servico-fora-do-ar", "saude-com-falha", "fila-parada")

    def messages() -> dict[str, str]:
        sent = [json.loads(asked.body) for asked in telegram.asked if asked.path == TELEGRAM]
        assert {str(message["chat_id"]) for message in sent} <= {"-100200300"}
        found = [message["text"] for message in sent]
        return {re.search(r"leia#([a-z-]+)", text)[1]: text for text in found if "leia#" in text}  # type: ignore[index]

    told = wait_for(lambda: found if len(found := messages()) == 2 else {}, 30)
    assert told["fila-parada"] == (
        "Raiox AI\nURGENTE: Algo houve: fila-parada.\nO que fazer: leia#fila-parada"
    )
    # While nothing answers, the health of its parts is no news; and nobody is told of "vigia".
    assert set(told) == {"servico-fora-do-ar", "fila-parada"}
    assert not any(b"vigia" in asked.body for asked in telegram.asked)


def test_the_runbook_s_own_alert_reaches_the_chat(watching: Watching, telegram: Loopback) -> None:
    """And its question finds nothing that does not answer."""
    text = (ROOT / "deploy/OPERACAO.md").read_text()
    (add,) = re.findall(r"^amtool .*$", text, re.MULTILINE)
    (ask,) = re.findall(r"^promtool query .*$", text, re.MULTILINE)
    add = add.replace("http://127.0.0.1:9093", watching.alertmanager)
    ask = ask.replace("http://127.0.0.1:9090", watching.prometheus)
    done = run("bash", "-c", add)
    assert done.returncode == 0, done.stderr
    told = "URGENTE: Teste da vigilância."
    assert wait_for(
        lambda: any(told in json.loads(asked.body)["text"] for asked in telegram.asked), 30
    )
    done = run("bash", "-c", ask)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_a_watch_that_telegram_does_not_hear_is_told(
    watching: Watching, telegram: Loopback
) -> None:
    """As when the bot's token was revoked and only the application got the new one."""

    def said() -> str:
        done = run(str(WATCH / "watched.sh"), WATCH_URL=watching.alertmanager, PATH="/usr/bin:/bin")
        return done.stderr if done.returncode else ""

    assert said() == ""
    taken = telegram.answers[TELEGRAM]
    refusal = {"ok": False, "error_code": 401, "description": "Unauthorized"}
    telegram.answers[TELEGRAM] = answer(
        json.dumps(refusal).encode(), status=401, Content_Type="application/json"
    )
    tell(watching, "disco-cheio")
    told = wait_for(said, 90)
    telegram.answers[TELEGRAM] = taken
    assert "does not reach Telegram" in told


def test_finished_tells_only_of_our_units(tmp_path: Path) -> None:
    script, told = str(WATCH / "finished.sh"), {"TEXTFILES": str(tmp_path), "PATH": "/usr/bin:/bin"}
    for name in ("../../etc/passwd", 'web"} 1', ""):
        assert run(script, name, **told).returncode == 1
    assert not list(tmp_path.iterdir())
    assert run(script, **told).returncode == 1
    assert run(script, "raiox-verify-backup", **told).returncode == 0
    text = (tmp_path / "raiox-verify-backup.prom").read_text()
    checked = subprocess.run(
        [path("promtool"), "check", "metrics"], input=text, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["raiox-verify-backup.prom"]
