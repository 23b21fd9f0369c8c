"""The admin's front page: each person sees how things stand, as far as she may."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from cases import review
from cases.charts import counts_chart, times_chart
from cases.days import SHOWN, last_days
from cases.models import Case, Delivery, Finding, Search
from implants.models import Encoder, Implant
from tests.cases.conftest import jobs
from tests.cases.many import make_many
from tests.factories import ReferenceImageFactory, ReferenceVectorFactory
from tests.people import logged_in, person
from webhooks.models import InboundEvent, JotformForm

FRONT = "/admin/"
HOUR = timedelta(hours=1)


@pytest.fixture
def reviewer(db: None) -> User:
    return person("brenda", "Revisores")


@pytest.fixture
def browser(reviewer: User) -> Client:
    return logged_in(reviewer)


def context(browser: Client) -> Any:
    answer = browser.get(FRONT)
    assert answer.status_code == 200
    return answer.context


def decide(case: Case, reviewer: User, came: datetime, decided: datetime) -> None:
    """Let the case have come and been rejected then."""
    review.reject(case, reviewer, reason="duplicate")
    Case.objects.filter(pk=case.pk).update(created_at=came, decided_at=decided)


def beat(ago: timedelta) -> None:
    """A worker that gave its last sign of life then."""
    with connection.cursor() as cursor:
        when = timezone.now() - ago
        cursor.execute("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (%s)", [when])


# Days


def test_days_begin_at_midnight_in_the_services_time_zone(
    reviewer: User, make_case: Callable[..., Case]
) -> None:
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
    late = (midnight - timedelta(minutes=1)).astimezone(UTC)
    early = (midnight + timedelta(seconds=1)).astimezone(UTC)
    for when in (late, early, early):
        Case.objects.filter(pk=make_case().pk).update(created_at=when)

    yesterday, today = last_days()[-2:]

    assert (yesterday.came, today.came) == (1, 2)
    assert today.date == timezone.localdate()


def test_a_day_has_the_median_and_the_ninth_of_ten(
    reviewer: User, make_case: Callable[..., Case]
) -> None:
    now = timezone.now()
    for hours in range(1, 12):
        decide(make_case(), reviewer, now - HOUR * hours, now)

    today = last_days()[-1]

    assert today.decided == 11
    assert (today.median, today.slow) == (HOUR * 6, HOUR * 10)


def test_quiet_days_are_days_and_older_ones_are_left_out(
    reviewer: User, make_case: Callable[..., Case]
) -> None:
    long_ago = timezone.now() - timedelta(days=SHOWN + 1)
    decide(make_case(), reviewer, long_ago, long_ago)
    days = last_days()
    assert len(days) == SHOWN and {(day.came, day.decided, day.median) for day in days} == {
        (0, 0, None)
    }
    assert counts_chart(days).is_empty and times_chart(days).is_empty


def test_bars_are_as_high_as_their_figures(reviewer: User, make_case: Callable[..., Case]) -> None:
    # At noon, so that four hours later is the same day, whenever this runs.
    noon = timezone.localtime().replace(hour=12, minute=0) - timedelta(days=3)
    for hours in (2, 2, 4, 4):
        decide(make_case(), reviewer, noon, noon + HOUR * hours)
    make_case()

    chart = counts_chart(last_days())

    assert chart.most == 4
    heights = {(bar.kind, bar.x): bar.height for bar in chart.bars}
    assert sorted(heights.values()) == [25, 100, 100]
    assert heights["first", 29 * 20 + 2] == 25
    assert all(bar.y + bar.height == 100 for bar in chart.bars)


def test_charts_have_a_title_and_the_same_in_figures(
    browser: Client, reviewer: User, make_case: Callable[..., Case]
) -> None:
    now = timezone.now()
    decide(make_case(), reviewer, now - HOUR * 3, now)

    page = browser.get(FRONT).content.decode()

    assert page.count('role="img"') == 2 and page.count("<desc") == 2
    assert 'id="counts-chart-title"' in page and 'aria-labelledby="counts-chart-title' in page
    assert "3,0\N{NO-BREAK SPACE}h" in page


# Figures


def test_figures_of_cases(browser: Client, reviewer: User, make_case: Callable[..., Case]) -> None:
    make_case()
    failed, sent = (review.reject(make_case(), reviewer, reason="duplicate") for _ in range(2))
    failed.deliveries.update(state="failed", reason="no_api_key")
    sent.deliveries.update(state="sent")
    InboundEvent.objects.create(kind="multipart", form_id="24", submission_id="9", state="failed")

    shown = context(browser)

    assert shown["waiting_count"] == 2  # the one whose answer failed is back in the queue
    assert (shown["today"].decided, shown["undelivered"], shown["failed_events"]) == (2, 1, 1)
    page = browser.get(FRONT).content.decode()
    assert "?problem=undelivered" in page
    behind = browser.get("/admin/cases/case/?problem=undelivered").context["cl"]
    assert list(behind.result_list) == [failed]


def test_agreement_counts_the_last_days_and_says_what_it_is(
    browser: Client,
    reviewer: User,
    make_case: Callable[..., Case],
    add_search: Callable[..., Search],
    implants: list[Implant],
) -> None:
    assert "Nenhuma decisão com sugestões" in browser.get(FRONT).content.decode()
    now = timezone.now()
    for chosen, ago in ((0, 0), (0, 1), (1, 2), (0, 40)):
        case = make_case()
        search = add_search(case.findings.get(), case.images.get(), (implants[0], 0.8))
        Search.objects.filter(pk=search.pk).update(created_at=now - timedelta(days=50))
        Finding.objects.filter(case=case).update(verdict="identified", implant=implants[chosen])
        review.approve(case, reviewer)
        Case.objects.filter(pk=case.pk).update(decided_at=now - timedelta(days=ago))

    assert context(browser)["agreement"] == {"decided": 3, "first": 2}
    page = browser.get(FRONT).content.decode()
    assert "2 de 3 implantes em 30 dias" in page and "não acerto" in page


def test_catalogue_counts_what_the_active_encoder_has_not_seen(
    browser: Client, encoder_row: Encoder
) -> None:
    ReferenceImageFactory.create()
    other = Encoder.objects.create(name="other", path="nowhere")
    seen = ReferenceVectorFactory.create(encoder=encoder_row).reference
    ReferenceVectorFactory.create(encoder=other, reference=seen)
    ReferenceVectorFactory.create(encoder=other)
    assert context(browser)["catalogue"] == {"implants": 3, "references": 3, "without_vector": 2}


# Workers


def test_without_a_worker_the_page_warns(browser: Client) -> None:
    assert "Nenhum processo de trabalho" in browser.get(FRONT).content.decode()
    beat(timedelta(hours=2))
    page = browser.get(FRONT).content.decode()
    assert "Nenhum processo de trabalho" in page and "há 2\N{NO-BREAK SPACE}horas" in page


def test_workers_that_live_are_counted(browser: Client) -> None:
    beat(timedelta(hours=2))
    beat(timedelta(seconds=2))
    beat(timedelta(seconds=3))
    page = browser.get(FRONT).content.decode()
    assert "Nenhum processo de trabalho" not in page and "2 processos de trabalho" in page


# Deliveries, paused and released


def test_pausing_asks_first_and_is_recorded(
    browser: Client, reviewer: User, form: JotformForm
) -> None:
    address = f"{FRONT}deliveries/{form.pk}/"
    assert address in browser.get(FRONT).content.decode()
    asked = browser.get(address)
    assert "Pausar as respostas?" in asked.content.decode()
    form.refresh_from_db()
    assert not form.deliveries_paused

    browser.post(address, {"paused": "yes"})

    form.refresh_from_db()
    assert form.deliveries_paused
    entry = LogEntry.objects.get(object_id=str(form.pk))
    assert entry.user == reviewer
    assert entry.get_change_message() == "Alterado entregas pausadas."
    assert "alterado por Brenda" in browser.get(FRONT).content.decode()


def test_releasing_sends_what_waits(
    browser: Client, reviewer: User, form: JotformForm, make_case: Callable[..., Case]
) -> None:
    JotformForm.objects.update(deliveries_paused=True)
    case = review.reject(make_case(), reviewer, reason="duplicate")
    case.deliveries.update(state="waiting", reason="paused")
    assert context(browser)["forms"][0].held == 1
    before = len(jobs("cases.deliver"))

    browser.post(f"{FRONT}deliveries/{form.pk}/", {"paused": "no"})

    assert Delivery.objects.get(case=case).state == "queued"
    assert len(jobs("cases.deliver")) == before + 1


def test_pausing_twice_changes_nothing_the_second_time(browser: Client, form: JotformForm) -> None:
    address = f"{FRONT}deliveries/{form.pk}/"
    for _ in range(2):
        browser.post(address, {"paused": "yes"})
    assert LogEntry.objects.count() == 1


def test_who_may_not_decide_may_not_pause(form: JotformForm) -> None:
    address = f"{FRONT}deliveries/{form.pk}/"
    reader = logged_in(person("leitora", "Leitores"))
    assert address not in reader.get(FRONT).content.decode()
    assert reader.post(address, {"paused": "yes"}).status_code == 403
    form.refresh_from_db()
    assert not form.deliveries_paused


# Who sees what


def test_each_person_sees_what_she_may(
    form: JotformForm, encoder_row: Encoder, make_case: Callable[..., Case]
) -> None:
    for _number in range(2):
        make_case()
    pages = {
        name: logged_in(person(name, group, is_superuser=name == "admin"))
        .get(FRONT).content.decode()
        for name, group in (
            ("brenda", "Revisores"), ("leitora", "Leitores"), ("curadora", "Curadores"),
            ("admin", ""), ("ninguem", ""),
        )
    }  # fmt: skip
    assert [name for name in pages if "waiting-title" in pages[name]] == [
        "brenda", "leitora", "admin",
    ]  # fmt: skip
    assert ["aguardam você" in pages[name] for name in ("brenda", "leitora")] == [True, False]
    assert "2 casos aguardam revisão" in pages["leitora"]
    assert [name for name in pages if "tile-catalogue" in pages[name]] == [
        "brenda", "leitora", "curadora", "admin",
    ]  # fmt: skip
    assert [name for name in pages if "/deliveries/" in pages[name]] == ["brenda", "admin"]
    assert [name for name in pages if 'class="rx-apps" open' in pages[name]] == [
        "curadora", "admin", "ninguem",
    ]  # fmt: skip


def test_the_page_needs_the_same_queries_whatever_there_is(
    browser: Client,
    reviewer: User,
    form: JotformForm,
    implants: list[Implant],
    encoder_row: Encoder,
    django_assert_num_queries: Any,
    django_assert_max_num_queries: Any,
) -> None:
    browser.get(FRONT)
    with django_assert_max_num_queries(24) as few:
        browser.get(FRONT)
    make_many(200, form, implants, encoder_row)
    decided = JotformForm.objects.create(form_id="25", title="Parceiros")
    make_many(200, decided, implants, encoder_row, decided_by=reviewer)
    with django_assert_num_queries(len(few)):
        browser.get(FRONT)
