import pytest

from implants.demo.systems import ATTRIBUTES, DEMO_SYSTEMS, DemoSystem

ALLOWED: dict[str, set[str | bool | None]] = {
    "type": {"", "screw", "press_fit", "one_piece", "zygomatic"},
    "connection": {
        "",
        "external_hex",
        "internal_hex",
        "internal_octagon",
        "tri_channel",
        "conical",
        "locking_taper",
        "tube_in_tube",
        "one_piece",
    },
    "level": {"", "bone", "tissue"},
    "body": {"", "parallel", "tapered", "semi_tapered"},
    "apex": {"", "cone", "dome", "flat"},
    "apical_feature": {"", "hole", "groove"},
    "microthread": {True, False, None},
}
SOURCE_CODES = set("FLGDSTRK")

each_system = pytest.mark.parametrize(
    "system", DEMO_SYSTEMS, ids=lambda system: f"{system.manufacturer} {system.name}"
)


def known(system: DemoSystem) -> set[str]:
    return {name for name in ATTRIBUTES if getattr(system, name) not in ("", None, ())}


def test_demo_systems_are_at_least_24_and_distinct() -> None:
    keys = {(system.manufacturer, system.name) for system in DEMO_SYSTEMS}
    assert len(keys) == len(DEMO_SYSTEMS) >= 24


@each_system
def test_attributes_have_allowed_values(system: DemoSystem) -> None:
    wrong = {name for name, values in ALLOWED.items() if getattr(system, name) not in values}
    assert not wrong


@each_system
def test_every_known_attribute_and_no_other_has_a_source(system: DemoSystem) -> None:
    assert set(system.sources) == known(system)


@each_system
def test_sources_are_codes_of_the_list(system: DemoSystem) -> None:
    for codes in system.sources.values():
        assert set(codes.split(", ")) <= SOURCE_CODES


@each_system
def test_rendered_diameters_are_among_the_published_ones(system: DemoSystem) -> None:
    published = [float(diameter) for diameter in system.diameters_mm]
    assert not published or set(system.geometry.diameters) <= set(published)


@each_system
def test_diameters_have_two_places(system: DemoSystem) -> None:
    assert all(diameter.as_tuple().exponent == -2 for diameter in system.diameters_mm)


@each_system
def test_country_is_a_two_letter_code(system: DemoSystem) -> None:
    assert len(system.country) == 2 and system.country.isupper()


def test_shared_interface_means_shared_look_alike_group() -> None:
    groups: dict[str, set[str]] = {}
    for system in DEMO_SYSTEMS:
        for interface in ("11,5° / 2,5 mm / 1,8 mm", "16° / 3,0 mm / 1,6 mm"):
            if interface in system.connection_detail:
                groups.setdefault(interface, set()).add(system.look_alike_group)
    assert [len(names) for names in groups.values()] == [1, 1]
    assert "" not in set.union(*groups.values())


def test_osstem_tsiii_and_hiossen_etiii_are_look_alikes() -> None:
    group = {system.name: system.look_alike_group for system in DEMO_SYSTEMS}
    assert group["TSIII"] == group["ETIII"] != ""
