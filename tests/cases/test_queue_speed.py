"""A queue of ten thousand cases opens like one of a hundred."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any, Final

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from psycopg import sql

from cases.models import Case, CaseEvent, CaseImage, Delivery, Finding, Result, Search
from implants.models import Encoder, Implant
from tests.cases.many import make_many
from tests.people import logged_in, person
from webhooks.models import JotformForm

QUEUE: Final = "/admin/cases/case/"
_OPENINGS: Final = 30
_AT_MOST: Final = 1.5
_TABLES: Final = (Case, CaseImage, Finding, Search, Result, CaseEvent, Delivery)
"""All that grows with the number of cases."""


@pytest.fixture
def reviewer(db: None) -> User:
    return person("brenda", "Revisores")


@pytest.fixture
def browser(reviewer: User) -> Client:
    return logged_in(reviewer)


@pytest.fixture
def grow(form: JotformForm, implants: list[Implant], encoder_row: Encoder) -> Callable[..., None]:
    """Adds waiting cases, or decided ones; statistics as autovacuum keeps them."""

    def add(count: int, **kwargs: Any) -> None:
        make_many(count, form, implants, encoder_row, start=Case.objects.count(), **kwargs)
        _execute("ANALYZE")

    return add


def _execute(statement: str, *values: list[int], **names: list[str]) -> None:
    """SQL in which {names} stand for tables and columns."""
    quoted = {name: sql.SQL(", ").join(map(sql.Identifier, it)) for name, it in names.items()}
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(**quoted), values)


def keep_oldest_apart(schema: str, count: int) -> None:
    """A second set of tables, indices too, with the oldest cases alone: both sets show the same
    first page, and `see` chooses between them."""
    _execute("CREATE SCHEMA {schema}", schema=[schema])
    cases = list(Case.objects.order_by("created_at").values_list("pk", flat=True)[:count])
    searches = list(Search.objects.filter(finding__case__in=cases).values_list("pk", flat=True))
    owners = {Case: ("id", cases), Search: ("id", searches), Result: ("search_id", searches)}
    for model in _TABLES:
        _copy_table(schema, model, *owners.get(model, ("case_id", cases)))
    _execute("ANALYZE")


def _copy_table(schema: str, model: type[Any], key: str, those: list[int]) -> None:
    table = model._meta.db_table
    fields = [field.column for field in model._meta.concrete_fields if not field.generated]
    _execute(
        "CREATE TABLE {schema}.{table} (LIKE public.{table} INCLUDING ALL)",
        schema=[schema], table=[table],
    )  # fmt: skip
    _execute(
        "INSERT INTO {schema}.{table} ({fields}) OVERRIDING SYSTEM VALUE "
        "SELECT {fields} FROM public.{table} WHERE {key} = ANY(%s)",
        those, schema=[schema], table=[table], fields=fields, key=[key],
    )  # fmt: skip


def see(schema: str) -> None:
    """Let the pages read the tables of that schema, and the rest from the usual one."""
    _execute("SET LOCAL search_path TO {schema}, public", schema=[schema])


def server_seconds(browser: Client, address: str) -> float:
    """What one opening costs: this process's time, and that in which it waits for the database."""
    waited = 0.0

    def measured(execute: Any, *args: Any) -> Any:
        nonlocal waited
        wall, processor = time.perf_counter(), time.process_time()
        result = execute(*args)
        waited += time.perf_counter() - wall - (time.process_time() - processor)
        return result

    start = time.process_time()
    with connection.execute_wrapper(measured):
        assert browser.get(address).status_code == 200
    return time.process_time() - start + waited


def compare(browser: Client, address: str) -> float:
    """How much longer the page takes with all cases than with few, by the medians.

    The openings take turns: what else the machine does disturbs both alike.
    """
    costs: dict[str, list[float]] = {"few": [], "public": []}
    for turn in range(2 * (_OPENINGS + 1)):
        schema = ("few", "public")[turn % 2]
        see(schema)
        costs[schema].append(server_seconds(browser, address))
    see("public")
    few, many = (1000 * median(costs[name][1:]) for name in ("few", "public"))
    print(f"{address}: {few:.0f} ms with few cases, {many:.0f} ms with many")
    return many / few


def test_any_length_needs_the_same_queries(
    browser: Client,
    grow: Callable[..., None],
    django_assert_num_queries: Any,
    django_assert_max_num_queries: Any,
) -> None:
    grow(1)
    browser.get(QUEUE)  # content types and the like are remembered from now on
    with django_assert_max_num_queries(19) as few:
        browser.get(QUEUE)
    for more in (49, 9950):
        grow(more)
        with django_assert_num_queries(len(few)):
            browser.get(QUEUE)


def test_ten_thousand_cases_open_within_one_and_a_half_times_a_hundred(
    browser: Client, grow: Callable[..., None]
) -> None:
    grow(10_000)
    keep_oldest_apart("few", 100)
    for schema, length in (("few", 100), ("public", 10_000)):
        see(schema)
        assert browser.get(QUEUE).context["cl"].result_count == length
    assert compare(browser, QUEUE) <= _AT_MOST
