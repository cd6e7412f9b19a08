"""Openings of a file, and what stands for it until somebody writes."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dbt.adapters.duckdb.connections as connections_of_dbt
import duckdb
import pytest
from support.duckdb_processes import opened_by_others, write_by_others

from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.errors import BusyError
from dbt_state_plugin.warehouse.duckdb import statement
from dbt_state_plugin.warehouse.duckdb.connection import DuckDBFile
from dbt_state_plugin.warehouse.duckdb.warehouse import DuckDBWarehouse

ONE, TWO, SEEN = (RelationName(database="shop", schema="main", identifier=name) for name in ("one", "two", "seen"))
GONE = RelationName(database="shop", schema="main", identifier="gone")
MACRO = RelationName(database="shop", schema="main", identifier="rate()")
SETUP = "CREATE TABLE one AS SELECT 1 AS n; CREATE TABLE two AS SELECT 2 AS n; CREATE VIEW seen AS SELECT n FROM one"
COMMENT = "COMMENT ON TABLE one IS 'by others'"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "shop.duckdb"
    assert write_by_others(found, SETUP) == ""
    return found


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give what DuckDB opens from now on."""
    found: list[str] = []
    connect = duckdb.connect

    def counted(database: str, **settings: Any) -> Any:
        found.append(database)
        return connect(database, **settings)

    monkeypatch.setattr(duckdb, "connect", counted)
    return found


def answers(warehouse: DuckDBWarehouse) -> list[Any]:
    """Return what a plan asks about."""
    return [
        warehouse.catalog([ONE, TWO, SEEN, GONE]),
        warehouse.shapes([ONE, SEEN]),
        warehouse.present(ONE),
        warehouse.present(GONE),
        warehouse.counters([TWO]),
        warehouse.columns([ONE]),
        warehouse.source_metadata([TWO, GONE]),
    ]


def test_a_file_into_which_nobody_wrote_is_opened_once_for_all_that_a_plan_asks(path: Path, opened: list[str]) -> None:
    warehouse = DuckDBWarehouse({"path": str(path)})
    first = answers(warehouse)
    once = list(opened)
    with opened_by_others(path):
        again = answers(warehouse)

    assert (once, again, opened) == ([str(path)], first, once)


def test_what_others_wrote_is_seen_by_each_question(path: Path) -> None:
    warehouse = DuckDBWarehouse({"path": str(path)})
    before = answers(warehouse)
    write_by_others(path, f"{COMMENT}; INSERT INTO two VALUES (3); CREATE TABLE gone AS SELECT 1 AS n")

    columns = 5
    changed = [now != then for now, then in zip(answers(warehouse), before, strict=True)]
    assert changed == [at != columns for at in range(7)]


def test_a_file_that_others_hold_is_not_known_where_they_wrote_before(path: Path) -> None:
    warehouse = DuckDBWarehouse({"path": str(path)})
    answers(warehouse)
    write_by_others(path, COMMENT)
    with opened_by_others(path), pytest.raises(BusyError, match="one process at a time"):
        warehouse.shapes([ONE])


@pytest.fixture
def before_dbt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let dbt-duckdb not be imported yet, so that a file is opened for reading alone."""
    monkeypatch.delitem(sys.modules, connections_of_dbt.__name__)


@pytest.mark.usefixtures("before_dbt")
def test_who_only_reads_a_file_keeps_dbt_from_writing_and_is_named(path: Path) -> None:
    warehouse = DuckDBWarehouse({"path": str(path)})
    with opened_by_others(path, read_only=True) as reader:
        assert warehouse.present(ONE) is not None
        with pytest.raises(BusyError, match=f"Process {reader.pid} "):
            warehouse.check_writable()
    warehouse.check_writable()


@pytest.mark.usefixtures("before_dbt")
def test_a_look_at_whether_dbt_can_write_writes_nothing(path: Path) -> None:
    """A log that a killed writer has left would make the file another version if it were taken over."""
    kept_log = "SET checkpoint_threshold = '1GB'; PRAGMA disable_checkpoint_on_shutdown"
    assert write_by_others(path, f"{kept_log}; INSERT INTO one VALUES (2)") == ""
    warehouse = DuckDBWarehouse({"path": str(path)})
    before = warehouse.file.version()
    warehouse.check_writable()

    assert path.with_name(f"{path.name}.wal").exists()
    assert warehouse.file.version() == before


def test_what_was_opened_for_writing_is_not_opened_again_to_see_whether_it_can_be(
    path: Path, opened: list[str], of_dbt: SimpleNamespace
) -> None:
    read = DuckDBWarehouse({"path": str(path)})
    read.present(ONE)
    read.check_writable()
    of_the_plan = list(opened)
    with duckdb.connect(str(path), config={}) as of_dbt.conn:
        DuckDBWarehouse({"path": str(path)}).check_writable()
    of_dbt.conn = None
    absent = path.with_name("absent.duckdb")
    DuckDBWarehouse({"path": str(absent)}).check_writable()

    assert of_the_plan == [str(path)]
    assert opened == [str(path)] * 2
    assert not absent.exists()


def test_views_and_macros_of_sources_are_read_each_time(path: Path, opened: list[str]) -> None:
    warehouse = DuckDBWarehouse({"path": str(path)})
    for sources in ([SEEN], [SEEN], [MACRO], [MACRO], [ONE], [ONE]):
        warehouse.source_metadata(sources)

    assert opened.count(str(path)) == 5


def test_nothing_is_taken_from_memory_where_the_version_is_not_certain(
    path: Path, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DuckDBFile, "version", lambda _: None)
    warehouse = DuckDBWarehouse({"path": str(path)})
    before = [warehouse.shapes([ONE]), warehouse.shapes([ONE])]
    write_by_others(path, COMMENT)

    assert before[0] == before[1] != warehouse.shapes([ONE])
    assert opened == [str(path)] * 3


def test_what_took_the_place_of_a_file_while_it_was_opened_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = path.with_name("other.duckdb")
    write_by_others(other, "CREATE TABLE gone AS SELECT 1 AS n")
    connect = duckdb.connect

    def connected(*arguments: Any, **settings: Any) -> Any:
        found = connect(*arguments, **settings)
        if other.exists():
            other.replace(path)
        return found

    monkeypatch.setattr(duckdb, "connect", connected)
    warehouse = DuckDBWarehouse({"path": str(path)})
    replaced = warehouse.columns([ONE, GONE])

    now = warehouse.columns([ONE, GONE])

    assert (list(replaced), list(now)) == ([("main", "one")], [("main", "gone")])


def test_nothing_is_opened_for_a_file_that_is_not_there_until_it_is(tmp_path: Path, opened: list[str]) -> None:
    path = tmp_path / "shop.duckdb"
    warehouse = DuckDBWarehouse({"path": str(path)})
    absent = answers(warehouse)
    nothing = list(opened)
    assert write_by_others(path, SETUP) == ""
    there = answers(warehouse)
    path.unlink()

    assert (absent[0].identities, absent[2], nothing) == ({}, None, [])
    assert ONE in there[0].identities
    assert opened == [str(path)]
    assert answers(warehouse) == absent


def test_what_is_attached_to_a_file_that_is_not_there_yet_is_read(tmp_path: Path) -> None:
    other, held = tmp_path / "other.duckdb", RelationName(database="o", schema="main", identifier="one")
    warehouse = DuckDBWarehouse({"path": str(tmp_path / "shop.duckdb"), "attach": [{"path": str(other), "alias": "o"}]})
    found = [warehouse.source_metadata([held])]
    for statements in (SETUP, "INSERT INTO one VALUES (2)"):
        write_by_others(other, statements)
        found.append(warehouse.source_metadata([held]))
    with opened_by_others(other):
        known = warehouse.source_metadata([held])
    write_by_others(tmp_path / "shop.duckdb", SETUP)

    assert [each[held].columns for each in found] == [{}, {"n": "INTEGER"}, {"n": "INTEGER"}]
    assert found[1] != found[2]
    assert found[2] == known == warehouse.source_metadata([held])
    assert ONE in warehouse.catalog([ONE]).identities


def test_what_is_no_file_is_not_attached_to_one_that_is_not_there_yet(tmp_path: Path) -> None:
    """The first run of dbt may create it."""
    attach = [{"path": str(tmp_path / "new.db"), "type": "sqlite", "alias": "o"}]
    warehouse = DuckDBWarehouse({"path": str(tmp_path / "shop.duckdb"), "attach": attach})

    assert warehouse.catalog([ONE]).identities == {}
    with warehouse.file.cursor("Cannot read") as cursor:
        cursor.execute("SELECT count(*) FROM duckdb_databases() WHERE database_name = 'o'")
        assert cursor.fetchall() == [(0,)]


def test_what_another_process_has_read_is_known_though_relations_were_looked_at_before(
    path: Path, opened: list[str]
) -> None:
    earlier = DuckDBWarehouse({"path": str(path)})
    expected = earlier.catalog([ONE, TWO])
    warehouse = DuckDBWarehouse({"path": str(path)})
    warehouse.files_of([ONE])
    warehouse.kept_contents.recall(earlier.kept_contents.document())

    assert warehouse.catalog([ONE, TWO]) == expected
    assert opened == [str(path)] * 2


@pytest.fixture
def of_dbt(path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Give what dbt-duckdb holds in this process, before it has opened the file."""
    environment = SimpleNamespace(conn=None, creds=SimpleNamespace(path=str(path)))
    monkeypatch.setattr(connections_of_dbt.DuckDBConnectionManager, "_ENV", environment)
    return environment


def test_nothing_is_taken_from_memory_while_dbt_may_write(path: Path, of_dbt: SimpleNamespace) -> None:
    warehouse = DuckDBWarehouse({"path": str(path)})
    before = answers(warehouse)
    with duckdb.connect(str(path), config={}) as of_dbt.conn:
        same = answers(warehouse)
        of_dbt.conn.execute(COMMENT)
        commented = answers(warehouse)
        of_dbt.conn.execute("INSERT INTO two VALUES (3)")
        written = answers(warehouse)
    of_dbt.conn = None

    assert same == before
    assert commented[1:3] == written[1:3] != before[1:3]
    assert commented[4] == before[4] != written[4]


def test_dbt_is_asked_even_where_the_version_does_not_show_yet_what_it_wrote(
    path: Path, of_dbt: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DuckDBFile, "version", lambda _: "the same")
    warehouse = DuckDBWarehouse({"path": str(path)})
    before = warehouse.present(ONE)
    with duckdb.connect(str(path), config={}) as of_dbt.conn:
        of_dbt.conn.execute(f"{COMMENT}; ALTER TABLE one ADD COLUMN more INT")
        beside = warehouse.present(ONE)
        of_dbt.conn.execute("COMMENT ON TABLE one IS 'again'")
        again = warehouse.present(ONE)
    of_dbt.conn = None

    assert before is not None
    assert beside is not None
    assert again is not None
    assert before.columns != beside.columns == again.columns
    assert len({before.shape, beside.shape, again.shape}) == 3


def test_what_was_read_beside_dbt_does_not_stand_for_the_file(
    path: Path, of_dbt: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DuckDBFile, "version", lambda _: "the same")
    warehouse = DuckDBWarehouse({"path": str(path)})
    with duckdb.connect(str(path), config={}) as of_dbt.conn:
        beside = warehouse.present(ONE)
        of_dbt.conn.execute(f"{COMMENT}; ALTER TABLE one ADD COLUMN more INT")
    of_dbt.conn = None
    after = warehouse.present(ONE)

    assert beside is not None
    assert after is not None
    assert (beside.columns != after.columns, beside.shape != after.shape) == (True, True)


def test_a_file_is_kept_open_only_from_the_first_question_that_needs_it(path: Path, opened: list[str]) -> None:
    warehouse = DuckDBWarehouse({"path": str(path)})
    answers(warehouse)
    with warehouse.kept_open():
        answers(warehouse)
        can_write = write_by_others(path, COMMENT) == ""
        answers(warehouse)
        warehouse.count_rows(ONE)
        is_kept = write_by_others(path, COMMENT) != ""

    assert (can_write, is_kept) == (True, True)
    assert opened == [str(path)] * 2


def test_statements_are_parsed_in_one_database_by_all_threads(
    opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statement, "_of_thread", threading.local())
    statement._database.cache_clear()
    read: list[Any] = []

    def parse(number: int) -> None:
        read.extend(statement.parsed(f"SELECT * FROM t{number}_{each}") for each in range(50))

    threads = [threading.Thread(target=parse, args=[number]) for number in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert len(read) == 400
    assert None not in read
    assert opened == [":memory:"]
