"""Terraform's files, read and not run: what exists is imported, and nothing can change it."""

import re
from typing import Any, Final

import hcl2
import pytest

from tests.sandbox.process import ROOT

FOLDER: Final = ROOT / "deploy" / "terraform"


def blocks(kind: str) -> list[Any]:
    """All blocks of a kind, of all files."""
    found = []
    for path in sorted(FOLDER.glob("*.tf")):
        with path.open() as file:
            found += hcl2.load(file).get(kind, [])
    return found


def bare(text: str) -> str:
    """Without the marks that the parser keeps: quotes, `${…}`."""
    return text.strip('"').removeprefix("${").removesuffix("}").strip('"')


def named(kind: str) -> dict[str, Any]:
    """Blocks by their labels: `variable "x"` as x, `resource "a" "b"` as a.b."""
    found: dict[str, Any] = {}
    for block in blocks(kind):
        for label, body in block.items():
            if kind == "resource":
                found |= {f"{bare(label)}.{bare(name)}": each for name, each in body.items()}
            else:
                found[bare(label)] = body
    return found


def places(block: Any, address: str) -> list[tuple[str, str]]:
    """What a block stands for: an address and, of a `for_each`, each key of its local map."""
    name = bare(address).removesuffix("[each.key]")
    if "for_each" not in block:
        return [(name, "")]
    (maps,) = blocks("locals")
    return [(name, key) for key in maps[bare(block["for_each"]).removeprefix("local.")]]


RESOURCES: Final = named("resource")


def test_every_resource_is_imported_and_none_is_made() -> None:
    imported = [place for block in blocks("import") for place in places(block, block["to"])]
    made = [place for name, block in RESOURCES.items() for place in places(block, name)]
    assert sorted(imported) == sorted(made)
    assert len(made) == 4
    plan = (FOLDER / "README.md").read_text()
    assert f"Plan: {len(made)} to import, 0 to add, 0 to change, 0 to destroy." in plan


@pytest.mark.parametrize("name", RESOURCES)
def test_resource_stays_as_it_is(name: str) -> None:
    [lifecycle] = RESOURCES[name]["lifecycle"]
    assert lifecycle["prevent_destroy"] is True
    assert lifecycle["ignore_changes"] == "all"


def test_ids_are_variables_and_each_variable_serves() -> None:
    text = "".join(path.read_text() for path in FOLDER.glob("*.tf"))
    assert set(re.findall(r"\bvar\.(\w+)", text)) == set(named("variable"))
    (maps,) = blocks("locals")
    ids = [block["id"] for block in blocks("import") if "for_each" not in block]
    ids += [entry["id"] for entries in maps.values() if isinstance(entries, dict)
            for entry in entries.values()]  # fmt: skip
    assert len(ids) == 4
    assert all("${var." in each for each in ids)
    without_default = {name for name, body in named("variable").items() if "default" not in body}
    with (FOLDER / "example.tfvars").open() as file:
        example = hcl2.load(file)
    assert {name for name in example if not name.startswith("__")} == without_default


def test_no_secret_is_asked_for_in_a_file() -> None:
    [provider] = blocks("provider")
    body = provider['"digitalocean"']
    assert [name for name in body if not name.startswith("__")] == []
