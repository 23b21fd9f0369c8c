"""The workflows, by the programs that know GitHub's rules, and by what they call."""

import re
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.sandbox.process import ROOT

FOLDER = ROOT / ".github"
WORKFLOWS = sorted((FOLDER / "workflows").glob("*.yml"))
CHECK_SCHEMA = "check-jsonschema"


def run(program: str, *arguments: str) -> str:
    """Its complaints; empty when there are none."""
    path = Path(sysconfig.get_path("scripts")) / program
    done = subprocess.run([str(path), *arguments], cwd=ROOT, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def loaded(path: Path) -> dict[Any, Any]:
    return dict(yaml.safe_load(path.read_text()))


def runs(path: Path) -> list[str]:
    """Every command of a workflow."""
    jobs = loaded(path)["jobs"].values()
    return [step["run"] for job in jobs for step in job.get("steps", []) if "run" in step]


def test_there_is_one_for_each_occasion() -> None:
    names = {path.stem for path in WORKFLOWS}
    assert names == {"ci", "nightly", "weekly", "deploy"}


def test_they_follow_githubs_schema() -> None:
    paths = map(str, WORKFLOWS)
    assert run(CHECK_SCHEMA, "--builtin-schema", "vendor.github-workflows", *paths) == ""
    dependabot = str(FOLDER / "dependabot.yml")
    assert run(CHECK_SCHEMA, "--builtin-schema", "vendor.dependabot", dependabot) == ""


ECOSYSTEMS = {
    "Dockerfile": "docker", "compose.yml": "docker-compose", "*.tf": "terraform", "*.in": "pip",
}  # fmt: skip


@pytest.mark.parametrize(("pattern", "ecosystem"), ECOSYSTEMS.items())
def test_newer_versions_of_all_that_is_pinned_are_proposed(pattern: str, ecosystem: str) -> None:
    """Wherever such a file lies among ours, its folder is looked into."""
    listed = ["git", "ls-files", "-z", "--", pattern, f"**/{pattern}"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    folders = {f"/{Path(name).parent}" for name in names.split("\0")[:-1]}
    updates = loaded(FOLDER / "dependabot.yml")["updates"]
    looked = {one["directory"] for one in updates if one["package-ecosystem"] == ecosystem}
    assert folders and folders == looked


def test_they_open_no_door() -> None:
    """Rights, pins, what an event's text could do in a shell, credentials that stay behind."""
    assert run("zizmor", "--offline", "--no-progress", "--min-severity=medium", str(FOLDER)) == ""


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_what_they_call_is_there(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for command in runs(path):
        for target in re.findall(r"\bmake ([a-z-]+)", command):
            assert target in targets, f"there is no `make {target}`"
        for script in re.findall(r"\bdeploy/\S+", command):
            assert (ROOT / script).is_file(), script


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_to_commits_and_say_which_version(path: Path) -> None:
    used = re.findall(r"uses: (\S+)(.*)", path.read_text())
    foreign = [(action, rest) for action, rest in used if not action.startswith("./")]
    assert foreign or path.stem == "deploy"
    for action, rest in foreign:
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+(\.\d+)*", rest), f"{action} does not say its version"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_each_job_may_read_and_nothing_else(path: Path) -> None:
    workflow = loaded(path)
    assert workflow["permissions"] == {}
    jobs = workflow["jobs"].values()
    assert all(job["permissions"] == {"contents": "read"} for job in jobs)
    assert all("timeout-minutes" in job for job in jobs if "uses" not in job)
    steps = [step for job in jobs for step in job.get("steps", [])]
    checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    # Else the token lies in .git, for whatever a package's code does there.
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)
    assert workflow["concurrency"]["group"]


def test_the_servers_python_is_tried_with_what_releases_install() -> None:
    job = loaded(FOLDER / "workflows/ci.yml")["jobs"]["server"]
    given = [step.get("with", {}).get("python-version") for step in job["steps"]]
    assert "3.12" in given, "Ubuntu 24.04's"
    (run,) = [step["run"] for step in job["steps"] if "run" in step]
    release = (ROOT / "deploy/release/release.sh").read_text()
    options = ("--require-hashes", "--only-binary :all:", "requirements/base.txt")
    assert all(option in run and option in release for option in options)
    assert "manage.py check" in run


def test_each_environment_waits_for_the_tests() -> None:
    deploy = loaded(FOLDER / "workflows/deploy.yml")
    assert set(deploy["jobs"]["release"]["needs"]) == {"ci", "load"}
    assert deploy["jobs"]["end-to-end"]["needs"] == "release"
    assert deploy["concurrency"]["cancel-in-progress"] is False
    assert deploy[True]["push"]["branches"] == ["main", "stage"], "`on` is a boolean in YAML 1.1"


def test_what_the_deploy_needs_is_told_where_it_is_asked_for() -> None:
    text = (FOLDER / "workflows/deploy.yml").read_text()
    told, asked = text.split("\nname: deploy")
    for name in set(re.findall(r"(?:secrets|vars)\.([A-Z0-9_]+)", asked)):
        assert name in told, name
