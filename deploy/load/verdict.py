"""The targets of a load run, and whether what was measured meets them."""

from dataclasses import dataclass
from typing import Any

from deploy.load.service import Counts

_LAST_ANSWER_SECONDS = 1.0
"""The last request is due when the time is nearly over; its answer may come so much later."""


@dataclass(frozen=True)
class Targets:
    """Milliseconds are from when a request was due to the end of its answer."""

    webhooks_p95: float = 500.0
    searches_p95: float = 1500.0
    pages_p95: float = 1500.0


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    name: str
    target: str
    measured: str
    ok: bool


def of_requests(result: dict[str, Any], rate: float, seconds: int, targets: Targets) -> list[Row]:
    """The rows of what the sender saw."""
    webhooks = result["webhooks"]
    accepted = webhooks["good"] / max(seconds, webhooks["took_s"] - _LAST_ANSWER_SECONDS)
    rows = [
        Row(
            "webhooks accepted", f">= {rate:g}/s for {seconds} s", f"{accepted:.1f}/s",
            accepted >= rate,
        )
    ]  # fmt: skip
    for kind in ("webhooks", "searches", "pages"):
        found, most = result[kind], getattr(targets, f"{kind}_p95")
        p95 = found["p95_ms"]
        measured = "nothing came" if p95 is None else f"{p95:.0f} ms (p50 {found['p50_ms']:.0f})"
        rows.append(Row(f"{kind} p95", f"< {most:g} ms", measured, p95 is not None and p95 < most))
        failed = sum(found["failures"].values())
        rows.append(Row(f"{kind} failed", "0", f"{failed} of {found['sent']}", failed == 0))
    return rows


def of_database(counts: Counts, accepted: int, errors: int) -> list[Row]:
    """The rows of what the database holds of this run, once all events are processed."""
    # A webhook whose answer came too late for the sender may be stored all the same.
    stored = f"{counts.events:,}"
    return [
        Row("events stored", f">= {accepted:,}", stored, 0 < accepted <= counts.events),
        Row("events processed", stored, f"{counts.processed:,}", counts.processed == counts.events),
        Row("cases", stored, f"{counts.cases:,}", counts.cases == counts.events),
        Row("submissions", stored, f"{counts.submissions:,}", counts.submissions == counts.events),
        Row("cases with a problem", "0", f"{counts.problems:,}", counts.problems == 0),
        Row("errors in the logs", "0", f"{errors:,}", errors == 0),
    ]
