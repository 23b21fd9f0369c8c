"""The web process looks after the worker: a dead one can't say that it is dead."""

import logging
import threading
from datetime import datetime, timedelta

from django.conf import settings
from django.db import close_old_connections
from django.db.models import Max
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateWorker

from cases.notices import telling
from cases.notices.people import mail_is_set_up, telegram_is_set_up
from cases.notices.sending import send_due

logger = logging.getLogger(__name__)
# Longer than a restart takes.
PATIENCE = timedelta(minutes=3)
_SECONDS = 60.0


class Watch:
    """Remembers since when no worker has been seen."""

    def __init__(self) -> None:
        self._missing_since: datetime | None = None

    def look(self) -> None:
        """Tell people of an outage once it has lasted; nobody else would send it, so send it."""
        last = ProcrastinateWorker.objects.aggregate(last=Max("last_heartbeat"))["last"]
        now = timezone.now()
        if last and now - last < timedelta(seconds=settings.WORKER_STALLED_SECONDS):
            self._missing_since = None
            return
        self._missing_since = self._missing_since or now
        if now - self._missing_since >= PATIENCE:
            # One process among several may have noticed later: the hour is the same for all.
            telling.worker_missing((last or self._missing_since).strftime("%Y-%m-%dT%H"))
            send_due()


def start() -> None:
    """Look once a minute as long as this process lives, where there is a way to tell anybody."""
    if mail_is_set_up() or telegram_is_set_up():
        threading.Thread(target=_run, name="watch", daemon=True).start()


def _run() -> None:
    watch = Watch()
    pause = threading.Event()
    while not pause.wait(_SECONDS):
        try:
            watch.look()
        except Exception:  # the database may be away for a while; the next minute tries again
            logger.warning("worker not looked after", exc_info=True)
        finally:
            close_old_connections()
