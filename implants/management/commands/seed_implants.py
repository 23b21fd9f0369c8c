"""`manage.py seed_implants`: references from a folder or a bucket."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from tqdm import tqdm

from implants.catalogue import PatientKeyError
from implants.encoders.active import active
from implants.encoders.bundle import EncoderUnavailable
from implants.management.base import ExampleCommand, table
from implants.seeding.names import Convention
from implants.seeding.seeder import Seeder
from implants.seeding.sources import Source, SourceError, SourceFile, open_source
from implants.seeding.summary import Outcome, Summary


class Command(ExampleCommand):
    """Adds what is new, knows again what is there, reports what is bad and goes on."""

    help = "Add reference radiographs from a folder or s3://bucket/prefix to the catalogue."
    examples = """examples:
  manage.py seed_implants films/ --dry-run
  manage.py seed_implants s3://raiox-implantes --manufacturer-from folder
  manage.py seed_implants s3://raiox/referencia --manufacturer-from name

Names: <manufacturer>/<line>_<n>.jpg or <MANUFACTURER>_<LINE>_<DIAMETER>[_<n>].jpg, such as
straumann/bone_level_tapered_01.jpg and NEODENT_GRAND_MORSE_4.0mm_17.jpg. GENERIC… and UNKNOWN…
name no implant and are skipped. Buckets are read with DO_SPACES_KEY and DO_SPACES_SECRET.
After an interruption, run the same command again: it goes on where it was.
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """SOURCE and how to read it."""
        parser.add_argument("source", metavar="SOURCE", help="a folder, or s3://bucket/prefix")
        parser.add_argument(
            "--manufacturer-from",
            choices=[convention.value for convention in Convention],
            default=Convention.AUTO.value,
            help="where the manufacturer's name stands (default: auto)",
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="read and judge every file, write nothing"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Seed; raises `CommandError` if a file failed."""
        try:
            source = open_source(options["source"])
            files = list(source.files())
            encoder = None if options["dry_run"] else active()
            seeder = Seeder(source, Convention(options["manufacturer_from"]), encoder)
            try:
                self._seed(seeder, files)
            finally:
                # It may be why there are no images.
                self._tell_left_out(source)
        except (SourceError, PatientKeyError, EncoderUnavailable) as error:
            raise CommandError(str(error)) from error
        self._report(seeder.summary, dry_run=options["dry_run"])

    def _tell_left_out(self, source: Source) -> None:
        if source.left_out:
            kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(source.left_out.items()))
            self.stderr.write(f"Files of other kinds, left out: {kinds}.")

    def _seed(self, seeder: Seeder, files: list[SourceFile]) -> None:
        if not files:
            raise SourceError("There are no images in this source.")
        try:
            for _ in tqdm(seeder.seed(files), total=len(files), unit="film"):
                pass
        except KeyboardInterrupt as error:
            message = "Interrupted. Run the same command again to go on."
            raise CommandError(message, returncode=130) from error

    def _report(self, summary: Summary, *, dry_run: bool) -> None:
        for key, reason in (*summary.doubts, *summary.failures):
            self.stderr.write(f"{key}: {reason}")
        if dry_run:
            self.stdout.write("Dry run: nothing was written.")
        self.stdout.write(_table(summary))
        if summary.doubts:
            self.stdout.write(
                f"Films that stand for several implants: {len(summary.doubts)} (listed above)."
                " Where a file was renamed, remove the old reference."
            )
        if summary.failures:
            raise CommandError(f"{len(summary.failures)} failed (listed above).")


def _table(summary: Summary) -> str:
    rows = [
        [manufacturer, *(str(counts[outcome]) for outcome in Outcome)]
        for manufacturer, counts in sorted(summary.counts.items())
    ]
    total = ["total", *(str(summary.total(outcome)) for outcome in Outcome)]
    return table(["manufacturer", *Outcome], [*rows, total])
