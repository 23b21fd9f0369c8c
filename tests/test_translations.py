"""Everything that people see is in Portuguese: the catalogue is whole, and so is its compiled copy.

Messages are found as makemessages finds them, but without xgettext, which not every machine has.
After a change of messages run `manage.py makemessages -l pt_BR` and `compilemessages`.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.utils import translation
from django.utils.translation.template import templatize

PO_FILE = Path(settings.BASE_DIR, "locale/pt_BR/LC_MESSAGES/django.po")
SOURCES = [
    Path(settings.BASE_DIR, name)
    for name in ("cases", "implants", "raiox", "templates", "webhooks")
]

# What the strings are that each function begins with.
ARGUMENTS = {
    "_": ("singular",),
    "gettext": ("singular",),
    "ngettext": ("singular", "plural"),
    "pgettext": ("context", "singular"),
    "npgettext": ("context", "singular", "plural"),
}
STRING = r"""u?(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')"""
TEMPLATE_CALL = re.compile(rf"\b(_|n?p?gettext)\(((?:\s*{STRING}\s*,?)+)")
PO_FIELD = re.compile(r'(msgctxt|msgid|msgid_plural|msgstr(?:\[\d\])?) (".*")')
PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[-+ #0-9.]*[a-zA-Z%]")


class Message(NamedTuple):
    """What is to be translated; "" where it has no plural or no context."""

    singular: str
    plural: str = ""
    context: str = ""


@dataclass(frozen=True)
class Entry:
    """One message of a .po file; `texts` has one text, or singular and plural."""

    message: Message
    texts: tuple[str, ...]


def test_catalogue_holds_the_messages_of_code_and_templates() -> None:
    used, translated = set(messages_in_use()), {entry.message for entry in catalogue()}
    assert not used - translated, "not in django.po: run makemessages"
    assert not translated - used, "nobody says this any more: run makemessages"


def test_every_message_has_a_translation() -> None:
    untranslated = [entry.message for entry in catalogue() if not all(entry.texts)]
    assert not untranslated


def test_no_entry_is_fuzzy_or_obsolete() -> None:
    doubtful = [
        line
        for line in PO_FILE.read_text().splitlines()
        if line.startswith("#~") or (line.startswith("#,") and "fuzzy" in line)
    ]
    assert not doubtful


def test_translations_keep_the_placeholders() -> None:
    spoilt = [
        text
        for entry in catalogue()
        for original, text in zip(_originals(entry.message), entry.texts, strict=True)
        if sorted(PLACEHOLDER.findall(original)) != sorted(PLACEHOLDER.findall(text))
    ]
    assert not spoilt


def test_people_see_what_the_catalogue_says() -> None:
    with translation.override("pt-br"):
        stale = [entry.texts for entry in catalogue() if _shown(entry.message) != entry.texts]
    assert not stale, "django.mo is older than django.po: run compilemessages"


def _originals(message: Message) -> tuple[str, ...]:
    return (message.singular, message.plural) if message.plural else (message.singular,)


def _shown(message: Message) -> tuple[str, ...]:
    """What Django makes of the message in the language of the moment."""
    singular, plural, context = message
    if plural and context:
        return tuple(translation.npgettext(context, singular, plural, n) for n in (1, 2))
    if plural:
        return tuple(translation.ngettext(singular, plural, n) for n in (1, 2))
    return (translation.pgettext(context, singular) if context else translation.gettext(singular),)


@cache
def catalogue() -> tuple[Entry, ...]:
    """The entries of the .po file, without its header."""
    blocks = re.split(r"\n{2,}", PO_FILE.read_text())
    return tuple(entry for entry in map(_read_entry, blocks) if entry.message.singular)


def _read_entry(block: str) -> Entry:
    fields: dict[str, str] = {}
    for line in block.splitlines():
        found = PO_FIELD.fullmatch(line)
        if found:
            name, text = found.groups()
            fields[name] = ast.literal_eval(text)
        elif line.startswith('"'):
            fields[name] += ast.literal_eval(line)
    message = Message(*(fields.get(key, "") for key in ("msgid", "msgid_plural", "msgctxt")))
    return Entry(message, tuple(fields[key] for key in sorted(fields) if key.startswith("msgstr")))


def messages_in_use() -> Iterator[Message]:
    """Every message of code and templates."""
    for path in chain.from_iterable(folder.rglob("*") for folder in SOURCES):
        if path.suffix == ".py":
            yield from _in_python(path.read_text())
        elif path.suffix in (".html", ".txt"):
            yield from _in_template(path.read_text())


def _in_python(source: str) -> Iterator[Message]:
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        function = str(getattr(node.func, "id", getattr(node.func, "attr", "")))
        names = ARGUMENTS.get(re.sub("_(lazy|noop)$", "", function), ())
        strings = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
        if names and len(strings) >= len(names):
            yield Message(**dict(zip(names, map(str, strings), strict=False)))


def _in_template(source: str) -> Iterator[Message]:
    for function, arguments in TEMPLATE_CALL.findall(templatize(source)):
        strings = ast.literal_eval(f"({arguments.rstrip().rstrip(',')},)")
        yield Message(**dict(zip(ARGUMENTS[function], strings, strict=False)))
