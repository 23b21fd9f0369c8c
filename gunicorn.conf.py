"""Read by every gunicorn that is started in this folder: logs and counts like the worker's."""

import os

from raiox import settings

# Before anything imports prometheus_client.
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(settings.METRICS_DIR)
settings.METRICS_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)

from raiox import gunicorn_log  # noqa: E402

logger_class = gunicorn_log.Logger
logconfig_dict = settings.LOGGING
