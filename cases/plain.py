"""Text as one types it in a hurry: without accents, in small letters. "JOÃO" and "joao" are one.

The database says the same of what it stores (`Plain`): it has no extension for this, and its own
`lower` may know ASCII alone.
"""

import unicodedata
from typing import Any, Final

from django.db.models import F, Func, TextField, Value
from django.db.models.functions import Concat, Lower

_MARKS: Final = "".join(map(chr, range(0x0300, 0x0370)))
"""Accents that stand behind their letter, as some telephones send them."""


def _plain_letter(letter: str) -> str:
    base = unicodedata.normalize("NFKD", letter)[0]
    return base.lower() if base.isascii() and base.isalpha() else letter.lower()


_LATIN: Final = [chr(code) for code in range(0xC0, 0x180)]
_ACCENTED: Final = "".join(letter for letter in _LATIN if _plain_letter(letter) != letter)
_BARE: Final = "".join(map(_plain_letter, _ACCENTED))
_TABLE: Final = str.maketrans(_ACCENTED, _BARE, _MARKS)


def plain(text: str) -> str:
    """`text` in small letters without accents; other scripts stay as they are."""
    return text.translate(_TABLE).lower()


class Plain(Func):
    """`plain` of several columns with a space between them, computed by PostgreSQL."""

    function = "TRANSLATE"
    output_field = TextField()

    @classmethod
    def of(cls, first: str, *others: str) -> "Plain":
        """The columns by their names."""
        parts: list[Any] = [F(first)]
        for name in others:
            parts += [Value(" "), F(name)]
        joined = Lower(Concat(*parts, output_field=TextField()))
        return cls(joined, Value(_ACCENTED + _MARKS), Value(_BARE))
