"""Lists of local files below a location."""

from __future__ import annotations

import os
from pathlib import Path

from dbt_state_plugin.warehouse.spark.files import files_of, local_path


def test_every_file_counts_by_path_size_and_time(tmp_path: Path) -> None:
    table = tmp_path / "a table" / "day=1"
    table.mkdir(parents=True)
    location = table.parent.as_uri()
    empty = files_of(location, "parquet", None)
    (table / "part-1.parquet").write_bytes(b"12")
    one = files_of(location, "parquet", None)
    os.utime(table / "part-1.parquet", ns=(1, 1))
    touched = files_of(location, "parquet", None)
    (table / "above").symlink_to(table.parent)  # a circle

    assert (empty, touched) == ([], [("day=1/part-1.parquet", 2, 1)])
    assert one is not None
    assert one != touched
    assert ("day=1/part-1.parquet", 2, 1) in (files_of(location, "parquet", None) or [])
    assert files_of((tmp_path / "gone").as_uri(), "parquet", None) is None


def test_of_a_delta_table_the_log_counts(tmp_path: Path) -> None:
    log = tmp_path / "_delta_log"
    log.mkdir()
    (log / "00000000000000000000.json").write_text("{}")
    before = files_of(tmp_path.as_uri(), "delta", None)
    (tmp_path / "part-1.parquet").write_bytes(b"1")  # of a commit that is not there yet
    between = files_of(tmp_path.as_uri(), "delta", None)
    (log / "00000000000000000001.json").write_text("{}")

    assert before == between != files_of(tmp_path.as_uri(), "delta", None)
    # To a reader of parquet files the log is nothing.
    assert len(files_of(tmp_path.as_uri(), "parquet", None) or []) == 3


def test_only_this_machine_is_local() -> None:
    assert local_path("file:/lake/a%20b") == "/lake/a b"
    assert local_path("file:///lake") == "/lake"
    assert local_path("s3a://lake/orders") is None
    assert local_path("hdfs://server/orders") is None
