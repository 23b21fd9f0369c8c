"""A curator merges two implants in her browser: she sees first what will happen."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from implants.models import Implant
from tests.factories import ImplantFactory, ReferenceImageFactory
from tests.people import person


@pytest.mark.django_db(transaction=True)
def test_two_implants_are_chosen_looked_at_swapped_and_merged(visit: Callable[..., Page]) -> None:
    one = ImplantFactory.create(manufacturer__name="Neodent", name="Helix GM", body="tapered")
    two = ImplantFactory.create(manufacturer=one.manufacturer, name="GM Hélix", body="parallel")
    ReferenceImageFactory.create(implant=one)
    page = visit(person("curadora", "Curadores"), "/admin/implants/implant/")
    for name in ("Helix GM", "GM Hélix"):
        page.get_by_role("row", name=name).get_by_role("checkbox").check()
    page.locator("select[name=action]").select_option(label="Unir dois implantes…")
    page.get_by_role("button", name="Ir", exact=True).click()

    heading = page.get_by_role("heading", level=2).last
    expect(heading).to_contain_text("passa a fazer parte de")
    if "Helix GM passa" not in heading.inner_text():
        page.get_by_role("link", name="Trocar os dois").click()
    expect(heading).to_contain_text("Neodent Helix GM passa a fazer parte de Neodent GM Hélix")
    expect(page.get_by_text("1 radiografia muda")).to_be_visible()
    expect(page.get_by_role("row", name="Corpo")).to_contain_text("fica como está")
    page.get_by_role("button", name="Unir", exact=True).click()

    expect(page.get_by_text("agora faz parte de")).to_be_visible()
    assert list(Implant.objects.values_list("pk", flat=True)) == [two.pk]
    assert two.references.count() == 1
