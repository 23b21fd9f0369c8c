"""The order of a start and a stop, and what a person is told when a part fails."""

import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from raiox.embedded_postgres.cluster import Cluster
from raiox.up.child import Program
from raiox.up.plan import Plan
from raiox.up.session import Session, answers
from raiox.up.supervisor import StartFailed
from tests.sandbox.process import ROOT
from tests.up.conftest import ProgramMaker

Notes = Callable[[], list[str]]
NOTE_STOP = "signal.signal(signal.SIGTERM, lambda *_: (note('{name}-stops'), os._exit(0)))\n"
SERVE = (
    "from http.server import HTTPServer, SimpleHTTPRequestHandler\n"
    "server = HTTPServer(('127.0.0.1', {port}), SimpleHTTPRequestHandler)\n"
    "note('{name}')\n"
    "server.serve_forever()"
)
WAIT = f"sys.path.insert(0, {str(ROOT)!r})\nfrom raiox.up import gate\ngate.wait({{ear}})\n"
# A preparation that web is quicker than.
UNTIL_WEB_LOADS = (
    "note('begun')\nbegan = time.monotonic()\n"
    "while 'web-loads' not in open('notes').read() and time.monotonic() < began + 60:\n"
    "    time.sleep(0.02)\n"
)
PRESS_CTRL_C = f"os.kill({os.getpid()}, signal.SIGINT)\ntime.sleep(60)"
PRESS_CTRL_C_LATER = (
    f"later = ['sh', '-c', 'sleep 1; kill -INT {os.getpid()}']\n"
    "subprocess.Popen(later, start_new_session=True)\n"
)


@dataclass(frozen=True)
class SmallPlan(Plan):
    """The real plan with small programs; the demo cases end with somebody pressing Ctrl-C."""

    make: ProgramMaker = field(kw_only=True)
    sources: dict[str, str] = field(kw_only=True)

    def prepare(self) -> Program:
        return self.make("prepare", self.sources.get("prepare", "note('prepare')"))

    def early_web(self, ear: int) -> Program:
        web = self._server("web", self.port, f"note('web-loads')\n{WAIT.format(ear=ear)}")
        return replace(web, descriptors=(ear,))

    def worker(self) -> Program:
        source = NOTE_STOP.format(name="worker") + "note('worker')\nwhile True: time.sleep(0.05)"
        return self.make("worker", source)

    def sandbox(self) -> Program:
        return self._server("sandbox", self.port + 1)

    def demo_cases(self) -> Program:
        source = self.sources.get("demo_cases", "note('demo_cases')\n" + PRESS_CTRL_C)
        return self.make("demo cases", source)

    def _server(self, name: str, port: int, first: str = "") -> Program:
        serve = self.sources.get(name, first + SERVE.format(name=name, port=port))
        return self.make(name, NOTE_STOP.format(name=name) + serve)


@pytest.fixture
def sources() -> dict[str, str]:
    """Programs that a test replaces."""
    return {}


@pytest.fixture
def plan(
    settings: Any,
    tmp_path: Path,
    program: ProgramMaker,
    sources: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> SmallPlan:
    monkeypatch.delenv("PUBLIC_URL", raising=False)
    settings.RAIOX_ENV, settings.VAR_DIR, settings.JOTFORM_API_KEY = "local", tmp_path, ""
    return SmallPlan("127.0.0.1", two_free_ports(), make=program, sources=sources)


@pytest.fixture
def said() -> list[str]:
    return []


def two_free_ports() -> int:
    """The first of two ports, one after the other, that nobody uses."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


def test_parts_start_and_stop_in_order(plan: SmallPlan, said: list[str], notes: Notes) -> None:
    Session(plan, None, said.append).run()
    assert notes().index("prepare") < min(notes().index("worker"), notes().index("web"))
    assert notes()[-4:] == ["demo_cases", "web-stops", "worker-stops", "sandbox-stops"]
    assert said[-1] == "Stopped."


def test_web_loads_while_all_is_prepared_and_serves_afterwards(
    plan: SmallPlan, sources: dict[str, str], said: list[str], notes: Notes
) -> None:
    sources["prepare"] = UNTIL_WEB_LOADS + "time.sleep(0.5)\nnote('prepare')"
    Session(plan, None, said.append).run()
    ours = [note for note in notes() if note in ("web-loads", "prepare", "web")]
    assert ours == ["web-loads", "prepare", "web"]


def test_web_that_is_killed_while_it_serves_comes_back(
    plan: SmallPlan, sources: dict[str, str], said: list[str], notes: Notes
) -> None:
    sources["demo_cases"] = (
        "os.kill(int(open('web.pid').read()), signal.SIGKILL)\n"
        "while open('notes').read().split().count('web') < 2: time.sleep(0.05)\n"
    ) + PRESS_CTRL_C
    serve = SERVE.format(name="web", port=plan.port)
    sources["web"] = "open('web.pid', 'w').write(str(os.getpid()))\n" + serve
    Session(plan, None, said.append).run()
    assert "web was ended by SIGKILL; starting it again in 1 s." in said


def test_counts_of_an_earlier_run_are_gone_before_web_makes_its_own(
    plan: SmallPlan, sources: dict[str, str], said: list[str], settings: Any
) -> None:
    settings.METRICS_DIR = plan.var / "metrics"
    settings.METRICS_DIR.mkdir()
    (settings.METRICS_DIR / "counter_1.db").write_text("of an earlier run")
    sources["web"] = "open('metrics/counter_2.db', 'w').close()\nnote('web-loads')\n"
    sources["web"] += SERVE.format(name="web", port=plan.port)
    sources["prepare"] = UNTIL_WEB_LOADS
    Session(plan, None, said.append).run()
    assert [path.name for path in settings.METRICS_DIR.glob("*.db")] == ["counter_2.db"]


def test_addresses_and_logins_are_shown(
    plan: SmallPlan, sources: dict[str, str], said: list[str]
) -> None:
    sources["demo_cases"] = PRESS_CTRL_C_LATER
    plan.logins.write_text(json.dumps({"brenda": {"password": "bana-bana", "stored": ""}}))
    Session(plan, None, said.append).run()
    shown = "\n".join(said)
    assert f"Admin     http://127.0.0.1:{plan.port}/admin/" in shown
    assert f"Sandbox   http://127.0.0.1:{plan.port + 1}/" in shown
    assert f"Docs      http://127.0.0.1:{plan.port}/docs" in shown
    assert "brenda    bana-bana   reviews cases" in shown


def test_failed_preparation_ends_everything(
    plan: SmallPlan, sources: dict[str, str], said: list[str], notes: Notes
) -> None:
    sources["prepare"] = UNTIL_WEB_LOADS + "time.sleep(0.5); sys.exit(1)"
    with pytest.raises(StartFailed, match="preparation failed"):
        Session(plan, None, said.append).run()
    assert sorted(notes()) == ["begun", "sandbox", "sandbox-stops", "web-loads", "web-stops"]


def test_failed_preparation_is_all_that_is_told_where_web_fails_too(
    plan: SmallPlan, sources: dict[str, str], said: list[str]
) -> None:
    sources["web"] = "note('web-loads')\nsys.exit('ImportError: no module named raiox')"
    sources["prepare"] = UNTIL_WEB_LOADS + "time.sleep(0.5); sys.exit(1)"
    with pytest.raises(StartFailed, match="preparation failed"):
        Session(plan, None, said.append).run()
    assert said == ["Raiox AI is starting (local mode) ..."]


def test_web_that_does_not_come_up_is_reported(
    plan: SmallPlan, sources: dict[str, str], said: list[str]
) -> None:
    sources["web"] = "sys.exit('ImportError: no module named raiox')"
    with pytest.raises(StartFailed, match="ImportError: no module named raiox"):
        Session(plan, None, said.append).run()


def test_demo_cases_that_fail_are_reported_and_the_rest_runs(
    plan: SmallPlan, sources: dict[str, str], said: list[str]
) -> None:
    sources["demo_cases"] = PRESS_CTRL_C_LATER + "sys.exit(1)"
    Session(plan, None, said.append).run()
    assert "The demo cases could not be sent (see above); everything else runs." in said
    assert "\nRaiox AI is running." in said


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path / "postgres", durable=False)
    yield cluster
    cluster.stop()
    for made in (cluster.places.home, cluster.places.socket_folder):
        shutil.rmtree(made, ignore_errors=True)


def test_killed_database_is_started_again_and_stopped_at_the_end(
    plan: SmallPlan, sources: dict[str, str], said: list[str], database: Cluster
) -> None:
    sources["demo_cases"] = (
        f"path = {str(database.places.data / 'postmaster.pid')!r}\n"
        "def server(): return int(open(path).readline()) if os.path.exists(path) else killed\n"
        "killed = server()\n"
        "os.kill(killed, signal.SIGKILL)\n"
        "while server() == killed: time.sleep(0.05)\n"
    ) + PRESS_CTRL_C
    Session(plan, database, said.append).run()
    assert "database ended; starting it again." in said
    assert not database.running()


def test_nobody_answers_on_a_free_port() -> None:
    assert not answers(f"http://127.0.0.1:{two_free_ports()}/ping")
