"""Sessions of commands in processes of their own, and commands without one."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from support.spark_project import write_spark_project

pytestmark = pytest.mark.spark

FILES = {
    "models/sources.yml": "sources: [{name: raw, schema: raw, tables: [{name: orders}]}]",
    "models/total.sql": "select count(*) as n from {{ source('raw', 'orders') }}",
}


def test_a_session_is_let_go_and_a_run_without_changes_starts_none(tmp_path: Path) -> None:
    shop = write_spark_project(tmp_path, FILES)
    without_java = {"PATH": str(Path(sys.executable).parent), "JAVA_HOME": str(tmp_path)}
    with shop.notebook() as notebook:
        notebook.query("CREATE SCHEMA raw", "CREATE TABLE raw.orders USING parquet AS SELECT 1 AS id")
        busy = shop.run("plan")
        metastore_holder = notebook.evaluated("spark._sc._gateway.proc.pid")

    first = shop.run("run")
    again = shop.run("run", **without_java)
    check = shop.run("run", **without_java)
    folder = shop.project.directory / "spark-warehouse" / "raw.db" / "orders"
    shutil.copy(next(folder.glob("*.parquet")), folder / "by_hand.parquet")
    planned = shop.run("plan", **without_java)
    (shop.project.directory / "metastore_db" / "service.properties").write_text("somebody was here")
    refused = shop.run("plan", **without_java)

    assert (busy.returncode, f"Process {metastore_holder} " in busy.stderr) == (3, True), busy.stderr
    assert first.returncode == 0, first.stderr
    assert "log4j" not in first.stdout  # what the JVM says is on stderr
    assert (again.returncode, "othing to build" in again.stdout + again.stderr) == (0, True), again.stderr
    assert (check.returncode, "othing to build" in check.stdout + check.stderr) == (0, True), check.stderr
    assert (planned.returncode, "rows changed" in planned.stdout) == (0, True), planned.stderr
    assert (refused.returncode, "Spark needs Java" in refused.stderr) == (2, True), refused.stderr
