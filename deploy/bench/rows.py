"""What a bench run has measured, its table and its JSON."""

import datetime as dt
import json
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from implants.management.base import table

_PACKAGES = ("Django", "gunicorn", "onnxruntime", "numpy", "Pillow", "pgvector", "procrastinate")


@dataclass(frozen=True)
class Row:
    """One target. `measured` and `baseline` are in `unit`; None: it was not measured.

    `at_least`: more is better, as of requests a second. `target` None: only told.
    """

    name: str
    unit: str
    target: float | None
    measured: float | None
    baseline: float | None = None
    baseline_name: str = ""
    at_least: bool = False
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Measured to baseline."""
        if self.measured is None or not self.baseline:
            return None
        return self.measured / self.baseline

    @property
    def met(self) -> bool | None:
        """None where there is nothing to meet, or nothing was measured."""
        if self.target is None or self.measured is None:
            return None
        return self.measured >= self.target if self.at_least else self.measured < self.target


def as_json(rows: Iterable[Row]) -> dict[str, Any]:
    """The rows with what follows from them, and the machine that they were measured on."""
    told = [asdict(row) | {"ratio": row.ratio, "met": row.met} for row in rows]
    return {"machine": machine(), "rows": told}


def machine() -> dict[str, Any]:
    """What it was measured on, and how busy that was at the end."""
    return {
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "processor": _processor(),
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "load_average": [round(value, 1) for value in psutil.getloadavg()],
        "system": platform.system(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
    }


def _processor() -> str:
    """As the kernel calls it (Linux), or the architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def write(rows: Iterable[Row], file: Path) -> None:
    """Keep the rows as JSON."""
    file.write_text(json.dumps(as_json(rows), indent=2, ensure_ascii=False) + "\n")


def as_table(rows: Iterable[Row]) -> str:
    """For a person at a terminal."""
    head = ["", "target", "measured", "baseline", "ratio", "met"]
    return table(head, [_cells(row) for row in rows])


def _cells(row: Row) -> list[str]:
    sign = "≥" if row.at_least else "<"
    target = "" if row.target is None else f"{sign} {row.target:g} {row.unit}"
    baseline = "" if row.baseline is None else f"{_shown(row.baseline)} ({row.baseline_name})"
    met = {True: "yes", False: "NO", None: ""}[row.met]
    if row.measured is None:
        met = f"not measured: {row.note}"
    told = f", {row.note}" if row.note and row.measured is not None else ""
    return [
        row.name + told,
        target,
        "–" if row.measured is None else f"{_shown(row.measured)} {row.unit}",
        baseline,
        "" if row.ratio is None else f"{row.ratio:.2f}",
        met,
    ]


def _shown(value: float) -> str:
    return f"{value:.3f}" if value < 10 else f"{value:,.1f}"
