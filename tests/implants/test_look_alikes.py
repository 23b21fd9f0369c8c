"""Which implants a film leaves open."""

from typing import Any

import pytest

from implants.look_alikes import groups_of, names_of, not_told_apart
from implants.models import Implant
from tests.factories import ImplantFactory

pytestmark = pytest.mark.django_db


def implants_in(*groups: str) -> list[Implant]:
    """An implant for each group, in this order."""
    return [ImplantFactory.create(look_alike_group=group) for group in groups]


def left_open(*candidates: Implant) -> list[Implant]:
    found = not_told_apart(candidates, groups_of(candidates))
    return list(found.implants) if found else []


def test_first_candidate_is_not_told_from_its_group_though_the_others_are_no_candidates() -> None:
    first, other, unlike = implants_in("cone", "cone", "")

    assert left_open(first, unlike) == [first, other]


def test_candidates_of_the_group_come_before_the_rest_of_the_catalogue() -> None:
    rest, first, between, third = implants_in("cone", "cone", "", "cone")

    assert left_open(first, between, third) == [first, third, rest]


def test_two_others_of_one_group_are_not_told_apart() -> None:
    first, second, third = implants_in("", "cone", "cone")

    assert left_open(first, second, third) == [second, third]


def test_a_lesser_candidate_alone_in_its_group_is_passed_over() -> None:
    first, second, _ = implants_in("", "cone", "cone")

    assert left_open(first, second) == []


def test_first_candidates_group_comes_before_the_one_that_the_others_share() -> None:
    first, second, third, other = implants_in("hex", "cone", "cone", "hex")

    assert left_open(first, second, third) == [first, other]


def test_group_of_a_single_implant_says_nothing() -> None:
    alone, second, third = implants_in("hex", "cone", "cone")

    assert groups_of([alone]) == {}
    assert left_open(alone, second, third) == [second, third]


def test_implants_without_a_group_are_no_group() -> None:
    assert left_open(*implants_in("", "", "")) == []


def test_groups_take_one_query_however_many_implants(django_assert_num_queries: Any) -> None:
    implants = implants_in("cone", "cone", "hex", "hex", "octagon", "octagon")
    with django_assert_num_queries(1):
        groups = groups_of(implants)
        assert {str(other) for found in groups.values() for other in found.implants} == set(
            map(str, implants)
        )
    with django_assert_num_queries(0):
        assert groups_of(implants_without_group()) == {}


def implants_without_group() -> list[Implant]:
    return ImplantFactory.build_batch(2)


def test_names_stop_after_five_and_tell_how_many_follow() -> None:
    implants = implants_in(*["cone"] * 7)

    assert names_of(implants[:5]) == ", ".join(map(str, implants[:5]))
    shown = names_of(implants)
    assert str(implants[4]) in shown and str(implants[5]) not in shown and "2" in shown[-8:]


def test_demo_implants_are_marked_among_the_names() -> None:
    real, demo = implants_in("cone", "cone")
    demo.is_demo = True

    assert names_of([real, demo], demo_mark=" (demo)") == f"{real}, {demo} (demo)"
