"""A curator drops films on an implant's page, marks them, and saves them."""

import base64
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Route, expect

from implants.models import Encoder, Implant, ReferenceImage, ReferenceVector
from tests.factories import ImplantFactory
from tests.implants.browser.conftest import film_file, keep, rendered

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media", "bundled")]

Visit = Callable[..., Page]
Box = tuple[float, float, float, float]


@pytest.fixture
def desk(visit: Visit, curator: User, drive: Implant) -> Page:
    return visit(curator, f"/admin/implants/implant/{drive.pk}/change/")


def as_file(name: str, data: bytes) -> Any:
    return {"name": name, "mimeType": "image/png", "buffer": data}


def choose(page: Page, *files: Any) -> None:
    page.locator("#drop input").set_input_files(list(files))


def drop(page: Page, files: dict[str, bytes]) -> None:
    """As a drag from a folder ends: the browser's own event with its files."""
    carried = page.evaluate_handle(
        """files => {
          const carried = new DataTransfer();
          for (const [name, text] of Object.entries(files)) {
            const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
            carried.items.add(new File([bytes], name, {type: "image/png"}));
          }
          return carried;
        }""",
        {name: base64.b64encode(data).decode() for name, data in files.items()},
    )
    page.dispatch_event("#drop", "dragover", {"dataTransfer": carried})
    expect(page.locator("#drop")).to_contain_class("rx-drop-over")
    page.dispatch_event("#drop", "drop", {"dataTransfer": carried})


def card(page: Page, name: str) -> Locator:
    return page.locator(".rx-draft").filter(has=page.get_by_text(name, exact=True))


def draw(page: Page, region: Box) -> None:
    """With the mouse, from corner to corner."""
    x, y, width, height = region
    expect(page.locator("[data-layer]")).to_be_visible()
    area = page.locator("[data-layer]").bounding_box()
    assert area
    left, top = area["x"] + x * area["width"], area["y"] + y * area["height"]
    page.mouse.move(left, top)
    page.mouse.down()
    page.mouse.move(left + width * area["width"] / 2, top + 5)
    page.mouse.move(left + width * area["width"], top + height * area["height"])
    page.mouse.up()


def saved_again(data: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(data)).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def test_dropped_films_are_examined_and_nothing_is_saved_by_itself(
    desk: Page, drive: Implant
) -> None:
    keep(drive, 0, 0)

    drop(desk, {
        "nova.png": film_file(0, 1), "outra.png": film_file(0, 2), "conhecida.png": film_file(0, 0),
        "repetida.png": film_file(0, 1), "pagina.png": b"<html>",
    })  # fmt: skip

    for name, state in {
        "nova.png": "warn", "outra.png": "warn", "conhecida.png": "duplicate",
        "repetida.png": "duplicate", "pagina.png": "refused",
    }.items():  # fmt: skip
        expect(card(desk, name)).to_have_attribute("data-state", state)
    expect(card(desk, "conhecida.png")).to_contain_text("já tem exatamente este arquivo")
    expect(card(desk, "repetida.png")).to_contain_text("já está nesta lista")
    expect(card(desk, "pagina.png")).to_contain_text("não é uma imagem")
    assert ReferenceImage.objects.count() == 1
    assert not desk.locator("#save-all").is_enabled(), "a whole film is not ready by itself"


def test_of_equal_films_the_first_stays_though_it_is_answered_last(desk: Page) -> None:
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    desk.route("**/films/examine/", hold_the_first)
    film = film_file(0, 1)
    choose(desk, as_file("primeira.png", film), as_file("segunda.png", film))
    expect(card(desk, "segunda.png")).to_have_attribute("data-state", "warn")

    held[0].continue_()

    expect(card(desk, "primeira.png")).to_have_attribute("data-state", "warn")
    expect(card(desk, "segunda.png")).to_have_attribute("data-state", "duplicate")


def test_three_at_a_time_are_sent_and_each_shows_its_progress(desk: Page) -> None:
    held: list[Route] = []
    desk.route("**/films/examine/", lambda route: held.append(route))

    choose(desk, *(as_file(f"{number}.png", film_file(0, number)) for number in range(5)))

    running = desk.locator('.rx-draft:is([data-state="sending"], [data-state="comparing"])')
    expect(running).to_have_count(3)
    expect(desk.locator('.rx-draft[data-state="waiting"]')).to_have_count(2)
    assert len(held) == 3
    for route in list(held):
        route.continue_()
    expect(desk.locator('.rx-draft[data-state="warn"]')).to_have_count(3)
    expect(running).to_have_count(2)
    for route in held[3:]:
        route.continue_()
    expect(desk.locator('.rx-draft[data-state="warn"]')).to_have_count(5)


def test_progress_is_what_has_been_sent(desk: Page) -> None:
    # Slow enough to be seen: as from a clinic's line.
    session = desk.context.new_cdp_session(desk)
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", {
        "offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 100_000,
    })  # fmt: skip
    desk.evaluate(
        """() => {
          window.seen = [];
          const look = () => {
            const bar = document.querySelector(".rx-draft progress:not([hidden])");
            if (bar) window.seen.push(bar.value);
            requestAnimationFrame(look);
          };
          look();
        }"""
    )

    choose(desk, as_file("grande.png", film_file(0, 0)))

    expect(card(desk, "grande.png")).to_have_attribute("data-state", "warn", timeout=30_000)
    assert any(0 < part < 1 for part in desk.evaluate("window.seen"))


def test_region_drawn_with_the_mouse_makes_it_ready_and_is_saved_with_its_sizes(
    desk: Page, drive: Implant
) -> None:
    choose(desk, as_file("nova.png", film_file(0, 1)))
    nova = card(desk, "nova.png")
    nova.get_by_role("button", name="Marcar o implante").click()

    draw(desk, rendered(0, 1).region)
    desk.get_by_role("button", name="Usar esta região").click()

    expect(nova).to_have_attribute("data-state", "good")
    nova.get_by_label("Diâmetro em mm").fill("3,75")
    nova.get_by_label("Comprimento em mm").fill("11,5")
    desk.locator("#save-all").click()
    expect(desk.locator("#gallery [data-reference]")).to_have_count(1)
    expect(desk.locator("#tally")).to_contain_text("1")
    expect(nova).to_have_count(0)
    reference = drive.references.get()
    assert reference.region == pytest.approx(rendered(0, 1).region, abs=0.01)
    assert (str(reference.diameter_mm), str(reference.length_mm)) == ("3.75", "11.5")
    assert ReferenceVector.objects.filter(reference=reference).exists(), "computed already"
    expect(desk.locator("#gallery")).to_contain_text("vetor pronto")


def test_film_that_resembles_another_implant_warns_before_it_is_saved(
    desk: Page, drive: Implant
) -> None:
    blx = ImplantFactory.create(name="BLX", manufacturer__name="Straumann")
    keep(blx, 5, 0)
    keep(drive, 0, 0)

    choose(desk, as_file("troca.jpg", saved_again(film_file(5, 0))))
    troca = card(desk, "troca.jpg")
    troca.get_by_role("button", name="Marcar o implante").click()
    draw(desk, rendered(5, 0).region)
    desk.keyboard.press("Enter")

    expect(troca).to_contain_text("Quase a mesma imagem já é referência de Straumann BLX")
    expect(troca).to_have_attribute("data-state", "warn")
    assert not desk.locator("#save-all").is_enabled()
    desk.get_by_label("Também as que têm aviso").check()
    desk.locator("#save-all").click()
    expect(desk.locator("#gallery [data-reference]")).to_have_count(2)


def test_region_by_keyboard_film_after_film(desk: Page, drive: Implant) -> None:
    choose(desk, as_file("um.png", film_file(0, 1)), as_file("dois.png", film_file(0, 2)))
    expect(desk.locator('.rx-draft[data-state="warn"]')).to_have_count(2)
    desk.locator(".rx-draft [data-mark]").first.focus()
    desk.keyboard.press("Enter")

    expect(desk.locator("[data-layer]")).to_be_focused()
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowDown", "Shift+ArrowLeft", "Alt+ArrowUp"):
        desk.keyboard.press(key)
    expect(desk.locator("[data-said]")).to_contain_text("esquerda 36")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("dialog")).to_contain_text("2 / 2")
    expect(desk.locator("[data-box]")).to_be_hidden()
    desk.keyboard.press("ArrowDown")
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("dialog")).to_be_hidden()
    expect(desk.locator('.rx-draft[data-state="good"]')).to_have_count(2)
    desk.locator("#save-all").click()

    expect(desk.locator("#gallery [data-reference]")).to_have_count(2)
    regions = [reference.region or [] for reference in drive.references.all()]
    assert sorted(regions) == [[0.35, 0.2, 0.3, 0.6], [0.36, 0.198, 0.29, 0.61]]


@pytest.fixture
def tablet(browser: Browser) -> Iterator[Page]:
    """A window of a tablet that is touched."""
    context = browser.new_context(
        viewport={"width": 1024, "height": 768}, has_touch=True, locale="pt-BR"
    )
    yield context.new_page()
    context.close()


def test_region_by_touch_on_a_tablet(
    visit: Visit, curator: User, drive: Implant, tablet: Page
) -> None:
    page = visit(curator, f"/admin/implants/implant/{drive.pk}/change/", where=tablet)
    choose(page, as_file("um.png", film_file(0, 1)))
    page.locator(".rx-draft [data-mark]").tap()
    expect(page.locator("[data-layer]")).to_be_visible()
    area = page.locator("[data-layer]").bounding_box()
    assert area
    finger = page.context.new_cdp_session(page)

    def touch(kind: str, x: float, y: float) -> None:
        point = {"x": area["x"] + x * area["width"], "y": area["y"] + y * area["height"]}
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [point]})

    touch("touchStart", 0.3, 0.2)
    touch("touchMove", 0.4, 0.5)
    touch("touchMove", 0.6, 0.8)
    # A finger rests before it lets go; a flung one would make the browser swallow the next tap.
    page.wait_for_timeout(200)
    touch("touchMove", 0.6, 0.8)
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.get_by_role("button", name="Usar esta região").tap()
    expect(page.locator('.rx-draft[data-state="good"]')).to_have_count(1)
    page.locator(".rx-draft [data-save]").tap()

    expect(page.locator("#gallery [data-reference]")).to_have_count(1)
    assert drive.references.get().region == pytest.approx([0.3, 0.2, 0.3, 0.6], abs=0.02)


def test_handles_and_moving_mend_a_region_and_a_click_does_not_lose_it(desk: Page) -> None:
    choose(desk, as_file("um.png", film_file(0, 1)))
    desk.locator(".rx-draft [data-mark]").click()
    draw(desk, (0.3, 0.3, 0.2, 0.3))
    said = desk.locator("[data-said]")
    expect(said).to_contain_text("esquerda 30, alto 30, largura 20, altura 30")

    area = desk.locator("[data-layer]").bounding_box()
    assert area

    def drag(x1: float, y1: float, x2: float, y2: float) -> None:
        desk.mouse.move(area["x"] + x1 * area["width"], area["y"] + y1 * area["height"])
        desk.mouse.down()
        desk.mouse.move(area["x"] + x2 * area["width"], area["y"] + y2 * area["height"], steps=3)
        desk.mouse.up()

    drag(0.5, 0.6, 0.6, 0.8)
    expect(said).to_contain_text("esquerda 30, alto 30, largura 30, altura 50")
    drag(0.45, 0.5, 0.55, 0.4)
    expect(said).to_contain_text("esquerda 40, alto 20, largura 30, altura 50")
    drag(0.1, 0.1, 0.1, 0.1)
    expect(said).to_contain_text("esquerda 40, alto 20, largura 30, altura 50")
    drag(0.55, 0.4, 1.4, 0.4)
    expect(said).to_contain_text("esquerda 70")


def test_page_warns_before_unsaved_films_are_left(desk: Page) -> None:
    choose(desk, as_file("um.png", film_file(0, 1)))
    expect(desk.locator('.rx-draft[data-state="warn"]')).to_have_count(1)
    asked: list[str] = []

    def stay(dialog: Any) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    desk.on("dialog", stay)
    desk.get_by_role("link", name="Início").click()
    expect(desk.locator(".rx-draft")).to_have_count(1)
    assert asked == ["beforeunload"]
    desk.get_by_role("button", name="Tirar da lista").click()
    desk.get_by_role("link", name="Início").click()
    desk.wait_for_url("**/admin/")
    assert asked == ["beforeunload"]


def test_too_large_a_file_is_refused_before_it_is_sent(desk: Page, tmp_path: Path) -> None:
    sent: list[str] = []
    desk.on("request", lambda request: sent.append(request.method))

    choose(desk, as_file("grande.png", b"0" * (5 * 1024 * 1024 + 1)))

    expect(card(desk, "grande.png")).to_have_attribute("data-state", "refused")
    expect(card(desk, "grande.png")).to_contain_text("5 MiB")
    assert "POST" not in sent


def test_film_that_could_not_be_sent_is_tried_again(desk: Page) -> None:
    desk.route("**/films/examine/", lambda route: route.abort())
    choose(desk, as_file("um.png", film_file(0, 1)))
    expect(card(desk, "um.png")).to_have_attribute("data-state", "failed")
    desk.unroute("**/films/examine/")

    card(desk, "um.png").get_by_role("button", name="Tentar de novo").click()

    expect(card(desk, "um.png")).to_have_attribute("data-state", "warn")


def test_busy_service_is_asked_again_by_itself(desk: Page) -> None:
    answers = iter([True, False])

    def once_busy(route: Route) -> None:
        if next(answers):
            route.fulfill(status=503, json={"state": "busy", "reason": "ocupado"})
        else:
            route.continue_()

    desk.route("**/films/examine/", once_busy)
    choose(desk, as_file("um.png", film_file(0, 1)))

    expect(card(desk, "um.png")).to_have_attribute("data-state", "warn", timeout=10_000)


def test_without_an_encoder_films_are_saved_all_the_same(
    desk: Page, drive: Implant, bundled: Encoder
) -> None:
    Encoder.objects.update(is_active=False)
    from implants.encoders import active

    active.forget()
    choose(desk, as_file("um.png", film_file(0, 1)))
    expect(card(desk, "um.png")).to_contain_text("codificador não está disponível")

    card(desk, "um.png").get_by_role("button", name="Salvar").click()

    expect(desk.locator("#gallery [data-reference]")).to_have_count(1)
    expect(desk.locator("#gallery")).to_contain_text("aguardando")
    assert not drive.references.get().vectors.exists()
