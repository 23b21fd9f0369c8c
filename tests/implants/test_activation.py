"""Which encoder answers: activation refuses what does not work and never mixes vectors."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from procrastinate.contrib.django.models import ProcrastinateJob

from implants import activation
from implants.activation import activate, activate_bundled_if_none, find_bundle
from implants.encoders.active import active
from implants.encoders.bundle import ONNX_NAME, EncoderUnavailable
from implants.models import Encoder, ReferenceVector
from tests.factories import EncoderFactory, ReferenceImageFactory, ReferenceVectorFactory
from tests.implants.tiny_encoder import describe, write_bundle

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_encoder")]


@pytest.fixture
def bundled(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundle in the place of the one that comes with Raiox."""
    monkeypatch.setattr(activation, "BUNDLED", tiny_bundle)
    return tiny_bundle


def jobs() -> list[int]:
    waiting = ProcrastinateJob.objects.filter(task_name="implants.embed_reference")
    return sorted(job.args["reference_id"] for job in waiting)


def test_activated_encoder_answers_and_no_other(tiny_bundle: Path, tmp_path: Path) -> None:
    first = activate(write_bundle(tmp_path / "first", name="first")).encoder

    second = activate(tiny_bundle)

    assert active().encoder_id == second.encoder.pk
    assert list(Encoder.objects.filter(is_active=True)) == [second.encoder]
    assert activate(tmp_path / "first").encoder.pk == first.pk


def test_activation_asks_for_the_vectors_that_are_missing(tiny_bundle: Path) -> None:
    encoder = activate(tiny_bundle).encoder
    ReferenceVectorFactory.create(encoder=encoder)
    lacking = ReferenceVectorFactory.create().reference

    done = activate(tiny_bundle)

    assert done.waiting == 1
    assert jobs() == [lacking.pk]


@pytest.mark.parametrize("graph", [b"", b"not a graph"], ids=["other bytes", "described"])
def test_activation_refuses_a_bundle_that_does_not_load(
    tiny_bundle: Path, tmp_path: Path, graph: bytes
) -> None:
    before = activate(tiny_bundle).encoder
    broken = write_bundle(tmp_path / "broken", name="broken")
    (broken / ONNX_NAME).write_bytes(graph)
    if graph:
        describe(broken, name="broken", version="1")

    with pytest.raises(EncoderUnavailable):
        activate(broken)

    assert list(Encoder.objects.all()) == [before]
    assert Encoder.objects.get().is_active


def test_bundle_with_other_content_is_another_encoder(tiny_bundle: Path) -> None:
    before = activate(tiny_bundle).encoder
    vector = ReferenceVectorFactory.create(encoder=before)
    describe(tiny_bundle, name="tiny", version="2")

    done = activate(tiny_bundle)

    assert done.encoder.pk != before.pk
    assert done.encoder.name == "tiny"
    assert ReferenceVector.objects.filter(pk=vector.pk).exists(), "it may come back"
    assert jobs() == [vector.reference_id]
    before.refresh_from_db()
    assert not before.is_active
    assert before.name.startswith("tiny (1+")


def test_bundle_that_was_moved_is_the_same_encoder(tiny_bundle: Path, tmp_path: Path) -> None:
    before = activate(tiny_bundle).encoder
    moved = tiny_bundle.rename(tmp_path / "moved")

    assert activate(moved).encoder.pk == before.pk
    assert active().session.bundle.path == moved


def test_bundle_that_goes_back_and_forth_has_its_row_again(tiny_bundle: Path) -> None:
    rows = []
    for version in ("1", "2", "1", "2"):
        describe(tiny_bundle, name="tiny", version=version)
        rows.append(activate(tiny_bundle).encoder)
        assert Encoder.objects.get(is_active=True).name == "tiny"

    assert [row.pk for row in rows] == [rows[0].pk, rows[1].pk] * 2
    assert Encoder.objects.count() == 2


def test_bundled_encoder_becomes_active_only_where_none_is(bundled: Path, tmp_path: Path) -> None:
    done = activate_bundled_if_none()
    assert done is not None
    assert done.encoder.is_active
    assert activate_bundled_if_none() is None

    other = activate(write_bundle(tmp_path / "other", name="other")).encoder
    assert activate_bundled_if_none() is None
    assert Encoder.objects.get(is_active=True) == other


def test_bundled_encoder_that_changed_is_activated_anew(bundled: Path) -> None:
    activate_bundled_if_none()
    describe(bundled, name="tiny", version="2")

    done = activate_bundled_if_none()

    assert done is not None
    assert done.encoder.version.startswith("2+")


def test_bundle_is_found_by_row_by_folder_of_var_and_by_path(
    tiny_bundle: Path, tmp_path: Path, settings: Any
) -> None:
    settings.VAR_DIR = tmp_path
    EncoderFactory.create(name="known", path=str(tiny_bundle))

    assert find_bundle("known") == find_bundle("tiny") == find_bundle(str(tiny_bundle))
    with pytest.raises(EncoderUnavailable, match="nowhere"):
        find_bundle("nowhere")


def test_activate_encoder_command_says_what_waits(tiny_bundle: Path) -> None:
    ReferenceImageFactory.create_batch(2)
    answer = io.StringIO()

    call_command("activate_encoder", str(tiny_bundle), stdout=answer)

    assert "Active encoder: tiny (1+" in answer.getvalue()
    assert "2 references have no vector" in answer.getvalue()


def test_activate_encoder_command_with_the_bundled_one() -> None:
    call_command("activate_encoder", "--bundled", "--if-none", stdout=io.StringIO())
    assert Encoder.objects.get(is_active=True).path == "implants/encoders/bundled"

    answer = io.StringIO()
    call_command("activate_encoder", "--bundled", "--if-none", stdout=answer)
    assert "active already" in answer.getvalue()


@pytest.mark.parametrize("arguments", [["nowhere"], ["tiny", "--if-none"], ["tiny", "--bundled"]])
def test_activate_encoder_command_fails_with_a_reason(arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("activate_encoder", *arguments)
    assert not Encoder.objects.exists()
