"""One mail to one address, and how certain it is that it went out."""

import smtplib
from contextlib import suppress
from email.utils import make_msgid

from django.core.mail import EmailMultiAlternatives, get_connection

from cases.notices.letters import Letter
from cases.notices.outcome import NotSent, PerhapsSent


def send_mail(letter: Letter, address: str) -> None:
    """Hand the letter to the mail server. Raises NotSent or PerhapsSent."""
    connection = get_connection()
    try:
        connection.open()
    except (OSError, smtplib.SMTPException) as error:
        raise NotSent(type(error).__name__, transient=True) from None
    try:
        _hand_over(letter, address, connection)
    finally:
        with suppress(OSError, smtplib.SMTPException):
            connection.close()


def _hand_over(letter: Letter, address: str, connection: object) -> None:
    try:
        _message(letter, address, connection).send()
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        raise NotSent("recipient refused", transient=all(map(_is_passing, codes))) from None
    except smtplib.SMTPResponseException as error:
        reason = f"refused with {error.smtp_code}"
        raise NotSent(reason, transient=_is_passing(error.smtp_code)) from None
    except (OSError, smtplib.SMTPException) as error:
        raise PerhapsSent(type(error).__name__) from None


def _message(letter: Letter, address: str, connection: object) -> EmailMultiAlternatives:
    message = EmailMultiAlternatives(
        letter.subject, letter.text, to=[address], connection=connection,
        # Made by a machine: out-of-office replies stay away.
        headers={"Message-ID": make_msgid(domain="raiox"), "Auto-Submitted": "auto-generated"},
    )  # fmt: skip
    message.attach_alternative(letter.html, "text/html")
    return message


def _is_passing(code: int) -> bool:
    return 400 <= code < 500
