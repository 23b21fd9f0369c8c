"""The words that the dentist reads."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import translation

from cases.answers import answer_text, as_correction
from cases.models import Case, Finding, Search
from implants.models import Implant, ReferenceImage

pytestmark = pytest.mark.django_db
MakeCase = Callable[..., Case]


def text_of(case: Case, verdict: str, implant: Implant | None = None, note: str = "") -> str:
    case.findings.update(verdict=verdict, implant=implant, note=note)
    return answer_text(case)


def test_a_named_implant_comes_with_similarity_alternatives_and_the_caveat(
    make_case: MakeCase, add_search: Callable[..., Search], implants: list[Implant]
) -> None:
    case = make_case(note="Boa imagem.")
    pairs = zip(implants, (0.876, 0.71, 0.65), strict=False)
    add_search(case.findings.get(), case.images.get(), *pairs)
    text = text_of(case, "identified", implants[1], note="Ápice fora do filme.")
    assert "Dente 44: implante identificado: Neodent Grand Morse Helix\n" in text
    assert "Similaridade com a radiografia de referência: 0,71" in text
    assert "- Neodent Drive CM, similaridade 0,88\n" in text
    assert "Ápice fora do filme." in text
    assert "Boa imagem." in text
    assert "não é uma probabilidade" in text
    assert "demonstração" not in text


def test_an_implant_from_outside_the_candidates_has_no_similarity(
    make_case: MakeCase, add_search: Callable[..., Search], implants: list[Implant]
) -> None:
    case = make_case()
    add_search(case.findings.get(), case.images.get(), (implants[0], 0.9))
    text = text_of(case, "probable", implants[3])
    assert "implante provável: Neodent Alvim CM" in text
    assert "Similaridade com" not in text


@pytest.mark.parametrize("verdict", ["not_in_catalogue", "not_identifiable"])
def test_without_an_implant_no_candidate_is_suggested(
    make_case: MakeCase, add_search: Callable[..., Search], implants: list[Implant], verdict: str
) -> None:
    case = make_case()
    add_search(case.findings.get(), case.images.get(), (implants[0], 0.9))
    assert "Neodent" not in text_of(case, verdict)


def test_without_a_tooth_the_line_begins_with_the_verdict(
    make_case: MakeCase, implants: list[Implant]
) -> None:
    case = make_case(tooth="")
    assert "\nImplante identificado: Neodent Drive CM\n" in text_of(case, "identified", implants[0])


def test_demo_data_is_marked_whether_implant_or_reference_is_demo(
    make_case: MakeCase, add_search: Callable[..., Search], implants: list[Implant]
) -> None:
    case = make_case()
    rendered = ReferenceImage.objects.create(
        implant=implants[0], image="referencia/x.png", source_key="demo/x", sha256="0" * 64,
        is_demo=True,
    )  # fmt: skip
    search = add_search(case.findings.get(), case.images.get(), (implants[0], 0.9))
    assert "demonstração" not in text_of(case, "identified", implants[0])
    search.results.update(reference=rendered)
    assert "Drive CM (dados de demonstração)" in text_of(case, "identified", implants[0])
    assert "similaridade 0,90 (dados de demonstração)" in text_of(case, "probable", implants[1])


def test_nothing_is_escaped_and_a_correction_says_so(make_case: MakeCase) -> None:
    case = make_case(note="Ø < 4 & liso")
    assert "Ø < 4 & liso" in text_of(case, "not_identifiable")
    assert as_correction("texto").startswith("CORREÇÃO")


@pytest.fixture
def searched(
    make_case: MakeCase, add_search: Callable[..., Search], implants: list[Implant]
) -> Callable[..., Case]:
    """A case with three candidates and this word of confidence."""

    def make(confidence: str | None) -> Case:
        case = make_case()
        pairs = zip(implants, (0.876, 0.71, 0.65), strict=False)
        search = add_search(case.findings.get(), case.images.get(), *pairs)
        Search.objects.filter(pk=search.pk).update(confidence=confidence, observations=148)
        return case

    return make


def line_with(text: str, words: str) -> str:
    (line,) = [line for line in text.splitlines() if words in line]
    return line


@pytest.mark.parametrize(
    ("confidence", "word"), [("high", "alta"), ("medium", "média"), ("low", "baixa")]
)
def test_a_calibrated_word_follows_the_similarity(
    searched: Callable[..., Case], implants: list[Implant], confidence: str, word: str
) -> None:
    text = text_of(searched(confidence), "identified", implants[0])
    assert line_with(text, "0,88").endswith(f": {word}")


def test_without_a_calibration_there_is_no_word(
    searched: Callable[..., Case], implants: list[Implant]
) -> None:
    text = text_of(searched(None), "identified", implants[0])
    assert line_with(text, "0,88").endswith(": 0,88")


def test_the_word_is_about_the_first_candidate_and_no_other(
    searched: Callable[..., Case], implants: list[Implant]
) -> None:
    text = text_of(searched("high"), "identified", implants[1])
    assert line_with(text, "referência: 0,71").endswith("0,71")
    assert "alta" not in text


def test_an_implant_chosen_against_the_comparison_is_said_to_be_so(
    searched: Callable[..., Case], implants: list[Implant]
) -> None:
    calm = text_of(searched("low"), "identified", implants[0])
    warned = text_of(searched("out_of_catalogue"), "identified", implants[0])
    assert line_with(warned, "referência: 0,88").endswith("0,88")
    assert len(warned.splitlines()) == len(calm.splitlines()) + 1
    no_candidate = text_of(searched("out_of_catalogue"), "identified", implants[3])
    assert "0,88" in no_candidate and len(no_candidate.splitlines()) < len(warned.splitlines())


@pytest.mark.parametrize("verdict", ["identified", "probable"])
def test_look_alikes_of_the_chosen_implant_are_named(
    searched: Callable[..., Case], implants: list[Implant], verdict: str
) -> None:
    Implant.objects.filter(pk__in=[implants[0].pk, implants[3].pk]).update(look_alike_group="cone")
    Implant.objects.filter(pk=implants[3].pk).update(is_demo=True)
    case = searched("high")
    line = line_with(text_of(case, verdict, implants[0]), str(implants[3]))
    assert str(implants[0]) not in line and "demonstração" in line
    assert str(implants[3]) not in text_of(case, verdict, implants[1])
    assert str(implants[3]) not in text_of(case, "not_in_catalogue")


def test_look_alikes_of_any_choice_are_named_candidate_or_not(
    make_case: MakeCase, implants: list[Implant]
) -> None:
    Implant.objects.filter(pk__in=[implants[1].pk, implants[3].pk]).update(look_alike_group="cone")
    assert str(implants[1]) in text_of(make_case(), "probable", implants[3])


def test_the_answer_is_in_the_services_language_whoever_decided(
    searched: Callable[..., Case], implants: list[Implant]
) -> None:
    Implant.objects.filter(pk__in=[i.pk for i in implants]).update(
        look_alike_group="cone", is_demo=True
    )
    case = searched("low")
    expected = text_of(case, "identified", implants[0])
    with translation.override("en"):
        assert text_of(case, "identified", implants[0]) == expected


def test_the_answer_takes_as_many_queries_for_many_findings_as_for_one(
    searched: Callable[..., Case], implants: list[Implant], django_assert_num_queries: Any
) -> None:
    Implant.objects.filter(pk__in=[i.pk for i in implants]).update(look_alike_group="cone")
    case = searched("low")
    for implant in implants:
        Finding.objects.create(case=case, verdict="probable", implant=implant)
    case.findings.filter(verdict="").update(verdict="identified", implant=implants[0])
    with django_assert_num_queries(3):
        answer_text(case)
