"""The words that the dentist reads."""

from collections.abc import Callable

import pytest

from cases.answers import answer_text, as_correction
from cases.models import Case, Search
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
