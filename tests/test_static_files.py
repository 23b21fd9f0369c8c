"""Static files as they are served in production."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command

IMPORT = re.compile(r"""^(?:import|export) .*from ["']\./(.+)["'];$""", re.MULTILINE)


@pytest.fixture
def collected(settings: Any, tmp_path: Path) -> Path:
    """The folder where `collectstatic` put everything."""
    settings.STATIC_ROOT = tmp_path / "static"
    backend = {"BACKEND": "raiox.static_files.ModuleStaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": backend}
    call_command("collectstatic", interactive=False, verbosity=0)
    return tmp_path / "static"


def test_modules_import_each_other_by_versioned_names(collected: Path) -> None:
    viewer = collected / staticfiles_storage.stored_name("cases/viewer.js")  # type: ignore[attr-defined]
    imported = IMPORT.findall(viewer.read_text())
    assert imported
    for name in imported:
        assert re.search(r"\.[0-9a-f]{12}\.js$", name), name
        assert (collected / "cases" / name).is_file()
