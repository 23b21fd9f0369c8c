"""A network of CLIP ViT-B/32's shape, for its time alone: its weights are made at random.

CLIP's own weights are not at hand where there is no internet, and no time depends on them.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import helper, numpy_helper

from implants.encoders.bundle import DIMENSIONS, ONNX_NAME, write_description
from implants.encoders.export.steps import film_steps
from implants.encoders.session import INPUT, OUTPUT

_SEED: Final = 20261129
_OPSET: Final = 18
_IR: Final = 10
_QUICK: Final = 1.702
"""QuickGELU is x · sigmoid(1.702 x)."""
_MEAN: Final = (0.48145466, 0.4578275, 0.40821073)
_STD: Final = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class Shape:
    """Of a vision transformer; the defaults are CLIP ViT-B/32's."""

    layers: int = 12
    width: int = 768
    heads: int = 12
    patch: int = 32
    size: int = 224


CLIP: Final = Shape()


def write_vit(folder: Path, shape: Shape = CLIP) -> Path:
    """A bundle in `folder`, which is there: float32, 350 MB for CLIP's shape."""
    network = _Network(shape)
    network.build()
    onnx.save(network.model(), str(folder / ONNX_NAME))
    steps = film_steps(size=shape.size, mean=_MEAN, std=_STD, interpolation="bicubic")
    write_description(
        folder,
        {
            "name": "vit-made-at-random",
            "version": "1",
            "source": {"model": "CLIP ViT-B/32's shape", "weights": f"random, seed {_SEED}"},
            "licence": "none",
            "dimensions": DIMENSIONS,
            "preprocessing": steps.to_dict(),
        },
    )
    return folder


@dataclass
class _Network:
    """Nodes and weights in the order in which they are made; methods give names of tensors."""

    shape: Shape
    nodes: list[Any] = field(default_factory=list)
    weights: list[Any] = field(default_factory=list)
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(_SEED))

    def build(self) -> None:
        """From `INPUT` (images, 3, size, size) to `OUTPUT` (images, 512), each of length 1."""
        found = self.norm(self.tokens())
        for _ in range(self.shape.layers):
            found = self.node("Add", found, self.attention(self.norm(found)))
            found = self.node("Add", found, self.feed_forward(self.norm(found)))
        first = self.node("Gather", found, self.constant(0), axis=1)
        vector = self.node("MatMul", self.norm(first), self.drawn(self.shape.width, DIMENSIONS))
        length = self.node("ReduceL2", vector, self.constant([1]), keepdims=1)
        self.node("Div", vector, length, output=OUTPUT)

    def tokens(self) -> str:
        """(images, patches + 1, width): a token of the class, then one of each patch."""
        width, patch = self.shape.width, self.shape.patch
        count = (self.shape.size // patch) ** 2
        kernel = self.drawn(width, 3, patch, patch)
        patches = self.node("Conv", INPUT, kernel, strides=[patch, patch])
        flat = self.node("Reshape", patches, self.constant([0, width, count]))
        lines = self.node("Transpose", flat, perm=[0, 2, 1])
        images = self.node("Shape", INPUT, start=0, end=1)
        many = self.node("Concat", images, self.constant([1, width]), axis=0)
        start = self.node("Expand", self.drawn(1, 1, width), many)
        together = self.node("Concat", start, lines, axis=1)
        return self.node("Add", together, self.drawn(count + 1, width))

    def attention(self, tokens: str) -> str:
        """Of each token to all tokens, by heads."""
        width, heads = self.shape.width, self.shape.heads
        each = width // heads
        all_three = self.node("Split", self.linear(tokens, width, 3 * width), outputs=3, axis=2)
        query, key, value = (
            self.node(
                "Transpose",
                self.node("Reshape", part, self.constant([0, 0, heads, each])),
                perm=[0, 2, 3, 1] if place == 1 else [0, 2, 1, 3],
            )
            for place, part in enumerate(all_three.split())
        )
        scaled = self.node("Mul", query, self.constant(each**-0.5))
        weights = self.node("Softmax", self.node("MatMul", scaled, key), axis=-1)
        mixed = self.node("Transpose", self.node("MatMul", weights, value), perm=[0, 2, 1, 3])
        lines = self.node("Reshape", mixed, self.constant([0, 0, width]))
        return self.linear(lines, width, width)

    def feed_forward(self, tokens: str) -> str:
        """Four times as wide, QuickGELU, and back."""
        width = self.shape.width
        wide = self.linear(tokens, width, 4 * width)
        gate = self.node("Sigmoid", self.node("Mul", wide, self.constant(_QUICK)))
        return self.linear(self.node("Mul", wide, gate), 4 * width, width)

    def linear(self, tokens: str, before: int, after: int) -> str:
        """Weights and bias."""
        return self.node(
            "Add", self.node("MatMul", tokens, self.drawn(before, after)), self.drawn(after)
        )

    def norm(self, tokens: str) -> str:
        """Over the last axis; scale and bias are as before any training."""
        width = self.shape.width
        scale = self.kept(np.ones(width, dtype=np.float32))
        bias = self.kept(np.zeros(width, dtype=np.float32))
        return self.node("LayerNormalization", tokens, scale, bias, axis=-1)

    def node(
        self, kind: str, *inputs: str, output: str = "", outputs: int = 1, **options: Any
    ) -> str:
        """The name of its output; the names of several, with spaces between."""
        names = [output or f"t{len(self.nodes)}_{number}" for number in range(outputs)]
        if kind == "Split":
            options["num_outputs"] = outputs
        self.nodes.append(helper.make_node(kind, list(inputs), names, **options))
        return " ".join(names)

    def constant(self, value: float | list[int]) -> str:
        """Whole numbers are shapes and places, others factors."""
        kind = np.float32 if isinstance(value, float) else np.int64
        return self.kept(np.array(value, dtype=kind))

    def drawn(self, *shape: int) -> str:
        """The more are added up, the smaller: what comes out is as large as what goes in."""
        values = self.random.standard_normal(shape, dtype=np.float32)
        return self.kept(values * np.float32(shape[0] ** -0.5))

    def kept(self, values: np.ndarray[Any, Any]) -> str:
        """As an initializer."""
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def model(self) -> Any:
        """All of it, checked."""
        size = self.shape.size
        image = helper.make_tensor_value_info(
            INPUT, onnx.TensorProto.FLOAT, ["images", 3, size, size]
        )
        vector = helper.make_tensor_value_info(
            OUTPUT, onnx.TensorProto.FLOAT, ["images", DIMENSIONS]
        )
        graph = helper.make_graph(self.nodes, "vit", [image], [vector], self.weights)
        opset = helper.make_opsetid("", _OPSET)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=_IR)
        onnx.checker.check_model(model)
        return model
