"""Becomes the program it is given, which from then on ends when the supervisor is gone.

A script of its own, since Python code between fork and exec is not safe beside threads:
`python launch.py SUPERVISOR_PID COMMAND...`.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask the kernel for a SIGTERM at the supervisor's death (Linux only), then become COMMAND."""
    supervisor, command = int(sys.argv[1]), sys.argv[2:]
    # The terminal is the supervisor's. It would stop, not end, a child that writes to it.
    for number in (signal.SIGTTOU, signal.SIGTTIN, signal.SIGTSTP):
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != supervisor:
        sys.exit("The supervisor is gone.")
    os.execvp(command[0], command)  # noqa: S606  # no shell on purpose


if __name__ == "__main__":
    main()
