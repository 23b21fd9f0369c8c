"""Cases in each state, built through the product's own functions where there are some."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from cases.candidates import Candidate, candidates_of
from cases.models import Case, CaseImage, Finding, Result, Search
from implants.activation import activate
from implants.catalogue import add_reference
from implants.demo.renderer import VIEWS
from implants.demo.systems import DEMO_SYSTEMS, DemoSystem
from implants.embedding import embed_reference
from implants.encoders.active import forget
from implants.encoders.bundle import BUNDLED
from implants.models import DIMENSIONS, Encoder, Implant, Manufacturer
from tests.cases.world import world as world
from tests.films import film
from tests.sandbox.process import SandboxProcess
from webhooks.client import client_from_settings
from webhooks.connecting import propose_mapping, save_form
from webhooks.models import InboundEvent, JotformForm

URL = "https://www.jotform.com/uploads/clinica/24/62/rx%201.png"


@pytest.fixture
def form(db: None) -> JotformForm:
    return JotformForm.objects.create(
        form_id="24", title="Identificação", qid_dentist="3", qid_email="4", qid_images="5",
        qid_patient="6", qid_tooth="7", qid_result="9", is_default=True,
    )  # fmt: skip


@pytest.fixture
def sandbox_form(db: None, sandbox: SandboxProcess) -> JotformForm:
    """The sandbox's own form, mapped as `connect_jotform` does."""
    mapping = propose_mapping(client_from_settings().get_questions(sandbox.form_id))
    return save_form(sandbox.form_id, "Sandbox", mapping, is_default=False)


@pytest.fixture
def brenda(db: None) -> User:
    return User.objects.create_user("brenda", first_name="Brenda")


@pytest.fixture
def rita(db: None) -> User:
    return User.objects.create_user("rita", first_name="Rita")


@pytest.fixture
def implants(db: None) -> list[Implant]:
    maker = Manufacturer.objects.create(name="Neodent", country="BR")
    names = ("Drive CM", "Grand Morse Helix", "Titamax HE", "Alvim CM")
    return [Implant.objects.create(manufacturer=maker, name=name) for name in names]


@pytest.fixture
def make_case(form: JotformForm) -> Callable[..., Case]:
    """A case with one finding and one stored image, in the given state."""

    def make(state: str = "pending", **fields: Any) -> Case:
        decision: dict[str, Any] = {}
        if state in ("approved", "rejected"):
            decision = {"decided_at": timezone.now(), "decision_id": uuid4()}
        fields = {"form": form, "submission_id": str(uuid4().int)[:19], "tooth": "44", **fields}
        case = Case.objects.create(state=state, **decision, **fields)
        CaseImage.objects.create(case=case, url=URL, state="stored", file="uploads/x.png")
        Finding.objects.create(case=case, tooth=case.tooth)
        return case

    return make


@pytest.fixture
def encoder(db: None) -> Iterator[Encoder]:
    """The bundled encoder, active."""
    forget()
    yield activate(BUNDLED).encoder
    forget()


@pytest.fixture(scope="session")
def reference_films() -> list[tuple[DemoSystem, bytes]]:
    """Two rendered films of each of five systems."""
    return [(system, film(system, view)) for system in DEMO_SYSTEMS[:5] for view in VIEWS[:2]]


@pytest.fixture
def catalogue(
    encoder: Encoder, reference_films: list[tuple[DemoSystem, bytes]], media: Path
) -> Encoder:
    """Five implants with two references each, and their real vectors; the encoder's row."""
    for system, data in reference_films:
        maker, _ = Manufacturer.objects.get_or_create(name=system.manufacturer)
        implant, _ = Implant.objects.get_or_create(manufacturer=maker, name=system.name)
        embed_reference(add_reference(implant, data).reference.pk)
    return encoder


@pytest.fixture
def media(settings: Any, tmp_path: Path) -> Path:
    """The default storage is an empty folder, private as in the settings."""
    options = {**settings.STORAGES["default"]["OPTIONS"], "location": tmp_path / "media"}
    default = {**settings.STORAGES["default"], "OPTIONS": options}
    settings.STORAGES = {**settings.STORAGES, "default": default}
    return tmp_path / "media"


@pytest.fixture
def encoder_row(db: None) -> Encoder:
    """A row to hang searches on; nothing is encoded with it."""
    return Encoder.objects.create(name="test-encoder", path="nowhere", is_active=True)


@pytest.fixture
def add_search(encoder_row: Encoder) -> Callable[..., Search]:
    """A search of a case's finding and image with these (implant, similarity) pairs."""

    def add(finding: Finding, image: CaseImage, *pairs: tuple[Implant, float]) -> Search:
        search = Search.objects.create(
            finding=finding, image=image, region=finding.region, encoder=encoder_row,
            embedding=[1.0] + [0.0] * (DIMENSIONS - 1),
        )  # fmt: skip
        Result.objects.bulk_create(
            Result(search=search, rank=rank, implant=implant, similarity=similarity)
            for rank, (implant, similarity) in enumerate(pairs, 1)
        )
        return search

    return add


@pytest.fixture
def make_event(form: JotformForm) -> Callable[..., InboundEvent]:
    """A received multipart event of submission 62; keywords change its answers."""

    def make(submission_id: str = "62", **changes: Any) -> InboundEvent:
        raw = {
            "q3_nome": {"first": "Ana", "last": "Dias"},
            "q4_email": "ana@example.org",
            "q6_paciente": "B. F.",
            "q7_dente": "44",
            "temp_upload": {"q5_radiografia": ["rx 1.png#jotformfs-xx#uuid"]},
            "radiografia": [URL],
            **changes,
        }
        return InboundEvent.objects.create(
            kind="multipart", form_id="24", submission_id=submission_id,
            payload=json.loads(json.dumps({"rawRequest": raw})),
        )  # fmt: skip

    return make


def jobs(task: str) -> list[dict[str, Any]]:
    """Arguments of the waiting jobs of one task, oldest first."""
    waiting = ProcrastinateJob.objects.filter(task_name=task, status="todo").order_by("id")
    return [job.args for job in waiting]


def candidates(finding: Finding) -> list[Candidate]:
    """The candidates of one finding."""
    return candidates_of([finding])[finding.pk]


def shown_in_queue(browser: Client, query: dict[str, str] | None = None) -> list[Case]:
    """The rows of the queue for these filters."""
    return list(browser.get("/admin/cases/case/", query).context["cl"].result_list)
