"""Jobs belong to the transaction of the rows that need them, in web and worker alike."""

from collections.abc import Iterator

import pytest
from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.contrib.django.models import ProcrastinateJob

from raiox.common.jobs import job

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _no_jobs_left() -> Iterator[None]:
    """Django's flush leaves procrastinate's tables alone: other tests' jobs are there too."""
    ProcrastinateJob.objects.all().delete()
    yield
    ProcrastinateJob.objects.all().delete()


@pytest.fixture(params=["web", "worker"])
def _process(request: pytest.FixtureRequest) -> Iterator[None]:
    """The worker command puts a connector of its own under the app."""
    if request.param == "web":
        yield
        return
    with app.replace_connector(DjangoConnector().get_worker_connector()):
        yield


class Broken(Exception):
    """Something went wrong after the job was asked for."""


@pytest.mark.usefixtures("_process")
def test_a_job_goes_with_the_transaction_that_asked_for_it() -> None:
    with pytest.raises(Broken), transaction.atomic():
        job("cases.analyze_case").defer(case_id=1)
        raise Broken
    assert not ProcrastinateJob.objects.exists()
    with transaction.atomic():
        job("cases.analyze_case", lock="analysis:1").defer(case_id=1)
    found = ProcrastinateJob.objects.get()
    assert (found.task_name, found.lock, found.args) == (
        "cases.analyze_case", "analysis:1", {"case_id": 1},
    )  # fmt: skip
