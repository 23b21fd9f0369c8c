"""Weights of 8 bits instead of 32: a quarter of the memory, and how much the answers change.

Dynamic quantisation takes the range of an activation from the whole input tensor, so an image
would get another vector beside other images: the graph takes one image at a time and no more.
Weights use 7 of the 8 bits (reduced range). Without VNNI instructions the products of 8-bit weights
overflow without a word, and a bundle may be served by another machine than the one it was made on.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process
from tqdm import tqdm

from implants.encoders.export.agreement import Agreement, compare
from implants.encoders.export.films import FILMS_IN_A_ROUND, labelled_films
from implants.encoders.export.graph import graph_runner
from implants.encoders.preprocessing import Preprocessing, prepare

_ROUNDS: Final = 2  # once as references look, once as patients' films do
_QUANTISED: Final = ("MatMul", "Conv")


@dataclass(frozen=True, slots=True)
class Drift:
    """How the quantised graph compares with its original, on whole films and on implants cut out.

    The films are rendered: a small drift on them promises nothing about patients' films.
    """

    whole: Agreement
    region: Agreement

    @property
    def is_enough(self) -> bool:
        """Whether neither changes more than 3 % of the top-3 sets."""
        return self.whole.is_enough and self.region.is_enough

    def to_dict(self) -> dict[str, Any]:
        """As it goes into `encoder.json`."""
        return {
            "weights": "reduced range (7 bits), per channel",
            "whole_films": self.whole.to_dict(),
            "regions": self.region.to_dict(),
        }

    def __str__(self) -> str:
        return f"whole films: {self.whole}; regions: {self.region}"


def quantise(original: Path, quantised: Path) -> None:
    """Writes the quantised form of a graph, for one image at a time."""
    model = onnx.load(str(original))
    del model.graph.value_info[:]  # shapes of weights among them, which quantising may transpose
    with tempfile.TemporaryDirectory() as scratch:
        plain, shaped = Path(scratch) / "plain.onnx", Path(scratch) / "shaped.onnx"
        onnx.save(model, str(plain))
        quant_pre_process(str(plain), str(shaped), skip_optimization=True, skip_symbolic_shape=True)
        quantize_dynamic(
            str(shaped),
            str(quantised),
            op_types_to_quantize=list(_QUANTISED),
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
        )
    model = onnx.load(str(quantised))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_value = 1
    del model.graph.value_info[:]  # they still speak of any number of images
    onnx.checker.check_model(model)
    onnx.save(model, str(quantised))


def measure_drift(original: Path, quantised: Path, steps: Preprocessing) -> Drift:
    """Both graphs on the same rendered films, one by one."""
    first, second = graph_runner(original), graph_runner(quantised)
    vectors: dict[str, list[NDArray[np.float32]]] = {"whole": [], "region": []}
    systems = []
    films = tqdm(labelled_films(_ROUNDS), total=_ROUNDS * FILMS_IN_A_ROUND, unit="film")
    for system, image, region in films:
        systems.append(system)
        for kind, part in (("whole", None), ("region", region)):
            tensor = prepare(image, steps, part)
            vectors[kind].append(np.stack([first(tensor), second(tensor)]))
    drift = {}
    for kind, found in vectors.items():
        original_vectors, quantised_vectors = np.concatenate(found, axis=1)
        drift[kind] = compare(original_vectors, quantised_vectors, systems)
    return Drift(**drift)
