"""Encoder bundles: a folder with `encoder.onnx` and, in `encoder.json`, all that describes it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.utils.translation import gettext as _

from implants.encoders.preprocessing import Preprocessing

DIMENSIONS: Final = 512
ONNX_NAME: Final = "encoder.onnx"
JSON_NAME: Final = "encoder.json"

BUNDLED: Final = Path(__file__).resolve().parent / "bundled"
"""The bundle that comes with Raiox and works offline."""


class EncoderUnavailable(Exception):
    """No encoder can answer; the message names the fix. There is never another one instead."""


@dataclass(frozen=True, slots=True)
class EncoderBundle:
    """What `encoder.json` says; `load_bundle` makes it and has checked it."""

    path: Path
    name: str
    version: str
    source: Mapping[str, Any]
    """Model, weights and their SHA-256, as the export found them."""
    licence: str
    preprocessing: Preprocessing
    onnx_sha256: str
    batch: int | None = None
    """The most images that the graph is given at once; None: any number."""

    @property
    def onnx_path(self) -> Path:
        """The graph: input `image` (n, 3, size, size), output `embedding` (n, 512)."""
        return self.path / ONNX_NAME

    def check_graph(self) -> None:
        """Raises `EncoderUnavailable` if `encoder.onnx` is not the file the export wrote."""
        if file_sha256(self.onnx_path) != self.onnx_sha256:
            raise EncoderUnavailable(
                _("%(file)s does not match its encoder.json: export the encoder again.")
                % {"file": self.onnx_path}
            )


def load_bundle(path: Path) -> EncoderBundle:
    """Reads and checks `encoder.json`; raises `EncoderUnavailable`. The graph is not read yet."""
    values = _read_json(path)
    try:
        bundle = _parse(path, values)
    except (KeyError, TypeError, ValueError) as error:
        raise EncoderUnavailable(
            _("%(file)s is not valid (%(reason)s): export the encoder again.")
            % {"file": path / JSON_NAME, "reason": repr(error)}
        ) from error
    if values["dimensions"] != DIMENSIONS:
        raise EncoderUnavailable(
            _("The encoder “%(name)s” makes %(count)s numbers, not 512: choose another model.")
            % {"name": bundle.name, "count": values["dimensions"]}
        )
    return bundle


def write_description(path: Path, values: Mapping[str, Any]) -> None:
    """Writes `encoder.json` for the `encoder.onnx` that lies in the folder already."""
    described = {**values, "sha256": file_sha256(path / ONNX_NAME)}
    text = json.dumps(described, indent=2, ensure_ascii=False) + "\n"
    (path / JSON_NAME).write_text(text, encoding="utf-8")


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_json(path: Path) -> dict[str, Any]:
    for name in (JSON_NAME, ONNX_NAME):
        if not (path / name).is_file():
            raise EncoderUnavailable(
                _("%(file)s is missing: export the encoder or activate another one.")
                % {"file": path / name}
            )
    try:
        values = json.loads((path / JSON_NAME).read_text(encoding="utf-8"))
    except ValueError as error:
        raise EncoderUnavailable(
            _("%(file)s is not valid (%(reason)s): export the encoder again.")
            % {"file": path / JSON_NAME, "reason": error}
        ) from error
    return values if isinstance(values, dict) else {}


def _parse(path: Path, values: Mapping[str, Any]) -> EncoderBundle:
    for name in ("name", "version", "licence", "sha256"):
        if not isinstance(values[name], str) or not values[name]:
            raise ValueError(name)
    if not isinstance(values["source"], dict) or not isinstance(values["dimensions"], int):
        raise ValueError("source, dimensions")
    return EncoderBundle(
        path=path,
        name=values["name"],
        version=values["version"],
        source=values["source"],
        licence=values["licence"],
        preprocessing=Preprocessing.from_dict(values["preprocessing"]),
        onnx_sha256=values["sha256"],
        batch=_batch(values.get("batch")),
    )


def _batch(value: object) -> int | None:
    if value is None or (type(value) is int and value >= 1):
        return value
    raise ValueError(f"batch {value!r}")


def version_of(bundle: EncoderBundle) -> str:
    """The bundle's version and a mark of its content, as `Encoder.version` keeps it.

    `encoder.json` names the SHA-256 of the graph, so its own hash stands for all of the bundle.
    """
    digest = file_sha256(bundle.path / JSON_NAME)
    return f"{bundle.version[:36]}+{digest[:12]}"
