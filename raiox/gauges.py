"""What the database says at the moment of a scrape: the same whichever process answers.

Each part has its own short time, and one that fails is told as failed without hiding the others.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import Count, Model
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from cases.agreement import reviewed
from cases.models import Case, Delivery
from implants.models import DIMENSIONS, Encoder, Implant, ReferenceImage, ReferenceVector
from raiox import job_queue
from raiox.health import OK, check_cache
from webhooks.models import InboundEvent

logger = logging.getLogger(__name__)

_PATIENCE: Final = "2s"
_KEPT_SECONDS: Final = 60
_AGREEMENT_DAYS: Final = 28

Values = dict[str, float]


class Database(Collector):
    """The parts of `_PARTS`: what they say, and which could be read. And whether Redis answers."""

    def collect(self) -> Iterator[Metric]:
        """Ask part by part; when the database does not answer at all, only once."""
        works = GaugeMetricFamily("raiox_part_up", "Whether a part could be read.", labels=["part"])
        is_up = _answers()
        works.add_metric(["database"], float(is_up))
        for name, read in _PARTS.items() if is_up else ():
            found = _read(name, read)
            works.add_metric([name], float(found is not None))
            yield from found or ()
        if settings.REDIS_URL:
            works.add_metric(["cache"], float(check_cache()["status"] == OK))
        yield works


def _answers() -> bool:
    return _read("database", _probe) is not None


def _probe() -> list[Metric]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return []


def _read(name: str, read: Callable[[], list[Metric]]) -> list[Metric] | None:
    try:
        with _bounded():
            return read()
    except Exception as error:  # whatever is wrong with a part must not hide the others
        logger.warning("metric not read", extra={"part": name, "error": type(error).__name__})
        return None


@contextmanager
def _bounded() -> Iterator[None]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [_PATIENCE])
        yield


def _queue() -> list[Metric]:
    waiting = job_queue.waiting()
    return [
        _gauge("raiox_jobs_waiting", "Jobs that are due and not taken.", waiting.count),
        _gauge(
            "raiox_jobs_oldest_seconds", "For how long the oldest of them has been due.",
            waiting.oldest.total_seconds(),
        ),
        _gauge("raiox_workers", "Workers that are alive.", job_queue.living_workers()),
    ]  # fmt: skip


def _states() -> list[Metric]:
    return [
        _by_state(Case, "raiox_cases", "Cases by state."),
        _by_state(Delivery, "raiox_deliveries", "Attempts at deliveries by state."),
        _by_state(InboundEvent, "raiox_webhooks", "Stored webhooks by state."),
    ]


def _by_state(model: type[Model], name: str, text: str) -> Metric:
    family = GaugeMetricFamily(name, text, labels=["state"])
    field: Any = model._meta.get_field("state")
    rows = model._default_manager.order_by().values_list("state").annotate(Count("pk"))
    counted = dict(rows)
    for state, _ in field.choices:
        family.add_metric([state], counted.get(state, 0))
    return family


def _agreement() -> list[Metric]:
    found = _kept("agreement", _count_agreement)
    text = f"Decisions of {_AGREEMENT_DAYS} days that had suggestions, and how many chose"
    return [
        _gauge("raiox_agreement_decided", f"{text} anything.", found["decided"]),
        _gauge("raiox_agreement_first", f"{text} the first suggestion.", found["first"]),
        _gauge("raiox_agreement_three", f"{text} one of the three.", found["three"]),
    ]


def _count_agreement() -> Values:
    ranks = [row.chosen_rank for row in reviewed(timezone.now() - timedelta(days=_AGREEMENT_DAYS))]
    return {
        "decided": len(ranks),
        "first": sum(rank == 1 for rank in ranks),
        "three": sum(rank is not None and rank <= 3 for rank in ranks),
    }


def _catalogue() -> list[Metric]:
    found = _kept("catalogue", _count_catalogue)
    family = GaugeMetricFamily("raiox_catalogue", "Size of the catalogue.", labels=["what"])
    for what, count in found.items():
        family.add_metric([what], count)
    return [family]


def _count_catalogue() -> Values:
    return {
        "implants": Implant.objects.count(),
        "demo_implants": Implant.objects.filter(is_demo=True).count(),
        "references": ReferenceImage.objects.count(),
        "searchable": ReferenceVector.objects.filter(encoder__is_active=True).count(),
    }


def _encoder() -> list[Metric]:
    row = Encoder.objects.filter(is_active=True).values_list("name", "version").first()
    if row is None:
        return []
    facts = {"name": row[0], "version": row[1], "dimensions": str(DIMENSIONS)}
    return [InfoMetricFamily("raiox_encoder", "The encoder that answers.", facts)]


def _kept(name: str, count: Callable[[], Values]) -> Values:
    """Counting takes a while on a large catalogue: not at every scrape of every process."""
    return cache.get_or_set(f"metrics:{name}", count, _KEPT_SECONDS) or {}


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value)


_PARTS: Final[dict[str, Callable[[], list[Metric]]]] = {
    "queue": _queue,
    "states": _states,
    "agreement": _agreement,
    "catalogue": _catalogue,
    "encoder": _encoder,
}
