"""People hear of what failed, and each day how things stand."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateWorker

from cases import delivery, intake
from cases.models import Case, Notice
from cases.notices import telling
from cases.notices.sending import send_due
from cases.notices.times import summary_day
from cases.notices.watch import PATIENCE, Watch
from cases.tasks import look_after_encoder, send_notices
from implants.encoders.active import forget
from implants.models import Encoder
from tests.cases.notices.conftest import Mailbox, plain
from webhooks.models import InboundEvent, JotformForm

pytestmark = pytest.mark.django_db
Make = Callable[..., Case]
Reader = Callable[..., User]


def said(mailbox: Mailbox, user: User) -> str:
    """The one mail she got."""
    send_due()
    (letter,) = mailbox.to(user)
    return plain(letter)


def test_an_answer_that_failed_for_good(
    mailbox: Mailbox, reader: Reader, make_case: Make, form: JotformForm, brenda: User
) -> None:
    ana = reader("ana")
    JotformForm.objects.update(qid_result="")  # there is no place to write to
    case = make_case("rejected", decided_by=brenda, rejection_reason="duplicate")
    delivery.queue_answer(case)
    delivery.deliver(case.pk, case.decision_id)
    text = said(mailbox, ana)
    assert f"A resposta do caso #{case.pk} não pôde ser entregue" in text
    assert f"/admin/cases/case/{case.pk}/change/" in text


def test_an_answer_that_was_sent_again_meanwhile_is_no_failure(
    mailbox: Mailbox, reader: Reader, make_case: Make
) -> None:
    reader("ana")
    row = make_case().deliveries.create(text="…", state="failed", reason="refused")
    telling.delivery_failed(row)
    row.delete()
    send_due()
    assert mailbox.letters == []


def test_a_submission_that_could_not_be_opened(
    mailbox: Mailbox, reader: Reader, make_event: Callable[..., InboundEvent]
) -> None:
    ana = reader("ana")
    event = make_event()
    intake.mark_failed(event.pk, "ValueError")
    intake.mark_failed(event.pk, "ValueError")
    assert f"evento {event.pk}" in said(mailbox, ana)


def test_no_encoder(mailbox: Mailbox, reader: Reader) -> None:
    ana = reader("ana")
    forget()
    Encoder.objects.create(name="gone", path="nowhere", is_active=True)
    look_after_encoder(timestamp=0)
    look_after_encoder(timestamp=0)
    assert "Nenhum codificador responde" in said(mailbox, ana)
    assert Notice.objects.count() == 1


@pytest.mark.usefixtures("encoder")
def test_an_encoder_that_answers_is_no_failure(mailbox: Mailbox, reader: Reader) -> None:
    reader("ana")
    look_after_encoder(timestamp=0)
    assert not Notice.objects.exists()


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[timedelta], None]:
    """Lets time pass for whoever asks Django what time it is."""

    def move(by: timedelta) -> None:
        moment = timezone.now() + by
        monkeypatch.setattr(timezone, "now", lambda: moment)

    return move


def test_a_dead_worker(
    mailbox: Mailbox, reader: Reader, later: Callable[[timedelta], None]
) -> None:
    ana = reader("ana")
    watch = Watch()
    watch.look()
    assert not Notice.objects.exists(), "it may be a restart"
    later(PATIENCE)
    watch.look()
    watch.look()
    (letter,) = mailbox.to(ana)
    assert "Nenhum trabalhador está ativo" in plain(letter)


def test_a_worker_that_lives_is_left_in_peace(
    mailbox: Mailbox, reader: Reader, later: Callable[[timedelta], None]
) -> None:
    reader("ana")
    watch = Watch()
    watch.look()
    later(PATIENCE)
    _heartbeat()
    watch.look()
    assert not Notice.objects.exists()


def _heartbeat() -> None:
    """Procrastinate's models refuse to write; its table does not."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (%s)", [timezone.now()]
        )
    assert ProcrastinateWorker.objects.exists()


def test_failures_are_for_those_who_want_them(
    mailbox: Mailbox, reader: Reader, make_event: Callable[..., InboundEvent]
) -> None:
    reader("ana", wants_failures=False)
    intake.mark_failed(make_event().pk, "ValueError")
    send_due()
    assert mailbox.letters == []


def test_the_superuser_is_told_too(
    mailbox: Mailbox, make_event: Callable[..., InboundEvent]
) -> None:
    root = User.objects.create_superuser("root", "root@example.org")
    intake.mark_failed(make_event().pk, "ValueError")
    assert "evento" in said(mailbox, root)


@pytest.mark.parametrize(
    ("now", "is_due"), [("07:29", False), ("07:30", True), ("11:29", True), ("11:30", False)]
)
def test_the_summary_has_an_hour(now: str, is_due: bool, settings: Any) -> None:
    settings.SUMMARY_TIME = "07:30"
    moment = timezone.make_aware(datetime.fromisoformat(f"2026-03-10T{now}:00"))
    assert bool(summary_day(moment)) == is_due


def test_the_daily_summary(
    mailbox: Mailbox, reader: Reader, make_case: Make, brenda: User, settings: Any
) -> None:
    ana, rita = reader("ana", wants_summary=True), reader("rita", wants_summary=False)
    settings.SUMMARY_TIME = timezone.localtime().strftime("%H:%M")
    old = make_case()
    Case.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=4))
    yesterday = timezone.now() - timedelta(days=1)
    done = make_case("rejected", decided_by=brenda, rejection_reason="duplicate")
    Case.objects.filter(pk=done.pk).update(decided_at=yesterday)
    make_case("rejected", decided_by=brenda, rejection_reason="duplicate")
    JotformForm.objects.update(deliveries_paused=True)
    send_notices()
    send_notices()
    text = said(mailbox, ana)
    assert mailbox.to(rita) == []
    for line in ("Casos aguardando: 1", "O mais antigo chegou: há 4 dias", "Decididos ontem: 1"):
        assert line in text
    assert "As entregas estão em pausa" in text
