"""Two implants become one: nothing is lost, nothing is falsified, nothing points nowhere."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any

import pytest
from django.contrib.admin.models import DELETION, LogEntry
from django.contrib.auth.models import Permission, User
from django.core.files.storage import default_storage
from django.db.models.fields.reverse_related import ForeignObjectRel
from procrastinate.contrib.django.models import ProcrastinateJob

from cases import merging
from cases.admin.timeline import timeline
from cases.events import record as record_event
from cases.merging import MergeError, PlanChanged, is_handled, merge, plan, relations
from cases.models import (
    Case,
    CaseEvent,
    Delivery,
    Finding,
    FirstImpression,
    MergedResult,
    Merging,
    Result,
    Search,
)
from implants.catalogue import add_reference
from implants.models import Implant, Manufacturer, ReferenceImage
from implants.published import SYSTEMS
from implants.seeding.directory import Directory
from implants.seeding.names import Convention, NameProblemError, read_name
from implants.seeding.systems import complete_system
from tests.factories import ImplantFactory, ReferenceImageFactory
from tests.implants.conftest import film
from tests.people import logged_in, person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]

PAGE = "/admin/merge-implants/"
AddSearch = Callable[..., Search]


@pytest.fixture
def curator(db: None) -> User:
    return person("curadora", "Curadores")


@pytest.fixture
def stays(db: None) -> Implant:
    maker = Manufacturer.objects.create(name="Neodent")
    return ImplantFactory.create(manufacturer=maker, name="Helix GM", body="tapered")


@pytest.fixture
def goes(stays: Implant) -> Implant:
    return ImplantFactory.create(
        manufacturer=stays.manufacturer, name="GM Hélix", aliases=["Hélice", "helix gm"],
        body="parallel", apex="cone", diameters_mm=[Decimal("4.00")],
        sources={"apex": "F", "body": "S"},
    )  # fmt: skip


@pytest.fixture
def case(make_case: Callable[..., Case]) -> Case:
    return make_case()


def do(stays: Implant, goes: Implant, actor: User) -> Implant:
    return merge(stays.pk, goes.pk, plan(stays, goes).mark, actor)


def test_every_relation_to_an_implant_has_a_rule() -> None:
    unhandled = [str(relation) for relation in relations() if not is_handled(relation)]
    assert not unhandled, "say in cases/merging.py what a merge does with them"
    assert {relation.related_model for relation in relations()} >= {
        ReferenceImage, Finding, Result, FirstImpression, Merging,
    }  # fmt: skip


def test_every_relation_to_a_reference_is_known() -> None:
    """A film that both implants have is deleted once: what points to it is moved or goes too."""
    known = {
        "ReferenceVector.reference", "ReducedVector.reference",
        "Suspicion.reference", "Suspicion.neighbour",
        "ConfirmedLabel.reference", "ConfirmedLabel.neighbour",
        "Result.reference", "MergedResult.reference",
    }  # fmt: skip
    found = {
        f"{relation.related_model.__name__}.{relation.field.name}"
        for relation in ReferenceImage._meta.get_fields(include_hidden=True)
        if isinstance(relation, ForeignObjectRel) and relation.related_model
    }
    assert found <= known


def test_a_relation_without_a_rule_stops_the_merge(
    stays: Implant, goes: Implant, curator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = {name: rule for name, rule in merging._HANDLERS.items() if "Result" not in name}
    monkeypatch.setattr(merging, "_HANDLERS", left)
    ReferenceImageFactory.create(implant=goes)

    with pytest.raises(MergeError):
        do(stays, goes, curator)
    assert goes.references.count() == 1 and Implant.objects.count() == 2


def test_references_results_findings_and_impressions_follow(
    stays: Implant, goes: Implant, case: Case, add_search: AddSearch, curator: User
) -> None:
    finding, image = case.findings.get(), case.images.get()
    reference = ReferenceImageFactory.create(implant=goes)
    search = add_search(finding, image, (goes, 0.9))
    Result.objects.update(reference=reference)
    Finding.objects.update(verdict="identified", implant=goes)
    FirstImpression.objects.create(finding=finding, user=curator, implant=goes, suggested=goes)

    do(stays, goes, curator)

    assert not Implant.objects.filter(pk=goes.pk).exists()
    assert ReferenceImage.objects.get().implant == stays
    result = search.results.get()
    assert (result.implant, result.reference, result.similarity) == (stays, reference, 0.9)
    assert Finding.objects.get().implant == stays
    impression = FirstImpression.objects.get()
    assert (impression.implant, impression.suggested) == (stays, stays)


@pytest.mark.parametrize("first", ["stays", "goes"])
def test_of_two_results_of_a_search_the_better_stays_and_the_other_is_kept(
    stays: Implant, goes: Implant, case: Case, add_search: AddSearch, curator: User, first: str
) -> None:
    other = ImplantFactory.create()
    better, worse = (stays, goes) if first == "stays" else (goes, stays)
    pairs = ((better, 0.9), (other, 0.8), (worse, 0.7))
    search = add_search(case.findings.get(), case.images.get(), *pairs)
    names = str(worse)

    do(stays, goes, curator)

    left = list(search.results.order_by("rank").values_list("rank", "implant", "similarity"))
    assert left == [(1, stays.pk, 0.9), (2, other.pk, 0.8)]
    kept = MergedResult.objects.get()
    assert (kept.search, kept.rank, kept.similarity) == (search, 3, 0.7)
    assert kept.implant_name == names and kept.merging.merged_id == goes.pk


def test_a_film_of_both_is_kept_once_with_what_either_knows(
    stays: Implant, goes: Implant, case: Case, add_search: AddSearch, curator: User,
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    kept = add_reference(stays, film(1)).reference
    double = add_reference(goes, film(1), diameter_mm=Decimal("4.10")).reference
    moved = add_reference(goes, film(2)).reference
    add_search(case.findings.get(), case.images.get(), (goes, 0.9))
    Result.objects.update(reference=double)
    gone = str(double.image.name)

    with django_capture_on_commit_callbacks(execute=True):
        do(stays, goes, curator)

    assert set(stays.references.values_list("pk", flat=True)) == {kept.pk, moved.pk}
    kept.refresh_from_db()
    assert kept.diameter_mm == Decimal("4.10")
    assert Result.objects.get().reference == kept
    assert not default_storage.exists(gone) and default_storage.exists(str(kept.image.name))
    assert default_storage.exists(str(moved.image.name))
    assert ProcrastinateJob.objects.filter(task_name="cases.refresh_calibration").count() == 1


def test_empty_attributes_are_filled_with_their_sources_and_others_stay(
    stays: Implant, goes: Implant, curator: User
) -> None:
    planned = plan(stays, goes)
    assert [fact.label for fact in planned.conflicts] == ["Corpo"]
    assert {fact.label for fact in planned.filled} == {"Ápice", "Diâmetros (mm)"}

    do(stays, goes, curator)

    stays.refresh_from_db()
    assert (stays.body, stays.apex, stays.diameters_mm) == ("tapered", "cone", [Decimal("4.00")])
    assert stays.sources == {"apex": "F"}


def test_films_find_what_stays_by_the_merged_names(
    stays: Implant, goes: Implant, curator: User
) -> None:
    do(stays, goes, curator)

    stays.refresh_from_db()
    assert stays.aliases == ["GM Hélix", "Hélice"], "each once, and not its own name"
    for words in (["GM", "HELIX"], ["HELICE"], ["HELIX", "GM"]):
        assert Directory().line("Neodent", words) == "Helix GM"


@pytest.mark.parametrize(
    "name", ["ZIMMER_TAPERED_SCREW_VENT_4.0mm_1.png", "zimmer/TSV_01.png", "Zimmer TSV 4.1mm.png"]
)
def test_an_implant_merged_with_another_makers_is_not_made_again(curator: User, name: str) -> None:
    [system] = [each for each in SYSTEMS if each.name == "Tapered Screw-Vent"]
    goes = complete_system(system).implant
    stays = ImplantFactory.create(manufacturer__name="Zimmer Biomet Dental", name="Screw-Vent T")
    do(stays, goes, curator)

    stays.refresh_from_db()
    assert {"Tapered Screw-Vent", "Zimmer Tapered Screw-Vent", "Zimmer TSV"} <= set(stays.aliases)
    named = read_name(PurePosixPath(name), Convention.AUTO, Directory())
    assert named and (named.manufacturer, named.line) == ("Zimmer Biomet Dental", "Screw-Vent T")
    again = complete_system(system)
    assert (again.implant, again.created) == (stays, False)


def test_its_other_names_lead_to_what_stays_too(curator: User) -> None:
    goes = ImplantFactory.create(
        manufacturer__name="AcmeX", name="Alpha Cone", aliases=["ACN", "AcmeX Alfa"]
    )
    stays = ImplantFactory.create(manufacturer__name="Betamed", name="Cone B")
    do(stays, goes, curator)

    for name in ("ACMEX_ACN_4.0mm_1.png", "ACMEX_ALFA_4.0mm.png", "acmex/alpha_cone_01.png"):
        named = read_name(PurePosixPath(name), Convention.AUTO, Directory())
        assert named and (named.manufacturer, named.line) == ("Betamed", "Cone B"), name


def test_a_name_that_two_makers_implants_go_by_is_a_problem() -> None:
    for maker in ("Zimmer Biomet Dental", "ZimVie"):
        ImplantFactory.create(
            manufacturer__name=maker, name="Vent", aliases=["Zimmer Tapered Screw-Vent"]
        )
    with pytest.raises(NameProblemError, match="ZimVie Vent or Zimmer Biomet Dental Vent"):
        read_name(PurePosixPath("ZIMMER_TAPERED_SCREW_VENT_4mm.png"), Convention.AUTO, Directory())


def test_answers_and_the_story_of_a_decided_case_stay(
    stays: Implant, goes: Implant, make_case: Callable[..., Case], curator: User, brenda: User
) -> None:
    case = make_case("approved", decided_by=brenda)
    Finding.objects.update(verdict="identified", implant=goes)
    Delivery.objects.create(
        case=case, state="sent", text="Neodent GM Hélix", decision_id=case.decision_id
    )
    record_event(
        case, CaseEvent.Kind.FINDING_CHANGED, brenda, verdict="identified", implant=goes.pk
    )
    before = Case.objects.values().get(pk=case.pk), Delivery.objects.values().get()
    event = CaseEvent.objects.values().get()

    do(stays, goes, curator)

    assert (Case.objects.values().get(pk=case.pk), Delivery.objects.values().get()) == before
    assert CaseEvent.objects.values().get() == event
    (entry,) = timeline(case, set())
    assert "GM Hélix" in entry.detail and "Helix GM" in entry.detail


def test_what_was_merged_before_follows_too(stays: Implant, goes: Implant, curator: User) -> None:
    do(stays, goes, curator)
    last = ImplantFactory.create()
    stays.refresh_from_db()
    do(last, stays, curator)
    assert {one.survivor for one in Merging.objects.all()} == {last}


def test_a_changed_plan_stops_the_merge(stays: Implant, goes: Implant, curator: User) -> None:
    mark = plan(stays, goes).mark
    ReferenceImageFactory.create(implant=goes)

    with pytest.raises(PlanChanged):
        merge(stays.pk, goes.pk, mark, curator)
    assert Implant.objects.filter(pk=goes.pk).exists()


def test_a_failure_leaves_everything(
    stays: Implant, goes: Implant, curator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    ReferenceImageFactory.create(implant=goes)

    def fail(*_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(merging, "_log", fail)
    with pytest.raises(RuntimeError):
        do(stays, goes, curator)
    stays.refresh_from_db()
    assert goes.references.count() == 1 and stays.apex == "" and not LogEntry.objects.exists()


def test_an_implant_is_not_merged_with_itself_nor_with_one_that_is_gone(
    stays: Implant, goes: Implant, curator: User
) -> None:
    with pytest.raises(MergeError):
        plan(stays, stays)
    mark, pk = plan(stays, goes).mark, goes.pk
    goes.delete()
    with pytest.raises(PlanChanged):
        merge(stays.pk, pk, mark, curator)


def test_a_demo_that_takes_in_a_real_one_is_real(
    stays: Implant, goes: Implant, curator: User
) -> None:
    Implant.objects.filter(pk=stays.pk).update(is_demo=True)
    stays.refresh_from_db()
    do(stays, goes, curator)
    stays.refresh_from_db()
    assert not stays.is_demo


def test_history_says_who_merged_what(stays: Implant, goes: Implant, curator: User) -> None:
    do(stays, goes, curator)

    said = {entry.object_id: entry for entry in LogEntry.objects.all()}
    assert all(entry.user == curator for entry in said.values())
    assert "GM Hélix" in said[str(stays.pk)].change_message
    assert "paralelo" in said[str(stays.pk)].change_message, "what was not taken over"
    assert said[str(goes.pk)].action_flag == DELETION


def test_the_page_shows_the_plan_and_does_it(stays: Implant, goes: Implant, curator: User) -> None:
    browser = logged_in(curator)
    page: Any = browser.get(PAGE, {"stays": stays.pk, "goes": goes.pk})
    assert page.context["plan"] == plan(stays, goes)

    sent = {"stays": stays.pk, "goes": goes.pk, "mark": page.context["plan"].mark}
    answer = browser.post(PAGE, sent)

    assert answer.headers["Location"] == f"/admin/implants/implant/{stays.pk}/change/"
    assert not Implant.objects.filter(pk=goes.pk).exists()


def test_the_page_shows_a_changed_plan_again(stays: Implant, goes: Implant, curator: User) -> None:
    sent = {"stays": stays.pk, "goes": goes.pk, "mark": "old"}
    answer: Any = logged_in(curator).post(PAGE, sent)
    assert len(answer.context["messages"]) == 1 and answer.context["plan"].merged == goes


def test_the_page_refuses_one_implant_twice(stays: Implant, curator: User) -> None:
    answer: Any = logged_in(curator).get(PAGE, {"stays": stays.pk, "goes": stays.pk})
    assert answer.status_code == 200 and len(answer.context["messages"]) == 1


@pytest.mark.parametrize(
    "missing",
    ["change_implant", "delete_implant", "change_referenceimage", "delete_referenceimage"],
)
def test_merging_needs_all_its_permissions(stays: Implant, goes: Implant, missing: str) -> None:
    user = person("quase")
    names = {
        "change_implant", "delete_implant", "change_referenceimage", "delete_referenceimage",
    } - {missing}  # fmt: skip
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    sent = {"stays": stays.pk, "goes": goes.pk, "mark": plan(stays, goes).mark}

    assert logged_in(user).post(PAGE, sent).status_code == 403
    assert Implant.objects.count() == 2


def test_the_list_of_implants_leads_to_the_page(
    stays: Implant, goes: Implant, curator: User
) -> None:
    chosen = {"action": "merge", "_selected_action": [stays.pk, goes.pk]}
    address = logged_in(curator).post("/admin/implants/implant/", chosen).headers["Location"]
    assert address.startswith(PAGE) and f"={stays.pk}" in address and f"={goes.pk}" in address


def test_the_list_asks_for_exactly_two(stays: Implant, curator: User) -> None:
    chosen = {"action": "merge", "_selected_action": [stays.pk]}
    answer: Any = logged_in(curator).post("/admin/implants/implant/", chosen, follow=True)
    assert [str(text) for text in answer.context["messages"]] == [
        "Escolha exatamente dois implantes."
    ]
