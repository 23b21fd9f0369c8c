"""How long a log-in lasts."""

from collections.abc import Iterator

import pytest
from django.conf import settings as product
from django.contrib.auth.models import User
from django.test import Client

from raiox.login import sessions
from tests.login.conftest import log_in
from tests.people import logged_in

HOUR = 3600


class Clock:
    """The time of day, as the test says."""

    now = 1_800_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    monkeypatch.setattr(sessions, "time", clock)
    yield clock


def is_in(browser: Client, path: str = "/admin/") -> bool:
    return browser.get(path).status_code == 200


def test_who_was_away_for_long_logs_in_again(ana: User, clock: Clock) -> None:
    browser = logged_in(ana)
    assert is_in(browser)
    clock.now += product.SESSION_IDLE_MINUTES * 60
    assert is_in(browser)
    clock.now += product.SESSION_IDLE_MINUTES * 60 + 1
    assert not is_in(browser)
    assert not is_in(browser)


def test_a_page_that_asks_by_itself_keeps_nobody_in(ana: User, clock: Clock) -> None:
    browser = logged_in(ana)
    assert is_in(browser)
    for _ in range(product.SESSION_IDLE_MINUTES):
        clock.now += 61
        browser.get("/admin/cases/case/news/")
    assert not is_in(browser)


def test_a_session_ends_however_busy(ana: User, clock: Clock) -> None:
    browser = logged_in(ana)
    for _ in range(product.SESSION_COOKIE_AGE // HOUR):
        assert is_in(browser)
        clock.now += HOUR
    assert is_in(browser)
    clock.now += 1
    assert not is_in(browser)


def test_the_log_in_changes_the_key_of_the_session(ana: User) -> None:
    browser = Client()
    before = browser.session.session_key
    assert before and browser.cookies[product.SESSION_COOKIE_NAME].value == before
    log_in(browser, "ana")
    assert browser.cookies[product.SESSION_COOKIE_NAME].value != before
