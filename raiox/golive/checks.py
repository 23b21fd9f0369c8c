"""The whole list, in the order in which things stand on each other."""

from collections.abc import Callable, Mapping
from typing import Final

from raiox.common.faults import safe_message
from raiox.common.http import FetchError
from raiox.golive import (
    backups,
    catalogue,
    installation,
    jotform,
    log_lines,
    machine,
    service,
    speed,
)
from raiox.golive.line import Line, Plan, fail

CHECKS: Final[Mapping[str, Callable[[Plan], Line]]] = {
    "mode": installation.mode,
    "settings": installation.system_checks,
    "migrations": installation.migrations,
    "version": service.version,
    "health": service.health,
    "certificate": service.certificate,
    "workers": installation.workers,
    "redis": installation.redis,
    "encoder": service.encoder,
    "catalogue": catalogue.filled,
    "top three": catalogue.top_three,
    "webhook answers": service.webhook_door,
    "webhook registered": jotform.webhooks_registered,
    "webhook to pending": speed.webhook_to_pending,
    "second factor": installation.second_factor,
    "backups": backups.fresh,
    "kept databases": backups.left_by_restores,
    "logs": log_lines.no_errors,
    "clock": machine.clock,
    "disk": machine.disk,
}


def check_all(plan: Plan, checks: Mapping[str, Callable[[Plan], Line]] = CHECKS) -> dict[str, Line]:
    """Every line of the list; one that breaks is told as failed and hides no other."""
    return {name: _outcome(check, plan) for name, check in checks.items()}


def _outcome(check: Callable[[Plan], Line], plan: Plan) -> Line:
    todo = "It could not be checked: put this right and ask again."
    try:
        return check(plan)
    except (FetchError, ValueError) as error:  # their words are ours
        return fail(str(error), todo)
    except Exception as error:
        words = safe_message(error)
        return fail(f"{type(error).__name__}{f': {words}' if words else ''}", todo)
