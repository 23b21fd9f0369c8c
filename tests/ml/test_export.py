"""Export in the ml environment: ONNX Runtime must say what torch says."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from implants.demo.renderer import VIEWS, render_film
from implants.demo.systems import DEMO_SYSTEMS
from implants.encoders.bundle import BUNDLED, load_bundle
from implants.encoders.export import bundled, writing
from implants.encoders.export.backbone import PooledLite0
from implants.encoders.export.graph import (
    PARITY,
    ParityError,
    ProjectedEncoder,
    check_parity,
    write_graph,
)
from implants.encoders.export.projection import Projection, fit_projection
from implants.encoders.preprocessing import prepare
from implants.encoders.session import EncoderSession


def film(system: int) -> Image.Image:
    return Image.fromarray(render_film(DEMO_SYSTEMS[system], VIEWS[0], query=True).image)


def tensors(count: int) -> np.ndarray:
    return np.concatenate([prepare(film(i), bundled.PREPROCESSING) for i in range(count)])


@pytest.fixture(scope="module")
def encoder() -> ProjectedEncoder:
    """Lite0 with a projection fitted on noise: parity doesn't depend on what it was fitted on."""
    features = np.random.default_rng(0).normal(size=(600, 1280))
    projection = fit_projection(features, 512, power=0.5, shrinkage=0.1)
    return ProjectedEncoder(PooledLite0(bundled.SIZE), projection)


def test_onnx_agrees_with_torch_on_rendered_films(
    encoder: ProjectedEncoder, tmp_path: Path
) -> None:
    write_graph(encoder, bundled.SIZE, tmp_path / "encoder.onnx")
    assert check_parity(encoder, tmp_path / "encoder.onnx", tensors(6)) > PARITY


def test_parity_notices_another_activation(encoder: ProjectedEncoder, tmp_path: Path) -> None:
    write_graph(encoder, bundled.SIZE, tmp_path / "encoder.onnx")
    other = ProjectedEncoder(
        PooledLite0(bundled.SIZE),
        Projection(np.zeros(1280), encoder.linear.weight.detach().double().numpy().T),
    )
    other.linear.load_state_dict(encoder.linear.state_dict())
    for module in other.modules():
        if hasattr(module, "_swish"):
            module._swish = torch.nn.SiLU()
    with pytest.raises(ParityError):
        check_parity(other, tmp_path / "encoder.onnx", tensors(2))


def test_export_with_too_few_films_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = np.random.default_rng(1).normal(size=(512, 1280)).astype(np.float32)
    monkeypatch.setattr(bundled, "_features", lambda network, rounds: (few, tensors(2)))
    with pytest.raises(ValueError, match="too few"):
        bundled.export_bundled(tmp_path / "bundle", rounds=1)
    assert not (tmp_path / "bundle").exists()


def test_export_that_disagrees_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(1)

    def features(network: torch.nn.Module, rounds: int) -> tuple[np.ndarray, np.ndarray]:
        return rng.normal(size=(600, 1280)).astype(np.float32), tensors(2)

    def other_graph(module: torch.nn.Module, size: int, path: Path) -> None:
        write_graph(ProjectedEncoder(module.backbone, shuffled(module)), size, path)

    def shuffled(module: torch.nn.Module) -> Projection:
        weights = module.linear.weight.detach().double().numpy().T
        return Projection(np.zeros(1280), weights[:, ::-1].copy())

    monkeypatch.setattr(bundled, "_features", features)
    monkeypatch.setattr(writing, "write_graph", other_graph)
    with pytest.raises(ParityError):
        bundled.export_bundled(tmp_path / "bundle", rounds=1)
    assert not (tmp_path / "bundle").exists()


def test_export_writes_a_bundle_that_encodes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(600, 1280)).astype(np.float32)
    monkeypatch.setattr(bundled, "_features", lambda network, rounds: (noise, tensors(2)))
    exported = bundled.export_bundled(tmp_path / "bundle", rounds=1)
    bundle = load_bundle(tmp_path / "bundle")
    bundle.check_graph()
    assert exported.parity > PARITY
    assert exported.megabytes < 25
    assert EncoderSession(bundle).encode(film(0)).shape == (512,)


def test_committed_bundle_has_the_backbone_it_names() -> None:
    """torch's Lite0 with the linear step of the committed graph must say what that graph says."""
    import onnx
    from onnx import numpy_helper

    bundle = load_bundle(BUNDLED)
    assert bundle.preprocessing == bundled.PREPROCESSING
    weights = {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in onnx.load(str(bundle.onnx_path)).graph.initializer
    }
    linear = next(value for value in weights.values() if sorted(value.shape) == [512, 1280])
    bias = next(value for value in weights.values() if value.shape == (512,))
    features = PooledLite0(bundled.SIZE)(torch.from_numpy(tensors(4))).detach().numpy()
    expected = features @ (linear if linear.shape[0] == 1280 else linear.T) + bias
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    found = EncoderSession(bundle).embed(tensors(4))
    assert (expected * found).sum(axis=1).min() > PARITY
