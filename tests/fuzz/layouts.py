"""Where in a file its pieces lie, and the numbers that say how long and how large things are."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

Order = Literal["little", "big"]


@dataclass(frozen=True)
class Number:
    """An unsigned number of `size` bytes, in this order or, where there is none, in digits."""

    at: int
    size: int
    order: Order | None


@dataclass
class Layout:
    """`lengths` say how long a piece is or how many there are, `sizes` what the picture is like."""

    pieces: list[tuple[int, int]] = field(default_factory=list)
    lengths: list[Number] = field(default_factory=list)
    sizes: list[Number] = field(default_factory=list)


def layout(data: bytes) -> Layout:
    """As far as the file can be followed."""
    found = Layout()
    for mark, at, walk in _WALKS:
        if data.startswith(mark, at):
            walk(data, found)
    whole = len(data)
    found.pieces = [(start, min(end, whole)) for start, end in found.pieces if start < end]
    for numbers in (found.lengths, found.sizes):
        numbers[:] = [number for number in numbers if number.at + number.size <= whole]
    return found


_SCAN: Final = 0xDA
_NEXT_MARKER: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def _jpeg(data: bytes, found: Layout) -> None:
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        code, end = data[at + 1], at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        found.lengths.append(Number(at + 2, 2, "big"))
        if code in (0xC0, 0xC1, 0xC2):
            fields = ((4, 1), (5, 2), (7, 2), (9, 1))
            found.sizes += [Number(at + offset, size, "big") for offset, size in fields]
        if code == _SCAN:
            after = _NEXT_MARKER.search(data, end)
            end = after.start() if after else len(data)
        found.pieces.append((at, end))
        at = end


def _png(data: bytes, found: Layout) -> None:
    for start, end in chunks(data):
        found.pieces.append((start, end))
        found.lengths.append(Number(start, 4, "big"))
        if data[start + 4 : start + 8] == b"IHDR":
            fields = ((8, 4), (12, 4), (16, 1), (17, 1), (20, 1))
            found.sizes += [Number(start + offset, size, "big") for offset, size in fields]


def chunks(data: bytes) -> Iterator[tuple[int, int]]:
    """Of a PNG, whole ones."""
    at = 8
    while (end := at + 12 + int.from_bytes(data[at : at + 4], "big")) <= len(data):
        yield at, end
        at = end


def _riff(data: bytes, found: Layout) -> None:
    found.lengths.append(Number(4, 4, "little"))
    at = 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        found.lengths.append(Number(at + 4, 4, "little"))
        fields = {b"VP8X": ((12, 3), (15, 3)), b"VP8 ": ((14, 2), (16, 2)), b"VP8L": ((9, 4),)}
        for offset, size in fields.get(data[at : at + 4], ()):
            found.sizes.append(Number(at + offset, size, "little"))
        found.pieces.append((at, at + 8 + length + length % 2))
        at += 8 + length + length % 2


_TIFF_SIZES: Final = (256, 257, 258, 259, 262, 277, 322, 323)


def _tiff(data: bytes, found: Layout) -> None:
    order: Order = "little" if data[:1] == b"I" else "big"

    def number(at: int, size: int) -> int:
        return int.from_bytes(data[at : at + size], order)

    big = number(2, 2) == 43
    start, width, entry = (number(8, 8), 8, 20) if big else (number(4, 4), 4, 12)
    found.lengths += [Number(8 if big else 4, width, order), Number(start, 8 if big else 2, order)]
    first = start + (8 if big else 2)
    for at in range(first, min(first + entry * min(number(start, 2), 99), len(data)), entry):
        found.pieces.append((at, at + entry))
        found.lengths += [Number(at + 2, 2, order), Number(at + 4, width, order)]
        sizes = found.sizes if number(at, 2) in _TIFF_SIZES else found.lengths
        sizes.append(Number(at + 4 + width, width, order))


_BOXES: Final = {b"meta": 12, b"iprp": 8, b"ipco": 8, b"iinf": 14}
"""Those with others inside, and where these begin."""


def _heic(data: bytes, found: Layout, at: int = 0, end: int | None = None) -> None:
    end = len(data) if end is None else end
    while at + 8 <= end and (length := int.from_bytes(data[at : at + 4], "big")) >= 8:
        name = data[at + 4 : at + 8]
        found.pieces.append((at, at + length))
        found.lengths.append(Number(at, 4, "big"))
        if name in (b"ispe", b"pixi"):
            found.sizes += [Number(at + 12, 4, "big"), Number(at + 16, 4, "big")]
        elif name in _BOXES:
            _heic(data, found, at + _BOXES[name], min(at + length, end))
        elif name in (b"iloc", b"hvcC"):
            found.lengths += [Number(at + offset, 2, "big") for offset in range(12, length - 2, 2)]
        at += length


_LONG: Final = (b"OB", b"OW", b"OF", b"SQ", b"UN", b"UT")


def _dicom(data: bytes, found: Layout) -> None:
    at = 132
    while at + 12 <= len(data):
        long = data[at + 4 : at + 6] in _LONG
        place, size, value = (at + 8, 4, at + 12) if long else (at + 6, 2, at + 8)
        length = int.from_bytes(data[place : place + size], "little")
        found.lengths.append(Number(place, size, "little"))
        if data[at + 4 : at + 6] == b"US":
            found.sizes.append(Number(value, 2, "little"))
        found.pieces.append((at, value + length))
        at = value + length


_PDF_SIZES: Final = re.compile(rb"/(?:Width|Height|BitsPerComponent|Rotate|Count) (\d+)")
_PDF_LENGTHS: Final = re.compile(rb"/Length (\d+)|(\d+) 0 R|startxref\s+(\d+)")
_PDF_PIECES: Final = re.compile(rb"\d+ 0 obj.*?endobj", re.DOTALL)


def _pdf(data: bytes, found: Layout) -> None:
    found.pieces += [match.span() for match in _PDF_PIECES.finditer(data)]
    for pattern, numbers in ((_PDF_SIZES, found.sizes), (_PDF_LENGTHS, found.lengths)):
        for match in pattern.finditer(data):
            start, end = match.span(match.lastindex or 0)
            numbers.append(Number(start, end - start, None))


_WALKS: Final = (
    (b"\xff\xd8", 0, _jpeg),
    (b"\x89PNG", 0, _png),
    (b"RIFF", 0, _riff),
    (b"II", 0, _tiff),
    (b"MM", 0, _tiff),
    (b"ftyp", 4, _heic),
    (b"DICM", 128, _dicom),
    (b"%PDF", 0, _pdf),
)
