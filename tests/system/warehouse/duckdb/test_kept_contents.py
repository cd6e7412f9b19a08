"""Contents of tables that are kept with a version of the file."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dbt.adapters.duckdb.connections as connections_of_dbt
import duckdb
import pytest
from support.duckdb_processes import opened_by_others, write_by_others

from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.warehouse.duckdb.warehouse import DuckDBWarehouse

ONE, TWO = (RelationName(database="shop", schema="main", identifier=name) for name in ("one", "two"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "shop.duckdb"
    assert write_by_others(found, "CREATE TABLE one AS SELECT 1 AS n; CREATE TABLE two AS SELECT 2 AS n") == ""
    return found


class Dbt:
    """What dbt-duckdb holds in this process."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = path
        self.connection: Any = None
        monkeypatch.setattr(connections_of_dbt.DuckDBConnectionManager, "_ENV", self)

    @property
    def creds(self) -> Any:
        return SimpleNamespace(path=str(self.path))

    @property
    def conn(self) -> Any:
        return self.connection

    def open(self) -> Any:
        self.connection = duckdb.connect(str(self.path), config={})
        return self.connection

    def close(self) -> None:
        self.connection.close()
        self.connection = None


def read_by(path: Path, document: Any = None) -> tuple[DuckDBWarehouse, list[str]]:
    """Return a warehouse of another process that has looked at both tables, and which of them it has read."""
    warehouse = DuckDBWarehouse({"path": str(path)})
    warehouse.kept_contents.recall(document)
    kept, version = warehouse.kept_contents, warehouse.file.version()
    read = sorted(name.identifier for name in (ONE, TWO) if kept.content(version, name) is None)
    warehouse.catalog([ONE, TWO])
    return warehouse, read


def test_what_was_read_need_not_be_read_again_until_somebody_writes(path: Path) -> None:
    first, read = read_by(path)
    again, read_again = read_by(path, first.kept_contents.document())
    write_by_others(path, "UPDATE two SET n = 3")
    last, read_after = read_by(path, again.kept_contents.document())

    assert (read, read_again, read_after) == (["one", "two"], [], ["one", "two"])
    assert last.catalog([TWO]).touched != first.catalog([ONE]).touched


def test_a_copy_that_was_restored_is_read(path: Path) -> None:
    copy = path.with_name("copy")
    shutil.copy2(path, copy)
    write_by_others(path, "UPDATE two SET n = 3")
    first, _ = read_by(path)
    shutil.copy2(copy, path)

    assert read_by(path, first.kept_contents.document())[1] == ["one", "two"]


def test_what_dbt_has_not_written_is_known_of_what_it_leaves(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse, _ = read_by(path)
    dbt = Dbt(path, monkeypatch)
    warehouse.kept_contents.watch()
    connection = dbt.open()
    warehouse.present(ONE)  # as each node that dbt begins with is looked at
    connection.execute("UPDATE two SET n = 3")
    dbt.close()
    refused = write_by_others(path, "UPDATE one SET n = 4")
    warehouse.kept_contents.settle({RelationName(database="shop", schema="MAIN", identifier="Two")})

    assert "lock" in refused
    assert read_by(path, warehouse.kept_contents.document())[1] == ["two"]


@pytest.mark.parametrize("written", [None, {TWO}], ids=["anything", "two"])
def test_what_others_wrote_before_dbt_had_the_file_is_read(
    path: Path, monkeypatch: pytest.MonkeyPatch, written: set[RelationName] | None
) -> None:
    warehouse, _ = read_by(path)
    dbt = Dbt(path, monkeypatch)
    warehouse.kept_contents.watch()
    if written is not None:
        write_by_others(path, "UPDATE one SET n = 4")
    connection = dbt.open()
    warehouse.present(ONE)
    connection.execute("UPDATE two SET n = 3")
    dbt.close()
    warehouse.kept_contents.settle(written)

    assert read_by(path, warehouse.kept_contents.document())[1] == ["one", "two"]


def test_what_is_read_while_dbt_may_write_is_not_kept(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dbt = Dbt(path, monkeypatch)
    dbt.open()
    beside, _ = read_by(path)
    dbt.close()

    assert beside.kept_contents.document() is None


def test_a_file_that_was_replaced_while_it_was_opened_is_not_kept(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = path.with_name("other.duckdb")
    write_by_others(other, "CREATE TABLE one AS SELECT 7 AS n; CREATE TABLE two AS SELECT 8 AS n")
    connect = duckdb.connect

    def connected(*arguments: Any, **settings: Any) -> Any:
        found = connect(*arguments, **settings)
        other.replace(path)
        return found

    monkeypatch.setattr(duckdb, "connect", connected)
    warehouse, _ = read_by(path)

    assert warehouse.kept_contents.document() is None


def test_relations_that_were_read_are_known_without_the_file_until_somebody_writes(path: Path) -> None:
    warehouse, _ = read_by(path)
    with opened_by_others(path):  # and nobody else can open it
        known = warehouse.columns([ONE, TWO])
    write_by_others(path, "ALTER TABLE two ADD COLUMN more INT")

    assert known.keys() == {("main", "one"), ("main", "two")}
    assert known["main", "one"] == warehouse.columns([ONE])["main", "one"]
    assert known["main", "two"] != warehouse.columns([TWO])["main", "two"]
