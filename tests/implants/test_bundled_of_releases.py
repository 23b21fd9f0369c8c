"""Each release brings its own bundled encoder: going forth and back loses nothing."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from procrastinate.contrib.django.models import ProcrastinateJob

from implants import activation
from implants.catalogue import add_reference, forget_vectors
from implants.embedding import embed
from implants.encoders.active import active, forget
from implants.encoders.bundle import EncoderUnavailable
from implants.management.commands import activate_encoder, reembed
from implants.models import Encoder, ReferenceImage
from tests.factories import ImplantFactory
from tests.implants.conftest import film, stored_name
from tests.implants.tiny_encoder import write_bundle

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media", "no_encoder")]

Release = Callable[[str], None]


@pytest.fixture
def release(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Release:
    """`release("1")`: from now on the code of that release runs, in a folder of its own."""

    def run_from(version: str) -> None:
        base = tmp_path / f"release-{version}"
        bundle = base / "implants/encoders/bundled"
        if not bundle.exists():
            write_bundle(bundle, name="tiny", version=version)
        settings.BASE_DIR = base
        for module in (activation, activate_encoder, reembed):
            monkeypatch.setattr(module, "BUNDLED", bundle)
        forget()

    return run_from


@pytest.fixture
def catalogue(release: Release) -> list[ReferenceImage]:
    """Three references that the encoder of the first release has seen."""
    release("1")
    run("activate_encoder", "--bundled")
    made = [add_reference(ImplantFactory.create(), film(seed)).reference for seed in range(3)]
    assert embed(made, active()) == []
    ProcrastinateJob.objects.all().delete()
    return made


def run(*command: str) -> str:
    answer = io.StringIO()
    call_command(*command, stdout=answer, stderr=answer)
    return answer.getvalue()


def answering() -> tuple[str, int]:
    """Of the encoder that answers: its bundle's version, how many references it has seen."""
    encoder = active()
    row = Encoder.objects.get(pk=encoder.encoder_id)
    return encoder.session.bundle.version, row.vectors.count()


def test_the_next_release_makes_its_vectors_while_the_one_before_answers(
    catalogue: list[ReferenceImage], release: Release
) -> None:
    release("2")
    assert "is ready" in run("reembed", "--bundled")
    release("1")
    assert answering() == ("1", 3)

    release("2")
    with pytest.raises(EncoderUnavailable, match="activate_encoder"):
        active()
    run("activate_encoder", "--bundled", "--if-none")

    assert answering() == ("2", 3)
    assert not ProcrastinateJob.objects.filter(task_name="implants.embed_reference").exists()


def test_coming_back_to_the_release_before_finds_its_row_and_its_vectors(
    catalogue: list[ReferenceImage], release: Release
) -> None:
    before = active().encoder_id
    Encoder.objects.filter(pk=before).update(calibration={"of": "the first"})
    release("2")
    run("reembed", "--bundled")
    run("activate_encoder", "--bundled", "--if-none")

    release("1")
    run("activate_encoder", "--bundled", "--if-none")

    assert active().encoder_id == before
    assert answering() == ("1", 3)
    row = Encoder.objects.get(pk=before)
    assert (row.name, row.calibration) == ("tiny", {"of": "the first"})
    assert Encoder.objects.count() == 2


def test_a_release_with_the_same_bundled_encoder_has_nothing_to_do(
    catalogue: list[ReferenceImage],
) -> None:
    assert "nothing to do" in run("reembed", "--bundled")
    assert "active already" in run("activate_encoder", "--bundled", "--if-none")


def test_an_encoder_that_somebody_chose_is_left_alone(
    catalogue: list[ReferenceImage], release: Release, tmp_path: Path
) -> None:
    chosen = write_bundle(tmp_path / "chosen", name="chosen")
    run("activate_encoder", str(chosen))
    release("2")

    assert "nothing to do" in run("reembed", "--bundled")
    run("activate_encoder", "--bundled", "--if-none")

    assert active().name == "chosen"


def test_a_reference_that_would_get_lost_stops_the_release(
    catalogue: list[ReferenceImage], release: Release
) -> None:
    forget_vectors(catalogue[0])
    for reference in catalogue[:2]:
        default_storage.delete(stored_name(reference))
    release("2")

    with pytest.raises(CommandError, match="1 references have no vector"):
        run("reembed", "--bundled")

    forget_vectors(catalogue[1])
    assert "is ready" in run("reembed", "--bundled")
