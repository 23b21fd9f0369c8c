"""The live server keeps what its OpenAPI document promises, whatever is sent to it, to each role.

By schemathesis with all its checks, bounded, from a fixed seed.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.sandbox.process import ROOT
from tests.stack import Stack
from tests.test_flow import submit

_SCHEMA = "docs/openapi.yml"
# What a document of OpenAPI can't say: that a file must be a radiograph, that a case must be in the
# state for a decision. `test_decisions` and `test_search` say when each of these is answered.
_CONFIG = """
[checks]
negative_data_rejection.expected-statuses = [
  "400", "401", "403", "404", "405", "406", "409", "411", "413", "415", "422",
  "429"
]

[[operations]]
include-path = ["/search", "/upload"]
checks.positive_data_acceptance.expected-statuses = [
  "2xx", "400", "401", "403", "413", "415", "422"
]

[[operations]]
include-path-regex = "^/cases/[^/]+/(approve|reject|reopen)$"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "401", "403", "409", "422"]
parameters = {{ "path.id" = {case} }}
"""


def token(stack: Stack, username: str, password: str) -> str:
    body = {"username": username, "password": password}
    return str(requests.post(f"{stack.url}/auth/token", json=body, timeout=10).json()["access"])


def as_approver(stack: Stack) -> list[str]:
    return ["--header", f"Authorization: Bearer {token(stack, 'rita', stack.passwords['rita'])}"]


def as_reader(stack: Stack) -> list[str]:
    printed = stack.manage("machine_account", "contract", "--group", "Leitores")
    username, password = (line.partition(": ")[2] for line in printed.splitlines()[:2])
    return ["--header", f"Authorization: Bearer {token(stack, username, password)}"]


def as_anonymous(stack: Stack) -> list[str]:
    return []


@pytest.mark.parametrize("role", [as_approver, as_reader, as_anonymous])
def test_the_server_keeps_its_contract(
    stack: Stack, role: Callable[[Stack], list[str]], tmp_path: Path
) -> None:
    config = tmp_path / "schemathesis.toml"
    config.write_text(_CONFIG.format(case=stack.pending(submit(stack))))
    run = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")),
            "--config-file", str(config), "run", str(ROOT / _SCHEMA),
            "--url", stack.url, "--checks", "all", "--max-examples", "15", "--seed", "7",
            "--workers", "2", "--no-color", "--continue-on-failure", *role(stack),
        ],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr
