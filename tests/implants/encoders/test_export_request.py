"""What `export_encoder` refuses before anything is imported, downloaded or written."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from implants.encoders.bundle import BUNDLED, load_bundle
from implants.encoders.export import ExportError
from implants.encoders.export.folder import draft_of
from implants.encoders.export.request import FACTS, check_name, clip_name, settle_facts
from implants.encoders.export.steps import film_steps

PUBLISHED = {
    "activation": "QuickGELU",
    "mean": (0.48, 0.46, 0.41),
    "std": (0.27, 0.26, 0.28),
    "interpolation": "bicubic",
    "licence": "MIT",
}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"model": "ViT-B-32"}, "--model needs --pretrained"),
        ({"model": "ViT-B-32", "pretrained": "none.pt"}, "none.pt: there is no such file"),
        ({"model": "ViT-B-32", "pretrained": "here/vit"}, "here/vit: there is no such file"),
        ({"model": "ViT-B-32", "pretrained": "openai", "force": True}, "--force goes with --int8"),
        ({"bundled": True, "pretrained": "openai"}, "--pretrained goes with --model"),
        ({"bundled": True, "licence": "MIT"}, "--licence goes with --model"),
        ({"bundled": True, "hub": True}, "--hub goes with --model"),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(
    arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(CommandError, match=said):
        call_command("export_encoder", **arguments)


def test_model_or_bundled_must_be_chosen() -> None:
    with pytest.raises(CommandError, match="--model --bundled is required"):
        call_command("export_encoder")
    with pytest.raises(CommandError, match="not allowed with"):
        call_command("export_encoder", "--bundled", "--model", "ViT-B-32")


def test_unknown_activation_is_refused() -> None:
    with pytest.raises(CommandError, match="invalid choice: 'ReLU'"):
        call_command("export_encoder", "--model", "ViT-B-32", "--activation", "ReLU")


def test_facts_that_are_published_need_not_be_named() -> None:
    assert settle_facts({}, PUBLISHED) == PUBLISHED
    assert settle_facts({"activation": "QuickGELU"}, PUBLISHED) == PUBLISHED


def test_facts_of_an_unknown_file_are_those_given() -> None:
    assert settle_facts(PUBLISHED, {}) == PUBLISHED


@pytest.mark.parametrize("fact", FACTS)
def test_fact_that_nobody_names_is_asked_for(fact: str) -> None:
    known = {name: value for name, value in PUBLISHED.items() if name != fact}
    with pytest.raises(ExportError, match=rf"^--{fact}: not published"):
        settle_facts(known, {})
    with pytest.raises(ExportError, match=rf"^--{fact}: not published"):
        settle_facts({}, known)


@pytest.mark.parametrize(
    ("fact", "value", "said"),
    [
        ("activation", "GELU", r"--activation GELU .*\(QuickGELU\)"),
        ("mean", (0.5, 0.5, 0.5), r"--mean 0\.5 0\.5 0\.5 .*\(0\.48 0\.46 0\.41\)"),
        ("interpolation", "bilinear", "--interpolation bilinear"),
    ],
)
def test_fact_against_what_is_published_is_refused(fact: str, value: object, said: str) -> None:
    with pytest.raises(ExportError, match=said):
        settle_facts({fact: value}, PUBLISHED)


@pytest.mark.parametrize(
    ("model", "weights", "name"),
    [
        ("ViT-B-32", "openai", "clip-vit-b-32-openai"),
        ("ViT-B-16", "laion2b_s34b_b88k", "clip-vit-b-16-laion2b-s34b-b88k"),
        ("ViT-B-32", "My weights (3)", "clip-vit-b-32-my-weights-3"),
    ],
)
def test_bundle_is_named_after_model_and_weights(model: str, weights: str, name: str) -> None:
    assert check_name(clip_name(model, weights)) == name


@pytest.mark.parametrize("name", ["", "..", "../up", "a/b", "Große", "-x", "x" * 101])
def test_name_that_is_no_folder_is_refused(name: str) -> None:
    with pytest.raises(ExportError, match="--name"):
        check_name(name)


def test_every_bundle_treats_films_alike() -> None:
    """The committed bundle was made with the same steps; only the model's own numbers differ."""
    committed = load_bundle(BUNDLED).preprocessing
    assert committed == film_steps(
        size=committed.size,
        mean=committed.mean,
        std=committed.std,
        interpolation=committed.interpolation,
    )


def write_both(folder: Path, text: str) -> None:
    for name in ("encoder.onnx", "encoder.json"):
        (folder / name).write_text(text)


def contents(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.iterdir()}


def test_draft_becomes_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "encoders" / "new"
    with draft_of(folder) as draft:
        write_both(draft, "new")
        assert not folder.exists()
    assert contents(folder) == {"encoder.onnx": "new", "encoder.json": "new"}
    assert list(folder.parent.iterdir()) == [folder]


def test_draft_replaces_an_older_bundle_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    folder.mkdir()
    write_both(folder, "old")
    (folder / "RECIPE.md").write_text("how")
    with draft_of(folder) as draft:
        write_both(draft, "new")
        assert contents(folder)["encoder.json"] == "old"
    expected = {"encoder.onnx": "new", "encoder.json": "new", "RECIPE.md": "how"}
    assert contents(folder) == expected
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("error", [ExportError, KeyboardInterrupt, MemoryError])
def test_draft_that_fails_leaves_the_older_bundle(
    tmp_path: Path, error: type[BaseException]
) -> None:
    folder = tmp_path / "bundle"
    folder.mkdir()
    write_both(folder, "old")
    with pytest.raises(error), draft_of(folder) as draft:
        write_both(draft, "half")
        raise error
    assert contents(folder) == {"encoder.onnx": "old", "encoder.json": "old"}
    assert list(tmp_path.iterdir()) == [folder]


def test_draft_that_fails_makes_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ExportError), draft_of(tmp_path / "bundle"):
        raise ExportError
    assert list(tmp_path.iterdir()) == []
