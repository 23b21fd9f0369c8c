"""The files in which processes keep their counts, and how they are added up.

prometheus_client writes one file a process and kind. A process that has ended leaves its files
behind. They are added to one of all the ended: counts never go back, files don't pile up.
"""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import psutil
from prometheus_client.metrics_core import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

logger = logging.getLogger(__name__)

VARIABLE: Final = "PROMETHEUS_MULTIPROC_DIR"
"""prometheus_client looks at it when it is imported: it must stand in the environment by then."""
_ENDED: Final = "ended"


class AllProcesses(Collector):
    """Everything that was counted since the folder was emptied, by living and ended processes."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def collect(self) -> Iterator[Metric]:
        """Add up; what can't be read is told in the log and left out."""
        with _alone(self._place):
            for path in _files(self._place):
                if not _is_alive(path):
                    _take_over(path)
            readable = [str(path) for path in _files(self._place) if _is_readable(path)]
            yield from MultiProcessCollector.merge(readable)


def empty(place: Path) -> None:
    """Start counting anew; only while no process of the service runs."""
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in _files(place):
        path.unlink()


def folder() -> Path | None:
    """The folder that this process shares with others; None if it keeps its counts to itself."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else None


def _files(place: Path) -> list[Path]:
    return sorted(place.glob("*.db"))


def _is_alive(path: Path) -> bool:
    """Whether its process may still write; the file of all the ended counts as alive."""
    owner = path.stem.rpartition("_")[2]
    return owner == _ENDED or (owner.isdecimal() and psutil.pid_exists(int(owner)))


def _take_over(path: Path) -> None:
    kind = path.stem.partition("_")[0]
    if _is_readable(path):
        with closing(MmapedDict(str(path.with_name(f"{kind}_{_ENDED}.db")))) as ended:
            for key, value, *_ in MmapedDict.read_all_values_from_file(str(path)):
                before, _ = ended.read_value(key)
                ended.write_value(key, before + value, 0.0)
    path.unlink()


def _is_readable(path: Path) -> bool:
    try:
        list(MmapedDict.read_all_values_from_file(str(path)))
    except Exception as error:  # cut off in the middle, in whichever way
        logger.warning("counts not read", extra={"error": type(error).__name__})
        return False
    return True


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (place / "lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
