"""`seed_demo`: the demo catalogue, marked as demo, in local and test mode only."""

import io
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from implants.demo.systems import DEMO_SYSTEMS, DemoSystem
from implants.encoders.active import active
from implants.models import Encoder, Implant, ReferenceImage, ReferenceVector
from implants.published import ATTRIBUTES, readable_sources
from implants.search import search
from implants.seeding import demo
from tests.factories import ImplantFactory
from tests.films import rendered
from tests.implants.conftest import stored_name

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media", "encoder")]


@pytest.fixture
def systems(monkeypatch: pytest.MonkeyPatch) -> tuple[DemoSystem, ...]:
    """Rendering takes its time: two systems in two views stand for all, and are rendered once."""
    few = DEMO_SYSTEMS[:2]
    monkeypatch.setattr(demo, "DEMO_SYSTEMS", few)
    monkeypatch.setattr(demo, "CATALOGUE_VIEWS", demo.CATALOGUE_VIEWS[:2])
    monkeypatch.setattr(demo, "render_film", rendered)
    return few


def seed_demo() -> str:
    """Run the command; its output."""
    answer = io.StringIO()
    call_command("seed_demo", stdout=answer)
    return answer.getvalue()


def test_seed_demo_writes_systems_films_and_vectors(
    systems: tuple[DemoSystem, ...], encoder: Encoder
) -> None:
    seed_demo()

    implants = Implant.objects.select_related("manufacturer")
    assert {(item.manufacturer.name, item.name) for item in implants} == {
        (system.manufacturer, system.name) for system in systems
    }
    assert all(implant.is_demo for implant in implants)
    films = len(systems) * len(demo.CATALOGUE_VIEWS)
    assert ReferenceImage.objects.filter(is_demo=True).count() == films
    assert ReferenceVector.objects.filter(encoder=encoder).count() == films


def test_seed_demo_writes_every_fact_with_its_source(systems: tuple[DemoSystem, ...]) -> None:
    seed_demo()

    for system in systems:
        implant = Implant.objects.get(manufacturer__name=system.manufacturer, name=system.name)
        for attribute in ATTRIBUTES:
            expected = getattr(system, attribute)
            found = getattr(implant, attribute)
            assert found == (list(expected) if isinstance(expected, tuple) else expected)
        assert implant.sources == readable_sources(system)
        implant.full_clean()


def test_seed_demo_films_are_found_as_what_they_show(systems: tuple[DemoSystem, ...]) -> None:
    seed_demo()
    vector = ReferenceVector.objects.select_related("reference").order_by("pk")[3]

    best = search(vector.embedding, encoder_id=active().encoder_id)[0]

    assert best.reference_id == vector.reference_id
    assert best.similarity == pytest.approx(1, abs=1e-5)


def test_seed_demo_twice_renders_nothing(
    systems: tuple[DemoSystem, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    seed_demo()
    monkeypatch.setattr(demo, "render_film", None)
    started = time.perf_counter()

    answer = seed_demo()

    assert time.perf_counter() - started < 1
    assert "0 films added" in answer


def test_seed_demo_goes_on_after_an_interruption(systems: tuple[DemoSystem, ...]) -> None:
    demo.add_demo_film(demo.missing_films()[0])

    seed_demo()

    assert ReferenceImage.objects.count() == len(systems) * len(demo.CATALOGUE_VIEWS)
    assert ReferenceVector.objects.count() == ReferenceImage.objects.count()


def test_seed_demo_does_not_turn_a_real_implant_into_demo(systems: tuple[DemoSystem, ...]) -> None:
    real = ImplantFactory.create(
        manufacturer__name=systems[0].manufacturer, name=systems[0].name, thread="as curated"
    )

    seed_demo()

    real.refresh_from_db()
    assert (real.is_demo, real.thread) == (False, "as curated")
    assert not real.references.filter(is_demo=False).exists()


@pytest.mark.parametrize("mode", ["stage", "production"])
def test_seed_demo_refuses_to_load_into_a_real_service(settings: Any, mode: str) -> None:
    settings.RAIOX_ENV, settings.IS_DEVELOPMENT = mode, False

    with pytest.raises(CommandError, match="local and test mode only"):
        seed_demo()
    assert not Implant.objects.exists()


def test_seed_demo_reports_a_film_without_vector(
    systems: tuple[DemoSystem, ...], media: Path
) -> None:
    seed_demo()
    reference = ReferenceImage.objects.order_by("pk")[0]
    reference.vectors.all().delete()
    default_storage.delete(stored_name(reference))

    with pytest.raises(CommandError, match="1 films have no vector"):
        seed_demo()


def test_all_demo_systems_are_valid_implants() -> None:
    for system in DEMO_SYSTEMS:
        demo.write_system(system, is_demo=True).full_clean()

    assert Implant.objects.filter(is_demo=True).count() == len(DEMO_SYSTEMS) >= 24
