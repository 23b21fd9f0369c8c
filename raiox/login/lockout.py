"""After too many wrong passwords one user name is shut for one address, for a while (django-axes).

For that address only: nobody can shut a person out from elsewhere.
"""

import logging
from typing import Any

from axes.utils import reset
from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from raiox.common.client_address import client_address, counted_address

logger = logging.getLogger(__name__)


def is_locked_out(request: Any) -> bool:
    """Whether django-axes refused this request."""
    return bool(getattr(request, "axes_locked_out", False))


def explain() -> str:
    """What somebody reads who has to wait; the same whether the account exists or not."""
    minutes = round(settings.AXES_COOLOFF_TIME.total_seconds() / 60)
    text = ngettext(
        "Too many wrong passwords. Wait %(count)d minute and try again.",
        "Too many wrong passwords. Wait %(count)d minutes and try again.",
        minutes,
    )
    return text % {"count": minutes} + " " + _("Somebody who keeps the accounts can help.")


def answer(
    request: HttpRequest, response: HttpResponse, credentials: dict[str, Any] | None
) -> HttpResponse:
    """The answer as our own views made it, with the status and header that programs look at."""
    response.status_code = 429
    response["Retry-After"] = str(round(settings.AXES_COOLOFF_TIME.total_seconds()))
    return response


def forget(request: Any, username: str) -> None:
    """After a right password the wrong ones before it count no more, as after a log-in."""
    reset(ip=counted_address(request), username=username)


def client_for_logs(username: Any, address: Any, agent: Any, path: Any, request: Any) -> str:
    """Who failed, as a log may say it: what strangers type as their name may be a password.

    The whole address, where `address` is only as much of it as is counted.
    """
    return client_address(request)


def note_refusal(request: Any) -> None:
    """Say that a password or a code was wrong, and from where: fail2ban shuts out who goes on.

    The service's own logs hold the addresses of those who were refused, and no others. Everybody's
    stand in nginx's access log.
    """
    logger.warning("log-in refused", extra={"client": client_address(request)})


class LogInForm(AdminAuthenticationForm):
    """The admin's own form, which says so when somebody has to wait."""

    def get_invalid_login_error(self) -> ValidationError:
        """Why there was no log-in."""
        note_refusal(self.request)
        if is_locked_out(self.request):
            return ValidationError(explain(), code="locked_out")
        return super().get_invalid_login_error()
