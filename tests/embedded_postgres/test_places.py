"""Folders that tell whose they are, and that nobody else prepared."""

import os
from pathlib import Path

import pytest

from raiox.embedded_postgres.places import (
    ClusterError,
    Places,
    make_private_folder,
    name_of,
    tool,
)


def test_name_of_a_folder_belongs_to_its_path_alone() -> None:
    one, other = Path("/home/ana/raiox/var/postgres"), Path("/home/ana-raiox/var/postgres")
    assert name_of(one).startswith("home-ana-raiox-var-postgres-")
    assert name_of(one) != name_of(other)
    assert name_of(one) == name_of(one)


def test_socket_of_a_deep_folder_lies_where_its_path_fits(tmp_path: Path) -> None:
    deep = Places(tmp_path / ("d" * 100), os.geteuid())
    assert len(str(deep.socket_folder / ".s.PGSQL.5432")) < 104
    assert deep.socket_folder != Places(tmp_path / ("e" * 100), os.geteuid()).socket_folder


def test_socket_of_a_short_folder_lies_in_it() -> None:
    assert Places(Path("/srv/pg"), os.geteuid()).socket_folder == Path("/srv/pg/run")


def test_private_folder_that_others_can_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    with pytest.raises(ClusterError, match="0700"):
        make_private_folder(tmp_path / "open", os.geteuid())


def test_private_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    with pytest.raises(ClusterError):
        make_private_folder(tmp_path / "link", os.geteuid())


def test_bundled_tools_are_there() -> None:
    for name in ("psql", "pg_dump", "pg_restore"):
        assert os.access(tool(name), os.X_OK)
