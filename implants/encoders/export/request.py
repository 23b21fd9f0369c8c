"""What an operator asks of a CLIP export, checked as far as that goes without open_clip."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from implants.encoders.export import ExportError

QUICK_GELU: Final = "QuickGELU"
ACTIVATIONS: Final = (QUICK_GELU, "GELU")
FACTS: Final = ("activation", "mean", "std", "interpolation", "licence")
"""What must be known of weights besides their numbers; each is an option of the command too."""
_LONGEST_NAME: Final = 100  # what an Encoder row keeps


@dataclass(frozen=True, slots=True)
class ClipRequest:
    """A model and its weights: one of open_clip's tags, or the path of a checkpoint."""

    model: str
    pretrained: str
    hub: bool = False
    """Take a tag's weights from Hugging Face even where a URL with a SHA-256 is known."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Those of `FACTS` that the operator named."""
    name: str | None = None


def settle_facts(given: Mapping[str, Any], published: Mapping[str, Any]) -> dict[str, Any]:
    """All of `FACTS`; raises `ExportError` if one is in neither, or not the same in both."""
    for name in FACTS:
        if name in given and name in published and given[name] != published[name]:
            raise ExportError(
                f"--{name} {_option(given[name])} is not what these weights were trained with"
                f" ({_option(published[name])}): leave the option out."
            )
    missing = [f"--{name}" for name in FACTS if name not in given and name not in published]
    if missing:
        raise ExportError(
            f"{', '.join(missing)}: not published with these weights, so it must be given. A wrong"
            " one makes wrong vectors: ask whoever trained them. OpenAI's: --activation QuickGELU"
            " --mean 0.48145466 0.4578275 0.40821073 --std 0.26862954 0.26130258 0.27577711"
            " --interpolation bicubic --licence MIT"
        )
    return {**published, **given}


def clip_name(model: str, weights: str) -> str:
    """The bundle's name, and its folder's: ViT-B-32, openai gives clip-vit-b-32-openai."""
    return "clip-" + "-".join(map(_slug, (model, weights)))


def check_name(name: str) -> str:
    """The name, if it can be a folder's and an encoder's; raises `ExportError` otherwise."""
    if not re.fullmatch(rf"[a-z0-9][a-z0-9.-]{{0,{_LONGEST_NAME - 1}}}", name):
        raise ExportError(
            f"“{name}” can't be a bundle's name: give --name with a-z, 0-9, dots and hyphens,"
            f" {_LONGEST_NAME} characters at most."
        )
    return name


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")


def _option(value: object) -> str:
    """As it is written on a command line."""
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
