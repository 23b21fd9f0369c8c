"""`manage.py bench_search`: how fast and how exact the search is, with many references."""

import json
import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.core.management.base import CommandError

from implants import partitioning
from implants.benchmark import methods, scratch
from implants.benchmark.distribution import Distribution, TooFewVectors, fit, with_spectrum
from implants.benchmark.measure import Row, measure
from implants.benchmark.spectrum import Spectrum, SpectrumError, read_spectrum
from implants.benchmark.workload import Workload, draw
from implants.depth import measure_depth
from implants.leave_one_out import CatalogueVectors
from implants.management.base import ExampleCommand, table
from implants.models import Encoder, ReferenceVector

_QUERIES = 200
_FEWEST, _MOST = 1_000, 2_000_000
_OTHER_ENCODER = "bench: another encoder"


class Command(ExampleCommand):
    """Measures the product's own search on tables of its own; the catalogue is only read."""

    help = """Measure the search with N references, in tables of its own, dropped at the end.

Their vectors lie as those of the active encoder do in the catalogue, so it needs some: seed_demo
or seed_implants first. With --spectrum they spread as those of the films that were measured; how
much of that lies between implants is still the catalogue's. Beside the product's search: all
vectors compared, in PostgreSQL and in numpy, and hnswlib (pip install hnswlib). Recall is of the
three nearest implants."""
    examples = """examples:
  manage.py bench_search --references 10000
  manage.py bench_search --references 100000 --json > search.json
  manage.py bench_search --references 100000 --spectrum var/spectrum.json
  manage.py bench_search --references 100000 --two-encoders --plans
  manage.py bench_search --references 100000 --partitions 4
  manage.py bench_search --references 1000000 --exact

On two cores 100,000 references take about a quarter of an hour and 2 GB of memory, a million some
hours, 12 GB of memory and 10 GB of disk; nearly all of that time builds indexes.
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """How many references, and what is printed."""
        parser.add_argument(
            "--references",
            metavar="N",
            type=_count,
            required=True,
            help=f"how many, {_FEWEST:,} to {_MOST:,}",
        )
        parser.add_argument(
            "--spectrum",
            metavar="FILE",
            type=Path,
            help="what measure_spectrum wrote, of films that are not in the catalogue",
        )
        parser.add_argument("--json", action="store_true", help="JSON alone on standard output")
        parser.add_argument("--plans", action="store_true", help="PostgreSQL's plans, on stderr")
        parser.add_argument(
            "--exact",
            action="store_true",
            help="only what compares all vectors: no index is built, here or by hnswlib",
        )
        parser.add_argument(
            "--two-encoders",
            action="store_true",
            help="with as many vectors of another encoder beside them, as while encoders change",
        )

        parser.add_argument(
            "--partitions",
            metavar="N",
            type=int,
            choices=range(2, partitioning.MOST + 1),
            help="by index once more, with the table in so many partitions (partition_vectors)",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Print the rows; raises `CommandError` when there is nothing to fit vectors to."""
        encoder = Encoder.objects.filter(is_active=True).first()
        if encoder is None:
            raise CommandError("No encoder is active: run “manage.py activate_encoder”.")
        spectrum = _spectrum(options["spectrum"], encoder)
        try:
            distribution = fit(*_catalogue(encoder))
        except TooFewVectors as error:
            raise CommandError(
                f"The catalogue has too few vectors of {encoder.name} to make others like them"
                f" ({error}) Run “manage.py seed_demo” (local mode) or seed_implants."
            ) from error
        if spectrum is not None:
            distribution = with_spectrum(distribution, spectrum.mean, spectrum.variances)
        try:
            rows = self._measure(encoder, distribution, options)
        except scratch.ScratchBusy as error:
            raise CommandError(str(error)) from error
        self._print(encoder, spectrum, rows, options)

    def _measure(
        self, encoder: Encoder, distribution: Distribution, options: dict[str, Any]
    ) -> list[Row]:
        self._say(f"drawing {options['references']:,} vectors like those of {encoder.name}")
        workload = draw(distribution, options["references"], _QUERIES)
        with scratch.scratch():
            index = scratch.take_index()
            self._say("filling the tables")
            scratch.fill_catalogue(workload)
            scratch.fill_vectors(encoder, workload)
            if options["two_encoders"]:
                other = draw(distribution, options["references"], 1, seed=2)
                scratch.fill_vectors(Encoder(pk=encoder.pk + 1, name=_OTHER_ENCODER), other)
                del other
            built = None if options["exact"] else scratch.build(index)
            scratch.tidy()
            rows = list(self._rows(workload, encoder.pk, index, built, options["plans"]))
            if built is not None and options["partitions"]:
                rows += self._of_partitions(workload, encoder.pk, index, options)
            return rows

    def _rows(
        self,
        workload: Workload,
        encoder_id: int,
        index: scratch.Index,
        built: float | None,
        plans: bool,
    ) -> Iterator[Row]:
        self._say("comparing all vectors in numpy: the right answers")
        kept = workload.kept()
        truths = {
            methods.label(False): workload.truth(),
            methods.label(True): workload.kept_implants()[kept.truth()],
        }
        exact = _exact(workload, encoder_id)
        others = [] if built is None else self._others(workload, encoder_id, index, built)
        for method in chain(exact, others):
            row, plan = measure(method, workload.queries, truths[method.filter], index.name)
            if plans and plan:
                self._say(f"\n{method.name}, filter {method.filter}:\n{_shortened(plan)}\n")
            yield row

    def _others(
        self, workload: Workload, encoder_id: int, index: scratch.Index, built: float
    ) -> Iterator[methods.Method]:
        """What needs the index, which took `built` seconds, or one of its own."""
        depth = self._depth(encoder_id)
        table_mb, index_mb = scratch.size_mb("reference_vectors"), scratch.size_mb(index.name)
        for filtered in (False, True):
            for name, limit, size_mb in (
                ("search", None, table_mb + index_mb),
                ("PostgreSQL index", 0, index_mb),
            ):
                yield methods.of_product(
                    name,
                    encoder_id,
                    built,
                    size_mb,
                    filtered=filtered,
                    exact_limit=limit,
                    depth=depth,
                )
        try:
            self._say("building the index of hnswlib")
            yield from methods.of_hnswlib(workload, depth)
        except ImportError:
            self._say("hnswlib is not installed, its rows are missing: pip install hnswlib")

    def _depth(self, encoder_id: int) -> int:
        """Measured as the worker does it."""
        self._say("measuring how deeply the index has to be searched")
        depth = measure_depth(encoder_id, CatalogueVectors.load(encoder_id))
        self._say(f"search depth {depth}")
        return depth

    def _of_partitions(
        self, workload: Workload, encoder_id: int, index: scratch.Index, options: dict[str, Any]
    ) -> Iterator[Row]:
        """The whole table is converted, so this comes last."""
        count = options["partitions"]
        start = time.perf_counter()
        partitioning.convert(count, lambda *_: None, memory=scratch.BUILD_MEMORY)
        built = time.perf_counter() - start
        method = methods.of_product(
            f"index, {count} partitions", encoder_id, built, scratch.size_mb(index.name),
            filtered=False, exact_limit=0, depth=self._depth(encoder_id),
        )  # fmt: skip
        row, plan = measure(method, workload.queries, workload.truth(), index.name)
        if options["plans"]:
            self._say(f"\n{method.name}:\n{_shortened(plan)}\n")
        yield row

    def _print(
        self,
        encoder: Encoder,
        spectrum: Spectrum | None,
        rows: list[Row],
        options: dict[str, Any],
    ) -> None:
        if options["json"]:
            answer = {"references": options["references"], "encoder": encoder.name}
            answer |= {"spectrum": {"films": spectrum.films}} if spectrum else {}
            self.stdout.write(
                json.dumps(answer | {"rows": [asdict(row) for row in rows]}, indent=2)
            )
            return
        source = f"{spectrum.films} films measured apart" if spectrum else "the catalogue's films"
        built = "no" if options["exact"] else f"built with {scratch.BUILD_MEMORY} of memory"
        self.stdout.write(
            f"{options['references']:,} references, encoder {encoder.name}, exact up to "
            f"{settings.EXACT_SEARCH_LIMIT:,}; index: {built}; spectrum: of {source}"
        )
        head = ["method", "filter", "recall@3", "p50 ms", "p95 ms", "build s", "MB", "index"]
        self.stdout.write(table([*head, "queries"], [_cells(row) for row in rows]))

    def _say(self, text: str) -> None:
        self.stderr.write(text, self.style.NOTICE)


def _count(text: str) -> int:
    if not text.isdigit() or not _FEWEST <= int(text) <= _MOST:
        raise ArgumentTypeError(f"a whole number from {_FEWEST:,} to {_MOST:,}, please")
    return int(text)


def _spectrum(file: Path | None, encoder: Encoder) -> Spectrum | None:
    if file is None:
        return None
    try:
        return read_spectrum(file, encoder.name, encoder.version)
    except SpectrumError as error:
        raise CommandError(str(error)) from error


def _exact(workload: Workload, encoder_id: int) -> Iterator[methods.Method]:
    size_mb = scratch.size_mb("reference_vectors")
    for filtered in (False, True):
        yield methods.of_product(
            "PostgreSQL exact",
            encoder_id,
            0.0,
            size_mb,
            filtered=filtered,
            exact_limit=methods.NO_LIMIT,
        )
        yield methods.of_numpy(workload, filtered=filtered)


def _catalogue(encoder: Encoder) -> tuple[np.ndarray, np.ndarray]:
    """The vectors of the active encoder, (n, 512), and their implants, (n,)."""
    rows = list(
        ReferenceVector.objects.filter(encoder=encoder)
        .order_by("pk")
        .values_list("embedding", "reference__implant_id")
    )
    return np.array([row[0] for row in rows]), np.array([row[1] for row in rows], dtype=np.int64)


def _cells(row: Row) -> list[str]:
    return [
        row.method,
        row.filter,
        f"{row.recall_at_3:.3f}",
        f"{row.p50_ms:.1f}",
        f"{row.p95_ms:.1f}",
        f"{row.build_s:.0f}",
        f"{row.size_mb:.0f}",
        "yes" if row.index_used else "no",
        str(row.queries),
    ]


def _shortened(plan: str) -> str:
    """Without the query's 512 numbers."""
    return "\n".join(line if len(line) < 160 else line[:160] + "…" for line in plan.splitlines())
