"""`manage.py bench_search`: how fast and how exact the search is, with many references."""

import json
import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.core.management.base import CommandError

from implants import partitioning, reduction
from implants.benchmark import methods, scratch
from implants.benchmark.distribution import Distribution, TooFewVectors, fit, with_spectrum
from implants.benchmark.measure import Row, measure
from implants.benchmark.spectrum import Spectrum, SpectrumError, read_spectrum
from implants.benchmark.workload import Workload, draw
from implants.depth import Measured, depth_of_reduced, is_quick
from implants.depth import measure as measure_way
from implants.leave_one_out import CatalogueVectors
from implants.management.base import ExampleCommand, table
from implants.models import DEEPEST_SEARCH, Encoder, ReferenceVector
from implants.search import Way, Where

_QUERIES = 200
_FEWEST, _MOST = 1_000, 2_000_000
_OTHER_ENCODER = "bench: another encoder"
_EF = 500
"""How deeply hnswlib is asked where PostgreSQL's index was not measured."""


@dataclass(frozen=True, slots=True)
class _Index:
    """The index of the vectors, where it was built: its name, what that took, how it is asked."""

    name: str
    seconds: float
    way: Way


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What the product's search needs: how long vectors took to be reduced; the index, if built."""

    reducing_s: float
    index: _Index | None


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
  manage.py bench_search --references 100000 --index --two-encoders --plans
  manage.py bench_search --references 100000 --partitions 4
  manage.py bench_search --references 1000000 --exact

On two cores 100,000 references take some minutes and 2 GB of memory, a quarter of an hour with
--index; a million some hours, 12 GB of memory and 10 GB of disk, nearly all of it for indexes.
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
            "--index",
            action="store_true",
            help="build PostgreSQL's index and measure it too, where search would not ask it",
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
            help="by the index, and once more with the table in so many partitions"
            " (partition_vectors)",
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
            encoders = [encoder]
            if options["two_encoders"]:
                encoders.append(Encoder(pk=encoder.pk + 1, name=_OTHER_ENCODER))
                other = draw(distribution, options["references"], 1, seed=2)
                scratch.fill_vectors(encoders[1], other)
                del other
            scratch.tidy()
            made = None if options["exact"] else self._prepared(encoders, index, options)
            rows = list(self._rows(workload, encoder.pk, made, options))
            if made and made.index and options["partitions"]:
                rows += self._of_partitions(workload, encoder.pk, made.index, options)
            return rows

    def _prepared(
        self, encoders: list[Encoder], index: scratch.Index, options: dict[str, Any]
    ) -> _Prepared:
        """Have vectors searched as the worker would; the index, if that or somebody asks it."""
        start = time.perf_counter()
        for each in encoders:
            self._say(f"reducing the vectors of {each.name}")
            # Nobody writes vectors here afterwards: the trigger's function is the catalogue's.
            if not reduction.reduce_vectors(each.pk, CatalogueVectors.load(each.pk)):
                raise CommandError("The vectors could not be reduced: something else writes here.")
        reducing = time.perf_counter() - start
        scratch.tidy()
        encoder_id, count = encoders[0].pk, options["references"]
        reduced, found = self._measured(encoder_id, Where.REDUCED), None
        built = None
        if not is_quick(reduced) or options["index"] or options["partitions"]:
            seconds = scratch.build(index)
            scratch.tidy()
            found = self._measured(encoder_id, Where.INDEX)
            way = found.way if found else Way(Where.INDEX, DEEPEST_SEARCH)
            built = _Index(index.name, seconds, way)
        if not reduction.keep_depth(encoder_id, depth_of_reduced(reduced, found), count):
            raise CommandError("Not all vectors were reduced.")
        return _Prepared(reducing, built)

    def _rows(
        self,
        workload: Workload,
        encoder_id: int,
        made: _Prepared | None,
        options: dict[str, Any],
    ) -> Iterator[Row]:
        self._say("comparing all vectors in numpy: the right answers")
        kept = workload.kept()
        truths = {
            methods.label(False): workload.truth(),
            methods.label(True): workload.kept_implants()[kept.truth()],
        }
        exact = _exact(workload, encoder_id)
        others = [] if made is None else self._others(workload, encoder_id, made)
        name = made.index.name if made and made.index else None
        for method in chain(exact, others):
            row, plan = measure(method, workload.queries, truths[method.filter], name)
            if options["plans"] and plan:
                self._say(f"\n{method.name}, filter {method.filter}:\n{_shortened(plan)}\n")
            yield row

    def _others(
        self, workload: Workload, encoder_id: int, made: _Prepared
    ) -> Iterator[methods.Method]:
        """The product's own search, PostgreSQL's index by itself, and hnswlib."""
        index, size_mb = made.index, sum(map(scratch.size_mb, scratch.SEARCHED))
        seconds, index_mb = (index.seconds, scratch.size_mb(index.name)) if index else (0.0, 0.0)
        for filtered in (False, True):
            yield methods.of_product(
                "search", encoder_id, made.reducing_s + seconds, size_mb + index_mb,
                filtered=filtered,
            )  # fmt: skip
        if index is not None:
            yield methods.of_way("PostgreSQL index", encoder_id, index.way, seconds, index_mb)
        try:
            self._say("building the index of hnswlib")
            yield from methods.of_hnswlib(workload, index.way.depth if index else _EF)
        except ImportError:
            self._say("hnswlib is not installed, its rows are missing: pip install hnswlib")

    def _measured(self, encoder_id: int, where: Where) -> Measured | None:
        """As the worker does it; the index's depth is kept."""
        self._say(f"measuring: {where}")
        found = measure_way(encoder_id, CatalogueVectors.load(encoder_id), where)
        if found is None:
            self._say("too little is found")
        else:
            self._say(f"depth {found.way.depth}, {found.seconds * 1000:.1f} ms")
        if where == Where.INDEX:
            depth = found.way.depth if found else DEEPEST_SEARCH
            Encoder.objects.filter(pk=encoder_id).update(search_depth=depth)
        return found

    def _of_partitions(
        self, workload: Workload, encoder_id: int, index: _Index, options: dict[str, Any]
    ) -> Iterator[Row]:
        """By their indexes; the whole table is converted, so this comes last."""
        count = options["partitions"]
        start = time.perf_counter()
        partitioning.convert(count, lambda *_: None, memory=scratch.BUILD_MEMORY)
        seconds = time.perf_counter() - start
        found = self._measured(encoder_id, Where.INDEX)
        way = found.way if found else Way(Where.INDEX, DEEPEST_SEARCH)
        name, size_mb = f"index, {count} partitions", scratch.size_mb(index.name)
        method = methods.of_way(name, encoder_id, way, seconds, size_mb)
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
        has_index = any(row.index_used and row.method.startswith("PostgreSQL") for row in rows)
        built = f"built with {scratch.BUILD_MEMORY} of memory" if has_index else "no"
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
