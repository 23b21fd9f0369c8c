"""The gallery of an implant in the curator's browser."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from implants.catalogue import add_reference
from implants.embedding import embed_reference
from implants.models import Implant, ReferenceImage
from tests.implants.browser.conftest import film_file, keep, rendered
from tests.implants.browser.test_upload_desk import draw
from tests.people import person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media", "bundled")]

Visit = Callable[..., Page]


def page_of(implant: Implant) -> str:
    return f"/admin/implants/implant/{implant.pk}/change/"


def test_region_of_a_reference_is_marked_in_place(
    visit: Visit, curator: User, drive: Implant
) -> None:
    reference = add_reference(drive, film_file(0, 1)).reference
    embed_reference(reference.pk)
    page = visit(curator, page_of(drive))
    page.get_by_role("button", name="Marcar o implante").click()

    draw(page, rendered(0, 1).region)
    page.get_by_role("button", name="Usar esta região").click()

    expect(page.locator("#gallery")).to_contain_text("aguardando")
    expect(page.locator("#gallery rect")).to_have_count(1)
    reference.refresh_from_db()
    assert reference.region == pytest.approx(rendered(0, 1).region, abs=0.01)
    assert not reference.vectors.exists()
    embed_reference(reference.pk)
    expect(page.locator("#gallery")).to_contain_text("vetor pronto", timeout=8000)


def test_films_are_looked_at_large_one_after_the_other(
    visit: Visit, curator: User, drive: Implant
) -> None:
    older, newer = keep(drive, 0, 0), keep(drive, 0, 1)
    page = visit(curator, page_of(drive))
    page.get_by_role("link", name=f"Ver {newer}", exact=True).focus()
    page.keyboard.press("Enter")

    dialog = page.get_by_role("dialog", name=str(newer))
    expect(dialog).to_be_visible()
    expect(page.locator("[data-box]")).to_be_visible()
    page.keyboard.press("PageDown")
    expect(page.get_by_role("dialog", name=str(older))).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_reader_looks_and_marks_nothing(visit: Visit, drive: Implant) -> None:
    reference = keep(drive, 0, 0)
    page = visit(person("leitora", "Leitores"), page_of(drive))

    page.get_by_role("link", name=f"Ver {reference}", exact=True).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    draw(page, (0.1, 0.1, 0.5, 0.5))

    expect(page.get_by_role("button", name="Usar esta região")).to_be_hidden()
    expect(page.locator("#upload")).to_have_count(0)
    assert ReferenceImage.objects.get().region == pytest.approx(rendered(0, 0).region)


def test_several_are_selected_and_deleted_together(
    visit: Visit, curator: User, drive: Implant
) -> None:
    for view in range(3):
        keep(drive, 0, view)
    page = visit(curator, page_of(drive))
    page.get_by_label("Selecionar todas desta página").check()
    page.locator("#gallery [name=_selected_action]").last.uncheck()
    page.get_by_label("O que fazer com as selecionadas").select_option("delete_selected")
    page.get_by_role("button", name="Continuar", exact=True).click()

    page.get_by_role("button", name="Sim, eu tenho certeza").click()

    page.wait_for_url("**/referenceimage/?*")
    assert ReferenceImage.objects.count() == 1


def test_selection_stays_while_the_gallery_is_refreshed(
    visit: Visit, curator: User, drive: Implant
) -> None:
    waiting = add_reference(drive, film_file(0, 1)).reference
    page = visit(curator, page_of(drive))
    box = page.locator(f'#gallery [name=_selected_action][value="{waiting.pk}"]')
    box.check()
    embed_reference(waiting.pk)

    expect(page.locator("#gallery")).to_contain_text("vetor pronto", timeout=8000)
    expect(box).to_be_checked()
