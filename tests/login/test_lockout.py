"""Wrong passwords shut one name for one address, for a while, and nobody else."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.contrib.sessions.models import Session
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from raiox.tasks import forget_log_ins
from tests.login.conftest import PASSWORD, ask_token, log_in

Attempt = Callable[..., Any]
WAYS = {
    "admin": lambda name, password=PASSWORD, **extra: log_in(Client(), name, password, **extra),
    "API": ask_token,
}


@pytest.fixture(params=WAYS)
def attempt(request: Any, ana: User, settings: Any) -> Attempt:
    """A log-in by the admin's form, or by the API."""
    settings.AXES_FAILURE_LIMIT = 3
    return WAYS[request.param]


def fail(attempt: Attempt, times: int, name: str = "ana", **extra: Any) -> list[int]:
    return [attempt(name, "wrong", **extra).status_code for _ in range(times)]


def test_after_wrong_passwords_the_right_one_does_not_help(attempt: Attempt) -> None:
    assert fail(attempt, 3)[-1] == 429
    answer = attempt("ana")
    assert (answer.status_code, answer["Retry-After"]) == (429, "900")
    assert "Senhas erradas demais" in answer.content.decode()


def test_an_unknown_name_is_treated_alike(attempt: Attempt) -> None:
    assert fail(attempt, 4, "nobody") == fail(attempt, 4, "ana")


def test_nobody_is_shut_out_from_elsewhere(attempt: Attempt) -> None:
    fail(attempt, 5, REMOTE_ADDR="198.51.100.7")
    assert attempt("ana", REMOTE_ADDR="198.51.100.7").status_code == 429
    assert attempt("ana", REMOTE_ADDR="203.0.113.9").status_code in (200, 302)


def test_a_stranger_can_not_claim_another_address(attempt: Attempt) -> None:
    spoofed = [
        attempt("ana", "wrong", HTTP_X_FORWARDED_FOR=f"203.0.113.{last}").status_code
        for last in range(4)
    ]
    assert spoofed[-1] == 429


def test_behind_a_trusted_proxy_the_client_counts(attempt: Attempt, settings: Any) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1/32"]
    fail(attempt, 5, HTTP_X_FORWARDED_FOR="1.2.3.4, 198.51.100.7")
    assert attempt("ana", HTTP_X_FORWARDED_FOR="9.9.9.9, 198.51.100.7").status_code == 429
    assert attempt("ana", HTTP_X_FORWARDED_FOR="198.51.100.8").status_code in (200, 302)


def test_all_of_an_ipv6_network_counts_as_one_client(attempt: Attempt) -> None:
    shifted = [attempt("ana", "wrong", REMOTE_ADDR=f"2001:db8:0:1:{i}::9") for i in range(3)]
    assert shifted[-1].status_code == 429
    assert attempt("ana", REMOTE_ADDR="2001:db8:0:1:ffff::1").status_code == 429
    assert attempt("ana", REMOTE_ADDR="2001:db8:0:2::1").status_code in (200, 302)


def test_a_right_password_forgets_those_from_the_same_network(attempt: Attempt) -> None:
    fail(attempt, 2, REMOTE_ADDR="2001:db8:0:1::1")
    attempt("ana", REMOTE_ADDR="2001:db8:0:1::2")
    assert fail(attempt, 2, REMOTE_ADDR="2001:db8:0:1::3")[-1] != 429


def test_logs_hold_the_whole_address(attempt: Attempt, caplog: Any) -> None:
    fail(attempt, 1, REMOTE_ADDR="2001:db8:0:1::77")
    told = [vars(entry)["client"] for entry in caplog.records if entry.msg == "log-in refused"]
    assert told == ["2001:db8:0:1::77"]
    of_axes = [entry.getMessage() for entry in caplog.records if "New login failure" in entry.msg]
    assert "2001:db8:0:1::77" in of_axes[0]


def test_it_ends(attempt: Attempt) -> None:
    fail(attempt, 5)
    AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))
    assert attempt("ana").status_code in (200, 302)


def test_a_right_password_forgets_the_wrong_ones(attempt: Attempt) -> None:
    fail(attempt, 2)
    attempt("ana")
    assert fail(attempt, 2)[-1] != 429


def test_admin_and_api_count_together(ana: User, settings: Any) -> None:
    settings.AXES_FAILURE_LIMIT = 3
    fail(WAYS["admin"], 2)
    fail(WAYS["API"], 1)
    assert log_in(Client(), "ana").status_code == 429


def test_what_strangers_type_is_in_no_log(attempt: Attempt, caplog: Any) -> None:
    caplog.set_level(logging.DEBUG)
    for _ in range(4):
        attempt("typed-my-password-here", "secret-of-mine")
    assert "typed-my-password-here" not in caplog.text
    assert "secret-of-mine" not in caplog.text
    kept = AccessAttempt.objects.get().post_data
    assert "typed-my-password-here" not in kept and "secret-of-mine" not in kept


@pytest.mark.parametrize(
    "password", ["short-1x", "12345678901234", "administrator", "ana-ana-ana-"]
)
def test_weak_passwords_are_refused(password: str) -> None:
    with pytest.raises(ValidationError):
        validate_password(password, User(username="ana-ana-ana"))


def test_a_long_password_is_taken() -> None:
    validate_password(PASSWORD, User(username="ana"))


def test_what_is_left_of_log_ins_is_forgotten_each_night(ana: User, settings: Any) -> None:
    client = Client()
    log_in(client, "ana")
    fail(WAYS["admin"], 1, "somebody")
    assert (Session.objects.count(), AccessAttempt.objects.count()) == (1, 1)
    forget_log_ins(0)
    assert (Session.objects.count(), AccessAttempt.objects.count()) == (1, 1)
    Session.objects.update(expire_date=timezone.now())
    AccessAttempt.objects.update(attempt_time=timezone.now() - settings.AXES_COOLOFF_TIME)
    forget_log_ins(0)
    assert (Session.objects.count(), AccessAttempt.objects.count()) == (0, 0)
    assert not AccessLog.objects.exists() and not AccessFailureLog.objects.exists()
