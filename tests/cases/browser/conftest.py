"""Cases to decide in a real browser."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page

from cases.models import Case, Finding
from implants.models import Implant
from tests.people import person


@pytest.fixture
def reviewer(transactional_db: None) -> User:
    return person("brenda", "Revisores")


@pytest.fixture
def colleague(transactional_db: None) -> User:
    return person("rita", "Revisores")


@pytest.fixture
def clear_case(
    transactional_db: None,
    make_case: Callable[..., Case],
    add_search: Callable[..., Any],
    implants: list[Implant],
) -> Callable[..., Case]:
    """A case whose findings (one, unless told) have three candidates each."""

    def make(findings: int = 1, **fields: Any) -> Case:
        case = make_case(**fields)
        for number in range(1, findings):
            Finding.objects.create(case=case, tooth=str(44 + number))
        for finding in case.findings.all():
            pairs = zip(implants, (0.87, 0.71, 0.65), strict=False)
            add_search(finding, case.images.get(), *pairs)
        return case

    return make


@pytest.fixture
def tablet(browser: Browser, answered: None) -> Iterator[Page]:
    """A page in a tablet's browser."""
    context = browser.new_context(
        viewport={"width": 1024, "height": 768}, has_touch=True, locale="pt-BR"
    )
    yield context.new_page()
    context.close()
