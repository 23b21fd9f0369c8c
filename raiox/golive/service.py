"""What the running service says of itself, and the door that Jotform knocks at."""

import socket
import ssl
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings

from implants.models import Encoder
from raiox.common.http import FetchError
from raiox.common.logs import mask
from raiox.golive.asking import ask
from raiox.golive.line import Line, Plan, fail, ok, warn
from webhooks import signature

_UP: Final = "Is the service running, and does the address lead to it?"
_DAYS_LEFT_AT_LEAST: Final = 7
_DAYS_LEFT_AS_RENEWED: Final = 25
"""certbot renews when 30 days are left."""
_RENEW: Final = (
    "certbot renew --dry-run says what is in its way (port 80, DNS); then certbot renew and "
    "systemctl reload nginx. Does systemctl list-timers show certbot.timer? Where there was no "
    "certificate yet: bootstrap.sh tls."
)


def version(plan: Plan) -> Line:
    """The code that answers is the code that was installed."""
    try:
        answer = ask("GET", f"{plan.url}/healthcheck")
    except FetchError as error:
        return fail(str(error), _UP)
    if answer.status != 200:
        return fail(f"{plan.url}/healthcheck answers {answer.status}", _UP)
    told: dict[str, Any] = answer.json()
    running, installed = _release(told), (settings.RAIOX_VERSION, settings.RAIOX_COMMIT)
    is_known = bool(running[1] and installed[1])
    if running == installed or (running[0] == installed[0] and not is_known):
        return ok(_named(*running))
    seen = f"{_named(*running)} answers, {_named(*installed)} is installed"
    return fail(seen, "Restart web and worker, so that they run the installed version.")


def _release(told: Mapping[str, Any]) -> tuple[str, str]:
    """Version and commit; the latter is empty where nobody knows it, as in a developer's clone."""
    return str(told["version"]), str(told.get("commit", ""))


def _named(version: str, commit: str) -> str:
    return f"{version} ({commit[:12]})" if commit else version


def health(plan: Plan) -> Line:
    """Every part of /health works."""
    parts = _parts(plan)
    seen = ", ".join(f"{name} {part['status']}" for name, part in parts.items())
    worst = {part["status"] for part in parts.values()}
    if worst == {"ok"}:
        return ok(seen)
    todo = f"See {plan.url}/health and the service's log."
    return warn(seen, todo) if worst == {"ok", "warning"} else fail(seen, todo)


def encoder(plan: Plan) -> Line:
    """The encoder that was chosen answers, in the database and in the running process alike."""
    running = str(_parts(plan)["encoder"].get("name", ""))
    active = Encoder.objects.filter(is_active=True).values_list("name", flat=True).first() or ""
    if not running or running != active:
        seen = f"active: {active or 'none'}; the service answers with {running or 'none'}"
        return fail(seen, "Run manage.py activate_encoder NAME, and look into the web's log.")
    if plan.encoder and running != plan.encoder:
        todo = f"Run manage.py activate_encoder {plan.encoder}."
        return fail(f"{running} answers, {plan.encoder} was expected", todo)
    if not plan.encoder:
        return warn(f"{running} answers; none was named", "Name the one you want: --encoder NAME.")
    return ok(running)


def webhook_door(plan: Plan) -> Line:
    """A delivery with our token gets through everything in front of the service.

    Its body is broken on purpose: 400 says that the token was right, and nothing is stored.
    """
    address = f"{plan.url}/webhook/{settings.WEBHOOK_TOKENS[0]}"
    body = b"{golive_check"
    headers = {"Content-Type": "application/json"}
    if settings.JF_SECRET:
        headers[signature.HEADER] = signature.sign(body, settings.JF_SECRET[0])
    try:
        status = ask("POST", address, headers=headers, body=body).status
    except FetchError as error:
        return fail(str(error), _UP)
    seen = f"{mask(address)} answers {status} to a broken delivery"
    if status == 400:
        return ok(seen)
    return fail(seen, "400 is right. " + _DOOR.get(status, "See the log of nginx and of the web."))


_DOOR: Final[Mapping[int, str]] = {
    301: "The address redirects, and Jotform follows no redirect: is PUBLIC_URL the final one?",
    302: "The address redirects, and Jotform follows no redirect: is PUBLIC_URL the final one?",
    401: "The running service has other WEBHOOK_TOKENS or JF_SECRET than this shell: restart it.",
    404: "nginx does not pass /webhook/ on.",
    429: "Too many requests were counted: wait a minute, and check TRUSTED_PROXIES.",
}


def certificate(plan: Plan) -> Line:
    """People's browsers and Jotform accept the certificate, and it will be renewed in time."""
    place = urlsplit(plan.url)
    if place.scheme != "https":
        todo = "The first phase only: bootstrap.sh tls, RAIOX_TLS=on."
        return warn(f"{plan.url} is plain HTTP", todo)
    try:
        ends = _certificate_ends(place.hostname or "", place.port or 443)
    except ssl.SSLCertVerificationError as error:
        return fail(f"not valid: {error.verify_message}", _RENEW)
    except OSError as error:
        return fail(f"no TLS at {place.netloc}: {type(error).__name__}", _UP)
    days = (ends - time.time()) / 86400
    seen = f"valid for {days:.0f} more days"
    if days >= _DAYS_LEFT_AS_RENEWED:
        return ok(seen)
    return fail(seen, _RENEW) if days < _DAYS_LEFT_AT_LEAST else warn(seen, _RENEW)


def _certificate_ends(host: str, port: int) -> float:
    """Seconds since 1970. Raises SSLCertVerificationError, and OSError without an answer."""
    context = ssl.create_default_context()
    with (
        socket.create_connection((host, port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=host) as secure,
    ):
        told: Any = secure.getpeercert()
    return ssl.cert_time_to_seconds(told["notAfter"])


def _parts(plan: Plan) -> dict[str, dict[str, Any]]:
    """The parts of /health. Raises FetchError, and ValueError when something else answers."""
    answer = ask("GET", f"{plan.url}/health")
    if answer.status not in (200, 503):
        raise ValueError(f"{plan.url}/health answers {answer.status}")
    return dict(answer.json()["checks"])
