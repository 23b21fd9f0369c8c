"""The curators' desk: implants, and the upload of reference radiographs."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from implants.catalogue import add_reference
from implants.embedding import embed_reference
from implants.models import Encoder, Implant, Manufacturer, ReferenceImage
from tests.factories import ImplantFactory, ReferenceVectorFactory
from tests.implants.conftest import film, stored_name
from tests.people import logged_in, person

pytestmark = pytest.mark.usefixtures("media")

LIST = "/admin/implants/implant/"
Browse = Callable[[str], str]


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
    return f"{LIST}{implant.pk}/change/"


def filled_in(implant: Implant, **fields: str) -> dict[str, Any]:
    """What the browser sends from an implant's page."""
    sent: dict[str, Any] = {
        "manufacturer": implant.manufacturer_id, "name": implant.name, "sources": "{}",
        "microthread": "unknown", **fields,
    }  # fmt: skip
    return sent


def test_new_implant_leads_to_its_page_where_films_are_dropped(
    browser: Client, implant: Implant
) -> None:
    answer: Any = browser.post(f"{LIST}add/", filled_in(implant, name="Titamax CM"))

    assert answer.url == page_of(Implant.objects.get(name="Titamax CM"))


def test_page_of_an_implant_has_a_fixed_number_of_queries(
    browser: Client, implant: Implant, encoder: Encoder,
    django_assert_num_queries: Any, django_assert_max_num_queries: Any,
) -> None:  # fmt: skip
    ReferenceVectorFactory.create(reference__implant=implant, encoder=encoder)
    browser.get(page_of(implant))
    with django_assert_max_num_queries(20) as few:
        browser.get(page_of(implant))
    ReferenceVectorFactory.create_batch(20, reference__implant=implant, encoder=encoder)
    with django_assert_num_queries(len(few)):
        assert browser.get(page_of(implant)).content.decode().count("/thumbnail") == 21


def test_list_counts_references_with_a_fixed_number_of_queries(
    browser: Client, implant: Implant, django_assert_num_queries: Any,
    django_assert_max_num_queries: Any,
) -> None:  # fmt: skip
    for seed in range(3):
        add_reference(implant, film(seed))
    browser.get(LIST)
    with django_assert_max_num_queries(15) as few:
        row = browser.get(LIST).context["cl"].result_list[0]
    assert row.reference_count == 3
    ImplantFactory.create_batch(20)
    with django_assert_num_queries(len(few)):
        browser.get(LIST)


@pytest.mark.parametrize("words", ["drive", "neodent dr", "cilíndrico"])
def test_implants_are_found_by_name_maker_and_alias(
    browser: Client, implant: Implant, words: str
) -> None:
    Implant.objects.filter(pk=implant.pk).update(aliases=["Drive Cilíndrico"])
    ImplantFactory.create()

    assert list(browser.get(LIST, {"q": words}).context["cl"].result_list) == [implant]


@pytest.mark.parametrize("sent", ['"S"', '["a"]', "5", '{"body": 1}', '{"body": {"a": "b"}}'])
def test_sources_are_names_with_texts_or_refused(
    browser: Client, implant: Implant, sent: str
) -> None:
    answer: Any = browser.post(page_of(implant), filled_in(implant, sources=sent))
    assert answer.status_code == 200 and "sources" in answer.context["adminform"].form.errors
    implant.refresh_from_db()
    assert implant.sources == {}


@pytest.mark.parametrize("sent", ["", "null", "{}"])
def test_emptied_sources_are_none(browser: Client, implant: Implant, sent: str) -> None:
    Implant.objects.filter(pk=implant.pk).update(sources={"body": "F"})
    assert browser.post(page_of(implant), filled_in(implant, sources=sent)).status_code == 302
    implant.refresh_from_db()
    assert implant.sources == {}


@pytest.mark.parametrize(
    ("sources", "kept"),
    [
        ('{"body": "F", "level": "S"}', {"level": "S"}),
        ('{"body": "catálogo de 2026", "level": "S"}', {"body": "catálogo de 2026", "level": "S"}),
    ],
)
def test_fact_that_changes_loses_the_source_of_the_earlier_one(
    browser: Client, implant: Implant, sources: str, kept: dict[str, str]
) -> None:
    facts = {"body": "tapered", "level": "bone"}
    known = {"body": "F", "level": "S"}
    Implant.objects.filter(pk=implant.pk).update(**facts, sources=known)
    browser.post(page_of(implant), filled_in(implant, **facts, sources=json.dumps(known)))
    implant.refresh_from_db()
    assert implant.sources == known, "nothing changed"
    changed = filled_in(implant, body="parallel", level="bone", sources=sources)
    assert browser.post(page_of(implant), changed).status_code == 302
    implant.refresh_from_db()
    assert (implant.body, implant.sources) == ("parallel", kept)


def test_groups_of_look_alikes_are_proposed_and_saved(browser: Client, implant: Implant) -> None:
    for group in ("Morse 16°", "Morse 16°", "Hex <2,7>", ""):
        ImplantFactory.create(look_alike_group=group)

    page = browser.get(page_of(implant)).content.decode()

    field = page[page.index('name="look_alike_group"') :].partition("</datalist>")[0]
    assert re.search(r'list="([^"]+)".*<datalist id="\1">', field, re.DOTALL)
    assert re.findall(r'<option value="([^"]*)"', field) == ["Hex &lt;2,7&gt;", "Morse 16°"]
    browser.post(page_of(implant), filled_in(implant, look_alike_group="Morse 16°"))
    implant.refresh_from_db()
    assert implant.look_alike_group == "Morse 16°"


def test_diameters_are_written_and_read_with_a_decimal_comma(
    browser: Client, implant: Implant
) -> None:
    browser.post(page_of(implant), filled_in(implant, diameters_mm="3,5; 4,0;5"))

    implant.refresh_from_db()
    assert [str(size) for size in implant.diameters_mm] == ["3.50", "4.00", "5.00"]
    assert 'value="3,50; 4,00; 5,00"' in browser.get(page_of(implant)).content.decode()


def test_deleting_a_reference_asks_first_and_removes_its_film(
    browser: Client, implant: Implant, media: Path, django_capture_on_commit_callbacks: Any
) -> None:
    reference = add_reference(implant, film(1)).reference
    kept = add_reference(implant, film(2)).reference
    address = f"/admin/implants/referenceimage/{reference.pk}/delete/"

    assert browser.get(address).status_code == 200
    assert ReferenceImage.objects.filter(pk=reference.pk).exists()
    with django_capture_on_commit_callbacks(execute=True):
        answer = browser.post(address, {"post": "yes"})

    assert answer.url == page_of(implant)  # type: ignore[attr-defined]
    assert list(implant.references.all()) == [kept]
    assert not (media / stored_name(reference)).exists()
    assert (media / stored_name(kept)).exists()


def test_deleting_an_implant_removes_its_films_but_none_that_are_used_in_place(
    browser: Client, implant: Implant, media: Path, django_capture_on_commit_callbacks: Any
) -> None:
    copy = add_reference(implant, film(1)).reference
    in_place = ReferenceImage.objects.create(
        implant=implant, image="referencia/NEODENT_DRIVE.png", source_key="x", sha256="1" * 64
    )
    (media / stored_name(in_place)).write_bytes(film(2))

    with django_capture_on_commit_callbacks(execute=True):
        browser.post(f"{LIST}{implant.pk}/delete/", {"post": "yes"})

    assert not Implant.objects.filter(pk=implant.pk).exists()
    assert not (media / stored_name(copy)).exists()
    assert (media / stored_name(in_place)).exists()


@pytest.mark.parametrize("model", ["referenceimage", "implant"])
def test_films_of_everything_that_is_deleted_together_are_removed(
    browser: Client, implant: Implant, media: Path, model: str,
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    references = [add_reference(implant, film(seed)).reference for seed in range(2)]
    rows = [implant] if model == "implant" else references
    chosen = {"action": "delete_selected", "_selected_action": [row.pk for row in rows]}

    with django_capture_on_commit_callbacks(execute=True):
        browser.post(f"/admin/implants/{model}/", {**chosen, "post": "yes"})

    assert not ReferenceImage.objects.exists()
    assert not any((media / stored_name(reference)).exists() for reference in references)


def test_references_are_listed_by_the_state_of_their_vector(
    browser: Client, implant: Implant, encoder: Encoder
) -> None:
    waiting, ready = (add_reference(implant, film(seed)).reference for seed in range(2))
    embed_reference(ready.pk)

    def listed(state: str) -> list[ReferenceImage]:
        address = f"/admin/implants/referenceimage/?vector={state}"
        return list(browser.get(address).context["cl"].result_list)

    assert listed("waiting") == [waiting] and listed("ready") == [ready] and not listed("failed")
    assert browser.get(f"/admin/implants/referenceimage/{ready.pk}/change/").status_code == 200


def test_films_and_implants_of_references_stay_what_they_are(
    browser: Client, implant: Implant
) -> None:
    reference = add_reference(implant, film(1)).reference
    address = f"/admin/implants/referenceimage/{reference.pk}/change/"

    browser.post(address, {"diameter_mm": "3.5", "length_mm": "11.5", "implant": "7", "image": "x"})

    after = ReferenceImage.objects.get(pk=reference.pk)
    assert (str(after.diameter_mm), str(after.length_mm)) == ("3.50", "11.5")
    assert (after.implant, after.image.name) == (implant, reference.image.name)
    assert browser.get("/admin/implants/referenceimage/add/").status_code == 403


@pytest.mark.parametrize("group", ["Revisores", "Leitores"])
def test_others_see_the_catalogue_and_change_nothing(implant: Implant, group: str) -> None:
    reference = add_reference(implant, film(1)).reference
    browser = logged_in(person("outra", group))

    page = browser.get(page_of(implant))
    assert page.status_code == 200 and 'type="file"' not in page.content.decode()
    assert "/delete/" not in page.content.decode()
    for address in (
        page_of(implant),
        f"{LIST}add/",
        f"{LIST}{implant.pk}/delete/",
        f"/admin/implants/referenceimage/{reference.pk}/delete/",
        "/admin/implants/manufacturer/add/",
    ):
        sent = filled_in(implant, post="yes")
        assert browser.post(address, sent).status_code == 403, address
    assert implant.references.count() == 1


def test_curators_see_no_cases_and_encoders_only_to_read(browser: Client, encoder: Encoder) -> None:
    assert browser.get("/admin/cases/case/").status_code == 403
    assert browser.get(f"/admin/implants/encoder/{encoder.pk}/change/").status_code == 200
    assert browser.post(f"/admin/implants/encoder/{encoder.pk}/change/", {}).status_code == 403


def test_demo_implants_are_marked(browser: Client, implant: Implant) -> None:
    assert "rx-demo" not in browser.get(page_of(implant)).content.decode()

    Implant.objects.filter(pk=implant.pk).update(is_demo=True)

    assert 'class="rx-badge rx-demo"' in browser.get(page_of(implant)).content.decode()
    assert Manufacturer.objects.get() == implant.manufacturer
