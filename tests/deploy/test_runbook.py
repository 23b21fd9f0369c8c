"""The runbook: what it names is there, and each command says how it was tried."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from django.core.management import get_commands, load_command_class

from tests.sandbox.process import ROOT

TEXT = (ROOT / "deploy/OPERACAO.md").read_text()
APPLICATION = (ROOT / "deploy/server/application.sh").read_text()
MARK = re.compile(r"(Testado|À mão|Não executado): (.+)")
# What stands for something of the operator's, and what it may be where a number is asked for.
PLACEHOLDER = re.compile(r"<([^<>\n]+)>")
OURS = ("raiox-manage", ".venv/bin/python manage.py", ".venv-ml/bin/python manage.py")
ML_ONLY = ("export_encoder",)


class Block(NamedTuple):
    """Commands, and the line that says how it is known that they work."""

    commands: list[str]
    mark: str


def blocks() -> list[Block]:
    """All that are fenced as shell."""
    found = re.findall(r"^```sh\n(.*?)^```\n([^\n]*)", TEXT, re.MULTILINE | re.DOTALL)
    return [Block(text.splitlines(), mark) for text, mark in found]


def management_commands() -> Iterator[list[str]]:
    """The words of each management command, in blocks and within the text."""
    lines = [line for block in blocks() for line in block.commands]
    lines += re.findall(r"`(raiox-manage [^`]+)`", TEXT)
    for line in lines:
        for start in OURS:
            if line.startswith(start):
                yield shlex.split(PLACEHOLDER.sub(r"\1", line.removeprefix(start)))


COMMANDS = sorted({tuple(words) for words in management_commands()})


def test_there_is_something_to_try() -> None:
    assert len(blocks()) > 20
    assert len(COMMANDS) > 25


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_each_management_command_is_there_with_its_options(words: tuple[str, ...]) -> None:
    name, *arguments = words
    application = get_commands()[name]
    command = load_command_class(application, name) if isinstance(application, str) else application
    numbers = ["7" if word == "numero" else word for word in arguments]
    command.create_parser("manage.py", name).parse_args(numbers)


@pytest.mark.parametrize("block", blocks(), ids=lambda block: block.commands[0])
def test_each_block_says_how_it_was_tried(block: Block) -> None:
    mark = MARK.fullmatch(block.mark)
    assert mark, f"{block.mark!r} after {block.commands[0]!r}"
    if mark[1] == "Testado":
        assert "tests/" in mark[2]
    if mark[1] == "À mão":
        assert re.search(r"em \d{4}-\d{2}-\d{2}", mark[2])


def test_the_tests_that_it_names_are_there() -> None:
    named = set(re.findall(r"\btests/[\w/]+(?:\.py)?", TEXT))
    assert len(named) > 15
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_scripts_that_it_names_are_there_with_their_options() -> None:
    lines = [line for block in blocks() for line in block.commands]
    called = [re.match(r"(?:\S+=\S+ )*\S*?(deploy/[\w/]+\.sh)(.*)", line) for line in lines]
    scripts = [match for match in called if match]
    assert len(scripts) > 8
    for match in scripts:
        script = (ROOT / match[1]).read_text()
        for word in shlex.split(PLACEHOLDER.sub("", match[2])):
            assert word in script, f"{match[1]} knows no {word}"
        for variable in re.findall(r"\b(RAIOX_\w+)=", match.string):
            assert variable in script + (ROOT / "deploy/server/database.sh").read_text()


def test_commands_name_their_files_by_where_they_lie() -> None:
    """Whoever reads them stands anywhere; but for the project's own folder, where it says so."""
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", TEXT, flags=re.M | re.S))
    lines = [line for block in blocks() for line in block.commands] + spans
    # A command is more than a name: text may call a script by its name alone.
    words = [word for line in lines if " " in line for word in line.split()]
    scripts = [word for word in words if re.search(r"[\w-]\.sh$", word)]
    assert len(scripts) > 12
    homes = ("/root/raiox/deploy/", "/opt/raiox/current/deploy/")
    assert [word for word in scripts if not word.startswith(homes)] == []
    programs = [re.sub(r"^(\w+=\S+ )+", "", line).split()[0] for line in lines if " " in line]
    relative = {
        name for name in programs if "/" in name and not name.startswith(("/", "<", "tests/"))
    }
    assert relative == {".venv/bin/python", ".venv-ml/bin/python"}
    (place,) = re.findall(r"^.*na pasta do projeto.*$", TEXT, re.MULTILINE)
    assert TEXT.index(place) < TEXT.index("\n.venv-ml/bin/python")


def test_each_alert_is_explained_under_its_own_name() -> None:
    alerts = yaml.safe_load((ROOT / "deploy/watch/alerts.yml").read_text())
    rules = [rule for group in alerts["groups"] for rule in group["rules"] if "alert" in rule]
    headings = re.findall(r"^### (alerta-[\w-]+)$\n\n(.+)", TEXT, re.MULTILINE)
    assert [name for name, _ in headings] == [f"alerta-{rule['alert']}" for rule in rules]
    for rule, (name, text) in zip(rules, headings, strict=True):
        assert rule["annotations"]["runbook"] == f"deploy/OPERACAO.md#{name}"
        assert text.startswith(f"*{rule['labels']['severity']}*. ")
        assert len(text) > 100, f"{name} says too little"


def test_each_secret_has_its_rotation() -> None:
    table = TEXT.split("| segredo |")[1].split("\n\n")[0]
    units = [*(ROOT / "deploy").rglob("*.conf"), *(ROOT / "deploy").rglob("*.service")]
    handed = re.findall(
        r"^LoadCredential=(\w+)", "\n".join(path.read_text() for path in units), re.MULTILINE
    )
    workflows = "\n".join(path.read_text() for path in (ROOT / ".github").rglob("*.yml"))
    asked = re.findall(r"secrets\.(\w+)", workflows)
    assert len(handed) > 10 < len(set(handed))
    assert [name for name in {*handed, *asked} if f"`{name}`" not in table] == []


def test_every_job_of_a_pull_request_is_to_be_required() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
    (rule,) = re.findall(r"^- \*\*Proteção dos ramos.*?(?=^- )", TEXT, re.MULTILINE | re.DOTALL)
    assert [job for job in jobs if f"`{job}`" not in rule] == []


def section(title: str) -> str:
    """The text below a heading, to the next one of its kind."""
    return TEXT.split(f"# {title}\n", 1)[1].split("\n## ", 1)[0].split("\n### ", 1)[0]


def test_the_cloud_s_firewall_lets_in_what_the_machines_let_in() -> None:
    scripts = [ROOT / "deploy/server/ufw.sh", ROOT / "deploy/watch/install.sh"]
    text = "\n".join(path.read_text() for path in scripts)
    ports = set(re.findall(r"allow (\d+)/tcp|any port (\d+)|may ask.*(?<!\d)(\d{4})$", text, re.M))
    opened = {port for found in ports for port in found if port} | {"22"}
    assert opened == {"22", "80", "443", "5432", "9093", "9100"}
    rows = re.findall(
        r"^ *\| (?:\w+|\w+, \w+) \| ([\d, ]+) \|", section("1. Na nuvem"), re.MULTILINE
    )
    assert {port for row in rows for port in row.split(", ")} == opened


def test_the_scripts_come_anew_whenever_they_are_asked_for(tmp_path: Path) -> None:
    """Out of a bare clone, which fetches nothing by itself; what was deleted goes."""

    who = ("-c", "user.name=Test", "-c", "user.email=test@example.org")

    def run(*lines: str) -> None:
        script = (
            "\n".join(lines).replace("/opt/", f"{tmp_path}/opt/").replace("/root/", f"{tmp_path}/")
        )
        subprocess.run(["bash", "-ec", script], cwd=tmp_path, check=True)

    def commit(change: str) -> None:
        run(f"cd origin; {change}; git add --all; git {' '.join(who)} commit --quiet --message x")

    first, renew = [block.commands for block in blocks() if "/repository.git" in str(block)][:2]
    run("git init --quiet --initial-branch=main origin; mkdir origin/deploy")
    commit("echo 1 > deploy/old.sh")
    run(PLACEHOLDER.sub("origin", first[-1]))
    run(*renew)
    commit("git mv deploy/old.sh deploy/new.sh")
    run(*renew)
    assert [path.name for path in (tmp_path / "raiox/deploy").iterdir()] == ["new.sh"]


def test_watching_is_set_up_in_an_order_that_works() -> None:
    text = section("8. Vigilância")
    names = [path.name for path in (ROOT / "deploy/watch/targets").iterdir()]
    steps = [
        "install.sh watch", "credentials/TELEGRAM_BOT_TOKEN", "install.sh watch\nRAIOX_ADDRESS=",
        "Na aplicação, o mesmo token", "METRICS_NETWORKS=", "bootstrap.sh app", "raiox-alert@teste",
        "amtool alert add",
    ]  # fmt: skip
    places = [text.index(step) for step in steps]
    assert places == sorted(places)
    for name in names:
        assert places[1] < text.index(f"/etc/prometheus/raiox/{name}") < places[2]


def test_a_lost_machine_gets_its_secrets_before_new_ones_are_made() -> None:
    text = section("Máquina perdida")
    before, application, database, both = re.split(r"^\*\*(?:Só|As) ", text, flags=re.MULTILINE)
    made_up = re.findall(r"^ +(\w+) \| (\w+)\) .* random ;;$", APPLICATION, re.MULTILINE)
    assert [name for name in made_up[0] if f"`{name}`" not in before] == []
    assert "DATABASE_PASSWORD" in database and "BACKUP_ENCRYPTION_KEY" in application
    assert "/var/lib/raiox/encoders" in application
    assert "#restaurar" in database and "#restaurar" in both and "#restaurar" not in application


def test_units_and_settings_that_it_names_are_there() -> None:
    places = [path.name for path in (ROOT / "deploy").rglob("raiox-*")]
    units = {re.split(r"[@.]", name)[0] for name in places}
    commands = {"raiox-manage", "raiox-deploy", "raiox-code", "raiox-implantes"}
    named = set(re.findall(r"\braiox-[a-z]+(?:-[a-z]+)*", TEXT)) - commands
    assert named <= units
    readme = (ROOT / "README.md").read_text() + (ROOT / "deploy/server/raiox.env").read_text()
    known = readme + (ROOT / ".github/workflows/deploy.yml").read_text()
    known += "".join(path.read_text() for path in Path(ROOT / "deploy").rglob("*.sh"))
    known += "".join(path.read_text() for path in Path(ROOT / "deploy").rglob("*.service"))
    for name in re.findall(r"`([A-Z][A-Z0-9]+_[A-Z0-9_]+)`", TEXT):
        assert name in known, name


def test_its_links_lead_somewhere() -> None:
    headings = {name.lower() for name in re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)}
    anchors = set(re.findall(r'<a id="([\w-]+)">', TEXT)) | headings
    links = set(re.findall(r"\]\(#([\w-]+)\)", TEXT))
    assert len(links) > 10
    assert links <= anchors
