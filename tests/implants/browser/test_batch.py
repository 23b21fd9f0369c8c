"""A curator sets one field of several implants in her browser."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from implants.models import Implant
from tests.factories import ImplantFactory
from tests.people import person


@pytest.mark.django_db(transaction=True)
def test_a_group_is_given_to_two_of_three_implants(visit: Callable[..., Page]) -> None:
    for name in ("Um", "Dois", "Três"):
        ImplantFactory.create(manufacturer__name=f"Casa {name}", name=name)
    page = visit(person("curadora", "Curadores"), "/admin/implants/implant/")
    for name in ("Um", "Dois"):
        page.get_by_role("row", name=f"Casa {name}").get_by_role("checkbox").check()
    page.locator("select[name=action]").select_option(label="Editar vários de uma vez…")
    page.get_by_role("button", name="Ir", exact=True).click()

    box = page.get_by_role("checkbox", name="Definir “Grupo de implantes semelhantes”")
    expect(box).not_to_be_checked()
    page.get_by_label("Grupo de implantes semelhantes", exact=True).fill("cone")
    expect(box).to_be_checked()
    page.get_by_role("button", name="Ver o que mudaria").click()
    expect(page.get_by_role("row", name="Casa Dois")).to_contain_text("cone")
    expect(page.get_by_role("heading", name="2 registros mudam")).to_be_visible()
    page.get_by_role("button", name="Gravar estas mudanças").click()

    expect(page.get_by_text("2 registros foram alterados")).to_be_visible()
    groups = dict(Implant.objects.values_list("name", "look_alike_group"))
    assert groups == {"Um": "cone", "Dois": "cone", "Três": ""}
