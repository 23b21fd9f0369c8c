"""Becomes the program it is given, which runs where no other program of its session wants to.

`python give_way.py COMMAND...`. With a high `nice` alone it would keep a processor for some
milliseconds (a slice of the scheduler's) each time another one wakes up and wants it.
"""

import os
import sys


def main() -> None:
    """Run when nobody else does (SCHED_IDLE; Linux only, else `nice`), then become COMMAND."""
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    else:
        os.nice(19)
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606  # no shell on purpose


if __name__ == "__main__":
    main()
