"""The queue as Brenda sees it in her browser."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from cases.models import Case
from tests.people import person


@pytest.mark.django_db(transaction=True)
def test_a_case_of_the_queue_opens_with_a_click(
    visit: Callable[..., Page], make_case: Callable[..., Case]
) -> None:
    case = make_case(dentist_name="Ana Dias")
    page = visit(person("brenda", "Revisores"), "/admin/cases/case/")
    page.get_by_role("link", name="Ana Dias").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"#{case.pk}")
