"""Checksums of seeds."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from dbt_state_plugin.dbt_runner.seed_file import seed_digest, seed_rows_digest
from dbt_state_plugin.errors import ProjectError


@pytest.mark.parametrize("content", [b"", b"id\n1\n", b"x" * (3 << 20) + b"y"])
def test_the_checksum_is_the_sha256_of_the_whole_file(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "countries.csv"
    file.write_bytes(content)

    assert seed_digest(file) == hashlib.sha256(content).hexdigest()


def test_a_change_behind_the_first_mebibyte_is_seen(tmp_path: Path) -> None:
    one, other = tmp_path / "one.csv", tmp_path / "other.csv"
    one.write_bytes(b"x" * (1 << 20) + b"1")
    other.write_bytes(b"x" * (1 << 20) + b"2")

    assert seed_digest(one) != seed_digest(other)


def test_a_seed_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"gone\.csv cannot be read: No such file"):
        seed_digest(tmp_path / "gone.csv")


def test_a_folder_is_no_seed(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="Is a directory"):
        seed_digest(tmp_path)


def rows_digest(folder: Path, content: str | bytes, delimiter: str = ",") -> str:
    file = folder / "countries.csv"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return seed_rows_digest(file, delimiter)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("id,name\n1,a\n", "id,name\r\n1,a\r\n"),
        ("id,name\n1,a\n", "id,name\n1,a"),
        ("id,name\n1,a\n", 'id,"name"\n"1","a"\n'),
        ("id,name\n1,a\n", "\ufeffid,name\n1,a\n"),
        ('id,name\n1,"a\nb"\n', '"id",name\r\n1,"a\r\nb"\r\n'),
        ("id,name\n1,\n", 'id,name\n1,""\n'),
        ("id,größe\n1,ß\n", '"id","größe"\n"1","ß"'),
    ],
)
def test_quotes_line_ends_and_a_byte_order_mark_are_no_difference_of_the_rows(
    tmp_path: Path, before: str, after: str
) -> None:
    one, other = rows_digest(tmp_path, before), rows_digest(tmp_path, after)

    assert len(one) == 64
    assert one == other


@pytest.mark.parametrize(
    "other",
    [
        "id,name\n1,b\n",
        "id,Name\n1,a\n",
        "name,id\na,1\n",
        "id,name\n1, a\n",
        "id,name\n01,a\n",
        "id,name\n1,a\n\n",
        "id,name\n\n1,a\n",
        "id,name\n1,a,\n",
        "id,name\n",
        "id,name\n1,a\n1,a\n",
        'id,name\n1,"a""b"\n',
        "id;name\n1;a\n",
        "\ufeff\ufeffid,name\n1,a\n",
        "",
    ],
)
def test_everything_that_dbt_reads_is_a_difference_of_the_rows(tmp_path: Path, other: str) -> None:
    assert rows_digest(tmp_path, "id,name\n1,a\n") != rows_digest(tmp_path, other)


def test_the_order_of_rows_is_a_difference(tmp_path: Path) -> None:
    assert rows_digest(tmp_path, "id\n1\n2\n") != rows_digest(tmp_path, "id\n2\n1\n")


def test_cells_do_not_run_into_each_other(tmp_path: Path) -> None:
    assert rows_digest(tmp_path, 'a,b\n"1,2",3\n') != rows_digest(tmp_path, 'a,b\n1,"2,3"\n')
    assert rows_digest(tmp_path, 'a\n"1\n2"\n') != rows_digest(tmp_path, "a\n1\n2\n")


def test_rows_are_read_with_the_seed_s_delimiter(tmp_path: Path) -> None:
    assert rows_digest(tmp_path, "id;name\n1;a\n", ";") == rows_digest(tmp_path, 'id;"name"\n1;"a"\n', ";")
    assert rows_digest(tmp_path, "id;name\n1;a\n", ";") != rows_digest(tmp_path, "id;name\n1;a\n", ",")


@pytest.mark.parametrize(
    ("content", "delimiter"),
    [
        (b"id\n\xff\n", ","),
        (b"id\n" + b"x" * 200_000 + b"\n", ","),
        (b"id\n1\n", ""),
        (b"id\n1\n", "::"),
    ],
)
def test_what_cannot_be_read_as_rows_has_no_digest_of_them(tmp_path: Path, content: bytes, delimiter: str) -> None:
    assert rows_digest(tmp_path, content, delimiter) == ""


def test_a_seed_that_is_gone_has_no_digest_of_its_rows(tmp_path: Path) -> None:
    assert seed_rows_digest(tmp_path / "gone.csv", ",") == ""
