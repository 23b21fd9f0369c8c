"""What a process that `up` starts early waits for: the word that everything is prepared."""

import socket
import sys
from typing import Self


class Gate:
    """Closed until `open` is called; it then stays open, for processes started again too."""

    def __enter__(self) -> Self:
        self._word, self._ear = socket.socketpair()
        return self

    def __exit__(self, *_: object) -> None:
        self._word.close()
        self._ear.close()

    @property
    def ear(self) -> int:
        """The descriptor by which a process can `wait`."""
        return self._ear.fileno()

    def open(self) -> None:
        """Let everybody through, now and later."""
        self._word.send(b"!")


def wait(ear: int) -> None:
    """Return once the gate is open; end this process when `up` has died without opening it."""
    # Nothing is taken out: whoever comes next finds the word there too.
    if not socket.socket(fileno=ear).recv(1, socket.MSG_PEEK):
        sys.exit("The supervisor is gone.")
