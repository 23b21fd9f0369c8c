"""The end of every export: graph, proof, 8 bits if wanted, description; only then the folder."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray

from implants.encoders.bundle import DIMENSIONS, ONNX_NAME, write_description
from implants.encoders.export import ExportError
from implants.encoders.export.folder import draft_of
from implants.encoders.export.graph import check_parity, write_graph
from implants.encoders.export.int8 import Drift, measure_drift, quantise
from implants.encoders.preprocessing import Preprocessing

INT8_SUFFIX = "-int8"


class Int8(Enum):
    """Whether weights are kept in 8 bits; CHECKED refuses a graph that finds other implants."""

    NO = "no"
    CHECKED = "checked"
    FORCED = "forced"


class DriftError(ExportError):
    """The quantised graph finds other implants than the original too often."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What makes a bundle: the module, its input, inputs for the parity (n, 3, size, size)."""

    encoder: torch.nn.Module
    steps: Preprocessing
    inputs: NDArray[np.float32]
    description: Mapping[str, Any]
    """Name, version, licence, source and whatever else tells where the encoder comes from."""
    made_with: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export did: the least cosine between ONNX and torch, the graph's size, the drift."""

    name: str
    folder: Path
    parity: float
    megabytes: float
    drift: Drift | None


def write_bundle(draft: Draft, folder: Path, int8: Int8) -> Exported:
    """Writes `folder`, or leaves it as it was.

    Raises `ParityError` if ONNX and torch disagree, `DriftError` if 8 bits change the answers.
    """
    with draft_of(folder) as path:
        graph = path / ONNX_NAME
        write_graph(draft.encoder, draft.steps.size, graph)
        parity = check_parity(draft.encoder, graph, draft.inputs)
        drift = None if int8 is Int8.NO else _to_int8(graph, draft.steps, int8)
        description = _describe(draft, drift)
        write_description(path, description)
        megabytes = graph.stat().st_size / 1e6
    return Exported(description["name"], folder, parity, megabytes, drift)


def bundle_name(name: str, int8: Int8) -> str:
    """The name of the bundle: an int8 one says so at its end."""
    ends = int8 is Int8.NO or name.endswith(INT8_SUFFIX)
    return name if ends else name + INT8_SUFFIX


def _to_int8(graph: Path, steps: Preprocessing, int8: Int8) -> Drift:
    """Replaces the graph by its quantised form, and measures what that changes."""
    original = graph.rename(graph.with_name("original.onnx"))
    quantise(original, graph)
    drift = measure_drift(original, graph, steps)
    original.unlink()
    if not drift.is_enough and int8 is not Int8.FORCED:
        raise DriftError(f"8 bits change the answers too often: {drift}. --force writes it anyway.")
    return drift


def _describe(draft: Draft, drift: Drift | None) -> dict[str, Any]:
    int8 = Int8.NO if drift is None else Int8.CHECKED
    quantised = {} if drift is None else {"batch": 1, "int8": drift.to_dict()}
    return {
        **draft.description,
        "name": bundle_name(draft.description["name"], int8),
        "dimensions": DIMENSIONS,
        **quantised,
        "exported_with": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "onnx": onnx.__version__,
            "onnxscript": version("onnxscript"),
            "onnxruntime": onnxruntime.__version__,
            **draft.made_with,
        },
        "preprocessing": draft.steps.to_dict(),
    }
