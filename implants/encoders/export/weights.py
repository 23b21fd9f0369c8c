"""Where CLIP's weights come from, and what is known about them before any of them is read.

open_clip's own table names for each tag where its file lies, the preprocessing and the activation.
A URL of OpenAI's carries the SHA-256 of its file, one of open_clip's releases 8 digits of it.
"""

import re
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final

from open_clip import get_model_config, list_models
from open_clip.pretrained import (
    download_pretrained,
    get_pretrained_cfg,
    list_pretrained_tags_by_model,
)

from implants.encoders.bundle import DIMENSIONS, file_sha256
from implants.encoders.export import ExportError
from implants.encoders.export.request import QUICK_GELU, ClipRequest, settle_facts

_PUBLISHED: Final = (
    re.compile(r"/openaipublic\..+/(?P<digits>[0-9a-f]{64})/[^/]+$"),
    re.compile(r"/mlfoundations/.+-(?P<digits>[0-9a-f]{8})\.\w+$"),
)
_MIT: Final = re.compile(r"openai$|laion400m_")
_MIT_HUBS: Final = ("laion/",)


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights of which everything is known that a bundle says; nothing is downloaded yet."""

    label: str
    """The tag, or the file's name."""
    facts: dict[str, Any]
    """All of `request.FACTS`."""
    sha256: str
    """As published: 64 digits, the first 8, or empty."""
    place: dict[str, str]
    """`file`, `url` or `hf_hub`: where the weights lie, as open_clip says it."""

    @property
    def origin(self) -> str:
        """Where they come from, for `encoder.json`: no path of the machine."""
        kind, where = next(iter(self.place.items()))
        return {"file": "local file", "url": where, "hf_hub": f"hf-hub:{where}"}[kind]

    def fetch(self) -> tuple[Path, str]:
        """The file, downloaded if need be, and its SHA-256; raises `ExportError`."""
        path = Path(self._download())
        found = file_sha256(path)
        if not found.startswith(self.sha256 or _sha256_of_the_hub(path)):
            raise ExportError(
                f"{path} has the SHA-256 {found}, which is not the published one"
                f" ({self.sha256 or _sha256_of_the_hub(path)}): delete it and try again."
            )
        return path, found

    def _download(self) -> str:
        try:
            path: str = download_pretrained(self.place)
        except (OSError, RuntimeError, TypeError, HTTPException) as error:
            raise ExportError(
                f"The weights could not be downloaded from {self.origin} ({error}). Try again with"
                " internet, try --hub, or bring the file from another machine and name it:"
                " --pretrained PATH."
            ) from error
        return path


def find_weights(request: ClipRequest) -> Weights:
    """What is known of the weights that are asked for.

    Raises `ExportError` for an unknown model or tag, a model of other than 512 numbers, a missing
    file, and for what is neither published with the weights nor given in the request.
    """
    _check_model(request.model)
    tag = get_pretrained_cfg(request.model, request.pretrained)
    if tag:
        facts = settle_facts(request.facts, _published(request.model, request.pretrained, tag))
        place = _place(tag, request.hub)
        return Weights(request.pretrained, facts, published_sha256(place), place)
    return _local(request)


def _local(request: ClipRequest) -> Weights:
    file = Path(request.pretrained).expanduser()
    if not file.is_file():
        raise ExportError(
            f"“{request.pretrained}” is neither a file nor a tag of {request.model}. Its tags:"
            f" {', '.join(list_pretrained_tags_by_model(request.model)) or 'none'}."
        )
    label = tag_of(request.model, file_sha256(file))
    tag = get_pretrained_cfg(request.model, label) if label else {}
    facts = settle_facts(request.facts, _published(request.model, label, tag))
    sha256 = published_sha256(tag)
    return Weights(label or file.stem, facts, sha256, {"file": str(file)})


def tag_of(model: str, sha256: str) -> str:
    """The tag of the model whose URL carries this SHA-256; empty if none does."""
    for tag in list_pretrained_tags_by_model(model):
        digits = published_sha256(get_pretrained_cfg(model, tag))
        if digits and sha256.startswith(digits):
            return str(tag)
    return ""


def published_sha256(place: dict[str, Any]) -> str:
    """The SHA-256 that a URL carries, all 64 digits or the first 8; empty if it carries none."""
    found = (pattern.search(place.get("url", "")) for pattern in _PUBLISHED)
    return next((match["digits"] for match in found if match), "")


def _sha256_of_the_hub(path: Path) -> str:
    """Hugging Face's cache names a large file by its published SHA-256."""
    name = path.resolve().name
    return name if re.fullmatch("[0-9a-f]{64}", name) else ""


def _check_model(model: str) -> None:
    if model not in list_models():
        raise ExportError(f"open_clip knows no model “{model}”: ViT-B-32 is one, for example.")
    numbers = get_model_config(model)["embed_dim"]
    if numbers != DIMENSIONS:
        raise ExportError(
            f"{model} makes {numbers} numbers and Raiox keeps {DIMENSIONS}: choose another model"
            " (ViT-B-32 or ViT-B-16, for example)."
        )


def _published(model: str, label: str, tag: dict[str, Any]) -> dict[str, Any]:
    """Those facts that open_clip publishes with the weights; none for an unknown file."""
    if not tag:
        return {}
    # A tag that does not speak of it was trained with what the model's own configuration builds.
    quick = tag.get("quick_gelu", False) or get_model_config(model).get("quick_gelu", False)
    facts = {"activation": QUICK_GELU if quick else "GELU", "interpolation": tag["interpolation"]}
    facts |= {name: tuple(map(float, tag[name])) for name in ("mean", "std")}
    return facts | _licence(label, tag)


def _licence(label: str, tag: dict[str, Any]) -> dict[str, str]:
    """MIT where the publisher says so; what others say must be named by the operator."""
    is_mit = _MIT.match(label) or tag.get("hf_hub", "").startswith(_MIT_HUBS)
    return {"licence": "MIT"} if is_mit else {}


def _place(tag: dict[str, Any], hub: bool) -> dict[str, str]:
    """The URL if its file can be checked; Hugging Face otherwise, or if that is wanted."""
    if tag["url"] and not (tag["hf_hub"] and (hub or not published_sha256(tag))):
        return {"url": tag["url"]}
    return {"hf_hub": tag["hf_hub"]}
