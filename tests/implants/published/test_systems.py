"""The published systems: facts, each with its source, and groups of look-alikes."""

import re
from collections import Counter
from itertools import combinations

import pytest
from django.utils import translation

from implants.attributes import known_attributes
from implants.models import Implant
from implants.published import ATTRIBUTES, SYSTEMS, System, readable_sources
from implants.published.system import SOURCES

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
SOURCE_CODES = set(SOURCES)

each_system = pytest.mark.parametrize(
    "system", SYSTEMS, ids=lambda system: f"{system.manufacturer} {system.name}"
)


def known(system: System) -> set[str]:
    return {name for name in ATTRIBUTES if getattr(system, name) not in ("", None, ())}


def test_systems_are_those_of_the_published_table() -> None:
    """Counted by hand: 41 rows, whose systems are implants of their own, and Grand Morse itself."""
    keys = {(system.manufacturer, system.name) for system in SYSTEMS}
    assert len(keys) == len(SYSTEMS) == 65
    assert Counter(system.country for system in SYSTEMS) == {
        "BR": 28, "CH": 15, "US": 9, "KR": 6, "IL": 6, "DE": 1,
    }  # fmt: skip


@each_system
def test_attributes_have_allowed_values(system: System) -> None:
    wrong = {name for name, values in ALLOWED.items() if getattr(system, name) not in values}
    assert not wrong


@each_system
def test_every_known_attribute_and_no_other_has_a_source(system: System) -> None:
    assert set(system.sources) == known(system)


@each_system
def test_sources_are_codes_of_the_list(system: System) -> None:
    for codes in system.sources.values():
        assert set(codes.split(", ")) <= SOURCE_CODES


@each_system
def test_diameters_have_two_places(system: System) -> None:
    assert all(diameter.as_tuple().exponent == -2 for diameter in system.diameters_mm)


@each_system
def test_country_is_a_two_letter_code(system: System) -> None:
    assert len(system.country) == 2 and system.country.isupper()


def test_shared_interface_means_shared_look_alike_group() -> None:
    groups: dict[str, set[str]] = {}
    for system in SYSTEMS:
        for interface in ("11,5° / 2,5 mm / 1,8 mm", "16° / 3,0 mm / 1,6 mm"):
            if interface in system.connection_detail:
                groups.setdefault(interface, set()).add(system.look_alike_group)
    assert [len(names) for names in groups.values()] == [1, 1]
    assert "" not in set.union(*groups.values())


def test_osstem_tsiii_and_hiossen_etiii_are_look_alikes() -> None:
    group = {system.name: system.look_alike_group for system in SYSTEMS}
    assert group["TSIII"] == group["ETIII"] != ""


SILHOUETTE = ("level", "body", "apex", "apical_feature", "microthread")


def sourced(system: System, name: str) -> bool:
    """Whether somebody published it: general knowledge (K) tells no systems apart."""
    return set(system.sources.get(name, "K").split(", ")) != {"K"}


def test_no_published_silhouette_tells_look_alikes_apart() -> None:
    differences = [
        (one.name, other.name, name)
        for one, other in combinations(SYSTEMS, 2)
        if one.look_alike_group and one.look_alike_group == other.look_alike_group
        for name in SILHOUETTE
        if sourced(one, name) and sourced(other, name)
        if getattr(one, name) != getattr(other, name)
    ]
    assert not differences


def test_no_group_is_left_with_one_system() -> None:
    counts = Counter(system.look_alike_group for system in SYSTEMS)
    assert {name: count for name, count in counts.items() if count < 2} == {}


@each_system
def test_attributes_do_not_repeat_what_stands_before_them(system: System) -> None:
    facts = {name: getattr(system, name) for name in ATTRIBUTES if name != "diameters_mm"}
    implant = Implant(name=system.name, **facts)
    with translation.override("pt-br"):
        shown = known_attributes(implant)
        connection = implant.get_connection_display()
    for label, value in shown:
        words = re.findall(r"[^\W\d_]{4,}", value.replace(connection, "").lower())
        before = f"{label} {connection if connection in value else ''}".lower()
        assert not [word for word in words if word in before], f"{label} {value}"


@each_system
def test_sources_read_as_words(system: System) -> None:
    told = readable_sources(system)
    assert set(system.sources) <= set(told)
    for name, codes in system.sources.items():
        assert all(SOURCES[code] in told[name] for code in codes.split(", "))


def test_general_knowledge_is_told_as_unsourced() -> None:
    assert SOURCES["K"] == "conhecimento geral, sem fonte"


@each_system
def test_range_of_diameters_has_a_source_and_is_no_list(system: System) -> None:
    if system.diameter_range:
        least, _, code = system.diameter_range
        told = readable_sources(system)["diameters_mm"]
        assert f"faixa de {least}" in told and SOURCES[code] in told
