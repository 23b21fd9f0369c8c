"""`python -m deploy.bench` on a small scale, and what its rows say."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deploy.bench import searching as search_part
from deploy.bench.picture import draw
from deploy.bench.rows import Row, as_table, machine
from deploy.bench.searching import of_large, of_small, searching
from implants.benchmark.spectrum import spectrum_of
from implants.encoders.bundle import BUNDLED, load_bundle, version_of
from tests.sandbox.process import ROOT

KEYS = {
    "name", "unit", "target", "measured", "baseline", "baseline_name", "at_least", "note",
    "ratio", "met",
}  # fmt: skip
MEASURED = {
    "encode a film (bundled encoder)",
    "encode: time over bare ONNX Runtime",
    "encode a film (CLIP ViT-B/32's size)",
    "encode (CLIP ViT-B/32's size): time over bare ONNX Runtime",
    "webhook to pending case p95",
    "webhook to pending case p50",
    "download a film, mean",
    "memory of web and worker",
    "start of web alone",
    "start by `up`: prepare, worker, web",
    "webhooks accepted",
}

OUT_OF_REACH = "--target-ms=0.01"


def bench(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploy.bench", *options], cwd=ROOT, capture_output=True, text=True,
        timeout=600,
    )  # fmt: skip


@pytest.fixture(scope="module")
def quick_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a quick run of all but the search, and what it printed.

    One target is out of reach: without `--strict` that is no error.
    """
    folder = tmp_path_factory.mktemp("bench")
    parts = "encode,pending,memory,start,accept"
    done = bench("--quick", "--parts", parts, "--output", str(folder), OUT_OF_REACH)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


def test_quick_run_writes_each_target_beside_its_baseline(quick_run: tuple[Path, str]) -> None:
    found = json.loads((quick_run[0] / "bench.json").read_text())

    assert {row["name"] for row in found["rows"]} == MEASURED
    for row in found["rows"]:
        assert set(row) == KEYS
        assert row["measured"] > 0
        assert row["ratio"] == pytest.approx(row["measured"] / row["baseline"])
        if row["target"] is None:
            assert row["met"] is None
        else:
            more = row["measured"] >= row["target"]
            assert row["met"] is (more if row["at_least"] else not more)


def test_quick_run_tells_the_machine(quick_run: tuple[Path, str]) -> None:
    told = json.loads((quick_run[0] / "bench.json").read_text())["machine"]

    assert told["cores"] >= 1
    assert told["processor"]
    assert told["date"].startswith("20")
    assert told["packages"]["onnxruntime"]


def test_quick_run_says_which_weights_were_made_at_random(quick_run: tuple[Path, str]) -> None:
    found = json.loads((quick_run[0] / "bench.json").read_text())

    random = [row["name"] for row in found["rows"] if row["note"] == "weights made at random"]
    assert random == [name for name in [row["name"] for row in found["rows"]] if "CLIP" in name]
    assert len(random) == 2
    assert quick_run[1].count(", weights made at random") == 2


def test_quick_run_prints_and_draws_each_target(quick_run: tuple[Path, str]) -> None:
    folder, told = quick_run
    drawn = (folder / "bench.svg").read_text()

    for name in MEASURED:
        assert name in told
        assert name in drawn or name.endswith("p50")


def test_unknown_part_is_refused() -> None:
    done = bench("--parts", "encode,speed")

    assert done.returncode == 2
    assert "Unknown: speed" in done.stderr


def test_missed_target_is_an_error_only_when_asked(
    quick_run: tuple[Path, str], tmp_path: Path
) -> None:
    options = ["--quick", "--parts", "encode", "--output", str(tmp_path), OUT_OF_REACH]

    assert "NOT met: encode a film (bundled encoder)" in quick_run[1], "and yet it ended with 0"
    assert bench(*options, "--strict").returncode == 1


def test_row_below_at_least_is_not_met() -> None:
    row = Row("accepted", "/s", 100, 99.9, 1000, "bare", at_least=True)

    assert row.met is False
    assert row.ratio == pytest.approx(0.0999)
    assert as_table([row]).split()[-1] == "NO"


def test_row_that_was_not_measured_is_neither_met_nor_missed() -> None:
    row = Row("large", "ms", 30, None, note="make bench FULL=1")

    assert row.met is None
    assert "not measured: make bench FULL=1" in as_table([row])


def found(**methods: dict[str, Any]) -> dict[str, Any]:
    """What `bench_search --json` says, by the method's name with _ for spaces."""
    usual = {
        "filter": "none",
        "p50_ms": 1.0,
        "recall_at_3": 1.0,
        "index_used": True,
        "reduced_used": False,
    }
    rows = [usual | {"method": name.replace("_", " ")} | values for name, values in methods.items()]
    filtered = [row | {"filter": "manufacturer 1 %", "p95_ms": 0.1} for row in rows]
    return {"references": 100_000, "rows": [*filtered, *rows]}


def test_small_search_stands_beside_numpy() -> None:
    p95, p50 = of_small(found(PostgreSQL_exact={"p95_ms": 12.0}, numpy_exact={"p95_ms": 8.0}))

    assert (p95.measured, p95.baseline, p95.met) == (12.0, 8.0, True)
    assert (p50.measured, p50.target) == (1.0, None)


def test_large_search_stands_beside_hnswlib_and_tells_recall() -> None:
    answer = found(
        search={"p95_ms": 90.0, "recall_at_3": 0.991},
        hnswlib_ef_800={"p95_ms": 13.0, "recall_at_3": 0.985},
        numpy_exact={"p95_ms": 11.0},
    )
    p95, recall = of_large(answer, ", some spectrum")

    assert (p95.measured, p95.baseline, p95.met) == (90.0, 13.0, False)
    assert (recall.measured, recall.met, p95.note) == (0.991, True, "by the index")
    assert p95.name == "search of 100,000 p95, some spectrum"
    assert recall.name == "search of 100,000 recall@3, some spectrum"


def test_large_search_without_hnswlib_stands_beside_numpy() -> None:
    p95, _ = of_large(found(search={"p95_ms": 20.0}, numpy_exact={"p95_ms": 11.0}), "")
    assert p95.baseline == 11.0


def test_large_search_that_looks_at_all_reduced_vectors_says_so_and_what_the_index_does() -> None:
    answer = found(
        search={"p95_ms": 15.0, "index_used": False, "reduced_used": True},
        PostgreSQL_index={"p95_ms": 31.0, "recall_at_3": 0.998},
        numpy_exact={"p95_ms": 11.0},
    )
    ours, _, index, recall = of_large(answer, ", some spectrum")

    assert (ours.measured, ours.met, ours.note) == (15.0, True, "all reduced vectors looked at")
    assert index.name == "search of 100,000 by the index p95, some spectrum"
    assert (index.measured, index.met, index.baseline) == (31.0, False, 11.0)
    assert (recall.measured, recall.met) == (0.998, True)


def test_large_search_that_compares_all_says_so() -> None:
    answer = found(search={"p95_ms": 15.0, "index_used": False}, numpy_exact={"p95_ms": 11.0})
    assert next(of_large(answer, "")).note == "all compared in full"


def spectrum_file(file: Path, version: str) -> Path:
    """A spectrum of the bundled encoder in that version, of films that there are not."""
    vectors = np.random.default_rng(1).normal(size=(60, 512))
    found = spectrum_of(vectors, load_bundle(BUNDLED).name, version)
    file.write_text(json.dumps(found.to_dict()))
    return file


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What the commands of a service are asked; bench_search answers at once."""
    words: list[tuple[str, ...]] = []

    def answer(_: object, *command: str) -> str:
        words.append(command)
        rows = {"search": {"p95_ms": 20.0}, "PostgreSQL_exact": {"p95_ms": 12.0}}
        told = found(numpy_exact={"p95_ms": 8.0}, **rows)
        return json.dumps(told | {"references": int(command[2]) if len(command) > 1 else 0})

    monkeypatch.setattr(search_part, "_command", answer)
    return words


def rows_of_search(spectrum: Path, *, full: bool = True) -> dict[str, Row]:
    service: Any = None
    return {row.name: row for row in searching(service, full=full, spectrum=spectrum)}


def test_full_search_is_measured_by_both_spectra(
    asked: list[tuple[str, ...]], tmp_path: Path
) -> None:
    file = spectrum_file(tmp_path / "spectrum.json", version_of(load_bundle(BUNDLED)))

    rows = rows_of_search(file)

    for figure, target in (("p95", 30), ("recall@3", 0.99)):
        for films in ("rendered", "real"):
            row = rows[f"search of 100,000 {figure}, {films} films' spectrum"]
            assert (row.target, row.met) == (target, True)
    assert {"search of 10,000 p95", "search of 10,000 p50"} < rows.keys()
    assert [words[2:] for words in asked[1:]] == [
        ("10000", "--json", "--exact"),
        ("100000", "--json"),
        ("100000", "--json", "--spectrum", str(file)),
    ]


@pytest.mark.parametrize("version", [None, "another"])
def test_full_search_says_how_to_make_a_spectrum_that_is_missing_or_old(
    asked: list[tuple[str, ...]], tmp_path: Path, version: str | None, capsys: Any
) -> None:
    file = tmp_path / "spectrum.json"
    if version:
        spectrum_file(file, version)

    rows = rows_of_search(file)

    assert rows["search of 100,000 p95, rendered films' spectrum"].met
    row = rows["search of 100,000 p95, real films' spectrum"]
    assert (row.measured, row.target) == (None, 30)
    assert "measure_spectrum" in row.note
    assert str(file) in capsys.readouterr().out
    assert len(asked) == 3


def test_search_that_is_not_full_names_two_targets_without_a_spectrum(
    asked: list[tuple[str, ...]], tmp_path: Path
) -> None:
    rows = rows_of_search(tmp_path / "none", full=False)

    large = [name for name in rows if "100,000" in name]
    assert large == ["search of 100,000 p95", "search of 100,000 recall@3"]
    assert len(asked) == 2


def test_picture_shows_what_was_measured(tmp_path: Path) -> None:
    rows = [
        Row("one", "ms", 10, 5, 4, "bare"),
        Row("two", "/s", 100, 50, 400, "bare", at_least=True),
        Row("three", "ms", 10, None),
    ]
    draw(rows, machine(), tmp_path / "picture.svg")

    drawn = (tmp_path / "picture.svg").read_text()
    assert "one" in drawn
    assert "50 /s = 0.12 × bare" in drawn
    assert "three" not in drawn
