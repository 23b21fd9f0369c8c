"""How colourful an image is: a radiograph has one hue at most, a photograph many."""

from typing import Final

import numpy as np
from PIL import Image

_SIDE: Final = 64


def hue_variation(image: Image.Image) -> float:
    """How much the hue varies over a decoded image, 0 (gray, or a tinted film) to 1."""
    if image.mode.startswith(("L", "1", "I", "F")):
        return 0.0
    if image.mode.startswith("P"):
        image = image.convert("RGB")  # means of a palette's indices would mean nothing
    small = image.reduce(max(1, min(image.size) // _SIDE)).convert("RGB")
    small = small.resize((_SIDE, _SIDE), Image.Resampling.BOX)
    channels = np.asarray(small, dtype=np.float32) / 255
    differences = channels[:, :, (0, 2)] - channels[:, :, 1:2]
    return float(differences.std(axis=(0, 1)).max())
