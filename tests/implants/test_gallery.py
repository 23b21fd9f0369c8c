"""The gallery of an implant: all its references, and regions that are marked anew."""

import html
import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob

from implants import embedding
from implants.admin import gallery
from implants.catalogue import add_reference, change_region
from implants.embedding import embed_reference
from implants.models import Encoder, Implant, ReferenceImage, ReferenceVector
from implants.region import Region
from tests.factories import ImplantFactory
from tests.implants.conftest import film
from tests.people import logged_in, person

pytestmark = pytest.mark.usefixtures("media")

REGION = Region(0.25, 0.1, 0.5, 0.75)
ELSEWHERE = Region(0.1, 0.2, 0.3, 0.4)


@pytest.fixture
def curator(db: None) -> User:
    return person("curadora", "Curadores")


@pytest.fixture
def browser(curator: User) -> Client:
    return logged_in(curator)


@pytest.fixture
def implant(db: None) -> Implant:
    return ImplantFactory.create(name="Drive CM", manufacturer__name="Neodent")


def page_of(implant: Implant) -> str:
    return f"/admin/implants/implant/{implant.pk}/change/"


def mark(browser: Client, reference: ReferenceImage, region: Region | None) -> Any:
    sent = {"region": json.dumps(region.to_list()) if region else ""}
    return browser.post(f"/admin/implants/implant/references/{reference.pk}/region/", sent)


def shown(answer: Any) -> list[ReferenceImage]:
    return [card.reference for card in answer.context["gallery"].cards]


def waiting_jobs() -> list[int]:
    jobs = ProcrastinateJob.objects.filter(task_name="implants.embed_reference", status="todo")
    return [job.args["reference_id"] for job in jobs.order_by("id")]


def test_gallery_shows_how_far_each_vector_is(
    browser: Client, implant: Implant, encoder: Encoder
) -> None:
    waiting, ready, failed = (add_reference(implant, film(seed)).reference for seed in range(3))
    embed_reference(ready.pk)
    ReferenceImage.objects.filter(pk=failed.pk).update(encoding_error="file_missing")

    answer: Any = browser.get(page_of(implant))
    states = {
        card.reference.pk: card.reference.encoding_state for card in answer.context["gallery"].cards
    }

    assert states == {waiting.pk: "waiting", ready.pk: "ready", failed.pk: "failed"}
    page = answer.content.decode()
    assert "data-waiting" in page.partition('id="gallery"')[2][:120]
    assert page.count("/thumbnail") == 3
    embed_reference(waiting.pk)
    alone = browser.get(f"/admin/implants/implant/{implant.pk}/gallery/").content.decode()
    assert "data-waiting" not in alone and alone.count("/thumbnail") == 3


def test_long_gallery_has_pages_the_newest_first(
    browser: Client, implant: Implant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery, "GALLERY_SIZE", 2)
    references = [add_reference(implant, film(seed)).reference for seed in range(3)]
    add_reference(ImplantFactory.create(), film(9))

    first: Any = browser.get(page_of(implant))
    second: Any = browser.get(page_of(implant), {"films": 2})
    alone: Any = browser.get(f"/admin/implants/implant/{implant.pk}/gallery/", {"films": 2})

    assert shown(first) == references[:0:-1]
    assert shown(second) == shown(alone) == references[:1]
    assert f"{page_of(implant)}?films=2#gallery" in first.content.decode()
    assert shown(browser.get(page_of(implant), {"films": "x"})) == shown(first)


def test_card_says_region_sizes_source_and_demo(browser: Client, implant: Implant) -> None:
    reference = add_reference(implant, film(1), region=REGION).reference
    ReferenceImage.objects.filter(pk=reference.pk).update(
        diameter_mm="3.75", length_mm="11.5", is_demo=True, source_key="case/12/image/3/finding/4"
    )

    page = browser.get(page_of(implant)).content.decode().partition('id="gallery"')[2]

    assert '<rect x="0.25" y="0.1" width="0.5" height="0.75"/>' in page
    assert "⌀ 3,75 × 11,5 mm" in page and "caso nº 12" in page and "rx-demo" in page


def test_new_region_has_its_vector_made_anew(
    browser: Client, implant: Implant, encoder: Encoder
) -> None:
    reference = add_reference(implant, film(1), region=REGION).reference
    embed_reference(reference.pk)
    before = ReferenceVector.objects.get().embedding

    answer = mark(browser, reference, ELSEWHERE)

    assert answer.json() == {"state": "saved", "changed": True}
    reference.refresh_from_db()
    assert reference.region == ELSEWHERE.to_list()
    assert not ReferenceVector.objects.exists(), "the old one must not answer for the new region"
    assert waiting_jobs()[-1] == reference.pk
    embed_reference(reference.pk)
    assert list(ReferenceVector.objects.get().embedding) != list(before)


def test_region_can_be_taken_away(browser: Client, implant: Implant) -> None:
    reference = add_reference(implant, film(1), region=REGION).reference

    mark(browser, reference, None)

    assert ReferenceImage.objects.get().region is None


def test_same_region_again_changes_nothing(
    browser: Client, implant: Implant, encoder: Encoder
) -> None:
    reference = add_reference(implant, film(1), region=REGION).reference
    embed_reference(reference.pk)
    asked = waiting_jobs()

    assert mark(browser, reference, REGION).json() == {"state": "saved", "changed": False}
    assert ReferenceVector.objects.count() == 1 and waiting_jobs() == asked


def test_job_that_encodes_the_old_region_meanwhile_stores_nothing(
    implant: Implant, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = add_reference(implant, film(1), region=REGION).reference
    prepare = embedding._prepared

    def prepare_slowly(*args: Any) -> Any:
        tensor = prepare(*args)
        change_region(ReferenceImage.objects.get(), ELSEWHERE)
        return tensor

    monkeypatch.setattr(embedding, "_prepared", prepare_slowly)
    embed_reference(reference.pk)

    assert not ReferenceVector.objects.exists()


def test_region_that_is_none_is_refused_in_words(browser: Client, implant: Implant) -> None:
    reference = add_reference(implant, film(1), region=REGION).reference
    address = f"/admin/implants/implant/references/{reference.pk}/region/"

    answer = browser.post(address, {"region": "[0.5, 0.5, 0.9, 0.9]"})

    assert (answer.status_code, answer.json()["state"]) == (400, "refused")
    assert answer.json()["reason"]
    assert ReferenceImage.objects.get().region == REGION.to_list()


def test_only_those_who_may_change_references_mark_them(implant: Implant) -> None:
    reference = add_reference(implant, film(1), region=REGION).reference
    reader = logged_in(person("leitora", "Leitores"))

    assert mark(reader, reference, ELSEWHERE).status_code == 403
    assert mark(Client(), reference, ELSEWHERE).status_code == 302
    assert ReferenceImage.objects.get().region == REGION.to_list()
    page = reader.get(page_of(implant)).content.decode()
    assert "/thumbnail" in page and "data-mark-url" not in page
    nobody = logged_in(person("nova"))
    assert nobody.get(f"/admin/implants/implant/{implant.pk}/gallery/").status_code == 403


def test_several_are_selected_for_the_actions_of_the_list(
    browser: Client, implant: Implant, django_capture_on_commit_callbacks: Any
) -> None:
    kept, *chosen = (add_reference(implant, film(seed)).reference for seed in range(3))
    page = browser.get(page_of(implant)).content.decode()
    address = f"/admin/implants/referenceimage/?implant__id__exact={implant.pk}"
    assert f'action="{address}"' in page and 'value="delete_selected"' in page

    sent = {"action": "delete_selected", "_selected_action": [one.pk for one in chosen]}
    asked = browser.post(address, {**sent, "select_across": "0", "index": "0"})
    assert asked.status_code == 200 and ReferenceImage.objects.count() == 3
    with django_capture_on_commit_callbacks(execute=True):
        browser.post(address, {**sent, "post": "yes"})

    assert ReferenceImage.objects.get() == kept


def test_films_move_from_the_gallery_and_back_to_it(browser: Client, implant: Implant) -> None:
    other = ImplantFactory.create()
    one, two, three = (add_reference(implant, film(seed)).reference for seed in range(3))
    gallery_of = page_of(implant) + "#gallery"
    page = browser.get(page_of(implant)).content.decode()
    found = re.search(rf'href="([^"]+/move/\?ids={one.pk}&[^"]+)"', page)
    assert found and f'name="next" value="{gallery_of}"' in page

    asked: Any = browser.get(html.unescape(found[1]))
    sent = {"ids": asked.context["ids"], "next": asked.context["next"], "implant": other.pk}
    assert browser.post("/admin/implants/referenceimage/move/", sent).headers["Location"] == (
        gallery_of
    )
    assert [row.pk for row in other.references.all()] == [one.pk]

    chosen = {"_selected_action": [two.pk, three.pk], "next": gallery_of}
    for action in ("move", "batch"):
        asked = browser.post("/admin/implants/referenceimage/", {**chosen, "action": action})
        assert asked.context["next"] == gallery_of
