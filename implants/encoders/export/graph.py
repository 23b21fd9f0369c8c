"""From a torch module to ONNX, and the proof that both say the same."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray

from implants.encoders.export import ExportError
from implants.encoders.export.projection import Projection
from implants.encoders.session import INPUT, OUTPUT

PARITY: Final = 0.9999
"""The least cosine between ONNX Runtime's vector and torch's for the same input."""

_OPSET: Final = 18


class ParityError(ExportError):
    """The exported graph does not compute what the torch module computes."""


class ProjectedEncoder(torch.nn.Module):
    """A backbone, its projection and the scaling to length 1, as one graph."""

    def __init__(self, backbone: torch.nn.Module, projection: Projection) -> None:
        super().__init__()
        self.backbone = backbone
        self.linear = torch.nn.Linear(*projection.weights.shape)
        with torch.no_grad():
            self.linear.weight.copy_(torch.from_numpy(projection.weights.T))
            self.linear.bias.copy_(torch.from_numpy(-projection.mean @ projection.weights))
        self.eval()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(n, 3, size, size) to (n, 512), each of length 1."""
        return torch.nn.functional.normalize(self.linear(self.backbone(image)), dim=1)


def write_graph(module: torch.nn.Module, size: int, path: Path) -> None:
    """Exports `module` to one ONNX file for any number of images of this size."""
    for chatty in ("onnx_ir", "onnxscript"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    program = torch.onnx.export(
        module,
        (torch.zeros(2, 3, size, size),),
        dynamo=True,
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_shapes=({0: torch.export.Dim("images")},),
        opset_version=_OPSET,
        verbose=False,
    )
    model = program.model_proto
    _forget_the_exporting_machine(model)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def graph_runner(path: Path) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """What ONNX Runtime makes of inputs (n, 3, size, size): the graph's output, (n, numbers)."""
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # as in serving
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda tensors: session.run([OUTPUT], {INPUT: tensors})[0]


def check_parity(module: torch.nn.Module, path: Path, tensors: NDArray[np.float32]) -> float:
    """The least cosine over `tensors` (n, 3, size, size); raises `ParityError` below `PARITY`."""
    run = graph_runner(path)
    exported = np.concatenate([run(tensor[None]) for tensor in tensors])
    with torch.inference_mode():
        original = module(torch.from_numpy(tensors)).numpy()
    lengths = np.linalg.norm(exported, axis=1) * np.linalg.norm(original, axis=1)
    least = float(((exported * original).sum(axis=1) / lengths).min())
    if not least > PARITY:
        raise ParityError(f"cosine {least:.6f} between ONNX Runtime and torch, wanted > {PARITY}")
    return least


def _forget_the_exporting_machine(model: onnx.ModelProto) -> None:
    """The exporter notes file names and stack traces of the machine it ran on."""
    del model.metadata_props[:]
    model.doc_string = ""
    for part in (model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]
    for value in (*model.graph.input, *model.graph.output):
        value.doc_string = ""
        del value.metadata_props[:]
