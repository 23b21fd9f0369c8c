"""Bundles: what is read is checked, and every error names the fix."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from implants.encoders.bundle import (
    BUNDLED,
    DIMENSIONS,
    EncoderUnavailable,
    load_bundle,
    write_description,
)
from tests.implants.encoders.films import copy_bundle


def change(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "encoder.json"
    values = json.loads(path.read_text())
    edit(values)
    path.write_text(json.dumps(values))


def test_bundled_encoder_is_complete_and_small() -> None:
    bundle = load_bundle(BUNDLED)
    bundle.check_graph()
    assert bundle.licence == "Apache-2.0"
    assert len(bundle.source["weights_sha256"]) == 64
    assert bundle.name and bundle.version
    assert sum(file.stat().st_size for file in BUNDLED.iterdir()) <= 25_000_000
    assert (BUNDLED / "RECIPE.md").is_file()


def test_bundled_encoder_names_no_machine_it_was_made_on() -> None:
    graph = (BUNDLED / "encoder.onnx").read_bytes()
    for trace in (b"site-packages", b".py", b"/home/", b"/root/"):
        assert trace not in graph


@pytest.mark.parametrize("name", ["encoder.json", "encoder.onnx"])
def test_load_bundle_with_a_file_missing_names_it(tmp_path: Path, name: str) -> None:
    folder = copy_bundle(tmp_path)
    (folder / name).unlink()
    with pytest.raises(EncoderUnavailable, match=name):
        load_bundle(folder)


def test_load_bundle_from_nowhere_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(EncoderUnavailable, match=r"encoder\.json"):
        load_bundle(tmp_path / "none")


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_load_bundle_with_broken_json_is_unavailable(tmp_path: Path, text: str) -> None:
    folder = copy_bundle(tmp_path)
    (folder / "encoder.json").write_text(text)
    with pytest.raises(EncoderUnavailable, match=r"encoder\.json"):
        load_bundle(folder)


@pytest.mark.parametrize(
    "field", ["name", "version", "dimensions", "licence", "source", "preprocessing", "sha256"]
)
def test_load_bundle_without_a_field_is_unavailable(tmp_path: Path, field: str) -> None:
    folder = copy_bundle(tmp_path)
    change(folder, lambda values: values.pop(field))
    with pytest.raises(EncoderUnavailable, match=field):
        load_bundle(folder)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("version", 1),
        ("source", "PyPI"),
        ("dimensions", "512"),
        ("preprocessing", {"size": 224}),
        ("preprocessing", None),
        ("batch", 0),
        ("batch", "1"),
        ("batch", True),
        ("batch", 1.0),
    ],
)
def test_load_bundle_with_a_wrong_value_is_unavailable(
    tmp_path: Path, field: str, value: object
) -> None:
    folder = copy_bundle(tmp_path)
    change(folder, lambda values: values.update({field: value}))
    with pytest.raises(EncoderUnavailable, match=r"encoder\.json"):
        load_bundle(folder)


def test_load_bundle_of_other_dimensions_says_so(tmp_path: Path) -> None:
    folder = copy_bundle(tmp_path)
    change(folder, lambda values: values.update(dimensions=768))
    with pytest.raises(EncoderUnavailable, match=rf"768.*{DIMENSIONS}"):
        load_bundle(folder)


def test_check_graph_notices_another_file(tmp_path: Path) -> None:
    folder = copy_bundle(tmp_path)
    with (folder / "encoder.onnx").open("ab") as file:
        file.write(b"\0")
    bundle = load_bundle(folder)
    with pytest.raises(EncoderUnavailable, match=r"encoder\.onnx"):
        bundle.check_graph()


def test_write_description_is_read_back(tmp_path: Path) -> None:
    folder = copy_bundle(tmp_path)
    values = json.loads((folder / "encoder.json").read_text())
    (folder / "encoder.onnx").write_bytes(b"another graph")
    write_description(folder, {**values, "name": "other"})
    bundle = load_bundle(folder)
    bundle.check_graph()
    assert bundle.name == "other"
