"""Files that nearly are films: a sample that was cut, lies about itself, or holds another one."""

from collections.abc import Callable
from random import Random
from typing import Final

from implants.radiograph import MAX_BYTES
from tests.fuzz.layouts import Number, chunks, layout
from tests.fuzz.samples import NAMES, chunk, sample

_LIES: Final = (0, 1, 2, 3, 7, 12, 63, 64, 255, 4096, 6325, 8000, 20_000, 32_767, 65_535, 2**24 - 1,
                2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1)  # fmt: skip


def mutated(data: bytes, chance: Random) -> bytes:
    """One change, of those that keep most of a file as it is."""
    changed = chance.choice(MUTATIONS)(data, chance)
    # A reader that checks sums would look no further.
    return summed(changed) if chance.randrange(4) else changed


def cut(data: bytes, chance: Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def lie_about_length(data: bytes, chance: Random) -> bytes:
    """Of a segment, a chunk, a box, an element; or how many there are, or where."""
    return _lie(data, layout(data).lengths, chance)


def lie_about_size(data: bytes, chance: Random) -> bytes:
    """Width, height, bits, components, pages."""
    return _lie(data, layout(data).sizes, chance)


def swap_magic(data: bytes, chance: Random) -> bytes:
    """The beginning of another format before the rest of this one."""
    other = sample(chance.choice(NAMES))
    length = chance.choice((4, 12, 16, 140))
    return other[:length] + data[length:]


def add_trailing_bytes(data: bytes, chance: Random) -> bytes:
    """Nothing, anything, or a whole other film."""
    return data + chance.choice(
        (bytes(5000), bytes(chance.randrange(256) for _ in range(50)), sample(chance.choice(NAMES)))
    )


def nest(data: bytes, chance: Random) -> bytes:
    """A file inside, as a segment or a chunk where the format has such, or in a piece's place."""
    inner = sample(chance.choice(NAMES))
    if data.startswith(b"\xff\xd8"):
        marker = chance.choice((b"\xff\xe1", b"\xff\xe2", b"\xff\xed", b"\xff\xfe"))
        head = chance.choice((b"Exif\0\0", b"ICC_PROFILE\0\1\1", b"MPF\0", b""))
        content = (head + inner)[:65_000]
        return data[:2] + marker + (len(content) + 2).to_bytes(2, "big") + content + data[2:]
    if data.startswith(b"\x89PNG"):
        name = chance.choice((b"eXIf", b"iCCP", b"zTXt", b"fdAT", b"PLTE"))
        return data[:33] + chunk(name, inner) + data[33:]
    start, end = _piece(data, chance)
    return data[:start] + inner + data[end:]


def repeat_piece(data: bytes, chance: Random) -> bytes:
    """Twice, or as often as fits."""
    start, end = _piece(data, chance)
    most = (MAX_BYTES - len(data)) // max(1, end - start)
    return (
        data[:end] + data[start:end] * min(chance.choice((1, 50, 3000)), max(0, most)) + data[end:]
    )


def drop_piece(data: bytes, chance: Random) -> bytes:
    start, end = _piece(data, chance)
    return data[:start] + data[end:]


def move_piece(data: bytes, chance: Random) -> bytes:
    """Before another."""
    (start, end), (place, _) = _piece(data, chance), _piece(data, chance)
    rest, piece = data[:start] + data[end:], data[start:end]
    return rest[:place] + piece + rest[place:]


def spoil_bytes(data: bytes, chance: Random) -> bytes:
    spoilt = bytearray(data)
    for _ in range(chance.choice((1, 1, 3, 20)) if spoilt else 0):
        spoilt[chance.randrange(len(spoilt))] = chance.randrange(256)
    return bytes(spoilt)


MUTATIONS: Final[tuple[Callable[[bytes, Random], bytes], ...]] = (
    cut, lie_about_length, lie_about_size, lie_about_size, swap_magic, add_trailing_bytes, nest,
    repeat_piece, drop_piece, move_piece, spoil_bytes,
)  # fmt: skip


def _piece(data: bytes, chance: Random) -> tuple[int, int]:
    return chance.choice(layout(data).pieces or [(0, min(16, len(data)))])


def _lie(data: bytes, numbers: list[Number], chance: Random) -> bytes:
    if not numbers:
        return spoil_bytes(data, chance)
    number = chance.choice(numbers)
    end = number.at + number.size
    return data[: number.at] + _written(chance, number, data[number.at : end]) + data[end:]


def _written(chance: Random, number: Number, true: bytes) -> bytes:
    if number.order is None:
        return str(chance.choice((*_LIES, int(true) + 1, max(0, int(true) - 1)))).encode()
    value = int.from_bytes(true, number.order)
    said = chance.choice((*_LIES, value + 1, max(0, value - 1), value * 2))
    return (said % 256**number.size).to_bytes(number.size, number.order)


def summed(data: bytes) -> bytes:
    """A PNG with right sums; anything else as it is."""
    if not data.startswith(b"\x89PNG"):
        return data
    whole = list(chunks(data))
    end = whole[-1][1] if whole else 8
    pieces = [
        chunk(data[start + 4 : start + 8], data[start + 8 : stop - 4]) for start, stop in whole
    ]
    return data[:8] + b"".join(pieces) + data[end:]
