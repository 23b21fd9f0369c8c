"""The manufacturers and lines that file names may speak of, and under which other names."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final

from implants.models import Implant, Manufacturer
from implants.published import BY_NAME, SYSTEMS, System

# Makers of Brazil's market, and how files call them besides.
_MANUFACTURERS: Final[dict[str, tuple[str, ...]]] = {
    "Adin": (),
    "Alpha-Bio": ("Alpha-Bio Tec",),
    "Conexão": ("Conexão Sistemas de Prótese",),
    "Dentsply Sirona": ("Dentsply", "Sirona", "Astra Tech", "Astra"),
    "Implacil": ("Implacil De Bortoli",),
    "Intraoss": (),
    "Medentika": (),
    "MIS": ("MIS Implants",),
    "Neodent": (),
    "Nobel Biocare": ("Nobel",),
    "Osstem": ("Osstem Implant",),
    "Signo Vinces": (),
    "SIN": ("S.I.N.", "SIN Implant System"),
    "Singular": (),
    "Titaniumfix": (),
    "Zimmer": ("Zimmer Dental",),
    "Zimmer Biomet": ("Biomet", "Biomet 3i", "3i"),
}
_LONGEST_NAME_WORDS: Final = 4

_Key = tuple[str, str]  # manufacturer, squashed name of a line


class AmbiguousLineError(ValueError):
    """Several implants of the catalogue go by this name."""


def squash(text: str) -> str:
    """`text` as it is compared: no accents, no case, letters and digits only.

    Composed and decomposed Unicode (NFC, NFD) give the same.
    """
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in decomposed if char.isalnum())


def split_words(text: str) -> list[str]:
    """The words of a file's or folder's name."""
    return [word for word in re.split(r"[_\s-]+", text) if word]


class Directory:
    """What is known: the catalogue first, its names and then its aliases; then published facts."""

    def __init__(self) -> None:
        self._manufacturers: dict[str, str] = {}
        self._names: dict[_Key, str] = {}
        self._aliases: dict[_Key, set[str]] = {}
        self._full_aliases: dict[str, set[tuple[str, str]]] = {}
        self._published: dict[_Key, str] = {}
        self._published_aliases: dict[_Key, set[str]] = {}
        self._learn_facts()
        self._learn_catalogue()

    def system(self, manufacturer: str, line: str) -> System | None:
        """What is published of a line, if anything is known here."""
        return BY_NAME.get((manufacturer, line))

    def country(self, manufacturer: str) -> str:
        """The manufacturer's country (ISO 3166 alpha-2) by the facts; '' if unknown."""
        found = (system.country for system in SYSTEMS if system.manufacturer == manufacturer)
        return next(found, "")

    def manufacturer(self, words: Sequence[str]) -> tuple[str, int] | None:
        """The known manufacturer that `words` begin with, and how many words name it."""
        for count in range(min(len(words), _LONGEST_NAME_WORDS), 0, -1):
            name = self._manufacturers.get(squash("".join(words[:count])))
            if name is not None:
                return name, count
        return None

    def manufacturer_of_folder(self, folder: str) -> str | None:
        """The known manufacturer that a folder is named after."""
        return self._manufacturers.get(squash(folder))

    def line(self, manufacturer: str, words: Sequence[str]) -> str | None:
        """The known line of `manufacturer` that `words` name; raises `AmbiguousLineError`.

        The maker's name may be part of the line's: NOBEL_REPLACE is NobelReplace.
        """
        called = squash("".join(words))
        names = [key for key, name in self._manufacturers.items() if name == manufacturer]
        for key in (called, *(name + called for name in names)):
            line = self._line((manufacturer, key))
            if line is not None:
                return line
        return None

    def line_alone(self, words: Sequence[str]) -> tuple[str, str] | None:
        """Manufacturer and line, where `words` are the name of a single line: ANKYLOS.

        An alias is often too short to tell the maker. Raises `AmbiguousLineError`.
        """
        called = squash("".join(words))
        names = chain(self._names, self._published)
        found = sorted({maker for maker, key in names if key == called})
        line = self._line((found[0], called)) if len(found) == 1 else None
        return (found[0], line) if line else None

    def now(self, manufacturer: str, line: str) -> tuple[str, str]:
        """Manufacturer and line by which the catalogue knows this implant.

        One that was merged with another maker's lives on as that one's alias, its maker's name with
        it. Raises `AmbiguousLineError`.
        """
        if (manufacturer, squash(line)) in self._names:
            return manufacturer, line
        found = self._full_aliases.get(squash(f"{manufacturer} {line}"), set())
        if len(found) > 1:
            names = sorted(" ".join(one) for one in found)
            raise AmbiguousLineError(f"the name may mean {' or '.join(names)}")
        return next(iter(found), (manufacturer, line))

    def _line(self, key: _Key) -> str | None:
        if key in self._names:
            return self._names[key]
        # Before what is published: what was merged or renamed lives on as an alias of the
        # catalogue, and no file's name may bring it back.
        if key in self._aliases:
            return _only(self._aliases[key])
        if key in self._published:
            return self._published[key]
        if key not in self._published_aliases:
            return None
        line = _only(self._published_aliases[key])
        return self._line((key[0], squash(line)))

    def _learn_facts(self) -> None:
        for name, others in _MANUFACTURERS.items():
            self._learn_manufacturer(name, others)
        for system in SYSTEMS:
            self._learn_manufacturer(system.manufacturer)
        lines = [(item.manufacturer, item.name, item.aliases) for item in SYSTEMS]
        _learn_lines(lines, self._published, self._published_aliases)

    def _learn_catalogue(self) -> None:
        for name in Manufacturer.objects.values_list("name", flat=True):
            self._learn_manufacturer(name)
        lines = list(Implant.objects.values_list("manufacturer__name", "name", "aliases"))
        _learn_lines(lines, self._names, self._aliases)
        for maker, name, aliases in lines:
            for alias in aliases:
                self._full_aliases.setdefault(squash(alias), set()).add((maker, name))

    def _learn_manufacturer(self, name: str, others: Iterable[str] = ()) -> None:
        for known in (*others, name):
            self._manufacturers[squash(known)] = name


def _learn_lines(
    lines: Iterable[tuple[str, str, Iterable[str]]],
    names: dict[_Key, str],
    aliases: dict[_Key, set[str]],
) -> None:
    for manufacturer, line, others in lines:
        names[manufacturer, squash(line)] = line
        for alias in others:
            aliases.setdefault((manufacturer, squash(alias)), set()).add(line)


def _only(lines: set[str]) -> str:
    if len(lines) > 1:
        raise AmbiguousLineError(f"the name may mean {' or '.join(sorted(lines))}")
    return next(iter(lines))
