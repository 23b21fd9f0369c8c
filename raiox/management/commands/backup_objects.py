"""`manage.py backup_objects`: copies of films in another region."""

from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from tqdm import tqdm

from implants.management.base import ExampleCommand
from raiox.backups.objects import Copies, Report
from raiox.backups.storage import configured
from raiox.management.backups import told


class Command(ExampleCommand):
    """What is copied already is known by its checksum; a broken-off run is gone on with."""

    help = (
        "Copy the folders OBJECTS_BACKUP_FOLDERS of the bucket with the films into "
        "OBJECTS_BACKUP_BUCKET: what is new or changed, each checked where it is read and where it "
        "arrives. What was deleted or replaced is kept for DELETED_OBJECTS_DAYS, but for patients' "
        "films."
    )
    examples = """examples:
  manage.py backup_objects
  manage.py backup_objects --verify                         # read every copy back, too
  manage.py backup_objects --bucket raiox-implantes --folder ""
  manage.py backup_objects --restore                        # put back what the bucket lacks
  manage.py backup_objects --restore --deleted 2026-03-01T05-30-00Z

After an interruption, run the same command again.
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Which bucket and folders, and in which direction."""
        parser.add_argument(
            "--bucket", default=settings.DO_SPACES_BUCKET, help="(default: DO_SPACES_BUCKET)"
        )
        parser.add_argument(
            "--folder",
            action="append",
            help='instead of OBJECTS_BACKUP_FOLDERS; repeatable, "" for the whole bucket',
        )
        parser.add_argument("--verify", action="store_true", help="read every copy back")
        parser.add_argument(
            "--accept-deletions",
            action="store_true",
            help="let more than half of the objects be gone",
        )
        parser.add_argument(
            "--restore",
            action="store_true",
            help="copy back what the bucket lacks, after the database and its erasures; nothing "
            "that is there is replaced, no patient's film that was deleted with its row comes back",
        )
        parser.add_argument(
            "--deleted",
            metavar="MOMENT",
            default="",
            help="with --restore: what was set aside then, by its folder's name",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Copy; raises `CommandError` if an object failed."""
        folders = (
            settings.OBJECTS_BACKUP_FOLDERS if options["folder"] is None else options["folder"]
        )
        with told():
            source = replace(configured("DO_SPACES"), name=options["bucket"])
            copies = Copies(source, configured("OBJECTS_BACKUP"))
            for folder in folders:
                for _ in tqdm(_run(copies, folder, options), unit="object", disable=None):
                    pass
            if not options["restore"]:
                copies.expire()
        self._report(copies.report)

    def _report(self, report: Report) -> None:
        for key in report.left_out:
            self.stderr.write(f"{key}: left out, no row of the database names it any more")
        for key, reason in report.failures:
            self.stderr.write(f"{key}: {reason}")
        self.stdout.write(
            f"{report.copied} copied, {report.unchanged} unchanged, {report.set_aside} set aside, "
            f"{report.expired} set aside before and deleted now, {len(report.left_out)} left out, "
            f"{len(report.failures)} failed."
        )
        if report.failures:
            raise CommandError(f"{len(report.failures)} failed (listed above).")


def _run(copies: Copies, folder: str, options: dict[str, Any]) -> Iterator[str]:
    if options["restore"]:
        return copies.put_back(folder, options["deleted"])
    return copies.update(
        folder, verify=options["verify"], accept_deletions=options["accept_deletions"]
    )
