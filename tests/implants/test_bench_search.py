"""`bench_search`: vectors like the encoder's, right answers, and tables that leave no trace."""

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from implants import partitioning
from implants.benchmark import methods, scratch, workload
from implants.benchmark.distribution import (
    Distribution,
    TooFewVectors,
    covariance,
    fit,
    sizes,
    with_spectrum,
)
from implants.benchmark.measure import measure
from implants.benchmark.spectrum import Spectrum
from implants.management.commands import bench_search
from implants.models import DIMENSIONS, Encoder, ReferenceVector
from tests import database_server
from tests.factories import EncoderFactory, ImplantFactory, reference_with_vector, unit_vector


def factor(scales: np.ndarray) -> np.ndarray:
    """A factor that spreads each of 512 directions by its own scale."""
    turned, _ = np.linalg.qr(np.random.default_rng(9).normal(size=(DIMENSIONS, DIMENSIONS)))
    return turned * scales


@pytest.fixture(scope="module")
def truth() -> Distribution:
    """Vectors round a mean; a tenth of the spread is the implants', a few directions have most."""
    scales = 1 / np.sqrt(1 + np.arange(DIMENSIONS))
    scales /= np.linalg.norm(scales)
    mean = 0.5 * unit_vector(3)
    return Distribution(mean, factor(np.sqrt(0.1) * scales), factor(np.sqrt(0.9) * scales))


def drawn(source: Distribution, implants: int, films: int) -> tuple[np.ndarray, np.ndarray]:
    """Films of implants: their vectors and their implants' numbers."""
    rng = np.random.default_rng(8)
    owners = np.repeat(np.arange(implants), films)
    return source.films(rng, source.implants(rng, implants), owners), owners


def similar(vectors: np.ndarray, owners: np.ndarray) -> tuple[float, float]:
    """Mean similarity of two films of one implant, and of two implants."""
    cosines, same = vectors @ vectors.T, owners[:, None] == owners
    other_film = same & ~np.eye(len(owners), dtype=bool)
    return float(cosines[other_film].mean()), float(cosines[~same].mean())


def test_fitted_vectors_are_as_alike_as_the_catalogues(truth: Distribution) -> None:
    vectors, owners = drawn(truth, 60, 6)

    again = drawn(fit(vectors, owners), 60, 6)

    np.testing.assert_allclose(similar(*again), similar(vectors, owners), atol=0.02)
    assert np.linalg.norm(again[0], axis=1) == pytest.approx(np.ones(360), abs=1e-5)
    assert again[0].dtype == np.float32


def test_fitted_vectors_spread_like_the_catalogues_and_not_like_noise(truth: Distribution) -> None:
    def spectrum(vectors: np.ndarray) -> np.ndarray:
        return np.linalg.eigvalsh(np.cov(vectors.T))[::-1]

    vectors, owners = drawn(truth, 100, 6)
    real, made = spectrum(vectors), spectrum(drawn(fit(vectors, owners), 100, 6)[0])

    np.testing.assert_allclose(made[:20], real[:20], rtol=0.35)
    assert made[0] > 20 * made.mean()


def test_fit_fills_directions_that_few_films_leave_empty(truth: Distribution) -> None:
    vectors, owners = drawn(truth, 15, 4)

    made, _ = drawn(fit(vectors, owners), 300, 4)

    assert np.linalg.matrix_rank(np.cov(made.T), tol=1e-7) == DIMENSIONS


def flatness(variances: np.ndarray) -> float:
    """Along how many directions it is as if they spread."""
    return float(variances.sum() ** 2 / (variances**2).sum())


@pytest.mark.parametrize("decay", [0.25, 0.5])
def test_covariance_of_few_vectors_has_a_spectrum_no_flatter_than_the_true_one(
    decay: float,
) -> None:
    variances = (1.0 + np.arange(DIMENSIONS)) ** (-2 * decay)
    vectors = np.random.default_rng(4).normal(size=(150, DIMENSIONS)) @ factor(variances**0.5).T

    found = covariance(vectors - vectors.mean(axis=0), 149)

    values = np.linalg.eigvalsh(found)
    assert flatness(values) == pytest.approx(flatness(variances), rel=0.15)
    assert values.sum() == pytest.approx(variances.sum(), rel=0.05)
    assert values.min() > 0


def test_distribution_with_another_spectrum_keeps_what_lies_between_implants(
    truth: Distribution,
) -> None:
    mean, variances = np.zeros(DIMENSIONS), np.r_[3.0, 1.0, np.zeros(DIMENSIONS - 2)]

    other = with_spectrum(truth, mean, variances)

    np.testing.assert_allclose(np.diag(other.between)[:3] ** 2, [0.3, 0.1, 0], atol=1e-6)
    np.testing.assert_allclose(np.diag(other.within)[:3] ** 2, [2.7, 0.9, 0], atol=1e-6)
    assert other.mean is mean


@pytest.mark.parametrize(("implants", "films"), [(9, 6), (24, 2), (60, 1)])
def test_fit_refuses_a_catalogue_that_says_too_little(
    truth: Distribution, implants: int, films: int
) -> None:
    with pytest.raises(TooFewVectors, match="50 and 10 are needed"):
        fit(*drawn(truth, implants, films))


def test_sizes_are_skewed_and_add_up() -> None:
    counts = sizes(np.random.default_rng(1), 10_000)

    assert counts.sum() == 10_000
    assert counts.min() >= 1
    assert counts.max() > 20 * np.median(counts)


@pytest.fixture(scope="module")
def drawn_workload(truth: Distribution) -> workload.Workload:
    return workload.draw(truth, 2000, 12)


def test_workload_is_the_same_each_time(
    truth: Distribution, drawn_workload: workload.Workload
) -> None:
    again = workload.draw(truth, 2000, 12)

    np.testing.assert_array_equal(again.vectors, drawn_workload.vectors)
    np.testing.assert_array_equal(again.queries, drawn_workload.queries)


def test_workload_filter_keeps_one_percent(drawn_workload: workload.Workload) -> None:
    kept = drawn_workload.kept()

    assert len(kept.vectors) == 20
    assert len(drawn_workload.kept_implants()) == len(kept.makers)


def test_workload_truth_is_the_three_implants_with_the_nearest_references(
    drawn_workload: workload.Workload,
) -> None:
    kept = drawn_workload.kept()
    by_filter = drawn_workload.kept_implants()[kept.truth()]
    for number, query in enumerate(drawn_workload.queries):
        order = np.argsort(-(drawn_workload.vectors @ query))
        owners = list(dict.fromkeys(drawn_workload.owners[order].tolist()))
        of_maker = [owner for owner in owners if drawn_workload.makers[owner] == 0]

        assert drawn_workload.truth()[number].tolist() == owners[:3]
        assert drawn_workload.answers(query).tolist() == owners[:3]
        assert by_filter[number].tolist() == of_maker[:3]


def test_measure_counts_what_is_missing_from_an_answer() -> None:
    method = methods.Method("some", "none", lambda _: [1, 2, 9], 0.0, 0.0)

    row, plan = measure(method, np.ones((4, 2), np.float32), np.array([[1, 2, 3]] * 4), "index")

    assert (row.recall_at_3, row.queries, plan) == (0.6667, 4, "")


@pytest.fixture
def catalogue(db: None, truth: Distribution) -> Encoder:
    """An active encoder with as few vectors as are needed."""
    encoder = EncoderFactory.create(is_active=True, name="measured")
    vectors, owners = drawn(truth, 12, 5)
    implants = ImplantFactory.create_batch(12)
    for vector, owner in zip(vectors, owners, strict=True):
        reference_with_vector(vector, encoder, implants[owner])
    return encoder


def schemas() -> int:
    """How many scratch schemas there are."""
    return scratch.execute("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'raiox_bench%'")[
        0
    ][0]


@pytest.fixture
def few_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_search, "_QUERIES", 6)


@pytest.mark.django_db(transaction=True)
def test_command_measures_and_leaves_the_database_as_it_was(
    catalogue: Encoder, few_queries: None, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setitem(sys.modules, "hnswlib", None)  # as where it isn't installed
    scratch.execute(f"CREATE SCHEMA {scratch.SCHEMA}")
    scratch.execute(f"CREATE TABLE {scratch.SCHEMA}.left_by_a_killed_run ()")

    call_command("bench_search", "--references", "1000", "--index", "--json", "--plans")

    out, err = capsys.readouterr()
    answer = json.loads(out)
    rows = {(row["method"], row["filter"]): row for row in answer["rows"]}
    assert answer.keys() == {"references", "encoder", "rows"}
    assert (answer["references"], answer["encoder"]) == (1000, "measured")
    for kept in ("none", "manufacturer 1 %"):
        for name in ("search", "PostgreSQL exact", "numpy exact"):
            assert rows[name, kept]["recall_at_3"] == 1
            assert not rows[name, kept]["index_used"]
    assert not any(row["reduced_used"] for row in rows.values()), "so few are compared in full"
    assert rows["search", "none"]["build_s"] > rows["PostgreSQL index", "none"]["build_s"]
    by_index = rows["PostgreSQL index", "none"]
    assert by_index["index_used"]
    assert by_index["recall_at_3"] == 1
    assert by_index["build_s"] > 0
    for row in rows.values():
        assert row.keys() == {
            *("method", "filter", "recall_at_3", "p50_ms", "p95_ms", "build_s", "size_mb"),
            *("index_used", "reduced_used", "queries"),
        }
        assert 0 < row["p50_ms"] <= row["p95_ms"]
    assert rows["PostgreSQL exact", "none"]["size_mb"] == pytest.approx(1000 / 3 * 8192 / 1e6, 0.1)
    assert "hnswlib is not installed" in err
    assert "Index Scan using" in err
    assert schemas() == 0
    assert ReferenceVector.objects.count() == 60


def spectrum_file(folder: Path, encoder: Encoder, /, **changed: Any) -> Path:
    """What `measure_spectrum` writes of 108 films, which spread along two directions."""
    variances = np.r_[0.5, 0.25, np.zeros(DIMENSIONS - 2)]
    values = Spectrum(encoder.name, encoder.version, 108, 0.1 * variances, variances).to_dict()
    file = folder / "spectrum.json"
    file.write_text(json.dumps(values | changed))
    return file


@pytest.fixture
def distributions(monkeypatch: pytest.MonkeyPatch) -> list[Distribution]:
    """Those that vectors are drawn from."""
    used: list[Distribution] = []

    def draw(source: Distribution, *counts: int, **seed: int) -> workload.Workload:
        used.append(source)
        return workload.draw(source, *counts, **seed)

    monkeypatch.setattr(bench_search, "draw", draw)
    return used


@pytest.mark.django_db(transaction=True)
def test_command_draws_vectors_with_the_spectrum_of_other_films(
    catalogue: Encoder,
    few_queries: None,
    distributions: list[Distribution],
    tmp_path: Path,
    capsys: Any,
) -> None:
    file = spectrum_file(tmp_path, catalogue)
    command = ["bench_search", "--references", "1000", "--exact", "--spectrum", str(file)]

    call_command(*command, "--json")
    answer = json.loads(capsys.readouterr().out)
    call_command(*command)
    head = capsys.readouterr().out.splitlines()[0]

    assert answer.keys() == {"references", "encoder", "rows", "spectrum"}
    assert answer["spectrum"] == {"films": 108}
    assert head.endswith("spectrum: of 108 films measured apart")
    for used in distributions:
        both = np.diag(used.between) ** 2 + np.diag(used.within) ** 2
        np.testing.assert_allclose(both[:3], [0.5, 0.25, 0])
        np.testing.assert_allclose(used.mean[:2], [0.05, 0.025])
    fitted = fit(*bench_search._catalogue(catalogue))
    between, within = (fitted.between**2).sum(), (fitted.within**2).sum()
    share = (distributions[0].between ** 2).sum() / 0.75
    assert share == pytest.approx(between / (between + within))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"encoder": "another"}, "of the encoder another"),
        ({"version": "0+0"}, r"\(0\+0\), not of measured .*measure_spectrum. anew"),
        ({"variances": [0.1] * 511}, "variances is not 512 numbers"),
        ({"variances": [-0.1] * 512}, "variances are negative"),
        ({"mean": [float("nan")] * 512}, "mean is not 512 numbers"),
        ({"mean": ["much"] * 512}, "nothing that measure_spectrum wrote"),
        ({"films": 49}, "films is not a number from 50"),
        ({"rows": []}, "it has not the keys"),
    ],
)
def test_command_refuses_a_spectrum_that_is_not_the_encoders(
    catalogue: Encoder, tmp_path: Path, changed: dict[str, Any], reason: str
) -> None:
    file = spectrum_file(tmp_path, catalogue, **changed)

    with pytest.raises(CommandError, match=reason):
        call_command("bench_search", "--references", "1000", "--spectrum", str(file))


@pytest.mark.django_db
def test_command_refuses_a_spectrum_that_is_no_json_or_not_there(
    catalogue: Encoder, tmp_path: Path
) -> None:
    file = tmp_path / "spectrum.json"
    with pytest.raises(CommandError, match="can't be read"):
        call_command("bench_search", "--references", "1000", "--spectrum", str(file))
    file.write_bytes(b"\x89PNG")
    with pytest.raises(CommandError, match="nothing that measure_spectrum wrote"):
        call_command("bench_search", "--references", "1000", "--spectrum", str(file))


class AllCompared:
    """Stands in for hnswlib's index, which needs a compiler: as strict, but it misses nothing."""

    def __init__(self, space: str, dim: int) -> None:
        assert (space, dim) == ("cosine", DIMENSIONS)

    def init_index(self, max_elements: int, M: int, ef_construction: int) -> None:  # noqa: N803
        assert (M, ef_construction) == (48, 128)
        self.vectors = np.full((max_elements, DIMENSIONS), np.nan, dtype=np.float32)

    def add_items(self, vectors: np.ndarray, labels: np.ndarray) -> None:
        self.vectors[labels] = vectors

    def knn_query(self, query: np.ndarray, k: int, num_threads: int, filter: Any) -> Any:
        nearest = np.argsort(-(self.vectors @ query))
        kept = [label for label in nearest.tolist() if filter is None or filter(label)]
        if len(kept) < k:
            raise RuntimeError("Cannot return the results in a contiguous 2D array.")
        return np.array([kept[:k]], dtype=np.uint64), None

    def set_num_threads(self, count: int) -> None: ...

    def set_ef(self, ef: int) -> None: ...

    def index_file_size(self) -> int:
        return self.vectors.nbytes


@pytest.mark.django_db(transaction=True)
def test_command_shows_a_table_with_two_encoders_vectors(
    catalogue: Encoder, few_queries: None, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setitem(sys.modules, "hnswlib", SimpleNamespace(Index=AllCompared))

    call_command("bench_search", "--references", "1000", "--two-encoders")

    out, _ = capsys.readouterr()
    rows = [line.split() for line in out.splitlines()[2:]]
    assert out.startswith("1,000 references, encoder measured")
    assert [row[-7] for row in rows if row[1] == "exact"] == ["1.000"] * 4
    # Two encoders' 2,000 vectors lie in the table, three on a page of 8 KB.
    assert {row[-3] for row in rows if row[:2] == ["PostgreSQL", "exact"]} <= {"5", "6"}
    assert [(row[-7], row[-2]) for row in rows if row[0] == "hnswlib"] == [("1.000", "yes")] * 2


@pytest.mark.django_db(transaction=True)
def test_command_builds_no_index_when_only_exact_search_is_asked_for(
    catalogue: Encoder, few_queries: None, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setitem(sys.modules, "hnswlib", None)
    monkeypatch.setattr(scratch, "build", lambda _: pytest.fail("an index was built"))

    call_command("bench_search", "--references", "1000", "--exact", "--json")

    out, err = capsys.readouterr()
    rows = json.loads(out)["rows"]
    assert {(row["method"], row["recall_at_3"], row["index_used"]) for row in rows} == {
        ("PostgreSQL exact", 1, False),
        ("numpy exact", 1, False),
    }
    assert [row["filter"] for row in rows].count("manufacturer 1 %") == 2
    assert "hnswlib" not in err


@pytest.mark.django_db(transaction=True)
def test_command_measures_partitions_beside_the_whole_table(
    catalogue: Encoder, few_queries: None, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setitem(sys.modules, "hnswlib", None)

    call_command("bench_search", "--references", "1000", "--partitions", "3", "--json", "--plans")

    out, err = capsys.readouterr()
    rows = {(row["method"], row["filter"]): row for row in json.loads(out)["rows"]}
    whole, parts = rows["PostgreSQL index", "none"], rows["index, 3 partitions", "none"]
    assert whole["index_used"]
    assert parts["index_used"]
    assert parts["recall_at_3"] > 0.99
    assert parts["size_mb"] == pytest.approx(whole["size_mb"], rel=0.5)
    assert "Merge Append" in err
    assert partitioning.partitions() == 0
    assert (schemas(), ReferenceVector.objects.count()) == (0, 60)


@pytest.fixture
def as_in_a_terminal() -> Iterator[None]:
    """No signal is ignored, as `nohup` or a background job has it."""
    usual: dict[signal.Signals, Any] = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGHUP: signal.SIG_DFL,
    }
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("as_in_a_terminal")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_scratch_is_dropped_when_the_run_is_ended(catalogue: Encoder, end: signal.Signals) -> None:
    before = signal.getsignal(signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt), scratch.scratch():
        assert schemas() == 1
        assert ReferenceVector.objects.count() == 0
        signal.raise_signal(end)

    assert schemas() == 0
    assert ReferenceVector.objects.count() == 60
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.django_db(transaction=True)
def test_scratch_leaves_a_signal_ignored_that_was(catalogue: Encoder) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with scratch.scratch():
            signal.raise_signal(signal.SIGHUP)
            assert schemas() == 1
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.django_db(transaction=True)
def test_scratch_is_dropped_when_the_connection_is_lost(catalogue: Encoder) -> None:
    with pytest.raises(RuntimeError, match="of the benchmark"), scratch.scratch():
        connection.connection.close()
        raise RuntimeError("of the benchmark")

    assert schemas() == 0


@pytest.mark.django_db(transaction=True)
def test_scratch_tables_are_like_the_catalogues(catalogue: Encoder) -> None:
    def storage() -> Any:
        return scratch.execute(
            "SELECT attstorage::text FROM pg_attribute"
            " WHERE attrelid = 'reference_vectors'::regclass AND attname = 'embedding'"
        )

    stored = storage()
    with scratch.scratch():
        assert storage() == stored == [("p",)]
        index = scratch.take_index()
        assert "halfvec_cosine_ops) WITH (m='48', ef_construction=" in index.definition
        scratch.build(index)
        assert scratch.take_index() == index


@pytest.fixture
def another_run(catalogue: Encoder) -> Iterator[None]:
    """Another connection that holds the lock."""
    name = connection.settings_dict["NAME"]
    with psycopg.connect(**database_server.place(), dbname=name) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [scratch._LOCK])
        yield


@pytest.mark.django_db(transaction=True)
def test_command_refuses_to_run_twice_at_a_time(another_run: None) -> None:
    with pytest.raises(CommandError, match="Another bench_search runs"):
        call_command("bench_search", "--references", "1000")


@pytest.mark.django_db
def test_command_says_what_to_do_without_vectors() -> None:
    with pytest.raises(CommandError, match="activate_encoder"):
        call_command("bench_search", "--references", "1000")
    EncoderFactory.create(is_active=True)
    with pytest.raises(CommandError, match="seed_demo"):
        call_command("bench_search", "--references", "1000")


@pytest.mark.parametrize("number", ["999", "2000001", "1e6", "-5000"])
def test_command_refuses_numbers_it_was_not_made_for(number: str) -> None:
    with pytest.raises(CommandError, match="from 1,000 to 2,000,000"):
        call_command("bench_search", f"--references={number}")
