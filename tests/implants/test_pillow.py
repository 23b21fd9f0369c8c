"""Pillow reads what we take and nothing else, wherever the product opens a picture."""

import ast
from pathlib import Path

import pytest
from PIL import Image

from implants.formats import MAX_PIXELS, pictures

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = sorted(
    path
    for app in ("raiox", "implants", "webhooks", "cases")
    for path in (ROOT / app).rglob("*.py")
)


def opening_calls(source: str) -> list[ast.Call]:
    """Calls that let Pillow read a file: `Image.open(…)` under any of Pillow's names."""
    modules, functions = {"Image", "PIL.Image"}, set()
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "PIL":
            modules |= {name.asname or name.name for name in node.names if name.name == "Image"}
        if isinstance(node, ast.ImportFrom) and node.module == "PIL.Image":
            functions |= {name.asname or name.name for name in node.names if name.name == "open"}
        if isinstance(node, ast.Import):
            modules |= {n.asname for n in node.names if n.name == "PIL.Image" and n.asname}
    openers = {f"{module}.open" for module in modules} | functions
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call for call in calls if ast.unparse(call.func) in openers]


def says_formats(call: ast.Call) -> bool:
    given = [word.value for word in call.keywords if word.arg == "formats"]
    return bool(given) and ast.unparse(given[0]) != "None"


def test_every_picture_is_opened_with_the_formats_named() -> None:
    found = [(path, call) for path in PRODUCT for call in opening_calls(path.read_text())]
    assert len(found) >= 3
    assert [f"{path}:{call.lineno}" for path, call in found if not says_formats(call)] == []


@pytest.mark.parametrize(
    "source",
    [
        "from PIL import Image\nImage.open(x)",
        "from PIL import Image as P\nP.open(x, 'r')",
        "import PIL.Image\nPIL.Image.open(x, formats=None)",
        "import PIL.Image as P\nP.open(x)",
        "from PIL.Image import open as o\no(x)",
    ],
)
def test_a_call_without_formats_is_found_under_any_name(source: str) -> None:
    assert [says_formats(call) for call in opening_calls(source)] == [False]


def test_the_formats_are_those_that_we_take() -> None:
    assert set(pictures.FORMATS) == {"JPEG", "PNG", "WEBP", "TIFF"}
    assert Image.MAX_IMAGE_PIXELS == MAX_PIXELS
