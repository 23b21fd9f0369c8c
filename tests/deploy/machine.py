"""A machine that bootstrap.sh makes, below a folder: all but systemd, apt and firewall."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final, Self

from tests.deploy import tools
from tests.sandbox.process import ROOT as PROJECT

SERVER: Final = PROJECT / "deploy" / "server"
HOST: Final = "raiox.example"

# systemd can't be had without being the first process: what is enabled and runs stands in files.
SYSTEMCTL = """#!/bin/sh
state=$(dirname "$0")/../state; mkdir -p "$state"
echo "$*" >> "$state/systemctl"
verb=$1; shift; [ "$1" = --quiet ] && shift
case $verb in
    is-enabled) [ -e "$state/enabled-$1" ] ;;
    is-active) [ -e "$state/active-$1" ] ;;
    enable) touch "$state/enabled-$1" ;;
    disable) shift; rm -f "$state/enabled-$1" "$state/active-$1" ;;
    start | restart | reload-or-restart) touch "$state/active-$1" ;;
    daemon-reload) ;;
    *) echo "unknown verb $verb" >&2; exit 1 ;;
esac
"""
# The real ufw judges each rule, but sets none here.
UFW = """#!/bin/sh
state=$(dirname "$0")/../state; mkdir -p "$state"; touch "$state/ufw"
case $* in
    status) [ "$LANGUAGE $LC_ALL" = "C C" ] && word=Status || word=Estado
            [ -e "$state/ufw-on" ] && echo "$word: active" || echo "$word: inactive" ;;
    "show added") cat "$state/ufw" ;;
    "--force enable") touch "$state/ufw-on" ;;
    *) {real} --dry-run "$@" > /dev/null || exit 1
       case $1 in allow | limit) ;; *) exit 0 ;; esac
       grep -qxF "ufw $*" "$state/ufw" || echo "ufw $*" >> "$state/ufw" ;;
esac
"""
# For those who may not change accounts, even of another root.
USERMOD = """#!/bin/sh
for user; do :; done; sed -i "s/^raiox:.*/&$user/" {etc}/group
"""
# As `sshd -T` says it (OpenSSH 9.2).
SSHD = """#!/bin/sh
[ "$*" = -T ] || exit 64
printf 'port %s\\n' {ports}
for port in {ports}; do
    printf 'listenaddress [::]:%s\\nlistenaddress 0.0.0.0:%s\\n' $port $port
done
"""
NGINX = """#!/bin/sh
state=$(dirname "$0")/../state; mkdir -p "$state"; echo "$*" >> "$state/nginx"
"""


class Machine:
    """`root` is its file system; fakes of what can't be had here stand first in the PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root, self.bin, self.state = folder / "root", folder / "bin", folder / "state"

    def begin(self) -> Self:
        """An empty machine."""
        self.state.mkdir(parents=True)
        self._write_accounts()
        self.fake("systemctl", SYSTEMCTL)
        self.fake("ufw", UFW.replace("{real}", tools.path("ufw")))
        self.fake("nginx", NGINX)
        self.ssh_at(22)
        return self

    def ssh_at(self, *ports: int) -> None:
        """Where its sshd listens."""
        self.fake("sshd", SSHD.replace("{ports}", " ".join(map(str, ports))))

    def copy(self, folder: Path) -> "Machine":
        """Another one that is just like this one."""
        subprocess.run(["cp", "-a", f"{self.folder}/.", str(folder)], check=True)
        return Machine(folder)

    def fake(self, name: str, script: str) -> None:
        """A program that is found before the machine's own."""
        self.bin.mkdir(exist_ok=True)
        (self.bin / name).write_text(script)
        (self.bin / name).chmod(0o755)

    def _write_accounts(self) -> None:
        """The accounts of an empty machine; without root's rights all of them are our own."""
        etc = self.root / "etc"
        etc.mkdir(parents=True)
        is_root = os.geteuid() == 0
        numbers = {"root": 0, "adm": 4, "www-data": 33}
        if not is_root:
            numbers |= {"raiox": 0}
            self.fake("usermod", USERMOD.replace("{etc}", str(etc)))
            self.fake("id", "#!/bin/sh\\necho 0\n")
        users = {name: n if is_root else os.geteuid() for name, n in numbers.items()}
        groups = {name: n if is_root else os.getegid() for name, n in numbers.items()}
        users.pop("adm")
        passwd = [f"{name}:x:{n}:{n}::/:/bin/sh\n" for name, n in users.items()]
        (etc / "passwd").write_text("".join(passwd))
        (etc / "group").write_text("".join(f"{name}:x:{n}:\n" for name, n in groups.items()))
        for name in ("shadow", "gshadow"):
            (etc / name).touch()

    def bootstrap(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run it; what it says stands in `stdout`."""
        path = os.pathsep.join([str(self.bin), os.environ["PATH"], "/usr/sbin", "/sbin"])
        return subprocess.run(
            [str(SERVER / "bootstrap.sh"), *arguments], capture_output=True, text=True,
            env={"PATH": path, "RAIOX_ROOT": str(self.root), **environment},
        )  # fmt: skip

    def make(self, *arguments: str, **environment: str) -> list[str]:
        """Run it to its end; the steps that it tells."""
        done = self.bootstrap(*arguments, "--skip-packages", **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.splitlines()

    def told(self, program: str) -> list[str]:
        """What a fake was asked for, since this was asked last."""
        path = self.state / program
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    def file(self, path: str) -> Path:
        """A file of the machine."""
        return self.root / path.lstrip("/")

    def set(self, **settings: str) -> None:
        """Fill in raiox.env, as an operator does."""
        path = self.file("/etc/raiox/raiox.env")
        lines = path.read_text().splitlines()
        kept = [line for line in lines if line.partition("=")[0] not in settings]
        path.write_text("\n".join([*kept, *(f"{k}={v}" for k, v in settings.items()), ""]))

    def install_release(self) -> None:
        """Files where a release has them."""
        current = self.file("/opt/raiox/current")
        (current / ".venv" / "bin").mkdir(parents=True)
        shutil.copytree(SERVER, current / "deploy" / "server")
        (current / "deploy/server/snapshot_machine.sh").touch(mode=0o755)
        (current / ".venv" / "bin" / "python").touch(mode=0o755)
