"""gunicorn's two logs through the service's own handlers, in the same shape."""

import logging
from datetime import timedelta
from typing import Any, Final

from gunicorn.glogging import Logger as _Logger

from raiox.common.requests import ENVIRON_KEY

logger = logging.getLogger(__name__)
# Monitors ask every few seconds.
_QUIET: Final = frozenset({"ping", "healthcheck", "health", "metrics", "static"})


class Logger(_Logger):
    """The access log says route, status and ids; the error log goes the way of all others."""

    def setup(self, cfg: Any) -> None:
        """Set up without handlers of its own."""
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            log.handlers.clear()
            log.propagate = True

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> None:
        """Say that a request was answered, by what the application noted of it.

        One that did not reach the application has nothing that may be told but method and status.
        """
        known = dict(environ.get(ENVIRON_KEY, {}))
        status = int(str(resp.status or "500").split(None, 1)[0])
        is_quiet = known.get("route") in _QUIET and status < 500
        facts = {
            "method": str(environ.get("REQUEST_METHOD", ""))[:10],
            "status": status,
            "duration_ms": round(request_time.total_seconds() * 1000),
            "bytes": getattr(resp, "sent", None),
            **known,
        }
        logger.log(logging.DEBUG if is_quiet else logging.INFO, "request", extra=facts)
