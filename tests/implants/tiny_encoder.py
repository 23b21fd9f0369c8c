"""A real encoder bundle, small enough for tests: the film's pixels are its vector.

The graph is Flatten and Slice, written as ONNX's protocol buffers by hand: serving has no library
that writes them.
"""

import struct
from pathlib import Path
from typing import Any

from implants.encoders.bundle import DIMENSIONS, ONNX_NAME, write_description

SIZE = 16
GRAY = 128
"""A film of this brightness throughout is no direction for this encoder: all zeros."""
_INT64, _FLOAT = 7, 1


def write_bundle(folder: Path, name: str = "tiny", version: str = "1") -> Path:
    """A bundle in `folder`, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ONNX_NAME).write_bytes(_model())
    describe(folder, name=name, version=version)
    return folder


def describe(folder: Path, *, name: str, version: str) -> None:
    """`encoder.json` for the graph that lies there."""
    write_description(
        folder,
        {
            "name": name,
            "version": version,
            "source": {"model": "pixels"},
            "licence": "none",
            "dimensions": DIMENSIONS,
            "preprocessing": {
                "size": SIZE,
                "mean": [GRAY / 255] * 3,
                "std": [0.25] * 3,
                "interpolation": "bilinear",
                "region_context": 0.0,
                "polarity_threshold": 0.18,
                "frame_dark": 12,
                "frame_light": 243,
                "frame_spread": 10,
                "contrast_percentiles": [0.5, 99.5],
                "pad_value": 0,
            },
        },
    )


def _model() -> bytes:
    graph = (
        _bytes(1, _node("Flatten", ["image"], "flat"))
        + _bytes(1, _node("Slice", ["flat", "start", "end", "axis"], "embedding"))
        + _bytes(2, b"pixels")
        + _bytes(5, _constant("start", 0))
        + _bytes(5, _constant("end", DIMENSIONS))
        + _bytes(5, _constant("axis", 1))
        + _bytes(11, _value("image", ["n", 3, SIZE, SIZE]))
        + _bytes(12, _value("embedding", ["n", DIMENSIONS]))
    )
    return _number(1, 8) + _bytes(7, graph) + _bytes(8, _bytes(1, b"") + _number(2, 13))


def _node(kind: str, inputs: list[str], output: str) -> bytes:
    named = b"".join(_bytes(1, name.encode()) for name in inputs)
    return named + _bytes(2, output.encode()) + _bytes(4, kind.encode())


def _constant(name: str, value: int) -> bytes:
    data = _bytes(8, name.encode()) + _bytes(9, struct.pack("<q", value))
    return _number(1, 1) + _number(2, _INT64) + data


def _value(name: str, shape: list[Any]) -> bytes:
    sides = b"".join(
        _bytes(1, _number(1, side) if isinstance(side, int) else _bytes(2, side.encode()))
        for side in shape
    )
    tensor = _number(1, _FLOAT) + _bytes(2, sides)
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, tensor))


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
