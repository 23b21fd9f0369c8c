"""Changing encoders: the old one answers until the new one has seen all that is found."""

import gc
import io
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from procrastinate.contrib.django.models import ProcrastinateJob

from implants import catalogue as module
from implants import embedding, reembedding
from implants.activation import IncompleteError, activate, register, switch
from implants.catalogue import (
    EncodingState,
    Film,
    add_reference,
    catalogue_changed,
    forget_vectors,
    replace_film,
    with_encoding_state,
)
from implants.embedding import embed, embed_for_search, embed_reference
from implants.encoders import active as active_module
from implants.encoders.active import EncoderReplaced, active, forget
from implants.identification import identify
from implants.models import Encoder, ReferenceImage, ReferenceVector
from implants.radiograph import open_radiograph
from implants.reembedding import Reembedding, prune
from tests.factories import ImplantFactory, ReferenceVectorFactory
from tests.implants.conftest import film, stored_name
from tests.implants.tiny_encoder import write_bundle

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]


@pytest.fixture
def catalogue(encoder: Encoder) -> list[ReferenceImage]:
    """Three references that the active encoder has seen."""
    made = [add_reference(ImplantFactory.create(), film(seed)).reference for seed in range(3)]
    assert embed(made, active()) == []
    ProcrastinateJob.objects.all().delete()
    return made


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """The bundle of another encoder."""
    return write_bundle(tmp_path / "other", name="other")


@pytest.fixture
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reembedding, "PRUNE_PATIENCE_SECONDS", 0)


def run(*command: str) -> str:
    answer = io.StringIO()
    call_command(*command, stdout=answer, stderr=answer)
    return answer.getvalue()


def failing(*command: str) -> str:
    answer = io.StringIO()
    with pytest.raises(CommandError) as failure:
        call_command(*command, stdout=answer, stderr=answer)
    return f"{answer.getvalue()}{failure.value}"


def seen_by(name: str) -> set[int]:
    """The references that an encoder has a vector of."""
    vectors = ReferenceVector.objects.filter(encoder__name=name)
    return set(vectors.values_list("reference_id", flat=True))


def ids(references: list[ReferenceImage]) -> set[int]:
    return {reference.pk for reference in references}


def test_reembed_makes_new_vectors_beside_the_old(
    catalogue: list[ReferenceImage], other: Path, encoder: Encoder
) -> None:
    before = dict(encoder.vectors.values_list("pk", "created_at"))

    answer = run("reembed", "--encoder", str(other))

    assert seen_by("other") == ids(catalogue)
    assert dict(encoder.vectors.values_list("pk", "created_at")) == before
    assert active().encoder_id == encoder.pk
    assert f"activate_encoder {other}" in answer


def test_reembed_goes_on_where_it_was(
    catalogue: list[ReferenceImage], other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reembedding, "BATCH", 1)
    run_all = Reembedding.run

    def interrupted(self: Reembedding) -> Iterator[int]:
        yield next(run_all(self))
        raise KeyboardInterrupt

    monkeypatch.setattr(Reembedding, "run", interrupted)
    assert "Run the same command again" in failing("reembed", "--encoder", str(other))
    (first,) = ReferenceVector.objects.filter(encoder__name="other")

    monkeypatch.setattr(Reembedding, "run", run_all)
    run("reembed", "--encoder", "other")

    assert seen_by("other") == ids(catalogue)
    assert ReferenceVector.objects.filter(pk=first.pk, created_at=first.created_at).exists()


def test_reembed_sees_what_is_added_and_changed_meanwhile(
    catalogue: list[ReferenceImage], other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reembedding, "BATCH", 1)
    work = Reembedding(register(other)).run()
    next(work)
    late = add_reference(ImplantFactory.create(), film(7)).reference
    replace_film(catalogue[0], Film(open_radiograph(film(8))))

    list(work)

    assert seen_by("other") == ids([*catalogue, late])
    expected = active().session.encode(open_radiograph(film(8)).image)
    vector = ReferenceVector.objects.get(encoder__name="other", reference=catalogue[0])
    assert vector.embedding == pytest.approx(expected, abs=1e-6)


def test_reembed_tries_again_what_was_mended_meanwhile(
    catalogue: list[ReferenceImage], other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reembedding, "BATCH", 1)
    default_storage.delete(stored_name(catalogue[0]))
    run = Reembedding(register(other))
    work = run.run()
    next(work)
    assert [failure.reference for failure in run.failures] == [catalogue[0]]
    replace_film(catalogue[0], Film(open_radiograph(film(8))))

    list(work)

    assert run.failures == []
    assert seen_by("other") == ids(catalogue)


def test_reembed_tells_what_failed_and_leaves_the_old_answers_alone(
    catalogue: list[ReferenceImage], other: Path
) -> None:
    gone = catalogue[1]
    default_storage.delete(stored_name(gone))

    answer = failing("reembed", "--encoder", str(other))

    assert f"{gone.source_key}: " in answer
    assert "1 references have no vector of other" in answer
    assert seen_by("other") == ids(catalogue) - {gone.pk}
    gone.refresh_from_db()
    assert gone.encoding_error == ""
    states = with_encoding_state(ReferenceImage.objects.all())
    assert {one.encoding_state for one in states} == {EncodingState.READY}


def test_reembed_leaves_errors_of_the_active_encoder_alone(
    catalogue: list[ReferenceImage], other: Path
) -> None:
    failed = catalogue[0]
    failed.vectors.all().delete()
    ReferenceImage.objects.filter(pk=failed.pk).update(encoding_error="not_encodable")

    run("reembed", "--encoder", str(other))

    failed.refresh_from_db()
    assert failed.encoding_error == "not_encodable"


def test_reembed_goes_on_when_storage_fails_once(
    catalogue: list[ReferenceImage], other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = embedding._read

    def unreliable(reference: ReferenceImage) -> bytes:
        if reference == catalogue[2]:
            raise ConnectionResetError("storage went away")
        return read(reference)

    monkeypatch.setattr(embedding, "_read", unreliable)
    assert "storage went away" in failing("reembed", "--encoder", str(other))
    assert seen_by("other") == ids(catalogue[:2])


@pytest.mark.parametrize("arguments", [[], ["--encoder", "x", "--prune"], ["--encoder", "nowhere"]])
def test_reembed_fails_with_a_reason(encoder: Encoder, arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("reembed", *arguments)


def test_activation_without_reembedding_makes_the_vectors_first(
    catalogue: list[ReferenceImage], other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    during = []
    embed_batch = Reembedding._embed

    def watched(self: Reembedding, batch: Any) -> int:
        during.append(Encoder.objects.get(is_active=True).name)
        return embed_batch(self, batch)

    monkeypatch.setattr(Reembedding, "_embed", watched)

    answer = run("activate_encoder", str(other))

    assert during == ["tiny"]
    assert active().name == "other"
    assert seen_by("other") == ids(catalogue)
    assert "no vector" not in answer


def test_activation_refuses_to_lose_a_reference_unless_told(
    catalogue: list[ReferenceImage], other: Path
) -> None:
    default_storage.delete(stored_name(catalogue[1]))

    assert "add --now" in failing("activate_encoder", str(other))
    assert active().name == "tiny"

    assert "1 references have no vector" in run("activate_encoder", str(other), "--now")
    assert active().name == "other"


def test_activation_is_not_stopped_by_what_is_not_found_anyway(
    catalogue: list[ReferenceImage], other: Path
) -> None:
    forget_vectors(catalogue[1])
    default_storage.delete(stored_name(catalogue[1]))

    run("activate_encoder", str(other))

    assert active().name == "other"


def test_switch_refuses_while_a_vector_is_missing(
    catalogue: list[ReferenceImage], other: Path
) -> None:
    row = register(other)

    with pytest.raises(IncompleteError):
        switch(row, complete=True)

    assert Encoder.objects.get(is_active=True).name == "tiny"


def test_registering_other_content_under_the_active_name_leaves_it_answering(
    catalogue: list[ReferenceImage], tmp_path: Path, encoder: Encoder
) -> None:
    newer = write_bundle(tmp_path / "newer", name="tiny", version="2")

    row = register(newer)

    assert (row.name, row.is_active) == ("tiny", False)
    forget()
    assert active().encoder_id == encoder.pk
    assert identify(open_radiograph(film(1)), active()).candidates[0].similarity > 0.999


def test_job_that_began_before_a_change_serves_the_new_encoder_too(
    catalogue: list[ReferenceImage], other: Path
) -> None:
    active()
    late = add_reference(ImplantFactory.create(), film(7)).reference
    row = register(other)
    # In another process: this one has not looked again yet.
    Encoder.objects.update(is_active=False)
    Encoder.objects.filter(pk=row.pk).update(is_active=True)
    assert active().name == "tiny"

    embed_reference(late.pk)

    assert late.pk in seen_by("other")


def test_a_running_process_lets_the_old_session_go(
    catalogue: list[ReferenceImage], other: Path
) -> None:
    before = weakref.ref(active().session)
    active().session.encode(open_radiograph(film(1)).image)

    run("activate_encoder", str(other))
    forget()

    assert active().name == "other"
    gc.collect()
    assert before() is None


def test_prune_keeps_the_active_vectors_and_all_rows(
    catalogue: list[ReferenceImage], other: Path, no_waiting: None
) -> None:
    run("activate_encoder", str(other))

    assert "tiny: 3 vectors removed." in run("reembed", "--prune")

    assert (seen_by("tiny"), seen_by("other")) == (set(), ids(catalogue))
    assert Encoder.objects.filter(name="tiny").exists()
    assert "no vectors but" in run("reembed", "--prune")


def test_prune_waits_for_questions_that_began_before(
    catalogue: list[ReferenceImage], other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(reembedding.time, "sleep", waited.append)
    run("activate_encoder", str(other))

    prune()
    prune()

    assert waited == [pytest.approx(2 * active_module.RECHECK_SECONDS + 1)]


def test_prune_without_an_active_encoder_is_refused(encoder: Encoder) -> None:
    ReferenceVectorFactory.create(encoder=encoder)
    Encoder.objects.update(is_active=False)

    assert "No encoder is active" in failing("reembed", "--prune")
    assert ReferenceVector.objects.exists()


def test_question_to_the_old_encoder_is_never_answered_by_the_new_vectors(
    catalogue: list[ReferenceImage], other: Path, no_waiting: None
) -> None:
    asked, question = active(), open_radiograph(film(1))
    run("activate_encoder", str(other))
    assert identify(question, asked).candidates[0].reference_id == catalogue[1].pk

    prune()

    with pytest.raises(EncoderReplaced):
        identify(question, asked)
    assert identify(question, active()).candidates[0].reference_id == catalogue[1].pk


def refreshes() -> int:
    return ProcrastinateJob.objects.filter(task_name="cases.refresh_calibration").count()


def add_one(catalogue: list[ReferenceImage], other: Path) -> None:
    embed_for_search([add_reference(ImplantFactory.create(), film(7)).reference])


def forget_one(catalogue: list[ReferenceImage], other: Path) -> None:
    forget_vectors(catalogue[0])


def delete_one(catalogue: list[ReferenceImage], other: Path) -> None:
    from implants.admin.removal import delete_with_films

    rows = ReferenceImage.objects.filter(pk=catalogue[0].pk)
    delete_with_films(rows, rows)


def change_encoder(catalogue: list[ReferenceImage], other: Path) -> None:
    activate(other)


@pytest.mark.parametrize("change", [add_one, forget_one, delete_one, change_encoder])
def test_every_change_of_the_catalogue_asks_for_calibration(
    catalogue: list[ReferenceImage],
    other: Path,
    django_capture_on_commit_callbacks: Any,
    change: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        change(catalogue, other)

    job = ProcrastinateJob.objects.get(task_name="cases.refresh_calibration")
    assert job.scheduled_at is not None


def test_another_encoder_is_calibrated_before_it_answers(
    catalogue: list[ReferenceImage], other: Path, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        run("reembed", "--encoder", str(other))

    assert refreshes() == 1


def test_many_changes_ask_once(db: None, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(3):
            catalogue_changed()

    assert refreshes() == 1


def test_a_running_calibration_is_followed_by_another(
    db: None, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        catalogue_changed()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing'")
    with django_capture_on_commit_callbacks(execute=True):
        catalogue_changed()

    assert refreshes() == 2


@pytest.mark.django_db(transaction=True)
def test_two_who_ask_at_once_don_t_disturb_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither sees the other's job before it asks: the database refuses one of them."""
    nobody_waits = SimpleNamespace(filter=lambda **_: ReferenceImage.objects.none())
    blind = SimpleNamespace(objects=nobody_waits)
    monkeypatch.setattr(module, "ProcrastinateJob", blind)
    catalogue_changed()
    catalogue_changed()
    with transaction.atomic():
        module._ask_for_calibration()
        ImplantFactory.create()  # the transaction still works

    assert refreshes() == 1


@pytest.mark.django_db(transaction=True)
def test_a_vector_stored_during_the_change_is_made_by_the_new_encoder_too(
    catalogue: list[ReferenceImage], other: Path
) -> None:
    list(Reembedding(register(other)).run())
    late = add_reference(ImplantFactory.create(), film(7)).reference

    def work() -> None:
        try:
            embed_reference(late.pk)
        finally:
            connections.close_all()

    working = threading.Thread(target=work)
    with transaction.atomic():
        switch(Encoder.objects.get(name="other"), complete=True)
        working.start()
        time.sleep(1)  # long enough to get to where it has to wait
    working.join()

    assert late.pk in seen_by("other")
