"""A service with something on each of its pages: for tests that visit all of them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.files.base import ContentFile
from django.urls import URLPattern, URLResolver, reverse
from django.utils import timezone

from cases.events import record
from cases.models import Case, CaseEvent, CaseImage, Result, Search
from cases.privacy.models import AccessRecord
from implants.demo.systems import DEMO_SYSTEMS
from implants.models import DIMENSIONS, Encoder, Implant, ReferenceImage, Suspicion
from tests.films import film
from tests.people import person
from webhooks.models import InboundEvent, JotformForm

_MODEL_PAGES = ("changelist", "add", "change", "history", "delete")


@dataclass
class World:
    """Who visits, and the cases by what is special about them."""

    visitor: User
    cases: dict[str, Case]

    def paths(self) -> dict[str, str]:
        """Path of each page of a registered model, by its name in the URL configuration."""
        return dict(self._model_paths())

    def other_paths(self) -> dict[str, str]:
        """Pages of the admin that belong to no model, or are one more page of it."""
        references = ReferenceImage.objects.values_list("pk", flat=True)[:2]
        chosen = ",".join(map(str, references))
        stays, goes = Implant.objects.order_by("pk").values_list("pk", flat=True)[:2]
        return {
            "index": "/admin/",
            "deliveries": f"/admin/deliveries/{self.cases['waiting'].form_id}/",
            "quality": "/admin/quality/",
            "preferences": "/admin/preferences/",
            "help": "/admin/help/curator/",
            "second_factor": "/admin/second-factor/",
            "password_change": "/admin/password_change/",
            "password_change_done": "/admin/password_change/done/",
            "app_list": "/admin/cases/",
            "merge_implants": f"/admin/merge-implants/?stays={stays}&goes={goes}",
            "auth_user_password_change": f"/admin/auth/user/{self.visitor.pk}/password/",
            "implants_implant_import": reverse("admin:implants_implant_import"),
            "implants_implant_changes": "/admin/implants/implant/changes/",
            "implants_referenceimage_suspects": "/admin/implants/referenceimage/suspects/",
            "implants_referenceimage_move": f"/admin/implants/referenceimage/move/?ids={chosen}",
        }

    def _model_paths(self) -> Iterator[tuple[str, str]]:
        for model in admin.site._registry:
            meta = model._meta
            row = model._default_manager.first()
            assert row is not None, f"there is no {meta.label} to look at"
            for page in _MODEL_PAGES:
                name = f"{meta.app_label}_{meta.model_name}_{page}"
                args = [] if page in ("changelist", "add") else [row.pk]
                yield name, reverse(f"admin:{name}", args=args)


def admin_routes() -> dict[str, list[str]]:
    """The name of every route of the admin, and the names of its arguments."""
    return {
        route.name: list(route.pattern.converters or route.pattern.regex.groupindex)
        for route in _routes(admin.site.urls[0])
        if route.name is not None
    }


def _routes(patterns: Any) -> Iterator[URLPattern]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns)
        elif isinstance(pattern, URLPattern):
            yield pattern


@pytest.fixture
def world(catalogue: Encoder, make_case: Callable[..., Case], form: JotformForm) -> World:
    """A case in each state, with films, candidates, deliveries; and a row of every model."""
    visitor = person("admin", is_superuser=True)
    rita = person("rita", "Revisores")
    decided = {"decided_by": rita}
    cases = {
        "waiting": make_case(dentist_name="Ana Dias", patient="B. F."),
        "doubtful": make_case(dentist_name="Ana Dias", tooth="11, 12"),
        "without image": make_case(problem="no_usable_image"),
        "being analysed": make_case("analyzing"),
        "postponed": make_case(postponed_until=timezone.now() + timedelta(days=1)),
        "claimed": make_case(claimed_by=rita, claimed_until=timezone.now() + timedelta(minutes=10)),
        "approved": make_case("approved", **decided),
        "not delivered": make_case("approved", **decided),
        "rejected": make_case("rejected", rejection_reason="new_film_needed", **decided),
        "changed": make_case("approved", changed_after_decision=True, **decided),
        "direct": make_case(is_direct=True),
    }
    for case in cases.values():
        _give_film_and_candidates(case, catalogue)
    _spoil(cases)
    _fill_the_other_tables(form, visitor, cases["approved"])
    return World(visitor, cases)


def _give_film_and_candidates(case: Case, encoder: Encoder) -> None:
    image, finding = case.images.get(), case.findings.get()
    data = film(DEMO_SYSTEMS[case.pk % 5], query=True)
    image.file.save(f"{uuid4().hex}.png", ContentFile(data))
    search = Search.objects.create(
        finding=finding, image=image, encoder=encoder, confidence="medium", observations=80,
        embedding=[1.0] + [0.0] * (DIMENSIONS - 1),
    )  # fmt: skip
    for rank, implant in enumerate(Implant.objects.order_by("pk")[:3], 1):
        reference = ReferenceImage.objects.filter(implant=implant).first()
        Result.objects.create(
            search=search, rank=rank, implant=implant, reference=reference,
            similarity=0.9 - rank / 20,
        )  # fmt: skip
    record(case, CaseEvent.Kind.RECEIVED, images=1)
    record(case, CaseEvent.Kind.ANALYZED, encoder=encoder.name, searches=1)
    if case.is_decided:
        case.findings.update(verdict="identified", implant=Implant.objects.first())
        case.deliveries.create(text="Raiox AI", decision_id=case.decision_id, state="sent")


def _spoil(cases: dict[str, Case]) -> None:
    CaseImage.objects.filter(case=cases["without image"]).update(
        state="refused", refusal="not_an_image"
    )
    Search.objects.filter(finding__case=cases["doubtful"]).update(
        confidence="out_of_catalogue", concerns=["no_implant"]
    )
    cases["not delivered"].deliveries.update(state="failed", reason="refused", status_code=400)


def _fill_the_other_tables(form: JotformForm, visitor: User, case: Case) -> None:
    InboundEvent.objects.create(
        kind="multipart", form_id=form.form_id, submission_id="62", payload={"a": "b"},
        state="failed",
    )  # fmt: skip
    first, second = ReferenceImage.objects.order_by("implant", "pk")[1:3]
    Suspicion.objects.create(
        encoder=Encoder.objects.get(is_active=True), reference=first, neighbour=second,
        strength=0.8, strangers=3, voters=4, similarity=0.9,
    )  # fmt: skip
    AccessRecord.objects.create(user=visitor, what=AccessRecord.What.values[0], case_number=case.pk)
    for model, row in ((Case, case), (Implant, Implant.objects.first())):
        LogEntry.objects.create(
            user=visitor, content_type=ContentType.objects.get_for_model(model),
            object_id=str(row.pk if row else 0), object_repr="x", action_flag=CHANGE,
        )  # fmt: skip
