"""8 bits: how much the answers change is measured, and one image never depends on another."""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from django.core.management import CommandError, call_command
from onnx import numpy_helper

from implants.encoders.bundle import BUNDLED, load_bundle
from implants.encoders.export import films, int8, writing
from implants.encoders.session import EncoderSession
from tests.ml.test_clip import FACTS, TINY, Weights, checkpoint, film, tiny

__all__ = ["Weights", "checkpoint", "tiny"]  # fixtures


@pytest.fixture(autouse=True)
def few_films(monkeypatch: pytest.MonkeyPatch) -> None:
    """24 films instead of 384: enough to see what is done with the figures."""
    every = films.labelled_films

    def few(rounds: int) -> Iterator[object]:
        return islice(every(1), 0, 48, 2)

    monkeypatch.setattr(int8, "labelled_films", few)


def export(path: Path, folder: Path, *, force: bool = False) -> Path:
    options = {"folder": folder, "int8": True, "force": force}
    call_command("export_encoder", model=TINY, pretrained=str(path), **options, **FACTS)
    return folder


def spoil(original: Path, quantised: Path) -> None:
    """The right form, the wrong weights."""
    QUANTISE(original, quantised)
    model = onnx.load(str(quantised))
    rng = np.random.default_rng(0)
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.int8:
            noise = rng.integers(-60, 60, values.shape).astype(np.int8)
            tensor.CopyFrom(numpy_helper.from_array(noise, tensor.name))
    onnx.save(model, str(quantised))


QUANTISE = int8.quantise


def test_int8_bundle_says_so_and_how_much_changed(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = export(checkpoint, tmp_path / "bundle", force=True)
    values = json.loads((folder / "encoder.json").read_text())
    assert values["name"] == "clip-tiny-clip-tiny-int8"
    assert values["batch"] == 1
    assert "reduced range" in values["int8"]["weights"]
    for kind in ("whole_films", "regions"):
        figures = values["int8"][kind]
        assert figures["films"] == 24
        assert 0.9 < figures["least_cosine"] <= figures["mean_cosine"] < 1
        assert 0 < figures["same_top_3"] <= 1
    assert "the same top 3 for" in capsys.readouterr().out
    assert sorted(file.name for file in folder.iterdir()) == ["encoder.json", "encoder.onnx"]


def test_int8_vector_does_not_depend_on_the_other_images(checkpoint: Path, tmp_path: Path) -> None:
    bundle = load_bundle(export(checkpoint, tmp_path / "bundle", force=True))
    session = EncoderSession(bundle)
    images = [(film(number), None) for number in range(3)]
    single = np.stack([session.encode(*each) for each in images])
    assert np.array_equal(session.encode_batch(images), single)
    assert np.array_equal(session.encode_batch(images[::-1]), single[::-1])


def test_int8_graph_takes_one_image_and_no_more(checkpoint: Path, tmp_path: Path) -> None:
    folder = export(checkpoint, tmp_path / "bundle", force=True)
    graph = onnxruntime.InferenceSession(str(folder / "encoder.onnx"))
    graph.run(None, {"image": np.zeros((1, 3, 32, 32), np.float32)})
    with pytest.raises(Exception, match="Got: 2 Expected: 1"):
        graph.run(None, {"image": np.zeros((2, 3, 32, 32), np.float32)})


def test_int8_weights_have_7_bits(checkpoint: Path, tmp_path: Path) -> None:
    """More would overflow without VNNI instructions, and nobody would be told."""
    folder = export(checkpoint, tmp_path / "bundle", force=True)
    weights = [
        numpy_helper.to_array(tensor)
        for tensor in onnx.load(str(folder / "encoder.onnx")).graph.initializer
    ]
    matrices = [value for value in weights if value.dtype == np.int8 and value.ndim > 1]
    assert sum(value.size for value in matrices) > 100_000
    assert max(np.abs(value.astype(int)).max() for value in matrices) <= 64


def test_int8_bundle_that_finds_other_implants_is_refused(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = export(checkpoint, tmp_path / "bundle", force=True)
    before = (folder / "encoder.json").read_bytes()
    monkeypatch.setattr(writing, "quantise", spoil)
    with pytest.raises(CommandError, match=r"too often: whole films: cosine .*--force"):
        export(checkpoint, folder)
    assert (folder / "encoder.json").read_bytes() == before
    load_bundle(folder).check_graph()


def test_int8_bundle_that_finds_other_implants_is_written_by_force(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "quantise", spoil)
    folder = export(checkpoint, tmp_path / "bundle", force=True)
    values = json.loads((folder / "encoder.json").read_text())
    assert values["int8"]["whole_films"]["same_top_3"] < 0.97


def test_network_that_8_bits_do_not_suit_is_measured_as_such(tmp_path: Path) -> None:
    """The bundled one: its depthwise convolutions lose nearly everything, so --int8 refuses it."""
    int8.quantise(BUNDLED / "encoder.onnx", tmp_path / "encoder.onnx")
    steps = load_bundle(BUNDLED).preprocessing
    drift = int8.measure_drift(BUNDLED / "encoder.onnx", tmp_path / "encoder.onnx", steps)
    assert drift.whole.mean_cosine < 0.5
    assert not drift.is_enough
