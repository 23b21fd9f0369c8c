"""A queue of ten thousand cases opens like one of a hundred."""

import time
from typing import Any, Final

import psutil
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from cases.models import Case
from implants.models import Encoder, Implant
from tests.cases.many import make_many
from tests.people import logged_in, person
from webhooks.models import JotformForm

QUEUE: Final = "/admin/cases/case/"
_REQUESTS: Final = 7
_OPENINGS: Final = 4
_AT_MOST: Final = 1.5


@pytest.fixture
def reviewer(db: None) -> User:
    return person("brenda", "Revisores")


@pytest.fixture
def browser(reviewer: User) -> Client:
    return logged_in(reviewer)


def grow(count: int, form: JotformForm, implants: list[Implant], encoder: Encoder) -> None:
    """More waiting cases, and statistics of the tables as autovacuum keeps them."""
    start = Case.objects.count()
    make_many(count, form, implants, encoder, start=start)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def server_seconds(browser: Client) -> float:
    """What one opening costs this process and its database process.

    Processor time, and the least disturbed of several rounds: a machine that is busy with other
    things stretches the clock's, and the processor's too.
    """
    costs = []
    for _ in range(_REQUESTS):
        before = time.process_time() + _database_seconds()
        for _ in range(_OPENINGS):
            assert browser.get(QUEUE).status_code == 200
        costs.append((time.process_time() + _database_seconds() - before) / _OPENINGS)
    return min(costs)


def _database_seconds() -> float:
    """The processor time of the process behind this connection; it steps by hundredths."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        times = psutil.Process(cursor.fetchone()[0]).cpu_times()
    return float(times.user + times.system)


def test_any_length_needs_the_same_queries(
    browser: Client,
    form: JotformForm,
    implants: list[Implant],
    encoder_row: Encoder,
    django_assert_num_queries: Any,
    django_assert_max_num_queries: Any,
) -> None:
    grow(1, form, implants, encoder_row)
    browser.get(QUEUE)  # content types and the like are remembered from now on
    with django_assert_max_num_queries(18) as few:
        browser.get(QUEUE)
    for more in (49, 9950):
        grow(more, form, implants, encoder_row)
        with django_assert_num_queries(len(few)):
            browser.get(QUEUE)


def test_ten_thousand_cases_open_within_one_and_a_half_times_a_hundred(
    browser: Client, form: JotformForm, implants: list[Implant], encoder_row: Encoder
) -> None:
    grow(100, form, implants, encoder_row)
    browser.get(QUEUE)
    hundred = server_seconds(browser)

    grow(9900, form, implants, encoder_row)
    assert browser.get(QUEUE).context["cl"].result_count == 10_000
    thousands = server_seconds(browser)

    print(f"100 cases: {1000 * hundred:.0f} ms, 10,000: {1000 * thousands:.0f} ms")
    assert thousands <= _AT_MOST * hundred
