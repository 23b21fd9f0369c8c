"""CLIP's image tower with its weights: nothing random may be left in it, and no wrong activation.

OpenAI's weights and some others were trained with QuickGELU. open_clip builds plain GELU for the
name ViT-B-32, only warns for a tag, and says nothing at all for a local file: the vectors would
look right and be wrong.
"""

import warnings
import zipfile
from pathlib import Path
from typing import Any, Final

import open_clip
import torch
from open_clip.factory import load_state_dict
from open_clip.model import _build_vision_tower
from open_clip.transformer import QuickGELU

from implants.encoders.export import ExportError
from implants.encoders.export.request import QUICK_GELU

_PREFIX: Final = "visual."
_NAMED: Final = 5


class UnitTower(torch.nn.Module):
    """An image tower whose vectors have length 1: (n, 3, size, size) to (n, 512)."""

    def __init__(self, tower: torch.nn.Module) -> None:
        super().__init__()
        self.tower = tower
        self.eval()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """The same as open_clip's `encode_image(image, normalize=True)`."""
        return torch.nn.functional.normalize(self.tower(image), dim=1)


def build_tower(model: str, activation: str) -> torch.nn.Module:
    """The architecture with random weights, to be loaded; raises `ExportError`.

    The text tower is not built: some need files of their own.
    """
    config = open_clip.get_model_config(model)
    vision = config["vision_cfg"] | {"output_tokens": False, "timm_model_pretrained": False}
    quick_gelu = activation == QUICK_GELU or config.get("quick_gelu", False)
    tower: torch.nn.Module = _build_vision_tower(config["embed_dim"], vision, quick_gelu)
    check_activation(tower, activation)
    return tower.eval()


def check_activation(tower: torch.nn.Module, activation: str) -> None:
    """Raises `ExportError` unless the tower has this activation and not the other one.

    A tower without any GELU (CLIP's ResNets have ReLU throughout) is the same for both.
    """
    kinds = {QUICK_GELU: QuickGELU, "GELU": torch.nn.GELU}
    modules = list(tower.modules())
    built = [name for name, kind in kinds.items() if any(isinstance(m, kind) for m in modules)]
    if not built and any(isinstance(module, torch.nn.ReLU) for module in modules):
        return
    if built != [activation]:
        raise ExportError(
            f"These weights need {activation}, but open_clip builds {' and '.join(built) or 'none'}"
            " for this model: choose the model, or the --activation, that belongs to them."
        )


def load_tower(tower: torch.nn.Module, path: Path) -> None:
    """Every weight of the tower from a checkpoint.

    Raises `ExportError` if the file can't be read, lacks a tensor of the tower or has others.
    """
    found = _image_weights(path)
    _check_complete({name: value.shape for name, value in tower.state_dict().items()}, found)
    tower.load_state_dict(found, strict=True)


def input_size(model: str) -> int:
    """The side of the square that the model takes; raises `ExportError` if it is no square."""
    size = open_clip.get_model_config(model)["vision_cfg"]["image_size"]
    sides = set(size) if isinstance(size, list) else {size}
    if len(sides) != 1:
        raise ExportError(f"{model} takes images of {size}: only squares can be exported.")
    return int(sides.pop())


def _image_weights(path: Path) -> dict[str, torch.Tensor]:
    try:
        weights = _state(path)
    except Exception as error:  # torch, pickle, zipfile and safetensors each raise their own
        raise ExportError(f"{path} is not a checkpoint that can be read ({error}).") from error
    images = {k.removeprefix(_PREFIX): v for k, v in weights.items() if k.startswith(_PREFIX)}
    if not images:
        raise ExportError(f"{path} has no image tower: no tensor's name begins with “{_PREFIX}”.")
    return images


def _state(path: Path) -> dict[str, Any]:
    if not _is_torchscript(path):
        state: dict[str, Any] = load_state_dict(str(path))
        return state
    with warnings.catch_warnings():
        # OpenAI publishes its weights in this deprecated form, which open_clip can't read alone.
        warnings.simplefilter("ignore", FutureWarning)
        return dict(torch.jit.load(str(path), map_location="cpu").state_dict())


def _is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def _check_complete(wanted: dict[str, torch.Size], found: dict[str, torch.Tensor]) -> None:
    """Strict loading would refuse it too, with a page of names."""
    wrong = {
        "missing": wanted.keys() - found,
        "unknown": found.keys() - wanted,
        "of another shape": {k for k in wanted.keys() & found if found[k].shape != wanted[k]},
    }
    said = "; ".join(f"{len(k)} {what} ({_some(sorted(k))})" for what, k in wrong.items() if k)
    if said:
        raise ExportError(
            f"The checkpoint does not fit the image tower; tensors: {said}. Is it of another model,"
            " or damaged?"
        )


def _some(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
