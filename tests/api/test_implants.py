"""The catalogue, as programs read it."""

import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from rest_framework.test import APIClient

from implants.links import LIFETIME_SECONDS
from implants.models import Implant
from tests.api.conftest import film, stored_reference
from tests.factories import ImplantFactory, ManufacturerFactory, ReferenceImageFactory

pytestmark = pytest.mark.django_db


def names(answer: Any) -> list[str]:
    return [implant["name"] for implant in answer.json()]


@pytest.fixture
def catalogue() -> None:
    """Four implants of two manufacturers, made in no order."""
    neodent, straumann = (
        ManufacturerFactory.create(name=name) for name in ("Neodent", "Straumann")
    )
    ImplantFactory.create(manufacturer=straumann, name="BLX")
    ImplantFactory.create(manufacturer=neodent, name="Titamax")
    ImplantFactory.create(manufacturer=straumann, name="BLT")
    ImplantFactory.create(manufacturer=neodent, name="Drive")


def test_implants_are_a_bare_list_in_order(as_reader: APIClient, catalogue: None) -> None:
    answer = as_reader.get("/implants")
    assert names(answer) == ["Drive", "Titamax", "BLT", "BLX"]
    assert answer["X-Total-Count"] == "4"


def test_limit_and_skip_cut_a_page_out(as_reader: APIClient, catalogue: None) -> None:
    answer = as_reader.get("/implants", {"limit": 2, "skip": 1})
    assert names(answer) == ["Titamax", "BLT"]
    assert answer["X-Total-Count"] == "4"
    beyond = as_reader.get("/implants", {"skip": 9})
    assert (beyond.json(), beyond["X-Total-Count"]) == ([], "4")


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"}, {"limit": "501"}, {"limit": "-1"}, {"limit": "many"}, {"limit": ""},
        {"skip": "-1"}, {"skip": "1.5"}, {"skip": "9" * 30}, {"skip": "²"},
    ],
)  # fmt: skip
def test_page_that_makes_no_sense_is_refused(as_reader: APIClient, query: dict[str, str]) -> None:
    answer = as_reader.get("/implants", query)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid"
    assert list(answer.json()["error"]["details"]) == list(query)


def test_implant_has_its_attributes(as_reader: APIClient) -> None:
    implant = ImplantFactory.create(
        name="BLX", type="screw", connection="conical", level="bone", microthread=True,
        diameters_mm=[Decimal("3.75"), Decimal("4.50")], aliases=["Roxolid BLX"],
        sources={"connection": "F"}, look_alike_group="blx", is_demo=True,
    )  # fmt: skip
    shown = as_reader.get(f"/implants/{implant.pk}").json()
    assert shown["manufacturer"] == implant.manufacturer.name
    assert (shown["id"], shown["name"], shown["type"]) == (implant.pk, "BLX", "screw")
    assert (shown["connection"], shown["level"]) == ("conical", "bone")
    assert (shown["microthread"], shown["apex"]) == (True, "")
    assert shown["diameters_mm"] == [3.75, 4.5]
    assert (shown["aliases"], shown["sources"]) == (["Roxolid BLX"], {"connection": "F"})
    assert (shown["is_demo"], shown["look_alike_group"]) == (True, "blx")
    assert shown["image_url"] is None


@pytest.mark.parametrize("pk", ["1", "9" * 30])
def test_unknown_implant_is_not_found(as_reader: APIClient, pk: str) -> None:
    answer = as_reader.get(f"/implants/{pk}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_image_url_shows_the_first_reference_for_a_while(
    as_reader: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    implant = ImplantFactory.create()
    stored_reference(implant, film(1))
    stored_reference(implant, film(2))
    (shown,) = as_reader.get("/implants").json()
    url = shown["image_url"]
    assert url.startswith("http://testserver/")
    assert APIClient().get(url).content == film(1)
    later = time.time() + LIFETIME_SECONDS + 1
    monkeypatch.setattr("django.core.signing.time.time", lambda: later)
    assert APIClient().get(url).status_code == 404


def test_list_takes_the_same_few_queries_however_long(
    as_reader: APIClient, django_assert_num_queries: Callable[..., Any]
) -> None:
    for _ in range(6):
        implant = ImplantFactory.create()
        ReferenceImageFactory.create_batch(2, implant=implant)
    # who asks, her groups; how many, the implants, their pictures
    with django_assert_num_queries(5):
        assert len(as_reader.get("/implants").json()) == 6


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"manufacturer": "NEODENT"}, ["Drive", "Titamax"]),
        ({"manufacturer": "Nobody"}, []),
        ({"name": "bl"}, ["BLT", "BLX"]),
        ({"name": "cortical"}, ["Titamax"]),
        ({"manufacturer": "neodent", "name": "bl"}, []),
    ],
)
def test_implants_are_chosen_by_manufacturer_and_name(
    as_reader: APIClient, catalogue: None, query: dict[str, str], found: list[str]
) -> None:
    Implant.objects.filter(name="Titamax").update(aliases=["TI Cortical"])
    answer = as_reader.get("/implants", query)
    assert (names(answer), answer["X-Total-Count"]) == (found, str(len(found)))
