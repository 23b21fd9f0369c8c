"""A curator imports a table of systems in her browser: she sees first what it would do."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from implants.models import Implant
from tests.factories import ImplantFactory
from tests.implants.exchange.conftest import csv_of
from tests.people import person


@pytest.mark.django_db(transaction=True)
def test_a_table_is_looked_at_mended_and_imported(
    visit: Callable[..., Page], tmp_path: Path
) -> None:
    blx = ImplantFactory.create(manufacturer__name="Straumann", name="BLX")
    table = tmp_path / "sistemas.csv"
    page = visit(person("curadora", "Curadores"), "/admin/implants/implant/")
    page.get_by_role("link", name="Importar").click()

    table.write_bytes(csv_of(("Fabricante", "Nome", "Corpo"), ("Straumann", "BLX", "redondo")))
    page.get_by_label("Arquivo CSV ou XLSX").set_input_files(table)
    page.get_by_role("button", name="Ver o que mudaria").click()
    expect(page.get_by_role("row", name="redondo")).to_contain_text("Corpo")
    expect(page.get_by_role("button", name="Importar", exact=True)).to_have_count(0)

    table.write_bytes(csv_of(("Fabricante", "Nome", "Corpo"), ("Straumann", "BLX", "cônico")))
    page.get_by_label("Arquivo CSV ou XLSX").set_input_files(table)
    page.get_by_role("button", name="Ver o que mudaria").click()
    expect(page.get_by_role("row", name="Straumann BLX")).to_contain_text("cônico")
    page.get_by_role("button", name="Importar", exact=True).click()

    expect(page.get_by_text("Importação concluída")).to_be_visible()
    assert Implant.objects.get(pk=blx.pk).body == "tapered"


@pytest.mark.django_db(transaction=True)
def test_the_list_is_exported_as_it_is_filtered(visit: Callable[..., Page]) -> None:
    ImplantFactory.create(name="Um")
    ImplantFactory.create(name="Dois")
    page = visit(person("curadora", "Curadores"), "/admin/implants/implant/?q=Um")

    with page.expect_download() as started:
        page.get_by_role("link", name="Exportar CSV").click()

    text = Path(started.value.path()).read_text("utf-8-sig")
    assert "Um" in text and "Dois" not in text
