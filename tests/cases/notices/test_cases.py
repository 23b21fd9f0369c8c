"""Reviewers hear of cases that wait: once, as they like it, and without anybody's name."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings as product_settings
from django.contrib.auth.models import User
from django.utils import timezone

from cases import analysis, review
from cases.models import Case, CaseImage, Notice
from cases.notices import telling
from cases.notices.sending import send_due
from cases.notices.times import next_digest
from tests.cases.conftest import jobs
from tests.cases.notices.conftest import Mailbox, html, plain
from tests.common.loopback import Loopback, answer

pytestmark = pytest.mark.django_db
Make = Callable[..., Case]
Reader = Callable[..., User]


def analysed(make_case: Make, **fields: Any) -> Case:
    """A case that came without an image: the analysis hands it to the reviewers all the same."""
    case = make_case("received", **fields)
    CaseImage.objects.filter(case=case).delete()
    analysis.analyze_case(case.pk, is_last_attempt=True)
    return Case.objects.get(pk=case.pk)


def age(rows: Any, **by: float) -> None:
    """As if it had happened so long ago."""
    rows.filter(taken_at__isnull=False).update(taken_at=timezone.now() - timedelta(**by))


def test_a_reviewer_is_told_at_once(mailbox: Mailbox, reader: Reader, make_case: Make) -> None:
    ana = reader("ana", case_mails="at_once")
    case = analysed(make_case, tooth="46")
    assert len(jobs(telling.SEND)) == 1
    send_due()
    (letter,) = mailbox.to(ana)
    text = plain(letter)
    assert "1 caso aguarda revisão" in text
    assert f"Caso #{case.pk}, dente 46, agora" in text
    assert f"https://raiox.example/admin/cases/case/{case.pk}/change/" in text
    assert f'href="https://raiox.example/admin/cases/case/{case.pk}/change/"' in html(letter)


def test_it_is_said_in_her_language(mailbox: Mailbox, reader: Reader, make_case: Make) -> None:
    ana = reader("ana", case_mails="at_once", language="en")
    analysed(make_case)
    send_due()
    assert "1 case waits for review" in plain(mailbox.to(ana)[0])


def test_the_same_case_is_never_told_twice(
    mailbox: Mailbox, reader: Reader, make_case: Make
) -> None:
    ana = reader("ana", case_mails="at_once")
    case = analysed(make_case)
    send_due()
    age(Notice.objects, minutes=5)
    telling.case_waits(case)
    Case.objects.filter(pk=case.pk).update(state="received")
    analysis.analyze_case(case.pk, is_last_attempt=True)
    send_due()
    assert len(mailbox.to(ana)) == 1


def test_a_new_analysis_of_a_waiting_case_tells_nobody(
    mailbox: Mailbox, reader: Reader, make_case: Make
) -> None:
    case = analysed(make_case)
    ana = reader("ana", case_mails="at_once")
    analysis.analyze_case(case.pk, is_last_attempt=True)
    send_due()
    assert mailbox.to(ana) == []


def test_a_burst_of_cases_is_two_mails(mailbox: Mailbox, reader: Reader, make_case: Make) -> None:
    ana = reader("ana", case_mails="at_once")
    analysed(make_case)
    send_due()
    for _ in range(30):
        telling.case_waits(make_case())
        send_due()
    assert len(mailbox.to(ana)) == 1
    age(Notice.objects, seconds=61)
    send_due()
    first, second = mailbox.to(ana)
    assert "1 caso aguarda" in plain(first)
    assert "30 casos aguardam" in plain(second)
    assert "e mais 5" in plain(second)


def test_nobody_is_told_who_did_not_ask(
    mailbox: Mailbox, reader: Reader, make_case: Make, settings: Any
) -> None:
    settings.DIGEST_TIMES = ["00:00"]
    reader("never", case_mails="none")
    reader("nowhere", address="", case_mails="at_once")
    gone = reader("gone", case_mails="at_once")
    User.objects.filter(pk=gone.pk).update(is_active=False)
    curator = reader("curator", case_mails="at_once")
    curator.groups.clear()
    analysed(make_case)
    send_due()
    assert mailbox.letters == []
    assert not Notice.objects.exists()


def test_without_mail_nothing_is_written_down(reader: Reader, make_case: Make) -> None:
    reader("ana", case_mails="at_once")
    analysed(make_case)
    assert not Notice.objects.exists()


def test_a_digest_gathers_the_cases_until_its_hour(
    mailbox: Mailbox, reader: Reader, make_case: Make
) -> None:
    ana = reader("ana")  # without preferences of hers: gathered
    cases = [analysed(make_case) for _ in range(3)]
    send_due()
    assert mailbox.to(ana) == []
    Notice.objects.update(due_at=timezone.now())
    send_due()
    (letter,) = mailbox.to(ana)
    assert all(f"Caso #{case.pk}" in plain(letter) for case in cases)


@pytest.mark.parametrize(
    ("now", "expected"),
    [("07:59", "08:00"), ("08:00", "13:00"), ("12:00", "13:00"), ("13:30", "08:00")],
)
def test_the_next_digest_is_at_the_next_hour(now: str, expected: str, settings: Any) -> None:
    settings.DIGEST_TIMES = ["13:00", "08:00"]
    moment = timezone.make_aware(datetime.fromisoformat(f"2026-03-10T{now}:00"))
    found = timezone.localtime(next_digest(moment))
    assert found.strftime("%H:%M") == expected
    assert (found.day == 11) == (now == "13:30")


def test_what_was_decided_meanwhile_is_left_out(
    mailbox: Mailbox, reader: Reader, make_case: Make, brenda: User
) -> None:
    ana = reader("ana", case_mails="at_once")
    decided, waiting = analysed(make_case), analysed(make_case)
    review.reject(decided, brenda, reason="duplicate")
    send_due()
    (letter,) = mailbox.to(ana)
    assert f"Caso #{waiting.pk}" in plain(letter)
    assert f"Caso #{decided.pk}" not in plain(letter)


def test_nothing_is_sent_when_all_is_decided(
    mailbox: Mailbox, reader: Reader, make_case: Make, brenda: User
) -> None:
    reader("ana", case_mails="at_once")
    review.reject(analysed(make_case), brenda, reason="duplicate")
    send_due()
    assert mailbox.letters == []
    assert Notice.objects.get().state == Notice.State.DROPPED


def test_nobodys_name_leaves_the_house(
    mailbox: Mailbox, telegram: Loopback, reader: Reader, make_case: Make
) -> None:
    telegram.answers[f"/bot{_token()}/sendMessage"] = answer(b"{}")
    ana = reader("ana", case_mails="at_once", wants_failures=True, wants_summary=True)
    case = analysed(
        make_case, dentist_name="Xisdentista Marcada", dentist_email="xisdentista@example.org",
        patient="Xispaciente Marcado", tooth="46 Xispaciente", note="Xispaciente",
    )  # fmt: skip
    delivery = case.deliveries.create(
        text="Xispaciente", state="failed", reason="refused", response="Xispaciente"
    )
    telling.delivery_failed(delivery)
    telling.event_failed(3)
    Notice.objects.bulk_create(
        Notice(channel=channel, user=user, topic="summary", about="2026-03-01")
        for channel, user in (("email", ana), ("telegram", None))
    )
    assert send_due() == 6
    said = [bytes(letter).decode() + plain(letter) + html(letter) for _, letter in mailbox.letters]
    said += [asked.body.decode() for asked in telegram.asked]
    assert len(said) == 6
    assert not [text for text in said if "xis" in text.lower() or "marcad" in text.lower()]


def test_a_chat_hears_of_it_too(telegram: Loopback, make_case: Make) -> None:
    path = f"/bot{_token()}/sendMessage"
    telegram.answers[path] = answer(b"{}")
    case = analysed(make_case)
    send_due()
    (asked,) = telegram.asked
    content = json.loads(asked.body)
    assert (asked.method, asked.path, content["chat_id"]) == ("POST", path, "77")
    assert f"Caso #{case.pk}" in content["text"]


def test_the_bots_token_is_in_no_log(
    telegram: Loopback, make_case: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    telegram.queue = [answer(b"", status=404)]
    analysed(make_case)
    send_due()
    assert Notice.objects.get().state == Notice.State.FAILED
    assert "notice not sent" in caplog.text
    assert _token() not in caplog.text + str([vars(record) for record in caplog.records])


@pytest.mark.parametrize("status", [429, 502])
def test_a_chat_that_can_be_reached_later_is_tried_again(
    telegram: Loopback, make_case: Make, status: int
) -> None:
    telegram.queue = [answer(b"", status=status), answer(b"{}")]
    analysed(make_case)
    assert send_due() == 0
    Notice.objects.update(due_at=timezone.now())
    assert send_due() == 1


def test_a_fault_in_telling_does_not_break_the_analysis(
    monkeypatch: pytest.MonkeyPatch, mailbox: Mailbox, reader: Reader, make_case: Make
) -> None:
    reader("ana", case_mails="at_once")

    def failing(**_: Any) -> None:
        raise ValueError

    monkeypatch.setattr(telling, "Notice", failing)
    assert analysed(make_case).state == Case.State.PENDING


def test_the_notice_is_undone_with_what_it_tells_of(
    mailbox: Mailbox, reader: Reader, make_case: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader("ana", case_mails="at_once")
    monkeypatch.setattr(analysis, "record", _fail_at_the_end)
    with pytest.raises(RuntimeError):
        analysis._end_with(make_case("received"), Case.Problem.NO_IMAGE)
    assert not Notice.objects.exists()
    assert jobs(telling.SEND) == []


def _fail_at_the_end(*_: Any, **__: Any) -> None:
    raise RuntimeError


def _token() -> str:
    return str(product_settings.TELEGRAM_BOT_TOKEN)
