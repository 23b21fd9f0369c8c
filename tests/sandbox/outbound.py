"""Sending the webhooks in the background, and the record of how that went."""

import secrets
import threading
import time
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from django.db import connection, transaction

from tests.sandbox import switches
from tests.sandbox.models import Delivery, Submission
from tests.sandbox.payload import webhook_parts

TIMEOUT_SECONDS = 30
KEPT_CHARACTERS = 500

# Proxies of the environment must not see what stays on this machine.
_opener = build_opener(ProxyHandler({}))


def announce(submission: Submission, reason: str) -> None:
    """Send every webhook of the form; `reason` is `new`, `edit` or `api`."""
    fresh = Submission.objects.get(pk=submission.pk)
    current = switches.read()
    for webhook in fresh.form.webhooks.all():
        delivery = Delivery.objects.create(
            submission=fresh,
            url=webhook.url,
            reason=reason,
            parts=webhook_parts(fresh, webhook.url, current),
        )
        transaction.on_commit(threading.Thread(target=_send, args=[delivery], daemon=True).start)


def give_up_interrupted() -> None:
    """Deliveries that a stop of this program cut off are lost, as some of Jotform's are."""
    underway = Delivery.objects.filter(state=Delivery.State.UNDERWAY)
    underway.update(state=Delivery.State.FAILED, error="interrupted")


def _send(delivery: Delivery) -> None:
    started = time.monotonic()
    outcome = _outcome(delivery)
    milliseconds = round((time.monotonic() - started) * 1000)
    Delivery.objects.filter(pk=delivery.pk).update(milliseconds=milliseconds, **outcome)
    connection.close()


def _outcome(delivery: Delivery) -> dict[str, object]:
    try:
        status, answer = _post(delivery)
    except Exception as error:
        # Whatever keeps the request from being answered is a delivery that failed.
        return {"state": Delivery.State.FAILED, "error": f"{type(error).__name__}: {error}"}
    good = 200 <= status < 300
    state = Delivery.State.ANSWERED if good else Delivery.State.FAILED
    return {"state": state, "status": status, "answer": answer}


def _post(delivery: Delivery) -> tuple[int, str]:
    content_type, body = multipart(delivery.parts)
    headers = {"Content-Type": content_type, "User-Agent": "Jotform sandbox"}
    request = Request(delivery.url, data=body, headers=headers, method="POST")
    try:
        response = _opener.open(request, timeout=TIMEOUT_SECONDS)
    except HTTPError as error:
        response = error
    with response:
        return response.status, response.read(KEPT_CHARACTERS).decode(errors="replace")


def multipart(parts: dict[str, str]) -> tuple[str, bytes]:
    """Content type and body of `multipart/form-data` with text parts only."""
    boundary = f"----JotformSandbox{secrets.token_hex(12)}"
    lines = []
    for name, value in parts.items():
        lines += [f"--{boundary}", f'Content-Disposition: form-data; name="{name}"', "", value]
    body = "\r\n".join([*lines, f"--{boundary}--", ""])
    return f"multipart/form-data; boundary={boundary}", body.encode()
