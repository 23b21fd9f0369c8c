"""The reviewers' queue and the page of a case, as the browser gets them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone, translation
from django.utils.translation import gettext

from cases import links, review
from cases.answers import as_correction
from cases.events import record
from cases.models import Case, CaseEvent, CaseImage, Delivery, Finding
from implants.doubt import Concern
from implants.models import Implant, ReferenceImage
from tests.people import logged_in, person
from webhooks.models import JotformForm

QUEUE = "/admin/cases/case/"


@pytest.fixture
def reviewer(db: None) -> User:
    return person("brenda", "Revisores")


@pytest.fixture
def browser(reviewer: User) -> Client:
    return logged_in(reviewer)


@pytest.fixture
def make_searched(
    make_case: Callable[..., Case], add_search: Callable[..., Any], implants: list[Implant]
) -> Callable[..., Case]:
    """A case whose finding has three candidates, the first with a reference radiograph."""
    shown = ReferenceImage.objects.create(
        implant=implants[0], image="referencia/x.png", source_key="test/x", sha256="0" * 64
    )

    def make(state: str = "pending", **fields: Any) -> Case:
        case = make_case(state, **fields)
        pairs = zip(implants, (0.87, 0.71, 0.65), strict=False)
        search = add_search(case.findings.get(), case.images.get(), *pairs)
        search.results.filter(rank=1).update(reference=shown)
        return case

    return make


def shown_cases(browser: Client, query: str = "") -> list[Case]:
    return list(browser.get(QUEUE + query).context["cl"].result_list)


def test_queue_opens_on_what_waits_with_the_oldest_first(
    browser: Client, reviewer: User, make_case: Callable[..., Case]
) -> None:
    newer, older = make_case(), make_case()
    Case.objects.filter(pk=older.pk).update(created_at=timezone.now() - timedelta(days=2))
    make_case("received")
    make_case("approved", decided_by=reviewer)
    changed = make_case("approved", decided_by=reviewer, changed_after_decision=True)
    make_case(postponed_until=timezone.now() + timedelta(hours=1))
    back = make_case(postponed_until=timezone.now() - timedelta(hours=1))

    assert shown_cases(browser) == [older, newer, changed, back]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ("postponed", "postponed"),
        ("coming", "received"),
        ("approved", "approved"),
        ("rejected", "rejected"),
    ],
)
def test_queue_shows_other_states_by_filter(
    browser: Client, reviewer: User, make_case: Callable[..., Case], choice: str, expected: str
) -> None:
    cases = {
        "pending": make_case(),
        "postponed": make_case(postponed_until=timezone.now() + timedelta(hours=1)),
        "received": make_case("received"),
        "approved": make_case("approved", decided_by=reviewer),
        "rejected": make_case("rejected", decided_by=reviewer, rejection_reason="duplicate"),
    }

    assert shown_cases(browser, f"?show={choice}") == [cases[expected]]
    assert len(shown_cases(browser, "?show=all")) == len(cases)
    states = browser.get(f"{QUEUE}?show={choice}").context["cl"].menus[0].links
    assert [state.count for state in states] == [1] * 5 + [5]


@pytest.mark.parametrize("words", ["marina", "b. f.", "dente36", "5944", "Marina dente36"])
def test_search_finds_decided_cases_too(
    browser: Client, reviewer: User, make_case: Callable[..., Case], words: str
) -> None:
    make_case(submission_id="1")
    case = make_case(
        "approved", decided_by=reviewer, dentist_name="Marina Dias", patient="B. F.",
        tooth="dente36", submission_id="5944",
    )  # fmt: skip

    assert shown_cases(browser, f"?q={words}") == [case]


def test_queue_shows_first_suggestion_and_what_needs_attention(
    browser: Client, make_searched: Callable[..., Case], implants: list[Implant]
) -> None:
    Implant.objects.filter(pk=implants[0].pk).update(is_demo=True)
    case = make_searched(dentist_name="Marina Dias", problem="analysis_failed", tooth="36")
    case.findings.get().searches.update(confidence="low", concerns=["photograph"])
    CaseImage.objects.create(case=case, url="https://a/b", state="refused", refusal="too_large")

    page = browser.get(QUEUE).content.decode()

    assert "Neodent Drive CM" in page and "0,87" in page and "0,71" not in page
    assert 'class="rx-badge rx-demo"' in page
    assert "Marina Dias" in page and links.thumbnail_url(case.images.all()[0]) in page
    assert "rx-bad" in page and "rx-warn" in page
    with translation.override("pt-br"):
        said = gettext("Confidence: %(word)s") % {"word": "baixa"}
        assert f'rx-word-low">{said}<' in page
        assert f'rx-warn">{Concern.PHOTOGRAPH.label}<' in page


def test_queue_shows_no_word_while_nothing_is_calibrated(
    browser: Client, make_searched: Callable[..., Case]
) -> None:
    make_searched()
    assert "rx-word" not in browser.get(QUEUE).content.decode()


@pytest.mark.parametrize(("seconds", "is_new"), [(0, True), (40, True), (61, False)])
def test_ages_below_a_minute_are_now(
    browser: Client, make_searched: Callable[..., Case], seconds: int, is_new: bool
) -> None:
    case = make_searched()
    Case.objects.update(created_at=timezone.now() - timedelta(seconds=seconds))
    case.events.update(created_at=timezone.now() - timedelta(hours=2))
    with translation.override("pt-br"):
        now = gettext("just now")
    for address in ("/admin/", QUEUE, f"{QUEUE}{case.pk}/change/"):
        page = browser.get(address).content.decode()
        for other in ("como está agora", "ser preparada agora"):
            page = page.replace(other, "")
        assert (now in page, "minuto" in page) == (is_new, not is_new), address


def test_queue_asks_the_database_as_often_for_fifty_cases_as_for_five(
    browser: Client,
    make_searched: Callable[..., Case],
    django_assert_num_queries: Any,
    django_assert_max_num_queries: Any,
) -> None:
    for _ in range(5):
        make_searched().findings.get().searches.update(concerns=["document"], confidence="low")
    browser.get(QUEUE)  # content types and the like are remembered from now on
    with django_assert_max_num_queries(20) as few:
        browser.get(QUEUE)
    for _ in range(45):
        make_searched()
    with django_assert_num_queries(len(few)):
        assert len(shown_cases(browser)) == 50


def test_page_shows_film_candidates_and_their_attributes(
    browser: Client, make_searched: Callable[..., Case], implants: list[Implant]
) -> None:
    Implant.objects.filter(pk=implants[0].pk).update(
        connection="conical", connection_detail="16°", diameters_mm=["3.50", "4.00"]
    )
    case = make_searched(dentist_name="Marina Dias", patient="B. F.")
    reference = implants[0].references.get()

    page = browser.get(f"{QUEUE}{case.pk}/change/").content.decode()

    assert links.film_url(case.images.get()) in page
    assert f"/files/references/{reference.pk}/implant" in page
    for text in ("Marina Dias", "B. F.", "Drive CM", "0,87", "0,71", "0,65", "16°", "3,5 · 4 mm"):
        assert text in page
    assert "test-encoder" in page


def test_page_explains_refused_images_and_problems(
    browser: Client, make_case: Callable[..., Case]
) -> None:
    case = make_case(problem="no_usable_image")
    case.images.update(state="refused", refusal="login_required", file="")

    answer = browser.get(f"{QUEUE}{case.pk}/change/")

    assert answer.context["refused"][0].advice and answer.context["problem_advice"]
    assert str(answer.context["problem_advice"]) in answer.content.decode()
    assert "/analyze/" in answer.content.decode()


def test_every_refusal_has_an_advice(browser: Client, make_case: Callable[..., Case]) -> None:
    case = make_case()
    for refusal in CaseImage.Refusal.values:
        CaseImage.objects.create(
            case=case, url=f"https://a/{refusal}", state="refused", refusal=refusal
        )

    refused = browser.get(f"{QUEUE}{case.pk}/change/").context["refused"]

    assert len({str(file.advice) for file in refused}) == len(CaseImage.Refusal.values)


@pytest.mark.parametrize("problem", Case.Problem.values)
def test_every_problem_has_an_advice(
    browser: Client, make_case: Callable[..., Case], problem: str
) -> None:
    case = make_case(problem=problem)

    assert browser.get(f"{QUEUE}{case.pk}/change/").context["problem_advice"]


def test_timeline_tells_who_did_what(
    browser: Client, reviewer: User, make_case: Callable[..., Case], implants: list[Implant]
) -> None:
    case = make_case()
    review.set_verdict(
        case.findings.get(), reviewer, verdict="probable", implant=implants[1], note=""
    )
    CaseEvent.objects.create(case=case, kind="image_refused", data={"reason": "too_small"})

    newest, older = browser.get(f"{QUEUE}{case.pk}/change/").context["timeline"]

    assert newest.detail and newest.tone == "bad"
    assert older.who == "Brenda" and "Neodent Grand Morse Helix" in older.detail


def test_page_survives_events_of_every_kind_without_details(
    browser: Client, make_case: Callable[..., Case]
) -> None:
    case = make_case()
    for kind in CaseEvent.Kind.values:
        CaseEvent.objects.create(case=case, kind=kind, data={})

    shown = browser.get(f"{QUEUE}{case.pk}/change/").context["timeline"]

    assert len(shown) == len(CaseEvent.Kind.values)


def test_page_follows_a_case_until_it_is_analysed(
    browser: Client, make_case: Callable[..., Case]
) -> None:
    case = make_case("analyzing")
    CaseEvent.objects.create(case=case, kind="analysis_started")

    answer = browser.get(f"{QUEUE}{case.pk}/change/")

    assert answer.context["is_analyzing"] and "data-follow" in answer.content.decode()
    assert "/approve/" not in answer.content.decode()


def test_page_previews_the_answer_once_every_finding_has_a_verdict(
    browser: Client, reviewer: User, make_case: Callable[..., Case], implants: list[Implant]
) -> None:
    case = make_case()
    assert browser.get(f"{QUEUE}{case.pk}/change/").context["shown"].state == "missing"

    review.set_verdict(
        case.findings.get(), reviewer, verdict="identified", implant=implants[0], note="Nítido."
    )
    preview = browser.get(f"{QUEUE}{case.pk}/change/").context["shown"].text
    review.approve(case, reviewer)

    assert "Neodent Drive CM" in preview and "Nítido." in preview
    assert preview == Delivery.objects.get(case=case).text


def test_preview_says_that_it_corrects_an_answer_that_went_out(
    browser: Client, reviewer: User, make_case: Callable[..., Case]
) -> None:
    case = make_case()
    review.set_verdict(case.findings.get(), reviewer, verdict="not_in_catalogue", implant=None)
    review.approve(case, reviewer)
    without = Delivery.objects.get(case=case).text
    Delivery.objects.update(state="sent", started_at=timezone.now())
    review.reopen(case, reviewer)

    page = browser.get(f"{QUEUE}{case.pk}/change/").context

    assert page["shown"].text == without
    assert page["preface"] in as_correction(without)


def test_direct_case_says_that_there_is_nothing_to_write_back_to(
    browser: Client, make_case: Callable[..., Case]
) -> None:
    with translation.override("pt-br"):
        words = gettext("The case came directly: there is nothing to write back to.")

    for is_direct in (True, False):
        case = make_case(is_direct=is_direct)
        page = browser.get(f"{QUEUE}{case.pk}/change/").content.decode()
        assert (words in page) is is_direct


def test_page_of_a_case_has_a_fixed_number_of_queries(
    browser: Client,
    reviewer: User,
    make_searched: Callable[..., Case],
    add_search: Callable[..., Any],
    implants: list[Implant],
    django_assert_num_queries: Any,
    django_assert_max_num_queries: Any,
) -> None:
    case = make_searched()
    Implant.objects.update(look_alike_group="cone")
    address = f"{QUEUE}{case.pk}/change/"
    browser.get(address)
    with django_assert_max_num_queries(35) as few:
        browser.get(address)
    for number in range(6):
        finding = Finding.objects.create(case=case, verdict="probable", implant=implants[0])
        image = CaseImage.objects.create(
            case=case, url=f"https://a/{number}", state="stored", file="uploads/y.png"
        )
        add_search(finding, image, *[(implant, 0.5) for implant in implants])
        CaseEvent.objects.create(case=case, kind="finding_added", actor=reviewer)
    with django_assert_num_queries(len(few)):
        assert len(browser.get(address).context["panels"]) == 7


def test_case_that_does_not_exist_is_not_found(browser: Client) -> None:
    assert browser.get(f"{QUEUE}404404/change/").status_code == 404
    assert browser.post(f"{QUEUE}404404/approve/").status_code == 404


@pytest.mark.parametrize("name", ["search", "result", "caseevent", "delivery"])
def test_audit_rows_are_read_only_for_everybody(
    make_searched: Callable[..., Case], form: JotformForm, name: str
) -> None:
    case = make_searched()
    CaseEvent.objects.create(case=case, kind="received", data={"images": 1})
    Delivery.objects.create(case=case, text="x")
    admin = logged_in(person("admin", is_superuser=True))
    pk = {
        "search": case.findings.get().searches.get().pk,
        "result": case.findings.get().searches.get().results.all()[0].pk,
        "caseevent": case.events.get().pk,
        "delivery": case.deliveries.get().pk,
    }[name]

    assert admin.get(f"/admin/cases/{name}/?q={case.pk}").status_code == 200
    page = admin.get(f"/admin/cases/{name}/{pk}/change/")
    assert page.status_code == 200 and 'name="_save"' not in page.content.decode()
    assert admin.post(f"/admin/cases/{name}/{pk}/change/", {}).status_code == 403
    assert admin.post(f"/admin/cases/{name}/{pk}/delete/", {"post": "yes"}).status_code == 403
    assert admin.get(f"/admin/cases/{name}/add/").status_code == 403
    assert admin.post(f"/admin/cases/case/{case.pk}/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("name", ["brenda", "curadora", "leitora", "admin"])
def test_every_page_of_the_menu_opens_for_everybody_who_sees_it(
    make_searched: Callable[..., Case], name: str
) -> None:
    make_searched()
    groups = {"brenda": "Revisores", "curadora": "Curadores", "leitora": "Leitores"}
    user = person(name, groups.get(name, ""), is_superuser=name == "admin")
    browser = logged_in(user)

    front = browser.get("/admin/")
    addresses = [
        address
        for app in front.context["app_list"]
        for model in app["models"]
        for address in (model["admin_url"], model["add_url"])
        if address
    ]

    assert {"brenda": 6, "curadora": 6, "leitora": 6, "admin": 12}[name] <= len(addresses)
    for address in addresses:
        answer = browser.get(address)
        assert answer.status_code == 200, address
        assert "test-encoder" in answer.content.decode(), address


def test_front_page_begins_with_the_cases_that_wait(
    browser: Client, make_case: Callable[..., Case]
) -> None:
    assert browser.get("/admin/").context["waiting_count"] == 0

    case = make_case()
    answer = browser.get("/admin/")

    assert answer.context["waiting_count"] == 1
    assert f"{QUEUE}{case.pk}/change/" in answer.content.decode()


def test_demo_data_is_marked_on_every_page(
    browser: Client, make_case: Callable[..., Case], implants: list[Implant]
) -> None:
    make_case()
    addresses = ["/admin/", QUEUE, f"{QUEUE}{Case.objects.get().pk}/change/", "/admin/implants/"]
    for address in addresses:
        assert "rx-demo-strip" not in browser.get(address).content.decode()

    Implant.objects.filter(pk=implants[3].pk).update(is_demo=True)

    for address in addresses:
        assert "rx-demo-strip" in browser.get(address).content.decode()


def test_the_page_says_when_references_were_not_compared(
    make_case: Callable[..., Case], reviewer: User
) -> None:
    case = make_case()
    page = f"/admin/cases/case/{case.pk}/change/"
    browser = logged_in(reviewer)
    record(case, CaseEvent.Kind.ANALYZED, encoder="x", searches=1, lacking=7)
    assert "7 referências do catálogo não foram comparadas" in browser.get(page).content.decode()
    record(case, CaseEvent.Kind.ANALYZED, encoder="x", searches=1, lacking=0)
    assert "não foram comparadas" not in browser.get(page).content.decode()


def test_a_failed_answer_is_marked_in_the_queue(
    make_case: Callable[..., Case], reviewer: User
) -> None:
    case = review.reject(make_case(), reviewer, reason="duplicate")
    browser = logged_in(reviewer)
    assert (
        'rx-bad">resposta não entregue<' not in browser.get("/admin/cases/case/").content.decode()
    )
    case.deliveries.update(state="failed", reason="no_api_key")
    assert 'rx-bad">resposta não entregue<' in browser.get("/admin/cases/case/").content.decode()
