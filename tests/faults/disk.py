"""A disk on which no more film fits."""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Smaller than any film, and larger than what else a worker writes at once.
_LIMIT = 4096


@contextmanager
def full_disk(folder: Path, worker: int) -> Iterator[str]:
    """Nothing more fits into `folder`: a tiny full file system over it, which only root may mount.

    Yields what stands in for it: without that right, the process `worker` may make no file that is
    larger than a page (EFBIG in the place of ENOSPC).
    """
    folder.mkdir(parents=True, exist_ok=True)
    if _mount(folder):
        try:
            (folder / "filler").write_bytes(bytes(_LIMIT))
            yield "disk full (tmpfs, ENOSPC)"
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
        return
    soft, hard = resource.prlimit(worker, resource.RLIMIT_FSIZE)
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (_LIMIT, hard))
    try:
        yield "disk full (limit of file size, EFBIG)"
    finally:
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (soft, hard))


def _mount(folder: Path) -> bool:
    """A file system of one page, which the filler takes; its rights stay those of the folder."""
    options = f"size={_LIMIT},mode=0700"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    return os.geteuid() == 0 and subprocess.run(command, capture_output=True).returncode == 0
