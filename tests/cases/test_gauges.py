"""What /metrics reads from the database."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection, connections
from django.test import Client
from procrastinate.contrib.django import app

from cases import review
from cases.models import Case, Search
from implants.models import Encoder, Implant
from raiox import gauges
from tests.factories import reference_with_vector, unit_vector
from tests.figures import Figures, figures, total, value

MakeCase = Callable[..., Case]


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def scrape() -> Figures:
    answer = Client().get("/metrics")
    assert answer.status_code == 200
    return figures(answer.content.decode())


@pytest.mark.django_db
def test_states_of_cases_deliveries_and_webhooks(make_case: MakeCase, brenda: User) -> None:
    make_case()
    make_case()
    make_case("approved", decided_by=brenda)
    found = scrape()
    assert value(found, "raiox_cases", state="pending") == 2
    assert value(found, "raiox_cases", state="approved") == 1
    assert value(found, "raiox_cases", state="rejected") == 0
    assert value(found, "raiox_deliveries", state="failed") == 0
    assert value(found, "raiox_webhooks", state="failed") == 0


@pytest.mark.django_db
def test_depth_and_age_of_the_queue() -> None:
    assert value(scrape(), "raiox_jobs_oldest_seconds") == 0
    app.configure_task("cases.analyze_case").defer(case_id=1)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_events SET at = at - interval '10 minutes'")
    found = scrape()
    assert value(found, "raiox_jobs_waiting") == 1
    assert 600 <= value(found, "raiox_jobs_oldest_seconds") < 660
    assert value(found, "raiox_workers") == 0


@pytest.mark.django_db
def test_size_of_the_catalogue_and_its_encoder(implants: list[Implant], encoder: Encoder) -> None:
    reference_with_vector(unit_vector(1), encoder, implants[0])
    found = scrape()
    assert value(found, "raiox_catalogue", what="implants") == len(implants)
    assert value(found, "raiox_catalogue", what="references") == 1
    assert value(found, "raiox_catalogue", what="searchable") == 1
    facts = {"name": encoder.name, "version": encoder.version, "dimensions": "512"}
    assert value(found, "raiox_encoder_info", **facts) == 1


@pytest.mark.django_db
def test_agreement_of_the_last_weeks(
    make_case: MakeCase, add_search: Callable[..., Search], implants: list[Implant], brenda: User
) -> None:
    for chosen in implants[:2]:
        case = make_case()
        finding = case.findings.get()
        ranked = zip(implants[:3], (0.9, 0.8, 0.7), strict=True)
        add_search(finding, case.images.get(), *ranked)
        review.set_verdict(finding, brenda, verdict="identified", implant=chosen)
        review.approve(case, brenda)
    found = scrape()
    assert value(found, "raiox_agreement_decided") == 2
    assert value(found, "raiox_agreement_first") == 1
    assert value(found, "raiox_agreement_three") == 2


@pytest.mark.django_db
def test_a_part_that_takes_too_long_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow() -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(30)")
        return []

    monkeypatch.setattr(gauges, "_PATIENCE", "50ms")
    monkeypatch.setitem(gauges._PARTS, "queue", slow)
    found = scrape()
    assert value(found, "raiox_part_up", part="queue") == 0
    assert value(found, "raiox_part_up", part="states") == 1
    assert value(found, "raiox_cases", state="pending") == 0


@pytest.mark.django_db(transaction=True)
def test_without_the_database_the_rest_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = {**connection.get_connection_params(), "host": "127.0.0.1", "port": "1"}
    connection.close()
    with monkeypatch.context() as patch:
        patch.setattr(connections["default"], "get_connection_params", lambda: nowhere)
        Client().get("/ping")
        found = scrape()
        connection.close()
    assert value(found, "raiox_part_up", part="database") == 0
    assert total(found, "raiox_http_requests_total", route="ping") >= 1
