"""A real mail server on loopback, and people who read their mail."""

import asyncio
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.contrib.auth.models import User

from cases.models import ReviewerPreferences
from tests.common.loopback import Loopback, serve
from tests.people import person
from tests.stack import free_port


class Mailbox:
    """What the server has taken; `refusal` is what it answers instead of taking a mail.

    A silent one takes it and does not say so in time.
    """

    def __init__(self) -> None:
        self.letters: list[tuple[str, EmailMessage]] = []
        self.refusal = ""
        self.is_silent = False

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.refusal:
            return self.refusal
        content = envelope.content
        assert isinstance(content, bytes)
        letter = BytesParser(_class=EmailMessage, policy=default).parsebytes(content)
        self.letters += [(address, letter) for address in envelope.rcpt_tos]
        if self.is_silent:
            await asyncio.sleep(3)
        return "250 taken"

    def to(self, user: User) -> list[EmailMessage]:
        return [letter for address, letter in self.letters if address == user.email]


def plain(letter: EmailMessage) -> str:
    """Subject and text."""
    body = letter.get_body(("plain",))
    assert body is not None
    return f"{letter['subject']}\n{body.get_content()}".replace("\N{NO-BREAK SPACE}", " ")


def html(letter: EmailMessage) -> str:
    body = letter.get_body(("html",))
    assert body is not None
    return str(body.get_content())


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Mailbox]:
    """The service can send mail, to this server."""
    box = Mailbox()
    server = Controller(box, hostname="127.0.0.1", port=free_port())
    server.start()
    settings.EMAIL_IS_CONFIGURED = True
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_PORT = server.port
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_TIMEOUT = 5
    settings.PUBLIC_URL = "https://raiox.example"
    yield box
    server.stop()


@pytest.fixture
def telegram(settings: Any) -> Iterator[Loopback]:
    """A stand-in for Telegram's API, and a chat on it."""
    with serve() as server:
        settings.TELEGRAM_BOT_TOKEN = "-".join(("12345", "not", "a", "token"))
        settings.TELEGRAM_CHAT_ID = "77"
        settings.TELEGRAM_API_URL = server.origin
        settings.DOWNLOAD_EXTRA_ORIGINS = [server.origin]
        yield server


@pytest.fixture
def reader(db: None) -> Callable[..., User]:
    """A reviewer with an address and these preferences: `reader("ana", case_mails="at_once")`."""

    def make(name: str, *, address: str | None = None, **preferences: Any) -> User:
        user = person(name, "Revisores")
        user.email = f"{name}@example.org" if address is None else address
        user.save()
        if preferences:
            ReviewerPreferences.objects.create(user=user, **preferences)
        return user

    return make
