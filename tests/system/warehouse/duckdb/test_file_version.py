"""Versions of a DuckDB file, different after each commit."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from dbt_state_plugin.errors import BusyError, StateError
from dbt_state_plugin.warehouse.duckdb.connection import DuckDBFile
from dbt_state_plugin.warehouse.duckdb.file_version import file_version

OPEN = "import sys, duckdb; duckdb.connect(sys.argv[1], read_only=True)"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "shop.duckdb"
    execute(found, "CREATE TABLE orders AS SELECT 1 AS id", "CHECKPOINT")
    return found


def execute(path: Path, *statements: str) -> None:
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)


def test_each_commit_makes_another_version_and_reading_makes_none(path: Path) -> None:
    versions = [file_version(str(path))]
    for statement in ("INSERT INTO orders VALUES (2)", "DELETE FROM orders WHERE id = 2", "UPDATE orders SET id = 3"):
        execute(path, statement)
        versions.append(file_version(str(path)))
    execute(path, "SELECT * FROM orders")
    with duckdb.connect(str(path), read_only=True) as reader:
        reader.execute("SELECT * FROM orders")

    assert len(set(versions)) == 4
    assert file_version(str(path)) == versions[-1]


def test_a_commit_that_is_only_in_the_log_makes_another_version(path: Path) -> None:
    before = file_version(str(path))
    with duckdb.connect(str(path)) as connection:
        connection.execute("SET checkpoint_threshold = '1GB'")
        connection.execute("INSERT INTO orders VALUES (2)")
        first = file_version(str(path))
        connection.execute("INSERT INTO orders VALUES (3)")

        assert len({before, first, file_version(str(path))}) == 3


@pytest.mark.parametrize("is_attached", [False, True])
@pytest.mark.parametrize("links", [1, 2])
def test_a_commit_in_the_log_of_a_file_behind_a_link_makes_another_version(
    path: Path, tmp_path: Path, links: int, is_attached: bool
) -> None:
    """DuckDB 2 puts the log beside the file, earlier ones put it beside the link."""
    place = path
    for folder in ("near", "far")[:links]:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / path.name).symlink_to(place)
        place = tmp_path / folder / path.name
    credentials = {"path": str(tmp_path / "new.duckdb"), "attach": [{"path": str(place)}]}
    file = DuckDBFile(credentials if is_attached else {"path": str(place)})
    before = file.version()
    with duckdb.connect(str(place)) as connection:
        connection.execute("SET checkpoint_threshold = '1GB'")
        connection.execute("INSERT INTO orders VALUES (2)")
        first = file.version()
        connection.execute("INSERT INTO orders VALUES (3)")

        assert len({before, first, file.version()}) == 3


def test_the_log_of_a_file_behind_a_link_counts_on_either_side(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.duckdb"
    link.symlink_to(path.name)
    versions = [file_version(str(link))]
    for log in (f"{path}.wal", f"{link}.wal"):
        Path(log).write_text("what was committed since")
        versions.append(file_version(str(link)))

    assert len(set(versions)) == 3


def test_a_file_made_in_the_same_way_with_other_rows_has_another_version(path: Path, tmp_path: Path) -> None:
    """Its headers are the same."""
    other = tmp_path / "other.duckdb"
    execute(other, "CREATE TABLE orders AS SELECT 2 AS id", "CHECKPOINT")
    before = file_version(str(path))
    other.replace(path)

    assert file_version(str(path)) != before


def test_a_file_that_is_gone_and_a_copy_in_its_place_have_versions_of_their_own(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copy2(path, copy)
    versions = [file_version(str(path))]
    execute(path, "INSERT INTO orders VALUES (2)")
    versions.append(file_version(str(path)))
    path.unlink()
    versions.append(file_version(str(path)))
    copy.rename(path)
    versions.append(file_version(str(path)))

    assert versions[2] == "absent"
    assert len(set(versions)) == 4


@pytest.mark.parametrize(
    "restore", [shutil.copy2, lambda copy, path: shutil.copy2(copy, path.with_name("new")).replace(path)]
)
def test_a_restored_copy_that_gets_as_many_commits_has_another_version(
    path: Path, tmp_path: Path, restore: Callable[[Path, Path], object]
) -> None:
    """The headers count commits and say where blocks lie, not what they hold: they are equal then."""
    shutil.copy2(path, tmp_path / "copy")
    execute(path, "UPDATE orders SET id = 2")
    recorded, headers = file_version(str(path)), path.read_bytes()[4096:12288]
    restore(tmp_path / "copy", path)
    execute(path, "UPDATE orders SET id = 3")

    assert path.read_bytes()[4096:12288] == headers
    assert file_version(str(path)) != recorded


def test_looking_at_the_version_does_not_take_the_lock_from_duckdb(path: Path) -> None:
    """To close any descriptor of a file gives away all locks that the process has on it."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("INSERT INTO orders VALUES (2)")
        file_version(str(path))
        other = subprocess.run([sys.executable, "-c", OPEN, str(path)], capture_output=True, text=True, check=False)

    assert "Conflicting lock" in other.stderr


def test_nothing_is_held_between_two_questions(path: Path) -> None:
    file = DuckDBFile({"path": str(path)})
    with file.cursor("Cannot read") as cursor:
        cursor.execute("SELECT 1")
    other = subprocess.run([sys.executable, "-c", OPEN, str(path)], capture_output=True, text=True, check=False)

    assert other.returncode == 0, other.stderr


def test_what_duckdb_refuses_is_an_error_of_one_line(path: Path) -> None:
    with pytest.raises(StateError) as refused, DuckDBFile({"path": str(path)}).cursor("Cannot read") as cursor:
        cursor.execute("SELECT * FROM nowhere")

    assert refused.value.what.startswith("Cannot read: Catalog Error: Table with name nowhere does not exist")
    assert "\n" not in refused.value.what


def test_a_file_of_something_else_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.duckdb").write_text("no database" * 1000)
    with pytest.raises(StateError) as refused, DuckDBFile({"path": str(tmp_path / "text.duckdb")}).cursor("Cannot"):
        pass

    assert "is not a DuckDB database, or is damaged" in refused.value.what
    assert not isinstance(refused.value, BusyError)


def test_an_attached_file_counts_too_and_one_that_tells_nothing_leaves_it_open(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.duckdb"
    execute(other, "CREATE TABLE t AS SELECT 1 AS id")
    file = DuckDBFile({"path": str(path), "attach": [{"path": str(other), "alias": "o"}]})
    before = file.version()
    execute(other, "INSERT INTO t VALUES (2)")

    assert None not in (before, file.version())
    assert file.version() != before
    assert DuckDBFile({"path": str(path), "attach": [{"path": "a.db", "type": "sqlite"}]}).version() is None
    with file.cursor("Cannot read") as cursor:
        cursor.execute("SELECT count(*) FROM o.t")
        assert cursor.fetchall() == [(2,)]


def test_an_attached_file_of_another_kind_leaves_it_open_though_nothing_says_its_kind(
    path: Path, tmp_path: Path
) -> None:
    with sqlite3.connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE t (id)")

    assert DuckDBFile({"path": str(path), "attach": [{"path": str(tmp_path / "other.db")}]}).version() is None


def test_files_in_the_home_of_the_user_are_found_there(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    execute(tmp_path / "other.duckdb", "CREATE TABLE t AS SELECT 1 AS id")
    file = DuckDBFile({"path": "~/other.duckdb", "attach": [{"path": f"~/{path.name}", "alias": "o"}]})
    before = file.version()
    execute(tmp_path / path.name, "CREATE TABLE written AS SELECT 1 AS id")

    assert file.path == str(tmp_path / "other.duckdb")
    assert file.version() != before


def test_an_attached_file_that_is_not_there_yet_is_for_dbt_to_create(path: Path, tmp_path: Path) -> None:
    file = DuckDBFile({"path": str(path), "attach": [{"path": str(tmp_path / "new.duckdb"), "alias": "o"}]})
    before = file.version()
    with file.cursor("Cannot read") as cursor:
        cursor.execute("SELECT 1")
    execute(tmp_path / "new.duckdb", "CREATE TABLE t AS SELECT 1 AS id")

    assert file.version() != before
    with file.cursor("Cannot read") as cursor:
        cursor.execute("SELECT count(*) FROM o.t")


def test_a_folder_is_no_file_to_read(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be read: Is a directory"):
        DuckDBFile({"path": str(tmp_path)}).version()
