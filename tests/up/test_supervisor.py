"""Children are kept alive, and nothing of them is left afterwards."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from raiox.up.supervisor import StartFailed, StopRequested, Supervisor
from tests.up.conftest import ProgramMaker, wait_until

Notes = Callable[[], list[str]]
FOREVER = "note(os.getpid())\nwhile True: time.sleep(1)"
# Notes its name when it is asked to stop, and stops.
POLITE = (
    "signal.signal(signal.SIGTERM, lambda *_: (note({name!r}), sys.exit()))\n"
    "note('up')\n"
    "while True: time.sleep(0.05)"
)
STUBBORN = (
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nnote(os.getpid())\nwhile True: time.sleep(1)"
)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, said: list[str]) -> Iterator[Supervisor]:
    supervisor = Supervisor(tmp_path, said.append)
    yield supervisor
    supervisor.stop()


def look_after(supervisor: Supervisor, until: Callable[[], object]) -> None:
    def is_done() -> object:
        supervisor.pause()
        return until()

    wait_until(is_done)


def test_child_that_is_killed_is_started_again(
    supervisor: Supervisor, program: ProgramMaker, notes: Notes, said: list[str]
) -> None:
    supervisor.start(program("worker", FOREVER))
    look_after(supervisor, notes)
    os.kill(int(notes()[0]), signal.SIGKILL)
    look_after(supervisor, lambda: len(notes()) == 2)
    assert said == ["worker was ended by SIGKILL; starting it again in 1 s."]


def test_child_that_keeps_failing_is_started_less_and_less_often(
    supervisor: Supervisor, program: ProgramMaker, said: list[str]
) -> None:
    supervisor.start(program("web", "sys.exit('no such setting')"))
    look_after(supervisor, lambda: len(said) == 4)
    assert said == [
        "web ended with code 1; starting it again in 1 s.",
        "web: no such setting",
        "web ended with code 1; starting it again in 2 s.",
        "web: no such setting",
    ]


def test_children_share_our_session_so_that_one_can_give_way_to_another(
    supervisor: Supervisor, program: ProgramMaker, notes: Notes
) -> None:
    supervisor.start(program("web", FOREVER))
    look_after(supervisor, notes)
    pid = int(notes()[0])
    assert os.getsid(pid) == os.getsid(0)
    assert os.getpgid(pid) == pid, "Ctrl-C in the terminal is for the supervisor to handle"


def test_terminal_does_not_stop_a_child_that_writes_to_it(
    supervisor: Supervisor, program: ProgramMaker, notes: Notes
) -> None:
    signals = "signal.SIGTTOU, signal.SIGTTIN, signal.SIGTSTP"
    asked = f"[signal.getsignal(s) is signal.SIG_IGN for s in ({signals})]"
    supervisor.start(program("web", f"note(all({asked}))\ntime.sleep(60)"))
    look_after(supervisor, notes)
    assert notes() == ["True"]


def test_rest_of_a_dead_childs_group_is_ended(
    supervisor: Supervisor, program: ProgramMaker, notes: Notes, said: list[str]
) -> None:
    family = "note(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']).pid)\n"
    supervisor.start(program("web", family + FOREVER))
    look_after(supervisor, lambda: len(notes()) == 2)
    grandchild, child = map(int, notes())
    os.kill(child, signal.SIGKILL)
    look_after(supervisor, lambda: said)
    wait_until(lambda: not is_alive(grandchild))


def test_children_are_stopped_one_after_the_other_last_first(
    supervisor: Supervisor, program: ProgramMaker, notes: Notes
) -> None:
    for name in ("sandbox", "worker", "web"):
        supervisor.start(program(name, POLITE.format(name=name)))
    wait_until(lambda: len(notes()) == 3)
    supervisor.stop()
    assert notes()[3:] == ["web", "worker", "sandbox"]


def test_child_started_later_may_stop_later(
    supervisor: Supervisor, program: ProgramMaker, notes: Notes
) -> None:
    web = supervisor.start(program("web", POLITE.format(name="web")))
    supervisor.start(program("worker", POLITE.format(name="worker")), stops_after=web)
    wait_until(lambda: len(notes()) == 2)
    supervisor.stop()
    assert notes()[2:] == ["web", "worker"]


def test_child_that_does_not_stop_is_killed(
    supervisor: Supervisor, program: ProgramMaker, notes: Notes
) -> None:
    supervisor.start(program("worker", STUBBORN, stop_seconds=0.2))
    wait_until(notes)
    supervisor.stop()
    assert not is_alive(int(notes()[0]))


def test_first_signal_asks_to_stop_and_the_second_insists(
    supervisor: Supervisor,
    program: ProgramMaker,
    notes: Notes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("raiox.up.supervisor._SAME_WISH_SECONDS", 0)
    supervisor.start(program("worker", STUBBORN, stop_seconds=60))
    wait_until(notes)
    with supervisor.listening():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(StopRequested):
            supervisor.pause()
        assert not supervisor.insisted
        os.kill(os.getpid(), signal.SIGTERM)
        asked_at = time.monotonic()
        supervisor.stop()
    assert time.monotonic() - asked_at < 10
    assert not is_alive(int(notes()[0]))


def test_terminal_and_make_telling_of_one_wish_do_not_insist(supervisor: Supervisor) -> None:
    with supervisor.listening():
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGTERM)
    assert not supervisor.insisted


def test_child_that_fails_at_its_start_says_why(
    supervisor: Supervisor, program: ProgramMaker
) -> None:
    child = supervisor.start(program("web", "sys.exit('port taken')"))
    with pytest.raises(StartFailed, match=r"web ended with code 1 at its start\.\nport taken"):
        supervisor.wait_for(child, lambda: False, seconds=10)


def test_child_that_never_answers_is_reported_with_its_log(
    supervisor: Supervisor, program: ProgramMaker
) -> None:
    child = supervisor.start(program("web", "print('loading', flush=True)\n" + FOREVER))
    with pytest.raises(StartFailed, match=r"web does not answer after 1 s\.\nloading"):
        supervisor.wait_for(child, lambda: False, seconds=1)


def test_waiting_ends_when_the_child_is_ready(
    supervisor: Supervisor, program: ProgramMaker, notes: Notes
) -> None:
    child = supervisor.start(program("web", FOREVER))
    supervisor.wait_for(child, lambda: bool(notes()), seconds=10)
    assert child.exit_code() is None


def test_programs_run_to_their_end_while_others_are_looked_after(
    supervisor: Supervisor, program: ProgramMaker, said: list[str]
) -> None:
    supervisor.start(program("sandbox", "sys.exit(3)"))
    assert supervisor.run(program("prepare", "time.sleep(0.5); sys.exit(7)")) == 7
    assert said == ["sandbox ended with code 3; starting it again in 1 s."]


def test_errors_in_a_log_are_shown(
    supervisor: Supervisor, program: ProgramMaker, said: list[str]
) -> None:
    lines = "print('INFO fine'); print('ERROR no disk'); print('ERRORS_SEEN=0', flush=True)\n"
    supervisor.start(program("worker", lines + FOREVER))
    look_after(supervisor, lambda: said)
    assert said == ["worker: ERROR no disk"]


def test_something_else_is_looked_after_too(tmp_path: Path) -> None:
    seen: list[bool] = []
    Supervisor(tmp_path, print, lambda: seen.append(True)).pause()
    assert seen == [True]


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels leave children to the next `up`")
def test_children_end_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    child_source = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    source = (
        "import sys; from pathlib import Path\n"
        "from raiox.up.supervisor import Supervisor; from raiox.up.child import Program\n"
        "here = Path(sys.argv[1])\n"
        "supervisor = Supervisor(here, print)\n"
        f"supervisor.start(Program('web', [sys.executable, '-c', {child_source!r}], here))\n"
        "supervisor.watch()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", source, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as killed:
        assert killed.stdout
        child = int(killed.stdout.readline())
        killed.kill()
    wait_until(lambda: not is_alive(child))


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
