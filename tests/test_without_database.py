"""A web process whose database is stopped under it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from django.conf import settings

from raiox.embedded_postgres.cluster import Cluster
from tests.embedded_postgres.conftest import private_cluster_folder
from tests.figures import figures, total, value
from tests.sandbox.process import ROOT, wait_for
from tests.stack import free_port


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A server of its own, running."""
    with private_cluster_folder(tmp_path) as folder:
        cluster = Cluster(folder, durable=False)
        cluster.ensure_database("raiox")
        yield cluster


@pytest.fixture
def url(cluster: Cluster, tmp_path: Path) -> Iterator[str]:
    """A web process on it; its address."""
    known = cluster.ensure_running().connection
    place = f"{known['user']}@/raiox?host={known['host']}&port={known['port']}"
    told = {
        **os.environ,
        "RAIOX_ENV": "test",
        "DJANGO_SETTINGS_MODULE": "raiox.settings",
        "RAIOX_VAR_DIR": str(tmp_path / "var"),
        "DATABASE_URL": f"postgresql://{place}",
    }
    address = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "gunicorn", "raiox.wsgi:application", "--bind", address]
    with (tmp_path / "web.log").open("ab") as log:
        web = subprocess.Popen(
            [*command, "--worker-class", "gthread"], cwd=ROOT, env=told, stdout=log, stderr=log
        )
    wait_for(lambda: _answers(f"http://{address}/ping"), 60)
    yield f"http://{address}"
    web.terminate()
    web.wait(30)


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except (requests.ConnectionError, requests.Timeout):
        return False


def test_ping_answers_and_health_says_what_is_down(cluster: Cluster, url: str) -> None:
    before = requests.get(f"{url}/health", timeout=20).json()
    assert before["checks"]["database"]["status"] == "ok"
    # Somebody's browser brings a session, which can't be looked up now.
    cookie = {"Cookie": f"{settings.SESSION_COOKIE_NAME}=of-somebody"}
    cluster.stop()
    for path in ("/ping", "/healthcheck"):
        answer = requests.get(f"{url}{path}", headers=cookie, timeout=5)
        assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    health = requests.get(f"{url}/health", headers=cookie, timeout=20)
    assert health.status_code == 503
    checks = health.json()["checks"]
    assert checks["database"]["status"] == "failed"
    assert checks["database"]["ms"] > 0
    assert checks["storage"]["status"] == "ok"
    metrics = requests.get(f"{url}/metrics", headers=cookie, timeout=20)
    assert metrics.status_code == 200
    found = figures(metrics.text)
    assert value(found, "raiox_part_up", part="database") == 0
    assert total(found, "raiox_http_requests_total", route="ping") >= 2
