"""The cluster that the settings name."""

from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from raiox.embedded_postgres.checks import HINT, is_refused
from raiox.embedded_postgres.cluster import Cluster


def configured_cluster() -> Cluster:
    """The cluster of these settings: `EMBEDDED_POSTGRES_DIR`, or a folder of its own in `var`.

    Tests have their own, so that they can be quick and never see a developer's data.
    """
    if is_refused():
        raise ImproperlyConfigured(f"The embedded PostgreSQL is for local and test mode. {HINT}")
    is_test = settings.RAIOX_ENV == "test"
    folder = settings.VAR_DIR / ("postgres-test" if is_test else "postgres")
    chosen = settings.EMBEDDED_POSTGRES_DIR
    return _cluster(settings.BASE_DIR / chosen if chosen else folder, not is_test)


@lru_cache
def _cluster(folder: Path, durable: bool) -> Cluster:
    return Cluster(folder, durable=durable)
