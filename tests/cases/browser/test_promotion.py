"""A film of an approved case is taken into the catalogue, as a curator who reviews does it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from playwright.sync_api import Page, expect

from cases.models import Case, CaseEvent
from implants.activation import activate
from implants.catalogue import add_reference
from implants.demo.catalogue import encode_png
from implants.demo.renderer import VIEWS, render_film
from implants.demo.systems import DEMO_SYSTEMS
from implants.embedding import embed_reference
from implants.encoders import active
from implants.encoders.bundle import BUNDLED
from implants.models import Implant, ReferenceImage
from implants.region import Region
from tests.people import person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]

FILM = render_film(DEMO_SYSTEMS[0], VIEWS[0], query=True)


@pytest.fixture
def approved(make_case: Callable[..., Case], implants: list[Implant], brenda: User) -> Case:
    case = make_case("approved", decided_by=brenda)
    image = case.images.get()
    image.file.save("x.png", ContentFile(encode_png(FILM.image)), save=False)
    image.sha256 = "c" * 64
    image.save()
    case.findings.update(verdict="identified", implant=implants[0])
    return case


def draw(page: Page, region: tuple[float, float, float, float]) -> None:
    x, y, width, height = region
    expect(page.locator("[data-layer]")).to_be_visible()
    area = page.locator("[data-layer]").bounding_box()
    assert area
    page.mouse.move(area["x"] + x * area["width"], area["y"] + y * area["height"])
    page.mouse.down()
    right, bottom = x + width, y + height
    page.mouse.move(area["x"] + right * area["width"], area["y"] + bottom * area["height"], steps=3)
    page.mouse.up()


def test_film_is_marked_compared_and_taken_with_consent(
    visit: Callable[..., Page], approved: Case, implants: list[Implant]
) -> None:
    active.forget()
    activate(BUNDLED)
    # Another implant has nearly the same picture: that is said before anything is saved.
    known = add_reference(implants[1], encode_png(FILM.image), region=Region(*FILM.region))
    embed_reference(known.reference.pk)
    who = person("ana", "Revisores", "Curadores")
    page = visit(who, f"/admin/cases/case/{approved.pk}/change/")
    page.get_by_role("link", name="Levar a radiografia ao catálogo").click()
    take = page.get_by_role("button", name="Levar ao catálogo")
    expect(take).to_be_disabled()

    draw(page, FILM.region)
    expect(page.locator("[data-verdict]")).to_contain_text("Quase a mesma imagem")
    expect(page.locator("[data-verdict]")).to_contain_text(str(implants[1]))
    take.click()
    expect(page.get_by_role("alert")).to_contain_text("Sem autorização")
    assert ReferenceImage.objects.count() == 1
    expect(page.locator("[data-verdict]")).to_contain_text("Quase a mesma imagem")
    page.get_by_label("autorizaram o uso desta radiografia").check()
    take.click()

    expect(page.get_by_text("A radiografia agora é referência de")).to_be_visible()
    reference = implants[0].references.get()
    assert reference.region == pytest.approx(FILM.region, abs=0.01)
    assert approved.events.get(kind=CaseEvent.Kind.PROMOTED).actor == who
    active.forget()


def test_region_by_keyboard_and_preset(visit: Callable[..., Page], approved: Case) -> None:
    active.forget()
    activate(BUNDLED)
    image: Any = approved.images.first()
    approved.findings.update(region=[0.3, 0.2, 0.2, 0.5], image=image)
    page = visit(
        person("ana", "Revisores", "Curadores"), f"/admin/cases/case/{approved.pk}/promote/"
    )
    expect(page.locator("[data-box]")).to_be_visible()
    page.locator("[data-layer]").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    expect(page.locator("[data-submit]")).to_be_enabled()
    page.get_by_label("autorizaram o uso desta radiografia").focus()
    page.keyboard.press("Space")
    page.locator("[data-submit]").focus()
    page.keyboard.press("Enter")

    page.wait_for_url("**/change/")
    assert ReferenceImage.objects.get().region == [0.31, 0.2, 0.2, 0.51]
    active.forget()


def test_film_that_is_gone_is_said(visit: Callable[..., Page], approved: Case) -> None:
    image: Any = approved.images.first()
    image.file.storage.delete(image.file.name)

    page = visit(
        person("ana", "Revisores", "Curadores"), f"/admin/cases/case/{approved.pk}/promote/"
    )

    expect(page.locator("[data-verdict]")).to_contain_text("não pode mais ser lida")
    expect(page.locator("[data-submit]")).to_be_disabled()
