"""The embedding job, and when it is tried again."""

import pytest
from botocore.exceptions import EndpointConnectionError
from django.core.management import call_command
from django.db import OperationalError
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.jobs import Job

from implants.catalogue import add_reference
from implants.encoders.bundle import EncoderUnavailable
from implants.models import Encoder, ReferenceVector
from implants.tasks import embed_reference
from raiox.common import correlation
from tests.factories import ImplantFactory
from tests.implants.conftest import film


@pytest.mark.django_db
def test_job_of_a_new_reference_makes_its_vector(media: object, encoder: Encoder) -> None:
    with correlation.correlated("upload-1"):
        reference, _ = add_reference(ImplantFactory.create(), film(1))

    job = ProcrastinateJob.objects.get(task_name="implants.embed_reference")
    assert job.args == {"reference_id": reference.pk, "correlation_id": "upload-1"}
    app.tasks[job.task_name](**job.args)

    assert ReferenceVector.objects.get().reference == reference


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (EncoderUnavailable("none"), True),
        (OperationalError("restarting"), True),
        (ConnectionResetError(), True),
        (EndpointConnectionError(endpoint_url="https://storage"), True),
        (ValueError("a mistake of ours"), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_job_is_tried_again_after_what_may_pass(error: Exception, again: bool) -> None:
    def decision(attempts: int) -> object:
        job = Job(
            id=1,
            queue="default",
            lock=None,
            queueing_lock=None,
            task_name=embed_reference.name,
            attempts=attempts,
        )
        return embed_reference.get_retry_exception(error, job)

    assert (decision(1) is not None) == again
    assert decision(8) is None


@pytest.mark.parametrize(
    "command",
    ["seed_implants", "seed_demo", "check_catalogue", "identify", "activate_encoder", "reembed"],
)
def test_every_command_explains_itself_by_an_example(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        call_command(command, "--help")

    assert end.value.code == 0
    assert f"\n  manage.py {command}" in capsys.readouterr().out
