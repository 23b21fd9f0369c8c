"""The queue's search: as one types it in a hurry."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User

from cases.models import Case
from cases.plain import plain
from tests.cases.conftest import shown_in_queue
from tests.people import logged_in, person


@pytest.fixture
def reviewer(db: None) -> User:
    return person("brenda", "Revisores")


def found(reviewer: User, words: str) -> list[Case]:
    return shown_in_queue(logged_in(reviewer), {"q": words})


@pytest.mark.parametrize(
    "typed", ["joao", "João", "JOÃO", "joa\u0303o", "oão gon", "GONCALVES joao"]
)
@pytest.mark.parametrize(
    "stored", ["João Gonçalves", "JOÃO GONÇALVES", "Joa\u0303o Gonc\u0327alves"]
)
def test_accents_and_capitals_do_not_matter(
    reviewer: User, make_case: Callable[..., Case], typed: str, stored: str
) -> None:
    make_case(dentist_name="Joana Gomes")
    case = make_case(dentist_name=stored)
    assert found(reviewer, typed) == [case]


def test_database_and_program_say_plain_of_the_same_letters(
    make_case: Callable[..., Case],
) -> None:
    every = "".join(map(chr, range(0x20, 0x180))).replace("\x7f", "")
    name = every[:190]
    rest = every[190:]
    case = make_case(dentist_name=name, patient=rest[:190], tooth="", submission_id="1")
    assert Case.objects.get(pk=case.pk).search_text == f"{plain(name)} {plain(rest[:190])}  1"


@pytest.mark.parametrize(
    "words", ["b. f.", "5944", "594412", "molar", "dias 5944", "#{pk}", "{pk}"]
)
def test_every_field_is_searched(
    reviewer: User, make_case: Callable[..., Case], words: str
) -> None:
    make_case(pk=7001, submission_id="1", tooth="44")
    case = make_case(
        pk=7002, dentist_name="Ana Dias", patient="B. F.", tooth="molar", submission_id="594412"
    )
    assert found(reviewer, words.format(pk=case.pk)) == [case]


def test_a_short_number_is_a_tooth_and_not_a_part_of_an_id(
    reviewer: User, make_case: Callable[..., Case]
) -> None:
    make_case(pk=7001, tooth="11", submission_id="3636363636")
    case = make_case(pk=7002, tooth="36, 37", submission_id="1111111111")
    assert found(reviewer, "36") == [case]


@pytest.mark.parametrize("words", ["100%", "a_b", "\\", "#999999999999999999999", "'; --"])
def test_signs_mean_themselves(reviewer: User, make_case: Callable[..., Case], words: str) -> None:
    make_case(dentist_name="1000 axb")
    assert found(reviewer, words) == []
