"""Messages for DuckDB files that cannot be opened."""

from __future__ import annotations

import struct
from pathlib import Path

import duckdb
import pytest

from dbt_state_plugin.core.values.findings import Severity
from dbt_state_plugin.errors import StateError
from dbt_state_plugin.warehouse.duckdb.warehouse import DuckDBWarehouse


def message(path: Path) -> StateError:
    with pytest.raises(StateError) as raised:
        DuckDBWarehouse({"path": str(path)}).catalog([])
    return raised.value


@pytest.fixture
def content(tmp_path: Path) -> bytearray:
    file = tmp_path / "whole.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute("CREATE TABLE orders AS SELECT 1 AS id")
    return bytearray(file.read_bytes())


def checksum(block: bytes) -> int:
    """Return the number that DuckDB writes before a block of its file."""
    found = 5381
    for (number,) in struct.iter_unpack("<Q", block):
        found ^= number * 0xBF58476D1CE4E5B9 % 2**64
    return found


@pytest.mark.parametrize("damage", ["text", "cut", "overwritten"])
def test_a_damaged_file_is_called_so_and_what_helps_is_said(tmp_path: Path, content: bytearray, damage: str) -> None:
    overwritten = content[:4096] + b"\xff" * 100 + content[4196:8192] + b"\xff" * 100 + content[8292:]
    file = tmp_path / "shop.duckdb"
    file.write_bytes({"text": b"x" * 20_000, "cut": content[:6000], "overwritten": overwritten}[damage])
    said = message(file)

    assert said.what == f"{file} is not a DuckDB database, or is damaged."
    assert said.do.startswith("Restore it from a copy, or move it away")


def test_a_file_of_a_newer_duckdb_asks_for_an_upgrade(tmp_path: Path, content: bytearray) -> None:
    struct.pack_into("<Q", content, 12, 100_000)  # the version of the storage, behind a checksum and the word DUCK
    struct.pack_into("<Q", content, 0, checksum(content[8:4096]))
    file = tmp_path / "shop.duckdb"
    file.write_bytes(content)
    said = message(file)

    assert said.what == f"{file} was written by a newer DuckDB than the one that is installed here."
    assert "pip install --upgrade duckdb" in said.do


def test_a_missing_folder_is_a_finding(tmp_path: Path) -> None:
    (found,) = DuckDBWarehouse({"path": str(tmp_path / "gone" / "shop.duckdb")}).look_over("main")

    assert found.severity is Severity.ERROR
    assert found.what.startswith(f"The folder of {tmp_path}")
    assert found.do == "Create the folder."
