"""CLIP's image tower, of any open_clip model of 512 numbers, as a bundle."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import open_clip
from numpy.typing import NDArray

from implants.encoders.export.films import mixed_films
from implants.encoders.export.request import ClipRequest, check_name, clip_name
from implants.encoders.export.steps import film_steps
from implants.encoders.export.tower import UnitTower, build_tower, input_size, load_tower
from implants.encoders.export.weights import Weights, find_weights
from implants.encoders.export.writing import Draft, Exported, Int8, bundle_name, write_bundle
from implants.encoders.preprocessing import Preprocessing, prepare

VERSION: Final = "1"
_PARITY_FILMS: Final = 8


def export_clip(
    request: ClipRequest, encoders: Path, folder: Path | None = None, int8: Int8 = Int8.NO
) -> Exported:
    """Makes the bundle in `folder`, or in a folder of its own name in `encoders`.

    What can be refused before the download is. Raises `ExportError`; `folder` is as it was then.
    """
    weights = find_weights(request)
    name = check_name(bundle_name(request.name or clip_name(request.model, weights.label), int8))
    steps = film_steps(size=input_size(request.model), **_numbers(weights))
    tower = build_tower(request.model, weights.facts["activation"])
    path, sha256 = weights.fetch()
    load_tower(tower, path)
    description = _description(name, request.model, weights, sha256)
    made_with = {"open_clip": open_clip.__version__}
    draft = Draft(UnitTower(tower), steps, _inputs(steps), description, made_with)
    return write_bundle(draft, folder or encoders / name, int8)


def _numbers(weights: Weights) -> dict[str, Any]:
    return {name: weights.facts[name] for name in ("mean", "std", "interpolation")}


def _inputs(steps: Preprocessing) -> NDArray[np.float32]:
    films = mixed_films(_PARITY_FILMS)
    return np.concatenate([prepare(image, steps, region) for image, region in films])


def _description(name: str, model: str, weights: Weights, sha256: str) -> dict[str, Any]:
    return {
        "name": name,
        "version": VERSION,
        "licence": weights.facts["licence"],
        "source": {
            "model": f"{model} (open_clip {open_clip.__version__}), image tower",
            "weights": weights.label,
            "weights_from": weights.origin,
            "weights_sha256": sha256,
            "sha256_published": weights.sha256 or None,
            "activation": weights.facts["activation"],
        },
    }
