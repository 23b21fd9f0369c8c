"""Is the service alive, and does each part of it work. For monitors: no log-in, no secrets."""

import logging
import time
import uuid
import weakref
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django_redis import get_redis_connection
from drf_spectacular.utils import extend_schema, inline_serializer
from PIL import Image
from redis.exceptions import RedisError
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from implants import replica
from implants.encoders.active import active
from implants.encoders.session import EncoderSession
from implants.models import Implant, ReferenceImage, ReferenceVector
from raiox import job_queue
from raiox.common.api.views import OpenMixin

logger = logging.getLogger(__name__)

OK: Final = "ok"
WARNING: Final = "warning"
FAILED: Final = "failed"
UNKNOWN: Final = "unknown"

_QUEUE_PATIENCE: Final = timedelta(minutes=5)
"""A job that is due for longer than this means that no worker takes jobs."""
_STORAGE_RECHECK_SECONDS: Final = 15

Findings = dict[str, Any]
_proven: "weakref.WeakSet[EncoderSession]" = weakref.WeakSet()


def check_database() -> Findings:
    """It answers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return {"status": OK}


def check_migrations() -> Findings:
    """The tables are those of this version."""
    executor = MigrationExecutor(connection)
    pending = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    return {"status": FAILED if pending else OK, "pending": pending}


def check_encoder() -> Findings:
    """The active encoder has answered in this process: tried once for each session."""
    encoder = active()
    if encoder.session not in _proven:
        encoder.session.encode(Image.linear_gradient("L"))
        _proven.add(encoder.session)
    return {"status": OK, "name": encoder.name}


def check_catalogue() -> Findings:
    """There is something to compare with; an empty catalogue is no fault of the service.

    `searchable`: references that the active encoder has seen, and nothing else is found.
    """
    searchable = ReferenceVector.objects.filter(encoder__is_active=True).count()
    return {
        "status": OK if searchable else WARNING,
        "implants": Implant.objects.count(),
        "demo_implants": Implant.objects.filter(is_demo=True).count(),
        "references": ReferenceImage.objects.count(),
        "searchable": searchable,
    }


def check_queue() -> Findings:
    """Jobs that are due now, and for how long the oldest has been waiting."""
    waiting = job_queue.waiting()
    return {
        "status": WARNING if waiting.oldest > _QUEUE_PATIENCE else OK,
        "waiting": waiting.count,
        "oldest_seconds": round(waiting.oldest.total_seconds()),
    }


def check_replica() -> Findings:
    """Searches are asked of it; while it is away or behind, of the primary (`implants.replica`)."""
    found = replica.standing()
    if found.reason is None:
        return {"status": OK}
    return {"status": WARNING, "reason": found.reason, "missing_bytes": found.missing_bytes}


def check_cache() -> Findings:
    """Redis answers. While it does not, requests are not counted; nothing is lost."""
    try:
        get_redis_connection("default").ping()
    except RedisError as error:
        logger.warning("redis does not answer", extra={"error": type(error).__name__})
        return {"status": WARNING, "reason": "unreachable"}
    return {"status": OK}


def check_storage() -> Findings:
    """Files can be written and removed; asked at most every few seconds."""
    if not cache.get("health:storage"):
        name = default_storage.save(f"health/{uuid.uuid4().hex}", ContentFile(b"raiox"))
        default_storage.delete(name)
        cache.set("health:storage", True, _STORAGE_RECHECK_SECONDS)
    return {"status": OK}


# Those that ask the database stand behind it, and wait for it.
_CHECKS: Final[dict[str, Callable[[], Findings]]] = {
    "database": check_database,
    "migrations": check_migrations,
    "encoder": check_encoder,
    "catalogue": check_catalogue,
    "queue": check_queue,
    "storage": check_storage,
}
_WITHOUT_DATABASE: Final = ("database", "storage", "cache")


def check_all() -> dict[str, Findings]:
    """Every part, what was found of it and how long that took (`ms`, in milliseconds)."""
    found: dict[str, Findings] = {}
    checks = dict(_CHECKS)
    if replica.is_configured():
        checks["replica"] = check_replica
    if settings.REDIS_URL:
        checks["cache"] = check_cache
    for name, check in checks.items():
        is_down = found.get("database", {}).get("status") == FAILED
        if is_down and name not in _WITHOUT_DATABASE:
            found[name] = {"status": UNKNOWN}
        else:
            found[name] = _outcome(name, check)
    return found


def _outcome(name: str, check: Callable[[], Findings]) -> Findings:
    started = time.perf_counter()
    try:
        found = check()
    except Exception:  # whatever is wrong with a part must not hide the others
        logger.exception("health check failed", extra={"check": name})
        found = {"status": FAILED}
    return {**found, "ms": round((time.perf_counter() - started) * 1000, 1)}


def _release() -> dict[str, str]:
    return {"version": settings.RAIOX_VERSION, "commit": settings.RAIOX_COMMIT}


class PingView(OpenMixin):
    """`GET /ping`."""

    @extend_schema(responses=inline_serializer("Ping", {"status": serializers.CharField()}))
    def get(self, request: Request) -> Response:
        """The process answers; nothing else is asked."""
        return Response({"status": OK})


class HealthcheckView(OpenMixin):
    """`GET /healthcheck`."""

    @extend_schema(
        responses=inline_serializer(
            "Healthcheck",
            {name: serializers.CharField() for name in ("status", "version", "commit")},
        )
    )
    def get(self, request: Request) -> Response:
        """The process answers, and which version and commit it is."""
        return Response({"status": OK, **_release()})


_HealthSerializer = inline_serializer(
    "Health",
    {
        "status": serializers.ChoiceField([OK, WARNING, FAILED]),
        "version": serializers.CharField(),
        "commit": serializers.CharField(),
        "checks": serializers.DictField(child=serializers.DictField()),
    },
)


class HealthView(OpenMixin):
    """`GET /health`."""

    @extend_schema(responses={200: _HealthSerializer, 503: _HealthSerializer})
    def get(self, request: Request) -> Response:
        """What works and what does not; 503 when a needed part is down."""
        checks = check_all()
        statuses = {found["status"] for found in checks.values()}
        worst = next((status for status in (FAILED, WARNING) if status in statuses), OK)
        answer = {"status": worst, **_release(), "checks": checks}
        return Response(answer, status=503 if worst == FAILED else 200)
