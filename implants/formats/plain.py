"""Which files the process that serves may read itself: those that a camera or a sensor writes.

A JPEG or PNG of a few megabytes can be built of hundreds of thousands of pieces, each of which
costs its reader a little, or of as many passes over the whole picture: minutes of work.
"""

from typing import Final

import numpy as np

KINDS: Final = ("JPEG", "PNG")
MOST_PIXELS: Final = 16_000_000
"""With more a reader's copies, four bytes a pixel each, are too much beside an encoder."""

_MOST_PIECES: Final = 2_000
_MOST_SCANS: Final = 50
"""A progressive JPEG has about ten passes."""
_MARKER, _FIRST, _RESTARTS, _SCAN = 0xFF, 0xC0, (0xD0, 0xD7), 0xDA
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def is_plain(kind: str, data: bytes) -> bool:
    """Whether reading takes time for the pixels only; nothing is decoded for this."""
    if kind == "JPEG":
        return _is_plain_jpeg(data)
    return kind == "PNG" and _is_plain_png(data)


def _is_plain_jpeg(data: bytes) -> bool:
    """By all that looks like a marker, wherever it stands: more are counted, never fewer."""
    values = np.frombuffer(data, np.uint8)
    codes = values[1:][values[:-1] == _MARKER]
    lowest, highest = _RESTARTS
    pieces = (codes >= _FIRST) & ((codes < lowest) | (codes > highest))
    few = np.count_nonzero(pieces) <= _MOST_PIECES
    return bool(few and np.count_nonzero(codes == _SCAN) <= _MOST_SCANS)


def _is_plain_png(data: bytes) -> bool:
    """By walking from chunk to chunk: eight bytes of signature, then length, name, data, sum."""
    at = 8
    for _ in range(_MOST_PIECES):
        if at + 8 > len(data):
            return True
        at += 12 + int.from_bytes(data[at : at + 4], "big")
    return False


def is_deep_jpeg(data: bytes) -> bool:
    """Whether a JPEG says that its samples have other than 8 bits: no reader of ours takes those.

    By walking from segment to segment up to the frame's: marker, length, and its first byte.
    """
    at = 2
    for _ in range(_MOST_PIECES):
        marker, length = data[at : at + 2], int.from_bytes(data[at + 2 : at + 4], "big")
        if len(marker) < 2 or marker[0] != _MARKER:
            return False
        if marker[1] in _FRAMES:
            return data[at + 4 : at + 5] not in (b"\x08", b"")
        at += 2 + length
    return False
