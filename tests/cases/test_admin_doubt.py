"""How far the candidates can be trusted, as the page of a case says it."""

from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from django.test import Client
from django.utils import translation
from django.utils.translation import gettext, ngettext

from cases.admin.advice import CONCERN_ADVICE
from cases.models import Case, CaseImage, Search
from implants.doubt import Concern
from implants.models import Implant
from tests.people import logged_in, person

MakeCase = Callable[..., Case]


@pytest.fixture
def browser(db: None) -> Client:
    return logged_in(person("brenda", "Revisores"))


@pytest.fixture
def searched(
    make_case: MakeCase, add_search: Callable[..., Search], implants: list[Implant]
) -> MakeCase:
    """A case with three candidates; keywords are the word, the observations and the concerns."""

    def make(**doubt: object) -> Case:
        case = make_case()
        pairs = zip(implants, (0.87, 0.71, 0.65), strict=False)
        add_search(case.findings.get(), case.images.get(), *pairs)
        Search.objects.filter(finding__case=case).update(**doubt)
        return case

    return make


class _Text(HTMLParser):
    """Words of the page, one space between them."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def handle_data(self, data: str) -> None:
        self.words += data.split()


def html_of(browser: Client, case: Case) -> str:
    return browser.get(f"/admin/cases/case/{case.pk}/change/").content.decode()


def text_of(browser: Client, case: Case) -> str:
    reader = _Text()
    reader.feed(html_of(browser, case))
    return " ".join(reader.words)


def in_portuguese(message: str) -> str:
    with translation.override("pt-br"):
        return gettext(message)


def observations(count: int) -> str:
    one, many = "based on %(counter)s observation", "based on %(counter)s observations"
    with translation.override("pt-br"):
        return ngettext(one, many, count) % {"counter": count}


@pytest.mark.parametrize(
    ("confidence", "word"), [("high", "alta"), ("medium", "média"), ("low", "baixa")]
)
def test_the_word_stands_once_with_what_it_is_based_on(
    browser: Client, searched: MakeCase, confidence: str, word: str
) -> None:
    page = text_of(browser, searched(confidence=confidence, observations=148))
    said = in_portuguese("Confidence: %(word)s") % {"word": word}
    assert page.count(said) == 1
    assert observations(148) in page
    assert "rx-cards-doubtful" not in html_of(browser, Case.objects.get())


@pytest.mark.parametrize("count", [0, 12])
def test_without_a_word_the_page_says_why(browser: Client, searched: MakeCase, count: int) -> None:
    page = text_of(browser, searched(observations=count))
    assert in_portuguese("Confidence: not calibrated") in page
    assert in_portuguese("There are too few references to say what a similarity means") in page
    one, many = "%(counter)s observation so far", "%(counter)s observations so far"
    with translation.override("pt-br"):
        so_far = ngettext(one, many, 12) % {"counter": 12}
    assert (so_far in page) is (count == 12)


def test_out_of_the_catalogue_comes_before_the_candidates_which_stand_back(
    browser: Client, searched: MakeCase
) -> None:
    page = html_of(browser, searched(confidence="out_of_catalogue", observations=148))
    notice, cards = page.index('class="rx-outside"'), page.index("rx-cards-doubtful")
    assert notice < cards
    assert page.count('name="finding-') > 3 and "Drive CM" in page[cards:]
    assert observations(148) in " ".join(page[notice:cards].split())


def test_a_finding_without_candidates_has_no_word(browser: Client, make_case: MakeCase) -> None:
    page = html_of(browser, make_case())
    assert 'class="rx-word"' not in page and "rx-outside" not in page


@pytest.mark.parametrize("concern", Concern)
def test_every_concern_is_said_with_an_advice(
    browser: Client, searched: MakeCase, concern: Concern
) -> None:
    page = text_of(browser, searched(concerns=[concern]))
    with translation.override("pt-br"):
        said = f"{str(concern.label)[1:]}. {CONCERN_ADVICE[concern]}"
    assert page.count(said) == 1
    assert "rx-cards-doubtful" in html_of(browser, Case.objects.get())


def test_a_concern_names_its_film_when_there_are_several(
    browser: Client, searched: MakeCase, add_search: Callable[..., Search], implants: list[Implant]
) -> None:
    case = searched()
    second = CaseImage.objects.create(case=case, url="b", state="stored", file="uploads/b.png")
    search = add_search(case.findings.get(), second, (implants[0], 0.1))
    Search.objects.filter(pk=search.pk).update(concerns=["document"])
    page = text_of(browser, case)
    with translation.override("pt-br"):
        numbered = gettext("Radiograph %(number)s") % {"number": 2}
        assert page.count(f"{numbered}: {Concern.DOCUMENT.label}.") == 1
    assert "rx-cards-doubtful" not in html_of(browser, case)


def test_a_decided_case_no_longer_warns_of_its_films(browser: Client, searched: MakeCase) -> None:
    case = searched(concerns=["document"])
    brenda = person("outra")
    Case.objects.filter(pk=case.pk).update(
        state="rejected", rejection_reason="not_an_implant", decided_by=brenda,
        decided_at=case.created_at, decision_id="0" * 32,
    )  # fmt: skip
    with translation.override("pt-br"):
        assert str(CONCERN_ADVICE[Concern.DOCUMENT]) not in text_of(browser, case)


def undecided(browser: Client, case: Case) -> list[tuple[str, str]]:
    page = browser.get(f"/admin/cases/case/{case.pk}/change/")
    (panel,) = page.context["panels"]
    said = [(str(open_.implant), open_.others) for open_ in panel.undecided]
    assert page.content.decode().count('class="rx-undecided"') == len(said)
    return said


def test_what_the_film_does_not_tell_apart_is_said_once_and_marked_on_the_cards(
    browser: Client, searched: MakeCase, implants: list[Implant]
) -> None:
    first, _, third, fourth = map(str, implants)
    case = searched()
    assert undecided(browser, case) == []

    Implant.objects.exclude(pk=implants[1].pk).update(look_alike_group="cone")

    assert undecided(browser, case) == [(first, f"{third}, {fourth}")]
    page = html_of(browser, case)
    assert page.count("rx-look-alike") == 2
    assert f'rx-look-alike" title="{fourth}, {third}"' in page
    assert f'rx-look-alike" title="{fourth}, {first}"' in page


def test_two_lesser_candidates_of_one_group_are_said_too(
    browser: Client, searched: MakeCase, implants: list[Implant]
) -> None:
    Implant.objects.filter(pk__in=[implants[1].pk, implants[2].pk]).update(look_alike_group="cone")
    assert undecided(browser, searched()) == [(str(implants[1]), str(implants[2]))]


def test_look_alikes_of_a_choice_from_outside_the_candidates_are_said(
    browser: Client, searched: MakeCase, implants: list[Implant]
) -> None:
    case = searched()
    other = Implant.objects.create(
        manufacturer=implants[0].manufacturer, name="Titamax CM", look_alike_group="cone"
    )
    Implant.objects.filter(pk=implants[3].pk).update(look_alike_group="cone")
    assert undecided(browser, case) == []
    case.findings.update(verdict="probable", implant=implants[3])
    assert undecided(browser, case) == [(str(implants[3]), str(other))]


def test_choice_from_the_group_that_is_said_already_is_not_said_twice(
    browser: Client, searched: MakeCase, implants: list[Implant]
) -> None:
    Implant.objects.update(look_alike_group="cone")
    case = searched()
    case.findings.update(verdict="probable", implant=implants[2])
    assert len(undecided(browser, case)) == 1


def test_demo_look_alikes_are_marked(
    browser: Client, searched: MakeCase, implants: list[Implant]
) -> None:
    Implant.objects.update(look_alike_group="cone")
    Implant.objects.filter(pk=implants[3].pk).update(is_demo=True)
    page = html_of(browser, searched())
    line = page[page.index('class="rx-undecided"') :].partition("</p>")[0]
    assert "rx-demo" in line


def test_searches_are_listed_with_their_doubt(searched: MakeCase) -> None:
    searched(confidence="low", observations=148, concerns=["document", "photograph"])
    admin = logged_in(person("admin", is_superuser=True))
    with translation.override("pt-br"):
        labels = f"{Concern.DOCUMENT.label}, {Concern.PHOTOGRAPH.label}"
    listed = admin.get("/admin/cases/search/").content.decode()
    assert labels in listed and ">148<" in listed and ">baixa<" in listed
    shown = admin.get(f"/admin/cases/search/{Search.objects.get().pk}/change/").content.decode()
    assert labels in shown and "148" in shown
