"""The Redis of the tests: found, or installed by `python -m tests.redis_server`."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import redis

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


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """The address of a real Redis on loopback that keeps nothing when it ends."""
    assert shutil.which(PROGRAM), f"no {PROGRAM}: `python -m tests.redis_server` installs one"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    place = ["--bind", "127.0.0.1", "--port", port, "--save", "", "--dir", str(folder)]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen([PROGRAM, *place], stdout=log) as server,
    ):
        url = f"redis://127.0.0.1:{port}/0"
        with redis.Redis.from_url(url) as client:
            _wait_for(client)
        yield url
        server.terminate()


def _wait_for(client: Any) -> None:
    for _ in range(100):
        try:
            client.ping()
            return
        except redis.ConnectionError:
            time.sleep(0.1)
    raise AssertionError(f"{PROGRAM} does not answer")


if __name__ == "__main__":
    sys.exit(main())
