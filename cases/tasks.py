"""The jobs of a case: a task takes ids, makes one domain call, knows when it is its last try."""

import logging
from uuid import UUID

from django.conf import settings
from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import app

from cases import (
    analysis,
    calibrating,
    delivery,
    finding_search,
    idempotency,
    intake,
    recovery,
    sweep,
)
from cases.notices import sending, telling
from cases.privacy import retention
from implants.encoders.active import active
from implants.encoders.bundle import EncoderUnavailable
from raiox.common.correlation import correlated
from raiox.common.runs import Superseded
from webhooks import inbox
from webhooks.errors import QuotaExceeded
from webhooks.models import InboundEvent

logger = logging.getLogger(__name__)


# Seconds until the next try grow as exponential_wait ** (tries + 1): 4, 16, 64 ...
_INTAKE = RetryStrategy(max_attempts=8, exponential_wait=4)
_ANALYSIS = RetryStrategy(max_attempts=3, exponential_wait=4)
# Deliveries write their own retries down; only a colleague at the same case is waited for.
_DELIVERY = RetryStrategy(max_attempts=100, wait=2, retry_exceptions=[delivery.Busy])


def _is_last(context: JobContext, strategy: RetryStrategy) -> bool:
    return context.job.attempts >= (strategy.max_attempts or 0)


@app.task(name="cases.open_case", pass_context=True, retry=_INTAKE)
def open_case(context: JobContext, *, event_id: int, correlation_id: str = "") -> None:
    """Turn a stored event into a case; after the last try the event says that it failed."""
    with correlated(correlation_id):
        try:
            intake.open_case(event_id)
        except Superseded:
            raise
        except QuotaExceeded as error:
            # Another job, for this one's tries are for faults; however often that is.
            inbox.wait_for_quota(InboundEvent.objects.get(pk=event_id), error.retry_at)
        except Exception as error:
            # The type alone: a message may hold what a patient wrote.
            facts = {"event_id": event_id, "error": type(error).__name__}
            logger.warning("event not processed", extra=facts)
            if _is_last(context, _INTAKE):
                intake.mark_failed(event_id, type(error).__name__)
            raise


@app.task(name="cases.analyze_case", pass_context=True, retry=_ANALYSIS)
def analyze_case(context: JobContext, *, case_id: int, correlation_id: str = "") -> None:
    """Analyse a case; one that ended its worker each time is handed to Brenda as it is."""
    with correlated(correlation_id):
        if context.job.attempts > (_ANALYSIS.max_attempts or 0):
            analysis.give_up(case_id)
        else:
            last, repeated = _is_last(context, _ANALYSIS), context.job.attempts > 0
            analysis.analyze_case(case_id, is_last_attempt=last, is_repeated=repeated)


@app.task(name="cases.search_finding", pass_context=True, retry=_ANALYSIS)
def search_finding(context: JobContext, *, finding_id: int, correlation_id: str = "") -> None:
    """Search for one implant of a case; one that ended its worker each time is given up."""
    with correlated(correlation_id):
        if context.job.attempts > (_ANALYSIS.max_attempts or 0):
            finding_search.give_up(finding_id)
        else:
            last, repeated = _is_last(context, _ANALYSIS), context.job.attempts > 0
            finding_search.search_finding(finding_id, is_last_attempt=last, is_repeated=repeated)


@app.task(name="cases.deliver", retry=_DELIVERY)
def deliver(*, case_id: int, decision_id: str | None, correlation_id: str = "") -> None:
    """Write the answer of a decision, or the notice of receipt, into Jotform."""
    with correlated(correlation_id):
        delivery.deliver(case_id, UUID(decision_id) if decision_id else None)


@app.periodic(cron="* * * * *")
@app.task(name="cases.resume_deliveries", queueing_lock="cases.resume_deliveries")
def resume_deliveries(timestamp: int) -> None:
    """Wake deliveries that waited for the quota or lost their job."""
    delivery.resume_due()


@app.periodic(cron="*/5 * * * *")
@app.task(name="cases.requeue_lost", queueing_lock="cases.requeue_lost")
def requeue_lost(timestamp: int) -> None:
    """Ask again for events and cases whose job is gone."""
    recovery.requeue_lost()


@app.task(
    name="cases.sweep_jotform", queueing_lock="cases.sweep_jotform", lock="cases.sweep_jotform"
)
def sweep_jotform(timestamp: int) -> None:
    """Look for submissions whose webhook never came, and cases that disagree with Jotform."""
    sweep.sweep_all()


if settings.JOTFORM_SWEEP_MINUTES:
    app.periodic(cron=f"*/{settings.JOTFORM_SWEEP_MINUTES} * * * *")(sweep_jotform)


# Asked for by `implants.catalogue.catalogue_changed`; each hour in case that was lost.
@app.periodic(cron="23 * * * *")
@app.task(name="cases.refresh_calibration", queueing_lock="calibration", lock="calibration")
def refresh_calibration(timestamp: int | None = None) -> None:
    """Learn anew what similarities mean, where catalogue or decisions have changed."""
    calibrating.refresh_calibrations()


# Asked for by `cases.notices.telling`; each minute for digests, repetitions and what that missed.
@app.periodic(cron="* * * * *")
@app.task(name=telling.SEND, queueing_lock=telling.SEND, lock=telling.SEND)
def send_notices(timestamp: int | None = None) -> None:
    """Tell people what is due; one job at a time, so that a slow mail server holds up nothing."""
    telling.summary_due()
    sending.send_due()


@app.periodic(cron="*/5 * * * *")
@app.task(name="cases.look_after_encoder", queueing_lock="cases.look_after_encoder")
def look_after_encoder(timestamp: int) -> None:
    """Tell people when radiographs can't be compared."""
    try:
        active()
    except EncoderUnavailable:
        telling.encoder_missing()


@app.periodic(cron="11 * * * *")
@app.task(name="cases.forget_decision_keys", queueing_lock="cases.forget_decision_keys")
def forget_decision_keys(timestamp: int) -> None:
    """Idempotency keys serve for a day."""
    idempotency.forget_old_keys()


@app.periodic(cron="37 6 * * *")
@app.task(name="cases.purge_expired", queueing_lock="cases.purge_expired")
def purge_expired(timestamp: int) -> None:
    """Each night: what patients sent is kept for `RETENTION_DAYS`."""
    for left in retention.purge_expired().refused:
        facts = {"folder": left.folder, "count": len(left.names), "among": left.among}
        logger.error("films without a row not deleted, it may be a mistake", extra=facts)
