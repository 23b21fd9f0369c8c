"""Mail servers fail in many ways: later is tried again, never twice, and nothing is held up."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from cases.models import Case, Notice
from cases.notices import mail, telling
from cases.notices.sending import MAX_ATTEMPTS, send_due
from tests.cases.notices.conftest import Mailbox
from tests.stack import free_port

pytestmark = pytest.mark.django_db
Make = Callable[..., Case]
Reader = Callable[..., User]


@pytest.fixture
def ana(reader: Reader, make_case: Make, mailbox: Mailbox) -> User:
    """She is to be told of a case."""
    user = reader("ana", case_mails="at_once")
    telling.case_waits(make_case())
    return user


def state() -> str:
    return str(Notice.objects.get().state)


def now_it_is_due() -> None:
    Notice.objects.update(due_at=timezone.now())


def test_a_mail_says_which_notices_it_carries(mailbox: Mailbox, ana: User, make_case: Make) -> None:
    """Also of cases that it has no room for."""
    for _ in range(40):
        telling.case_waits(make_case())
    send_due()
    (letter,) = mailbox.to(ana)
    carried = [int(number) for number in letter[mail.NOTICES_HEADER].split(",")]
    assert carried == list(Notice.objects.filter(state="sent").values_list("pk", flat=True))
    assert len(carried) == 41


def test_a_server_that_is_away_is_tried_again(mailbox: Mailbox, ana: User, settings: Any) -> None:
    settings.EMAIL_PORT, there = free_port(), settings.EMAIL_PORT
    send_due()
    assert state() == "waiting"
    assert Notice.objects.get().due_at > timezone.now()
    settings.EMAIL_PORT = there
    send_due()
    assert mailbox.letters == []
    now_it_is_due()
    send_due()
    assert (len(mailbox.to(ana)), state()) == (1, "sent")


def test_a_server_that_says_later_is_tried_again(mailbox: Mailbox, ana: User) -> None:
    mailbox.refusal = "451 try later"
    send_due()
    assert state() == "waiting"
    mailbox.refusal = ""
    now_it_is_due()
    send_due()
    assert len(mailbox.to(ana)) == 1


def test_a_refusal_is_final(mailbox: Mailbox, ana: User) -> None:
    mailbox.refusal = "554 no thanks"
    send_due()
    assert state() == "failed"


def test_trying_ends(ana: User, settings: Any) -> None:
    settings.EMAIL_PORT = free_port()
    for _ in range(MAX_ATTEMPTS):
        now_it_is_due()
        send_due()
    assert state() == "failed"


def test_what_may_have_gone_out_is_not_sent_again(
    mailbox: Mailbox, ana: User, settings: Any
) -> None:
    """The server takes the mail and says nothing any more."""
    settings.EMAIL_TIMEOUT = 0.5
    mailbox.is_silent = True
    send_due()
    assert state() == "unknown"
    now_it_is_due()
    send_due()
    assert len(mailbox.to(ana)) == 1


def test_what_a_worker_had_in_hand_when_it_died_is_not_sent_again(
    mailbox: Mailbox, ana: User
) -> None:
    Notice.objects.update(state="sending", taken_at=timezone.now() - timedelta(minutes=11))
    send_due()
    assert (mailbox.letters, state()) == ([], "unknown")


def test_what_a_worker_has_in_hand_is_left_to_it(mailbox: Mailbox, ana: User) -> None:
    Notice.objects.update(state="sending", taken_at=timezone.now())
    send_due()
    assert (mailbox.letters, state()) == ([], "sending")


def test_one_address_that_fails_does_not_hold_up_the_others(
    mailbox: Mailbox, ana: User, reader: Reader, make_case: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    rita = reader("rita", case_mails="at_once")
    telling.case_waits(make_case())
    send, met = mail.send_mail, []

    def failing_first(letter: Any, address: str, notices: Any) -> None:
        met.append(address)
        if address == ana.email:
            raise ValueError
        send(letter, address, notices)

    monkeypatch.setattr(mail, "send_mail", failing_first)
    send_due()
    assert met == [ana.email, rita.email]
    assert len(mailbox.to(rita)) == 1


def test_nothing_is_open_in_the_database_while_a_mail_goes_out(
    mailbox: Mailbox, ana: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows are in hand, and written, before the message is."""
    seen: list[str] = []
    monkeypatch.setattr(mail, "send_mail", lambda *_: seen.append(state()))
    send_due()
    assert seen == ["sending"]


def test_addresses_are_in_no_log(
    mailbox: Mailbox, ana: User, caplog: pytest.LogCaptureFixture
) -> None:
    mailbox.refusal = "554 no thanks"
    send_due()
    (record,) = [entry for entry in caplog.records if entry.name.startswith("cases")]
    assert ana.email not in str(vars(record))
