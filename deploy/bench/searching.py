"""The search of many references, as `bench_search` measures it, beside numpy and hnswlib."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deploy.bench.rows import Row
from deploy.load.service import Service
from implants.benchmark.spectrum import SpectrumError, read_spectrum
from implants.encoders.bundle import BUNDLED, load_bundle, version_of
from tests.sandbox.process import ROOT

_SMALL, _LARGE = 10_000, 100_000
_RENDERED, _REAL = ", rendered films' spectrum", ", real films' spectrum"
SPECTRUM = ROOT / "var/spectrum.json"
"""Of real films, as `measure_spectrum` writes it. Not in the repository: nor are such films."""


def searching(
    service: Service, *, small: int = _SMALL, full: bool, spectrum: Path = SPECTRUM
) -> Iterator[Row]:
    """Rows of both sizes; the large one takes 6 to 20 minutes, by the index if that is built.

    It is measured once more for vectors with the real films' `spectrum`, where there is one.
    """
    _command(service, "seed_demo")
    yield from of_small(_measured(service, small))
    if not full:
        yield from not_measured("", "make bench FULL=1")
        return
    reason = unusable(spectrum)  # told before the long part
    yield from of_large(_measured(service, _LARGE), _RENDERED)
    if reason:
        yield from not_measured(_REAL, reason)
    else:
        yield from of_large(_measured(service, _LARGE, "--spectrum", str(spectrum)), _REAL)


def unusable(spectrum: Path) -> str:
    """What to do before the real films' spectrum can be used; "" when it can."""
    bundle = load_bundle(BUNDLED)
    try:
        read_spectrum(spectrum, bundle.name, version_of(bundle))
    except SpectrumError as error:
        print(error, flush=True)
        return "manage.py measure_spectrum FOLDER --output var/spectrum.json"
    return ""


def not_measured(suffix: str, reason: str) -> Iterator[Row]:
    """The large search's targets, and what to do for them."""
    name = f"search of {_LARGE:,}"
    yield Row(f"{name} p95{suffix}", "ms", 30, None, note=reason)
    yield Row(f"{name} recall@3{suffix}", "", 0.99, None, at_least=True, note=reason)


def _measured(service: Service, references: int, *more: str) -> dict[str, Any]:
    words = ["bench_search", "--references", str(references), "--json", *more]
    if references < _LARGE:
        words.append("--exact")
    found: dict[str, Any] = json.loads(_command(service, *words))
    return found


def _command(service: Service, *words: str) -> str:
    """What a management command prints; its progress goes to the terminal."""
    done = subprocess.run(  # noqa: S603  # our own commands
        [sys.executable, "manage.py", *words], cwd=ROOT, stdout=subprocess.PIPE, text=True,
        check=True, env={**service.environment, "LOG_LEVEL": "WARNING"},
    )  # fmt: skip
    return done.stdout


def of_small(found: dict[str, Any]) -> Iterator[Row]:
    """All vectors are compared, here and in numpy."""
    ours, numpy = _row(found, "PostgreSQL exact"), _row(found, "numpy exact")
    name = f"search of {found['references']:,}"
    assert ours and numpy  # noqa: S101  # bench_search always has them
    yield Row(f"{name} p95", "ms", 20, ours["p95_ms"], numpy["p95_ms"], "numpy, exact")
    yield Row(f"{name} p50", "ms", None, ours["p50_ms"], numpy["p50_ms"], "numpy, exact")


def of_large(found: dict[str, Any], suffix: str) -> Iterator[Row]:
    """As the product searches, and by PostgreSQL's index if it does so in another way.

    The baseline is hnswlib, or numpy where that is not installed. `suffix`: what the rows' names
    say of the vectors.
    """
    ours, index = _row(found, "search"), _row(found, "PostgreSQL index")
    baseline = _row(found, "hnswlib") or _row(found, "numpy exact")
    name = f"search of {found['references']:,}"
    assert ours and baseline  # noqa: S101  # bench_search has them when it builds an index
    how = "all reduced vectors looked at" if ours["reduced_used"] else "all compared in full"
    how = "by the index" if ours["index_used"] else how
    yield from _pair(name, suffix, ours, baseline, how)
    if not ours["index_used"] and index:
        yield from _pair(f"{name} by the index", suffix, index, baseline, "")


def _pair(
    name: str, suffix: str, ours: dict[str, Any], baseline: dict[str, Any], note: str
) -> Iterator[Row]:
    label = f"{baseline['method']}, recall {baseline['recall_at_3']:.3f}"
    yield Row(f"{name} p95{suffix}", "ms", 30, ours["p95_ms"], baseline["p95_ms"], label, note=note)
    recall, its = ours["recall_at_3"], baseline["recall_at_3"]
    yield Row(
        f"{name} recall@3{suffix}", "", 0.99, recall, its, str(baseline["method"]), at_least=True
    )


def _row(found: dict[str, Any], method: str) -> dict[str, Any] | None:
    rows = (row for row in found["rows"] if row["filter"] == "none")
    return next((row for row in rows if row["method"].startswith(method)), None)
