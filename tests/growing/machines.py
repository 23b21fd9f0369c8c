"""The service on several machines: nothing in common but database, Redis, bucket and secrets."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import requests

from tests.faults.storage import BUCKET, FaultyStorage
from tests.stack import Stack, free_port

WORKERS = ("worker-1", "worker-2", "worker-3")
RATE = 100
"""Webhooks an hour and token."""
FAILURES = 4
POOL = 3
"""Connections that all threads of a process share; the first web process has none."""


class Machines:
    """Two web processes with a folder each, and three workers, out of one `stack`."""

    def __init__(self, stack: Stack, redis_url: str, storage: FaultyStorage) -> None:
        self.stack = stack
        self.urls = (stack.url, f"http://127.0.0.1:{free_port()}")
        self.other_token = secrets.token_urlsafe()
        self.environment = {
            "REDIS_URL": redis_url,
            "SECRET_KEY": secrets.token_urlsafe(50),
            "WEBHOOK_TOKENS": f"{stack.token},{self.other_token}",
            "WEBHOOK_RATE": f"{RATE}/h",
            "LOGIN_FAILURES": str(FAILURES),
            **storage.environment,
        }

    @contextmanager
    def running(self) -> Iterator["Machines"]:
        """In place of the stack's own web and worker, which are back afterwards."""
        stack, before = self.stack, dict(self.stack.more_environment)
        _stop_all(stack)
        _copy(stack.folder / "var" / "media", self.environment)
        stack.more_environment |= self.environment
        pooled = {"DATABASE_POOL": str(POOL)}
        try:
            stack.launch_another_web("web", stack.url, **_named(stack, "web"))
            stack.launch_another_web("web-2", self.urls[1], **_own(stack, "web-2"), **pooled)
            for name in WORKERS:
                stack.launch_another_worker(name, **_own(stack, name), **pooled)
            for url in self.urls:
                stack.await_web(url)
            yield self
        finally:
            _stop_all(stack)
            stack.more_environment = before
            stack.start_web()
            stack.start_worker()

    def send_webhook(self, url: str, submission: str) -> int:
        """Jotform's webhook of a submission to one machine; the status."""
        form = {"formID": self.stack.sandbox.form_id, "submissionID": submission}
        parts = {**form, "rawRequest": "{}"}
        address = f"{url}/webhook/{self.stack.token}"
        files = {name: (None, value) for name, value in parts.items()}
        return requests.post(address, files=files, timeout=30).status_code

    def token(self, url: str, name: str, password: str) -> requests.Response:
        """What one machine answers to a log-in at its API."""
        body = {"username": name, "password": password}
        return requests.post(f"{url}/auth/token", json=body, timeout=30)


def _own(stack: Stack, name: str) -> dict[str, str]:
    """As another machine: whatever lies in the first one's folder is not there."""
    folder = stack.folder / "machines" / name
    metrics = folder / "metrics"
    metrics.mkdir(parents=True, exist_ok=True)
    folders = {"RAIOX_VAR_DIR": str(folder), "PROMETHEUS_MULTIPROC_DIR": str(metrics)}
    return folders | _named(stack, name)


def _named(stack: Stack, name: str) -> dict[str, str]:
    """So that the database can tell whose a connection is."""
    return {"DATABASE_URL": f"{stack.environment['DATABASE_URL']}&application_name={name}"}


def _stop_all(stack: Stack) -> None:
    for process in stack.processes.values():
        process.terminate()
    for name in list(stack.processes):
        stack.stop(name)


def _copy(media: Path, environment: dict[str, str]) -> None:
    """The films of the catalogue into the bucket that all machines see."""
    client: Any = boto3.client(
        "s3", endpoint_url=environment["DO_SPACES_ENDPOINT"],
        region_name=environment["DO_SPACES_REGION"],
        aws_access_key_id=environment["DO_SPACES_KEY"],
        aws_secret_access_key=environment["DO_SPACES_SECRET"],
    )  # fmt: skip
    client.create_bucket(Bucket=BUCKET)
    for path in media.rglob("*"):
        if path.is_file():
            key = str(path.relative_to(media))
            client.put_object(Bucket=BUCKET, Key=key, Body=path.read_bytes())
