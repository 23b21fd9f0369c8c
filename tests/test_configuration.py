"""README.md and .env.example name each environment variable that is read, and no other."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from raiox.settings.environment import PROJECT_DIR

PLACES = ("raiox", "implants", "webhooks", "cases", "gunicorn.conf.py", "manage.py")
# Names that hold something a stranger must not read, whatever else their row says.
SECRET = re.compile(r"SECRET|TOKEN|PASSWORD|_KEY|_DSN|DATABASE\w*_URL|EMAIL_URL|REDIS_URL")
RECORD = """
import environ, json
read = {}
original = environ.Env.get_value
def get_value(self, name, *args, **kwargs):
    default = kwargs.get("default", environ.Env.NOTSET)
    read.setdefault(name, []).append(None if default is environ.Env.NOTSET else default)
    return original(self, name, *args, **kwargs)
environ.Env.get_value = get_value
import raiox.settings
print(json.dumps(read, default=str))
"""


class Row(NamedTuple):
    """A row of README's table."""

    is_secret: bool
    what: str
    default: str
    needed: str


def of_servers() -> dict[str, str]:
    """README's table of what only the scripts of servers read: where each is given."""
    section = (
        (PROJECT_DIR / "README.md").read_text().split("\n## On servers\n")[1].split("\n## ")[0]
    )
    return dict(re.findall(r"^\| `([A-Z_]+)` \| .+ \| (.+) \|$", section, re.MULTILINE))


def documented() -> dict[str, Row]:
    """README's table by name."""
    readme = (PROJECT_DIR / "README.md").read_text()
    section = readme.split("\n## Configuration\n")[1].split("\n## ")[0]
    rows = {}
    for line in section.splitlines():
        if match := re.match(r"\| `([A-Z0-9_]+)`( \(secret\))? \|", line):
            what, default, needed = (cell.strip() for cell in line.split(" | ")[1:])
            assert match[1] not in rows, f"{match[1]} has two rows"
            rows[match[1]] = Row(bool(match[2]), what, default, needed.removesuffix("|").strip())
    return rows


def exemplified() -> dict[str, str]:
    """The values of .env.example by name, those that are commented out too."""
    lines = (PROJECT_DIR / ".env.example").read_text().splitlines()
    matches = [match for line in lines if (match := re.match(r"#?([A-Z0-9_]+)=(.*)", line))]
    found = {match[1]: match[2] for match in matches}
    assert len(found) == len(matches), "a name stands there twice"
    return found


def read_in_code() -> set[str]:
    """The names in the code itself, on whichever branch they are read."""
    return {name for path in _sources() for name in _names_read(path)}


def _sources() -> Iterator[Path]:
    for place in PLACES:
        path = PROJECT_DIR / place
        yield from path.rglob("*.py") if path.is_dir() else [path]


def _names_read(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    constants = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    passed_on = _passed_on(tree)
    for node in ast.walk(tree):
        name = _name_read(node)
        if isinstance(name, ast.Name):
            name = constants.get(name.id, name)
        if name is not None and node not in passed_on:
            assert isinstance(name, ast.Constant), f"{path}:{node.lineno} reads an unknown name"  # type: ignore[attr-defined]
            yield str(name.value)


def _passed_on(tree: ast.Module) -> set[ast.AST]:
    """Reads within `{name: os.environ[name] for name in ...}`, for a program that is started."""
    return {
        part
        for node in ast.walk(tree)
        if isinstance(node, ast.DictComp)
        for part in ast.walk(node)
        if isinstance(_name_read(part), ast.Name)
    }


def _name_read(node: ast.AST) -> ast.expr | None:
    """The expression that names the variable, where `node` reads one."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name("env")), args=[name, *_]):
            return name
        case ast.Call(func=ast.Attribute(value=owner, attr="get" | "pop"), args=[name, *_]) if (
            _is_environment(owner)
        ):
            return name
        case ast.Call(func=ast.Attribute(attr="getenv"), args=[name, *_]):
            return name
        case ast.Subscript(value=owner, slice=name, ctx=ast.Load()) if _is_environment(owner):
            return name
        case ast.Compare(left=name, ops=[ast.In() | ast.NotIn()], comparators=[owner]) if (
            _is_environment(owner)
        ):
            return name
    return None


def _is_environment(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and ast.unparse(node) == "os.environ"


@pytest.fixture(scope="module")
def recorded() -> dict[str, list[object]]:
    """The names that the settings asked for in a bare production, with the defaults they gave."""
    done = subprocess.run(
        [sys.executable, "-c", RECORD],
        cwd=PROJECT_DIR,
        env={"PATH": os.environ["PATH"], "RAIOX_ENV": "production"},
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout))


def _written(default: object) -> str:
    """A default as one writes it into the environment."""
    if isinstance(default, bool):
        return "on" if default else "off"
    if isinstance(default, list):
        return ",".join(map(str, default))
    if isinstance(default, float):
        return f"{default:g}"
    return str(default).removeprefix(f"{PROJECT_DIR}/")


def _defaults(recorded: dict[str, list[object]]) -> dict[str, str]:
    given = {
        name: [_written(value) for value in recorded[name] if value not in (None, "", [])]
        for name in recorded
    }
    return {name: values[0] for name, values in given.items() if values}


def test_readme_names_what_the_code_reads_and_nothing_else() -> None:
    assert set(documented()) == read_in_code()


def test_readme_names_what_stands_in_a_server_s_settings_and_what_its_scripts_read() -> None:
    scripts = "\n".join(path.read_text() for path in (PROJECT_DIR / "deploy").rglob("*.sh"))
    settings = (PROJECT_DIR / "deploy/server/raiox.env").read_text()
    given = set(re.findall(r"^([A-Z_]+)=", settings, re.MULTILINE))
    asked = set(re.findall(r'\bsetting ([A-Z_]+)(?: "\$(?:APPLICATION_)?SETTINGS")?\)', scripts))
    asked |= set(re.findall(r"\$\{((?:RAIOX|SNAPSHOT)_(?:TIMERS|WORKERS|MACHINE))\b", scripts))
    assert len(given) > 10 < len(asked | given)
    assert (given | asked) - set(documented()) == set(of_servers())
    for name, where in of_servers().items():
        assert re.search(rf"\b{name}\b", scripts), f"no script reads {name}"
        assert (name in given) <= (where == "`raiox.env`"), name


def test_the_example_names_what_readme_names_and_nothing_else() -> None:
    assert set(exemplified()) == set(documented())


def test_the_code_that_runs_reads_nothing_that_was_not_found_in_it(
    recorded: dict[str, list[object]],
) -> None:
    assert len(recorded) > 50
    assert set(recorded) <= read_in_code()


def test_readme_tells_the_defaults(recorded: dict[str, list[object]]) -> None:
    defaults = _defaults(recorded)
    wrong = {
        name: (row.default, defaults.get(name, ""))
        for name, row in documented().items()
        if name in recorded
        and not (
            row.default.startswith(f"`{defaults[name]}`")
            if name in defaults
            else not row.default.startswith("`")
        )
    }
    assert wrong == {}


def test_the_example_tells_the_defaults(recorded: dict[str, list[object]]) -> None:
    values = exemplified()
    wrong = {
        name: (values[name], default)
        for name, default in _defaults(recorded).items()
        if values[name] not in ("", default) and name != "RAIOX_ENV"
    }
    assert wrong == {}


def test_readme_says_what_must_be_set_where_it_counts() -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=PROJECT_DIR,
        env={"PATH": os.environ["PATH"], "RAIOX_ENV": "production"},
        capture_output=True,
        text=True,
    )
    asked_for = set(re.findall(r"(\w+) is not set\.", done.stderr)) | {"DATABASE_URL"}
    needed = {name for name, row in documented().items() if row.needed == "stage, production"}
    assert needed == asked_for


def test_readme_marks_secrets() -> None:
    secret = {name for name in documented() if SECRET.search(name)}
    assert {name for name, row in documented().items() if row.is_secret} == secret


def test_each_row_is_whole() -> None:
    assert [name for name, row in documented().items() if not all(row[1:])] == []
