"""Which implant a film shows, by its file's name and folder."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final

from implants.seeding.directory import AmbiguousLineError, Directory, split_words, squash

# What names no implant, in any language our sources use.
_NOBODY: Final = ("generic", "unknown", "desconhecid")
# A folder of references, as opposed to one of a manufacturer.
_REFERENCES_FOLDER: Final = "referencia"
_SIZE: Final = re.compile(r"(\d{1,2}(?:[.,]\d{1,2})?)(mm)?(?:x(\d{1,2}(?:[.,]\d)?)(?:mm)?)?", re.I)
# A number or size at the end, with or without a sign of the diameter, which may stand alone.
_MORE: Final = re.compile(r"\s*(?:(?:[ø⌀]|\bd)?\s*[\d.,]*\d\s*(?:mm)?|[ø⌀])$", re.I)
_DIAMETERS_MM: Final = (Decimal("1.5"), Decimal(9))
_ACRONYM: Final = 3
"""Capitals of up to so many letters stay capitals."""


class Convention(StrEnum):
    """Where the manufacturer's name stands."""

    FOLDER = "folder"
    NAME = "name"
    AUTO = "auto"


class NameProblemError(ValueError):
    """The name follows no convention, or contradicts itself; the message says how."""


@dataclass(frozen=True, slots=True)
class Named:
    """The implant that a name speaks of, with the size if it gives one (millimetres)."""

    manufacturer: str
    line: str
    diameter_mm: Decimal | None = None
    length_mm: Decimal | None = None


@dataclass(frozen=True, slots=True)
class _Stem:
    """`<words>_<DIAMETER>[_n]`, taken apart."""

    words: list[str]
    diameter_mm: Decimal | None
    length_mm: Decimal | None


def read_name(path: PurePosixPath, convention: Convention, known: Directory) -> Named | None:
    """The implant by `<manufacturer>/<file>` or `<MANUFACTURER>_<LINE>_<DIAMETER>[_n]`.

    None for names that say themselves that the implant is unknown (GENERIC, UNKNOWN). Raises
    `NameProblemError`.
    """
    path = PurePosixPath(unicodedata.normalize("NFC", str(path)))
    if any(squash(part).startswith(_NOBODY) for part in (*path.parent.parts, path.stem)):
        return None
    stem = _take_apart(path.stem)
    try:
        manufacturer, line = known.now(*_READERS[convention](path, stem, known))
    except AmbiguousLineError as error:
        raise NameProblemError(str(error)) from error
    if squash(line).startswith(_NOBODY):
        return None
    return Named(manufacturer, line, stem.diameter_mm, stem.length_mm)


def _take_apart(stem: str) -> _Stem:
    words = split_words(stem)
    for index, word in enumerate(words):
        size = _SIZE.fullmatch(word)
        if size and _is_size(size):
            return _Stem(words[:index], _diameter(size[1]), _decimal(size[3]))
    while len(words) > 1 and _is_number(words[-1]):
        words.pop()
    return _Stem(words, None, None)


def _is_size(match: re.Match[str]) -> bool:
    """A number alone may be a serial one: a size has a unit, a decimal place or a length."""
    return bool(match[2] or match[3] or not match[1].isdigit())


def _is_number(word: str) -> bool:
    return word.strip("()").isdigit()


def _decimal(text: str | None) -> Decimal | None:
    return Decimal(text.replace(",", ".")) if text else None


def _diameter(text: str) -> Decimal:
    value = Decimal(text.replace(",", "."))
    if not _DIAMETERS_MM[0] <= value <= _DIAMETERS_MM[1]:
        raise NameProblemError(f"no implant is {value} mm wide")
    return value


def _by_folder(path: PurePosixPath, stem: _Stem, known: Directory) -> tuple[str, str]:
    """`<manufacturer>/<line>_n.jpg`, and `<manufacturer>/<line>/<any>.jpg`."""
    folders = [folder for folder in path.parts[:-1] if squash(folder) != _REFERENCES_FOLDER]
    if not folders:
        raise NameProblemError("no manufacturer's folder around it")
    manufacturer, between = _innermost_manufacturer(folders, known)
    words = _without_manufacturer(stem.words, manufacturer, known)
    folder_words = split_words(between[-1]) if between else []
    if not all(_is_number(word) for word in folder_words):
        words = folder_words
    return manufacturer, _line(manufacturer, words, known)


def _innermost_manufacturer(folders: list[str], known: Directory) -> tuple[str, list[str]]:
    """The nearest known manufacturer and the folders inside it; else the nearest folder."""
    for index in range(len(folders) - 1, -1, -1):
        name = known.manufacturer_of_folder(folders[index])
        if name is not None:
            return name, folders[index + 1 :]
    return _title(split_words(folders[-1])), []


def _without_manufacturer(words: list[str], manufacturer: str, known: Directory) -> list[str]:
    """The file's name may repeat its folder's; if it names another one, somebody is wrong."""
    named = known.manufacturer(words)
    if named is None or named[1] == len(words):
        return words
    if named[0] != manufacturer:
        raise NameProblemError(f"its folder says {manufacturer}, its name {named[0]}")
    return words[named[1] :]


def _by_name(_path: PurePosixPath, stem: _Stem, known: Directory) -> tuple[str, str]:
    """`<MANUFACTURER>_<LINE>`: a known manufacturer of any number of words, or the first word."""
    alone = known.line_alone(stem.words)
    if alone is not None:
        return alone
    found = known.manufacturer(stem.words)
    if found is None and stem.diameter_mm is None:
        raise NameProblemError("it begins with no known manufacturer")
    manufacturer, count = found or (_title(stem.words[:1]), 1)
    return manufacturer, _line(manufacturer, stem.words[count:], known)


def _automatic(path: PurePosixPath, stem: _Stem, known: Directory) -> tuple[str, str]:
    """A known manufacturer's folder, else a known name's beginning, else as the case tells."""
    folders = [folder for folder in path.parts[:-1] if squash(folder) != _REFERENCES_FOLDER]
    if any(known.manufacturer_of_folder(folder) for folder in folders):
        return _by_folder(path, stem, known)
    in_capitals = len(stem.words) > 1 and all(word == word.upper() for word in stem.words)
    if not folders or in_capitals or known.manufacturer(stem.words):
        return _by_name(path, stem, known)
    return _by_folder(path, stem, known)


_READERS: Final = {
    Convention.FOLDER: _by_folder,
    Convention.NAME: _by_name,
    Convention.AUTO: _automatic,
}


def _line(manufacturer: str, words: Sequence[str], known: Directory) -> str:
    if all(_is_number(word) for word in words):
        raise NameProblemError("no line beside the manufacturer's name")
    line = known.line(manufacturer, words)
    if line is None and (alike := _known_with_more(manufacturer, words, known)):
        raise NameProblemError(
            f"it says {alike} and more: write the size as 4.5mm, a number as _01,"
            " or enter another line in the catalogue first"
        )
    return line or _title(words)


def _known_with_more(manufacturer: str, words: Sequence[str], known: Directory) -> str | None:
    """The known line before numbers and sizes that can't be read: GM_3_5mm, BLX_Ø4.5mm, blx01."""
    text = " ".join(words)
    while (shorter := _MORE.sub("", text)) not in ("", text):
        if line := known.line(manufacturer, split_words(shorter)):
            return line
        text = shorter
    return None


def _title(words: Sequence[str]) -> str:
    """GRAND_MORSE becomes Grand Morse; BLX, TSV, V3 and CamelCase stay as they are."""
    return " ".join(word.capitalize() if _is_plain(word) else word for word in words)


def _is_plain(word: str) -> bool:
    return word.isalpha() and (word.islower() or (word.isupper() and len(word) > _ACRONYM))
