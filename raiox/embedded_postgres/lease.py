"""Who uses the embedded server, counted by the kernel.

Every process that uses a cluster holds a shared lock on a file of it for as long as it lives. The
kernel drops the lock of a process however it ends, so a killed one is never counted. The last
process that leaves in good order stops the server; after a killed one the server stays up until
the next user leaves.
"""

import atexit
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

_held: dict[Path, tuple[int, Callable[[], None]]] = {}


def hold(path: Path, stop: Callable[[], None]) -> None:
    """Count this process as a user of the cluster with the lock file `path`, until it ends.

    Waits while another process stops the server. `stop` is called at exit by the last one.
    """
    if path in _held:
        return
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    if _held.setdefault(path, (descriptor, stop))[0] != descriptor:
        os.close(descriptor)  # another thread was quicker


@atexit.register
def leave() -> None:
    """Stop being a user of any cluster; stop the servers that nobody else uses."""
    while _held:
        _, (descriptor, stop) = _held.popitem()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            stop()
        except BlockingIOError:
            pass  # somebody else still works with it
        finally:
            os.close(descriptor)


def _forget_in_child() -> None:
    """A forked child shares its parent's lock: it lets go of it without unlocking."""
    while _held:
        os.close(_held.popitem()[1][0])


os.register_at_fork(after_in_child=_forget_in_child)
