"""A curator looks through suspicious neighbours, and moves radiographs, in her browser."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from implants.catalogue import add_reference
from implants.models import ReferenceImage, Suspicion
from tests.factories import EncoderFactory, ImplantFactory
from tests.implants.conftest import film
from tests.people import person

Visit = Callable[..., Page]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]


@pytest.fixture
def suspects() -> list[Suspicion]:
    """Two references of TLX that resemble BLX."""
    encoder = EncoderFactory.create(is_active=True)
    blx = ImplantFactory.create(manufacturer__name="Straumann", name="BLX")
    tlx = ImplantFactory.create(manufacturer=blx.manufacturer, name="TLX")
    like = add_reference(blx, film(9)).reference
    return [
        Suspicion.objects.create(
            encoder=encoder, reference=add_reference(tlx, film(number)).reference,
            neighbour=like, strength=strength, strangers=5, voters=5, similarity=0.9,
        )
        for number, strength in enumerate((1.0, 0.8))
    ]  # fmt: skip


def test_each_row_is_kept_or_moved_beside_its_neighbours_film(
    visit: Visit, suspects: list[Suspicion], media: Path
) -> None:
    page = visit(person("curadora", "Curadores"), "/admin/implants/referenceimage/")
    page.get_by_role("link", name="Vizinhos suspeitos").click()
    rows = page.get_by_role("article")
    expect(rows).to_have_count(2)
    for image in rows.first.get_by_role("img").all():
        image.scroll_into_view_if_needed()
        expect(image).to_have_js_property("complete", True)
        assert image.evaluate("image => image.naturalWidth") > 0

    rows.first.get_by_role("button", name="Mover para Straumann BLX").click()
    expect(page.get_by_text("agora pertence a Straumann BLX")).to_be_visible()
    expect(rows).to_have_count(1)
    rows.first.get_by_role("button", name="Está certo").click()

    expect(page.get_by_text("Mantida como Straumann TLX")).to_be_visible()
    expect(rows).to_have_count(0)
    moved = ReferenceImage.objects.get(pk=suspects[0].reference_id)
    assert moved.implant.name == "BLX"


def test_radiographs_are_moved_from_their_list_by_typing_an_implants_name(
    visit: Visit, suspects: list[Suspicion]
) -> None:
    page = visit(person("curadora", "Curadores"), "/admin/implants/referenceimage/")
    for one in page.get_by_role("row", name="TLX").all():
        one.get_by_role("checkbox").check()
    page.locator("select[name=action]").select_option(label="Mover para outro implante…")
    page.get_by_role("button", name="Ir", exact=True).click()
    expect(page.get_by_role("heading", name=re.compile("2 radiografias"))).to_be_visible()

    page.locator(".select2-selection").click()
    page.get_by_role("searchbox").last.fill("BLX")
    page.get_by_role("option", name="Straumann BLX").click()
    page.get_by_role("button", name="Mover", exact=True).click()

    expect(page.get_by_text("2 radiografias agora pertencem a Straumann BLX")).to_be_visible()
    assert ReferenceImage.objects.filter(implant__name="BLX").count() == 3
