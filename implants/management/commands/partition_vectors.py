"""`manage.py partition_vectors`: the table of vectors in partitions with an index each."""

import sys
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import CommandError
from tqdm import tqdm

from implants import partitioning
from implants.management.base import ExampleCommand


class Command(ExampleCommand):
    """Converts the table beside the running service; deploy/SCALING.md says when it pays."""

    help = """Convert the table of vectors into partitions with an index each, or back.

Searching, seeding and re-embedding go on meanwhile. For a moment at the end they wait; how long is
printed. It takes as much disk again as the table and its indexes, until then."""
    examples = """examples:
  manage.py partition_vectors --partitions 8
  manage.py partition_vectors --partitions 8 --memory 2GB
  manage.py partition_vectors --whole

Interrupted, it leaves the table as it was; run it again. While the table is partitioned, no
migration can add an index to it CONCURRENTLY: convert it back before.
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """How many, and with how much memory."""
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument(
            "--partitions",
            metavar="N",
            type=_count,
            help=f"how many, 2 to {partitioning.MOST}: about 250,000 vectors in each",
        )
        what.add_argument("--whole", action="store_true", help="one table again, with one index")
        parser.add_argument(
            "--memory",
            metavar="SIZE",
            default="",
            help="for building an index, such as 2GB (the server's maintenance_work_mem)",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Convert; raises `CommandError` if that could not be done."""
        wanted = 0 if options["whole"] else options["partitions"]
        bars = _Bars()
        try:
            if partitioning.partitions() == wanted:
                partitioning.clear()
                self.stdout.write(f"Nothing to do: the table is {_named(wanted)} already.")
                return
            waited = partitioning.convert(wanted, bars.show, memory=options["memory"])
        except partitioning.PartitioningError as error:
            raise CommandError(str(error)) from error
        finally:
            bars.close()
        self.stdout.write(
            f"The table of vectors is {_named(wanted)}; others waited {waited:.2f} s for it."
        )


class _Bars:
    """A bar on stderr for each part of the work."""

    def __init__(self) -> None:
        self._bar: tqdm | None = None

    def show(self, what: str, done: int, total: int) -> None:
        """Move the bar of `what`, or begin it."""
        if self._bar is None or self._bar.desc.removesuffix(": ") != what:
            self.close()
            self._bar = tqdm(desc=what, total=total, mininterval=1, file=sys.stderr)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """End the bar that is there."""
        if self._bar is not None:
            self._bar.close()


def _count(text: str) -> int:
    if not text.isdigit() or not 2 <= int(text) <= partitioning.MOST:
        raise ArgumentTypeError(f"a whole number from 2 to {partitioning.MOST}, please")
    return int(text)


def _named(count: int) -> str:
    return f"in {count} partitions" if count else "whole"
