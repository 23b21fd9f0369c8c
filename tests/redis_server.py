"""The Redis of the tests: found, or installed by `python -m tests.redis_server`."""

import os
import shutil
import subprocess
import sys
from typing import Final

PROGRAM: Final = "redis-server"


def main() -> int:
    """Install it if it is missing; 1 with a reason when there is none in the end."""
    if not shutil.which(PROGRAM) and os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing Redis for the tests ...", flush=True)
        install = f"apt-get install -qq --no-install-recommends {PROGRAM}"
        command = f"apt-get update -qq && DEBIAN_FRONTEND=noninteractive {install}"
        subprocess.run(["sh", "-c", command], check=False)
    if not shutil.which(PROGRAM):
        print(f"The tests need {PROGRAM}: install it (Debian: apt install redis-server).",
              file=sys.stderr)  # fmt: skip
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
