"""Read by every gunicorn that is started in this folder; its command line may say otherwise.

Logs and counts go the worker's way.
"""

import os

from raiox import settings

# Before anything imports prometheus_client. For `raiox.up.early`, which has by now, `up` sets it.
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(settings.METRICS_DIR)
settings.METRICS_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)

from raiox import gunicorn_log  # noqa: E402

logger_class = gunicorn_log.Logger
logconfig_dict = settings.LOGGING

bind = "127.0.0.1:8000"
# Threads share one memory, which cache and rate limits rely on where there is no Redis.
worker_class = "gthread"
workers = settings.WEB_PROCESSES
threads = 8
# The longest request that a restart waits for; nginx gives up later.
graceful_timeout = 25
# Processes are told by signals (systemd, `up`); nobody needs another way in.
control_socket_disable = True
