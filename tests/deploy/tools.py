"""The programs that judge deploy/: found, or installed by `python -m tests.deploy.tools`.

`make test` installs what is missing, and fails if that fails: a file for a server that no program
has read is not tested.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

PACKAGES: Final[Mapping[str, str]] = {
    "amtool": "prometheus-alertmanager",
    "curl": "curl",
    "fail2ban-client": "fail2ban",
    "fail2ban-regex": "fail2ban",
    "fail2ban-server": "fail2ban",
    "logrotate": "logrotate",
    "nginx": "nginx",
    "openssl": "openssl",
    "prometheus": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "prometheus-blackbox-exporter": "prometheus-blackbox-exporter",
    "prometheus-node-exporter": "prometheus-node-exporter",
    "postgres": "postgresql",
    "promtool": "prometheus",
    "shellcheck": "shellcheck",
    "systemd-analyze": "systemd",
    "ufw": "ufw",
}
"""Programs, and the packages of Debian and Ubuntu that bring them."""
# Many are for administrators, whose folders a user's PATH leaves out, as it does PostgreSQL's.
_MORE: Final = ["/usr/local/sbin", "/usr/sbin", "/sbin"]


def _find(program: str) -> str | None:
    postgresql = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    return shutil.which(program, path=":".join([os.environ.get("PATH", ""), *_MORE, *postgresql]))


def path(program: str) -> str:
    """Where `program`, one of `PACKAGES`, lies on this machine; an error says how to get it."""
    found = _find(program)
    assert found, f"there is no {program}: `python -m tests.deploy.tools` installs it"
    return found


def missing() -> list[str]:
    """The packages that this machine lacks."""
    return sorted({package for program, package in PACKAGES.items() if not _find(program)})


def main() -> int:
    """Install what is missing; 1 with a reason when something is missing in the end."""
    if (packages := missing()) and os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"Installing for the tests of deploy/: {' '.join(packages)}", flush=True)
        install = f"apt-get install -qq --no-install-recommends {' '.join(packages)}"
        command = f"apt-get update -qq && DEBIAN_FRONTEND=noninteractive {install}"
        subprocess.run(["sh", "-c", command], check=False)
    if packages := missing():
        print(f"The tests of deploy/ need more: apt install {' '.join(packages)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
