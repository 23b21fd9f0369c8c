"""English is whole too: what people read is in translatable strings, and those are English.

Long texts of the help are written in each language (tests/test_help.py); facts of the catalogue are
data, in the language in which they were entered.
"""

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.conf import settings

from tests.test_translations import SOURCES, messages_in_use

ROOT = Path(settings.BASE_DIR)
TEMPLATES = [
    path
    for path in sorted((ROOT / "templates").rglob("*.html"))
    if not re.search(r"\.(pt-br|en)\.html$", path.name)
]
MODULES = sorted(path for folder in SOURCES for path in folder.rglob("static/**/*.js"))
# Folders and files whose strings are data, and why they may be Portuguese.
DATA = {
    "implants/demo": "names and facts of drawn implants",
    "implants/calibration/strangers.py": "what drawn pages of text say",
    "implants/exchange/columns.py": "a word that people write into spreadsheets",
    "implants/published": "facts of published systems, as the catalogue keeps them",
    "implants/seeding": "words that occur in names of files and in the catalogue",
    "cases/migrations": "history",
    "implants/migrations": "history",
    "webhooks/connecting.py": "words by which questions of Portuguese forms are recognised",
    "raiox/management/commands/seed_demo_cases.py": "an invented dentist's submission",
    "raiox/settings/base.py": "a language is named in itself",
}

# Names, units and keys, which are the same in both.
SAME = {"raiox", "ai", "jotform", "px", "mm", "ms", "http", "enter", "esc", "csv", "xlsx", "space"}
WORD = re.compile(r"[^\W\d_]{2,}")
COMMENT = re.compile(r"\{#.*?#\}|\{%\s*comment.*?endcomment\s*%\}", re.S)
TRANSLATED = re.compile(r"\{%\s*blocktrans(?:late)?\b.*?\{%\s*endblocktrans(?:late)?\s*%\}", re.S)
CLASSES = re.compile(r"\{% block (?:coltype|bodyclass) %\}.*?\{% endblock %\}", re.S)
TAG = re.compile(r"\{%.*?%\}|\{\{.*?\}\}", re.S)
READ_OUT = ("alt", "title", "placeholder", "aria-label", "label")
PORTUGUESE = re.compile(
    r"[ãõçáéíóúâêôà]|(?<![\w.-])(uma|um|para|com|em|que|dos|das|pelo|pela|caso|casos|fila|imagem"
    r"|radiografia|implante|dentista|paciente)(?![\w.-])",
    re.I,
)
# Strings in JavaScript that are shown: assigned to what people read.
JS_SINK = re.compile(
    r"(?:textContent|innerText|innerHTML|title|alt|placeholder|ariaLabel)\s*=\s*([\"'`])(.*?)\1"
    r"|(?:alert|confirm|prompt)\(\s*([\"'`])(.*?)\3"
    r"|setAttribute\(\s*[\"'](?:aria-label|title|alt)[\"']\s*,\s*([\"'`])(.*?)\5"
)
JS_COMMENT = re.compile(r"/\*.*?\*/|(?<![:\"'`])//[^\n]*", re.S)


class Texts(HTMLParser):
    """Text between tags and in attributes that are read out."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in ("script", "style")
        self.found += [value for name, value in attrs if name in READ_OUT and value]

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.found.append(data)


def untranslated(source: str) -> list[str]:
    """What a template would say in every language."""
    bare = source
    for part in (COMMENT, TRANSLATED, CLASSES, TAG):
        bare = part.sub("", bare)
    parser = Texts()
    parser.feed(bare)
    return [text.strip() for text in parser.found if set(WORD.findall(text.lower())) - SAME]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<p>Fila</p>", ["Fila"]),
        ('<img alt="A film">', ["A film"]),
        ('{% translate "Queue" %} {{ case }} <p title="{% translate "x y" %}">Raiox AI</p>', []),
        ("{% blocktranslate %}<b>Queue</b>{% endblocktranslate %}<script>let fila</script>", []),
    ],
)
def test_text_outside_of_translation_is_noticed(source: str, expected: list[str]) -> None:
    assert untranslated(source) == expected


def test_templates_say_nothing_that_is_not_translated() -> None:
    found = {
        str(path.relative_to(ROOT)): texts
        for path in TEMPLATES
        if (texts := untranslated(path.read_text()))
    }
    assert not found


def test_messages_are_english() -> None:
    found = [
        message
        for message in messages_in_use()
        if PORTUGUESE.search(f"{message.singular} {message.plural}")
    ]
    assert not found


def test_every_exception_exists() -> None:
    assert [name for name in DATA if not (ROOT / name).exists()] == []


def test_code_holds_no_portuguese() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {text}"
        for folder in SOURCES
        for path in sorted(folder.rglob("*.py"))
        if not str(path.relative_to(ROOT)).startswith(tuple(DATA))
        for text in _strings(path.read_text())
        if PORTUGUESE.search(text)
    ]
    assert not found


def _strings(source: str) -> Iterator[str]:
    """String literals of a module; docstrings are for programmers."""
    tree = ast.parse(source)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and id(node) not in docstrings:
            yield text


def shown_by_javascript(source: str) -> list[str]:
    """Literals that a module writes into the page, and Portuguese wherever it stands."""
    code = JS_COMMENT.sub(" ", source)
    sinks = ["".join(found[1::2]) for found in JS_SINK.findall(code)]
    literals = re.findall(r"\"((?:\\.|[^\"\\\n])*)\"|'((?:\\.|[^'\\\n])*)'", code)
    words = [set(WORD.findall(re.sub(r"\$\{.*?\}", "", text).lower())) - SAME for text in sinks]
    return [text for text, said in zip(sinks, words, strict=True) if said] + [
        text for pair in literals for text in pair if PORTUGUESE.search(text)
    ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('node.textContent = "Loading";', ["Loading"]),
        ('confirm("Really?")', ["Really?"]),
        ('const a = "não";', ["não"]),
        ("node.textContent = `${count} / ${texts.of}`;", []),
        ('// node.textContent = "Loading";', []),
    ],
)
def test_text_in_javascript_is_noticed(source: str, expected: list[str]) -> None:
    assert shown_by_javascript(source) == expected


def test_javascript_holds_no_texts() -> None:
    assert MODULES
    found = {
        str(path.relative_to(ROOT)): texts
        for path in MODULES
        if (texts := shown_by_javascript(path.read_text()))
    }
    assert not found
