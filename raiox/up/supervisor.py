"""Keeps children alive until it is told to stop, and then stops them in order."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from raiox.up.child import Child, Program

_TICK_SECONDS = 0.1
# While somebody waits for what comes next.
_SHORT_TICK_SECONDS = 0.02
_LONGEST_DELAY_SECONDS = 30
_STABLE_SECONDS = 60
# A closed terminal and `make` may both tell us of the same wish.
_SAME_WISH_SECONDS = 0.5


class StopRequested(Exception):
    """Somebody pressed Ctrl-C, or the system asks us to end."""


class StartFailed(Exception):
    """A child did not come up; the message says why."""


class Supervisor:
    """Runs programs together. `say` prints a line for the person at the terminal.

    `mark` is the folder that names this installation (see `leftovers`); `also` is called at each
    tick, for what must be looked after and is no child.
    """

    def __init__(
        self, mark: Path, say: Callable[[str], None], also: Callable[[], None] = lambda: None
    ) -> None:
        self._mark = str(mark)
        self._say = say
        self._also = also
        self._children: list[Child] = []
        self._signals: list[float] = []

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take Ctrl-C and the like as a wish to stop, told by `pause`, while the block runs."""
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, self._on_signal) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def start(self, program: Program, *, stops_after: Child | None = None) -> Child:
        """Start a program and keep it alive from now on.

        It stops before those that were started earlier, or right after the one that is named.
        """
        child = Child(program, self._mark)
        place = self._children.index(stops_after) if stops_after else len(self._children)
        self._children.insert(place, child)
        child.start()
        return child

    def run(self, program: Program, *, but: Child | None = None) -> int:
        """Run a program to its end, looking after the others meanwhile, all `but` one.

        Gives its exit code.
        """
        child = Child(program, self._mark)
        child.start()
        try:
            while (code := child.exit_code()) is None:
                self.pause(_SHORT_TICK_SECONDS, but=but)
            return code
        finally:
            child.kill()

    def wait_for(self, child: Child, is_ready: Callable[[], bool], seconds: float) -> None:
        """Return when a child that was just started is ready; explain when it does not get so."""
        deadline = time.monotonic() + seconds
        while not is_ready():
            code, name = child.exit_code(), child.program.name
            if code is not None:
                raise StartFailed(f"{name} {_ending(code)} at its start.\n{child.last_lines()}")
            if time.monotonic() > deadline:
                raise StartFailed(
                    f"{name} does not answer after {seconds:.0f} s.\n{child.last_lines()}"
                )
            self.pause(_SHORT_TICK_SECONDS, but=child)

    def watch(self) -> None:
        """Look after the children until somebody asks to stop."""
        while True:
            self.pause()

    def pause(self, seconds: float = _TICK_SECONDS, *, but: Child | None = None) -> None:
        """Let a moment pass and look after the children, all `but` one.

        Raises `StopRequested` when it is time to go.
        """
        time.sleep(seconds)
        if self._signals:
            raise StopRequested
        self._also()
        for child in self._children:
            if child is not but:
                self._look_after(child)

    def stop(self) -> None:
        """Stop the children, the last one first; a second signal insists."""
        while self._children:
            child = self._children.pop()
            child.ask_to_stop()
            deadline = time.monotonic() + child.program.stop_seconds
            while child.exit_code() is None and time.monotonic() < deadline and not self.insisted:
                time.sleep(_TICK_SECONDS / 4)
            child.kill()

    @property
    def insisted(self) -> bool:
        """Whether somebody asked a second time to stop."""
        return len(self._signals) > 1

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not self._signals or now - self._signals[-1] > _SAME_WISH_SECONDS:
            self._signals.append(now)

    def _look_after(self, child: Child) -> None:
        for line in child.new_errors():
            self._say(f"{child.program.name}: {line}")
        code = child.exit_code()
        if code is None:
            return
        if child.restart_at is None:
            self._plan_restart(child, code)
        elif time.monotonic() >= child.restart_at:
            child.restart_at = None
            child.start()

    def _plan_restart(self, child: Child, code: int) -> None:
        child.kill()  # what is left of its group would hold its port
        was_stable = time.monotonic() - child.started_at > _STABLE_SECONDS
        child.failures = 1 if was_stable else child.failures + 1
        delay = min(2 ** (child.failures - 1), _LONGEST_DELAY_SECONDS)
        child.restart_at = time.monotonic() + delay
        self._say(f"{child.program.name} {_ending(code)}; starting it again in {delay} s.")
        if code > 0 and (reason := child.last_lines(1)):
            self._say(f"{child.program.name}: {reason}")


def _ending(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with code {code}"
