"""The bench's network of CLIP's shape: a bundle that the product loads as any other."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from deploy.bench.vit import CLIP, Shape, _Network, write_vit
from implants.encoders.bundle import load_bundle
from implants.encoders.session import EncoderSession
from tests.implants.encoders.films import rendered_image

SMALL = Shape(layers=2, width=32, heads=4, patch=16, size=64)
PARAMETERS = 87_849_216
"""Of CLIP ViT-B/32's image tower, as open_clip counts them."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield write_vit(tmp_path_factory.mktemp("vit"), SMALL)


def test_network_has_as_many_weights_as_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[int] = []

    def count(network: _Network, values: Any) -> str:
        if values.size > 4:  # what is smaller is a shape, a place or a factor
            counted.append(values.size)
        return f"w{len(counted)}"

    monkeypatch.setattr(_Network, "kept", count)
    monkeypatch.setattr(_Network, "drawn", lambda network, *shape: count(network, Counted(shape)))
    _Network(CLIP).build()

    # Norms before and after the blocks, and a bias after each linear part, are among them.
    assert sum(counted) == PARAMETERS


class Counted:
    """Stands for weights that need not be drawn to be counted."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.size = math.prod(shape)


def test_session_encodes_films_by_it(folder: Path) -> None:
    session = EncoderSession(load_bundle(folder), threads=1)
    one, other = session.encode(rendered_image()), session.encode(rendered_image(1))

    assert one.shape == (512,)
    assert np.linalg.norm(one) == pytest.approx(1, abs=1e-5)
    assert not np.allclose(one, other, atol=1e-4)


def test_session_encodes_several_films_as_one_by_one(folder: Path) -> None:
    session = EncoderSession(load_bundle(folder), threads=1)
    films = [rendered_image(), rendered_image(1), rendered_image(2)]
    together = session.encode_batch([(film, None) for film in films])

    assert np.allclose(together, [session.encode(film) for film in films], atol=1e-5)


def test_same_shape_gives_the_same_graph(folder: Path, tmp_path: Path) -> None:
    assert load_bundle(write_vit(tmp_path, SMALL)).onnx_sha256 == load_bundle(folder).onnx_sha256


def test_description_says_that_it_is_random(folder: Path) -> None:
    bundle = load_bundle(folder)

    assert "random" in bundle.name
    assert str(bundle.source["weights"]).startswith("random")


def test_answer_is_that_of_a_vision_transformer(folder: Path) -> None:
    """Computed by hand, in numpy, from the weights in the order in which they were drawn."""
    session = EncoderSession(load_bundle(folder), threads=1)
    image = np.random.default_rng(3).standard_normal((1, 3, 64, 64), dtype=np.float32)

    wanted = by_hand(weights_of(folder), image[0])
    assert np.allclose(session.embed(image)[0], wanted, atol=1e-5)


def weights_of(folder: Path) -> list[Any]:
    """Those that count, in order; norms left out, since they scale by 1 and add 0."""
    graph = onnx.load(str(folder / "encoder.onnx")).graph
    values = [numpy_helper.to_array(it) for it in graph.initializer]
    drawn = [it for it in values if it.dtype == np.float32 and it.size > 1]
    return [it for it in drawn if not (it == 1).all() and not (it == 0).all()]


def by_hand(weights: list[Any], image: Any) -> Any:
    """The vector (512,) of an image (3, 64, 64)."""
    of = iter(weights)
    kernel, start, places = next(of).reshape(32, -1), next(of)[0], next(of)
    patches = image.reshape(3, 4, 16, 4, 16).transpose(1, 3, 0, 2, 4).reshape(16, -1)
    tokens = norm(np.concatenate([start, patches @ kernel.T]) + places)
    for _ in range(SMALL.layers):
        tokens = tokens + attention(norm(tokens), next(of), next(of), next(of), next(of))
        wide = norm(tokens) @ next(of) + next(of)
        tokens = tokens + (wide / (1 + np.exp(-1.702 * wide))) @ next(of) + next(of)
    vector = norm(tokens[0]) @ next(of)
    return vector / np.linalg.norm(vector)


def attention(tokens: Any, into: Any, bias: Any, out: Any, after: Any) -> Any:
    """Four heads of eight numbers each."""
    query, key, value = (
        part.reshape(-1, 4, 8).swapaxes(0, 1) for part in np.split(tokens @ into + bias, 3, axis=1)
    )
    scores = np.exp(query @ key.swapaxes(1, 2) / math.sqrt(8))
    mixed = (scores / scores.sum(axis=2, keepdims=True)) @ value
    return mixed.swapaxes(0, 1).reshape(-1, 32) @ out + after


def norm(tokens: Any) -> Any:
    """Each line with a mean of 0 and a variance of 1."""
    middle = tokens - tokens.mean(axis=-1, keepdims=True)
    return middle / np.sqrt((middle**2).mean(axis=-1, keepdims=True) + 1e-5)
