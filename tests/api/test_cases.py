"""Cases, as programs read them."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from cases import review
from cases.models import Case, CaseImage, Finding, Result, Search
from implants.models import Encoder, Implant, ReferenceImage
from tests.factories import EncoderFactory, ImplantFactory, ReferenceImageFactory, unit_vector
from webhooks.models import JotformForm

pytestmark = pytest.mark.django_db


@pytest.fixture
def encoder_row(db: None) -> Encoder:
    return EncoderFactory.create(name="the-encoder")


@pytest.fixture
def make_case(encoder_row: Encoder) -> Callable[..., Case]:
    """A pending case with an image, a finding and its search with three results."""

    def make(state: str = "pending", **fields: Any) -> Case:
        form, _ = JotformForm.objects.get_or_create(form_id="24")
        case = Case.objects.create(form=form, submission_id=uuid4().hex, state=state, **fields)
        image = CaseImage.objects.create(
            case=case, url="https://files.example.org/private/rx.png", state="stored",
            file="uploads/x.png", width=300, height=400,
        )  # fmt: skip
        add_results(Finding.objects.create(case=case, tooth="36"), image, encoder_row)
        return case

    return make


def add_results(finding: Finding, image: CaseImage, encoder: Encoder) -> list[ReferenceImage]:
    search = Search.objects.create(
        finding=finding, image=image, encoder=encoder, embedding=unit_vector(1)
    )
    references = ReferenceImageFactory.create_batch(3)
    for rank, reference in enumerate(references, start=1):
        Result.objects.create(
            search=search, rank=rank, implant=reference.implant, reference=reference,
            similarity=1 - rank / 10,
        )  # fmt: skip
    return references


def ids(answer: Any) -> list[int]:
    return [case["id"] for case in answer.json()]


def test_case_tells_its_whole_story(
    as_reader: APIClient, make_case: Callable[..., Case], brenda: User
) -> None:
    case = make_case(patient="J. S.", dentist_name="Dr. Ana", tooth="36")
    finding = case.findings.get()
    rows = list(Result.objects.order_by("rank"))
    chosen = ImplantFactory.create(name="GM Helix")
    review.set_verdict(finding, brenda, verdict="identified", implant=chosen, note="sure")
    review.approve(case, brenda, note="all well")

    shown = as_reader.get(f"/cases/{case.pk}").json()

    assert (shown["id"], shown["state"], shown["problem"]) == (case.pk, "approved", "")
    assert (shown["form_id"], shown["submission_id"]) == ("24", case.submission_id)
    assert (shown["patient"], shown["dentist_name"], shown["tooth"]) == ("J. S.", "Dr. Ana", "36")
    assert (shown["decided_by"], shown["note"]) == ("Brenda", "all well")
    (image,) = shown["images"]
    assert (image["state"], image["width"], image["height"]) == ("stored", 300, 400)
    assert "files.example.org" not in str(shown)
    (told,) = shown["findings"]
    assert (told["id"], told["verdict"], told["note"]) == (finding.pk, "identified", "sure")
    assert told["implant"]["name"] == "GM Helix"
    assert [result["rank"] for result in told["results"]] == [1, 2, 3]
    assert [result["similarity"] for result in told["results"]] == [0.9, 0.8, 0.7]
    assert [result["implant"]["id"] for result in told["results"]] == [r.implant_id for r in rows]
    assert [result["reference"]["id"] for result in told["results"]] == [
        row.reference_id for row in rows
    ]
    assert {(r["encoder"], r["confidence"]) for r in told["results"]} == {("the-encoder", None)}
    events = [(event["kind"], event["actor"]) for event in shown["timeline"]]
    assert events == [
        ("finding_changed", "Brenda"),
        ("approved", "Brenda"),
        ("delivery_queued", None),
    ]
    (delivery,) = shown["deliveries"]
    assert (delivery["state"], delivery["kind"], delivery["attempt"]) == ("queued", "answer", 1)
    assert "GM Helix" in delivery["text"]


def test_finding_tells_its_doubt(as_reader: APIClient, make_case: Callable[..., Case]) -> None:
    case = make_case()
    first, second, third = (row.implant for row in Result.objects.order_by("rank"))
    image = case.images.get()
    case.findings.get().searches.update(
        confidence="low", observations=148, concerns=["no_implant", "photograph"]
    )
    Implant.objects.exclude(pk=second.pk).update(look_alike_group="cone")

    shown = as_reader.get(f"/cases/{case.pk}").json()

    (finding,) = shown["findings"]
    assert (finding["confidence"], finding["observations"]) == ("low", 148)
    assert finding["concerns"] == ["photograph", "no_implant"]
    assert [(i["id"], i["concerns"]) for i in shown["images"]] == [
        (image.pk, ["photograph", "no_implant"])
    ]
    assert [result["confidence"] for result in finding["results"]] == ["low", None, None]
    assert finding["look_alikes"]["group"] == "cone"
    assert [found["id"] for found in finding["look_alikes"]["implants"]] == [first.pk, third.pk]


def test_finding_without_a_search_has_no_doubt(
    as_reader: APIClient, make_case: Callable[..., Case]
) -> None:
    case = make_case()
    case.findings.get().searches.all().delete()
    (finding,) = as_reader.get(f"/cases/{case.pk}").json()["findings"]
    doubt = [finding[name] for name in ("confidence", "observations", "concerns", "look_alikes")]
    assert doubt == [None, 0, [], None]


def test_result_outlives_its_reference(
    as_reader: APIClient, make_case: Callable[..., Case]
) -> None:
    case = make_case()
    ReferenceImage.objects.all().delete()
    (finding,) = as_reader.get(f"/cases/{case.pk}").json()["findings"]
    assert [result["reference"] for result in finding["results"]] == [None] * 3


def test_list_holds_the_same_cases_latest_first(
    as_reader: APIClient, make_case: Callable[..., Case]
) -> None:
    first, second = make_case(), make_case()
    answer = as_reader.get("/cases")
    assert ids(answer) == [second.pk, first.pk]
    assert answer["X-Total-Count"] == "2"
    assert answer.json()[1] == as_reader.get(f"/cases/{first.pk}").json()


def test_cases_are_chosen_by_state(as_reader: APIClient, make_case: Callable[..., Case]) -> None:
    pending, received, analyzing = (make_case(s) for s in ("pending", "received", "analyzing"))
    assert ids(as_reader.get("/cases", {"state": "received"})) == [received.pk]
    answer = as_reader.get("/cases?state=pending&state=analyzing&limit=1")
    assert ids(answer) == [analyzing.pk]
    assert answer["X-Total-Count"] == "2"
    assert ids(as_reader.get("/cases?state=pending&state=analyzing&skip=1")) == [pending.pk]


def test_unknown_state_is_refused(as_reader: APIClient) -> None:
    answer = as_reader.get("/cases", {"state": "lost"})
    assert answer.status_code == 400
    assert list(answer.json()["error"]["details"]) == ["state"]


def test_unknown_case_is_not_found(as_reader: APIClient) -> None:
    answer = as_reader.get("/cases/1")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_list_takes_the_same_queries_however_long(
    as_reader: APIClient,
    make_case: Callable[..., Case],
    brenda: User,
    django_assert_max_num_queries: Callable[..., Any],
) -> None:
    for _ in range(4):
        case = make_case()
        Implant.objects.update(look_alike_group="cone")
        review.set_verdict(
            case.findings.get(), brenda, verdict="identified", implant=ImplantFactory.create()
        )
        review.approve(case, brenda)
    with django_assert_max_num_queries(15):
        assert len(as_reader.get("/cases").json()) == 4


def test_cases_are_chosen_by_submission_and_time(
    as_reader: APIClient, make_case: Callable[..., Case]
) -> None:
    old, new = make_case(), make_case()
    Case.objects.filter(pk=old.pk).update(created_at="2026-03-01T12:00:00Z")
    Case.objects.filter(pk=new.pk).update(created_at="2026-03-02T12:00:00Z")
    noon = "2026-03-02T12:00:00Z"
    assert ids(as_reader.get("/cases", {"received_from": noon})) == [new.pk]
    assert ids(as_reader.get("/cases", {"received_before": noon})) == [old.pk]
    assert ids(as_reader.get("/cases", {"submission_id": old.submission_id})) == [old.pk]
    assert ids(as_reader.get("/cases", {"form_id": old.form.form_id})) == [new.pk, old.pk]
    assert ids(as_reader.get("/cases", {"form_id": "another"})) == []


@pytest.mark.parametrize("query", [{"received_from": "yesterday"}, {"received_from": ""}])
def test_a_filter_that_makes_no_sense_is_refused(
    as_reader: APIClient, query: dict[str, str]
) -> None:
    answer = as_reader.get("/cases", query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid")
    assert list(answer.json()["error"]["details"]) == list(query)
