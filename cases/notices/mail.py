"""One mail to one address, and how certain it is that it went out."""

import smtplib
from collections.abc import Iterable
from contextlib import suppress
from email.utils import make_msgid
from typing import Final

from django.core.mail import EmailMultiAlternatives, get_connection

from cases.notices.letters import Letter
from cases.notices.outcome import NotSent, PerhapsSent

# The notices that a mail carries, by number: whether each went out, and once, can be counted.
NOTICES_HEADER: Final = "X-Raiox-Notices"


def send_mail(letter: Letter, address: str, notices: Iterable[int]) -> None:
    """Hand the letter with these notices to the mail server. Raises NotSent or PerhapsSent."""
    connection = get_connection()
    try:
        connection.open()
    except (OSError, smtplib.SMTPException) as error:
        raise NotSent(type(error).__name__, transient=True) from None
    try:
        _hand_over(letter, address, ", ".join(map(str, notices)), connection)
    finally:
        with suppress(OSError, smtplib.SMTPException):
            connection.close()


def _hand_over(letter: Letter, address: str, notices: str, connection: object) -> None:
    try:
        _message(letter, address, notices, connection).send()
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        raise NotSent("recipient refused", transient=all(map(_is_passing, codes))) from None
    except smtplib.SMTPResponseException as error:
        reason = f"refused with {error.smtp_code}"
        raise NotSent(reason, transient=_is_passing(error.smtp_code)) from None
    except (OSError, smtplib.SMTPException) as error:
        raise PerhapsSent(type(error).__name__) from None


def _message(
    letter: Letter, address: str, notices: str, connection: object
) -> EmailMultiAlternatives:
    message = EmailMultiAlternatives(
        letter.subject, letter.text, to=[address], connection=connection,
        headers={
            "Message-ID": make_msgid(domain="raiox"),
            NOTICES_HEADER: notices,
            # Made by a machine: out-of-office replies stay away.
            "Auto-Submitted": "auto-generated",
        },
    )  # fmt: skip
    message.attach_alternative(letter.html, "text/html")
    return message


def _is_passing(code: int) -> bool:
    return 400 <= code < 500
