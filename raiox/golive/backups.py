"""Is there a backup to go back to, and did a restore leave anything behind?"""

from datetime import timedelta
from typing import Final

from django.utils import timezone

from raiox.backups.errors import BackupError
from raiox.backups.newest import newest_backup, shrinkage
from raiox.backups.restoring import dropping, kept_databases
from raiox.golive.line import Line, Plan, fail, ok, warn

OLDEST: Final = timedelta(hours=26)
"""They are made once a day."""


def fresh(plan: Plan) -> Line:
    """The newest backup of this environment's database is whole, of today, encrypted, and full."""
    make = "Run manage.py backup_database; systemctl list-timers 'raiox-backup-*'."
    try:
        newest = newest_backup()
        lost = shrinkage(newest) if newest else ""
    except BackupError as error:
        return fail(str(error), "Put that right, then run manage.py backup_database.")
    if newest is None:
        return fail("there is none", make)
    age = timezone.now() - newest.when
    seen = f"{age.total_seconds() / 3600:.1f} hours old, {newest.size / 1e6:.1f} MB"
    if age > OLDEST:
        return fail(seen, make)
    if newest.is_empty:
        return fail(f"{seen}, without any table", "Restore an older one (restore_database --list).")
    if not newest.is_encrypted:
        # They hold patients' data, and lie with somebody else.
        said = fail if plan.mode == "production" else warn
        todo = "Set BACKUP_ENCRYPTION_KEY (age-keygen), then run manage.py backup_database."
        return said(f"{seen}, not encrypted", todo)
    if lost:
        return warn(f"{seen}: {lost}", "If rows are missing: restore_database with the one before.")
    return ok(seen)


def left_by_restores(plan: Plan) -> Line:
    """What was replaced is deleted by nobody, and holds patients' data past their time."""
    if not (names := kept_databases()):
        return ok("none")
    seen = f"{len(names)} of before a restore: {', '.join(names)}"
    return warn(seen, f"Once repeat_erasures was run with each: {dropping(names)}")
