"""The systems of the demo catalogue: published ones, with an assumed geometry."""

import pytest

from implants.demo.system import demo_system
from implants.demo.systems import DEMO_SYSTEMS, DemoSystem
from implants.published import ATTRIBUTES, BY_NAME

each_system = pytest.mark.parametrize(
    "system", DEMO_SYSTEMS, ids=lambda system: f"{system.manufacturer} {system.name}"
)


def test_demo_systems_are_at_least_24_and_distinct() -> None:
    keys = {(system.manufacturer, system.name) for system in DEMO_SYSTEMS}
    assert len(keys) == len(DEMO_SYSTEMS) >= 24


@each_system
def test_facts_are_the_published_ones(system: DemoSystem) -> None:
    published = BY_NAME[system.manufacturer, system.name]
    for name in (*ATTRIBUTES, "aliases", "country", "sources"):
        assert getattr(system, name) == getattr(published, name)


def test_a_system_that_nobody_published_is_none() -> None:
    with pytest.raises(KeyError):
        demo_system("Neodent", "Fantasia", DEMO_SYSTEMS[0].geometry)


@each_system
def test_rendered_diameters_are_among_the_published_ones(system: DemoSystem) -> None:
    published = [float(diameter) for diameter in system.diameters_mm]
    assert not published or set(system.geometry.diameters) <= set(published)
