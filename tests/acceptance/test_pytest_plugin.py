"""Tests of users' own pipelines by the pytest plugin."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from support import forkserver

from dbt_state_plugin.testing.throwaway import ThrowawayDatabase

ROOT = Path(__file__).parents[2]
PROJECT = {
    "dbt_project.yml": "name: shop\nversion: '1.0'\nprofile: shop\nmodels: {+materialized: table}\n",
    "models/sources.yml": "sources: [{name: raw, schema: raw, tables: [{name: customers}, {name: orders}]}]\n",
    "models/stg_orders.sql": "{{ config(materialized='view') }} select * from {{ source('raw', 'orders') }}",
    "models/customers.sql": "select * from {{ source('raw', 'customers') }}",
    "models/revenue.sql": "select customer, sum(amount) as revenue from {{ ref('stg_orders') }} group by 1",
    "tests/data/customers.csv": "id,name,since\n1,Ann,2026-01-02\n2,Bob,2026-02-03\n",
    "tests/data/orders.csv": "id,customer,amount,is_paid\n1,1,10.50,true\n2,2,20.25,false\n",
    "tests/data/late_order.csv": "id,customer,amount,is_paid\n3,1,1.00,true\n",
    "tests/expected/revenue.csv": "customer,revenue\n2,20.25\n1,11.5\n",
}


# What pipelines start as `python -m dbt_state_plugin` is a fork; nothing else may be started so.
PYTHON = """#!/bin/sh
[ "$1 $2" = "-m dbt_state_plugin" ] || exit 64
shift 2
exec {programs}/dbt-state-plugin "$@"
"""


def documented_test() -> str:
    """Return the test that the documentation shows."""
    page = (ROOT / "docs/testing.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(def test_.*?)```", page, re.DOTALL)
    return str(block)


def write(folder: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def pytest_in(folder: Path, url: str) -> subprocess.CompletedProcess[str]:
    """Run pytest as a user would, who has installed the package and nothing else; what it starts are forks."""
    python = folder / "python"
    write(folder, {"python": PYTHON.format(programs=forkserver.programs())})
    python.chmod(0o755)
    write(folder, {"conftest.py": f"import sys\nsys.executable = {str(python)!r}\n"})
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "DBT_"))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_pipeline.py"],
        cwd=folder,
        env={**environment, "DBT_STATE_PLUGIN_TEST_DATABASE_URL": url, "HOME": str(folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_documented_test_passes(tmp_path: Path, throwaway_database: ThrowawayDatabase) -> None:
    write(tmp_path, PROJECT | {"test_pipeline.py": documented_test()})

    ended = pytest_in(tmp_path, throwaway_database.url)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "1 passed" in ended.stdout
    assert not (tmp_path / "target").exists()  # it ran in a copy


def test_what_is_not_as_expected_is_shown(tmp_path: Path, throwaway_database: ThrowawayDatabase) -> None:
    test = """
import pytest

def test_rows_and_reasons(dbt_pipeline):
    pipeline = dbt_pipeline(".")
    with pytest.raises(AssertionError, match="ended with 1") as failed:
        pipeline.run()  # there are no sources yet
    assert 'relation "raw.orders" does not exist' in str(failed.value)
    pipeline.load("raw.customers", "tests/data/customers.csv")
    pipeline.load("raw.orders", "tests/data/orders.csv")
    ran = pipeline.run()
    assert ran.status == "succeeded" and not ran.failed
    with pytest.raises(LookupError, match="nobody was not planned; planned: customers, revenue"):
        ran.reason("nobody")
    with pytest.raises(AssertionError, match="models/revenue.sql holds no 'avg'"):
        pipeline.edit("models/revenue.sql", "avg", "sum")
    pipeline.rows_equal("tests/expected/revenue.csv")
"""
    write(tmp_path, PROJECT | {"test_pipeline.py": test})

    ended = pytest_in(tmp_path, throwaway_database.url)

    assert ended.returncode == 1, ended.stdout + ended.stderr
    said = "analytics.revenue is not as in .*/tests/expected/revenue.csv: 1 rows are missing, 1 are unexpected"
    assert re.search(said, ended.stdout), ended.stdout
    assert "- 1, 11.5" in ended.stdout
    assert "+ 1, 10.50" in ended.stdout


def test_tables_are_created_with_the_types_of_the_values(tmp_path: Path, throwaway_database: ThrowawayDatabase) -> None:
    file = tmp_path / "all.csv"
    file.write_text("i,n,b,d,t,x\n1,1.5,true,2026-01-02,2026-01-02T03:04:05,a b\n2,,f,,,\n", encoding="utf-8")

    throwaway_database.load("raw.all", file)

    types = throwaway_database.execute(
        "select attname::text, format_type(atttypid, atttypmod) from pg_attribute "
        "where attrelid = 'raw.all'::regclass and attnum > 0 order by attnum"
    )
    assert dict(types) == {
        "i": "bigint",
        "n": "numeric",
        "b": "boolean",
        "d": "date",
        "t": "timestamp without time zone",
        "x": "text",
    }
    throwaway_database.load("raw.all", file)
    assert throwaway_database.execute("select count(*) from raw.all") == [(4,)]
    throwaway_database.load("raw.all", file, replace=True)
    assert throwaway_database.rows_equal("raw.all", file)


@pytest.mark.parametrize(
    ("relation", "text", "said"),
    [
        ("orders", "a\n1\n", "'orders' names no schema and table, as in 'raw.orders'"),
        ("raw.orders", "", "is empty: its first line must hold the names of the columns"),
    ],
)
def test_a_mistake_is_said(
    tmp_path: Path, throwaway_database: ThrowawayDatabase, relation: str, text: str, said: str
) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(ValueError, match=re.escape(said)):
        throwaway_database.load(relation, file)


def test_loading_the_plugin_imports_nothing_that_a_test_does_not_need() -> None:
    script = (
        "import sys, pytest; before = set(sys.modules); import dbt_state_plugin.testing.plugin; "
        "print(*sorted({m.split('.')[0] for m in set(sys.modules) - before} - set(sys.stdlib_module_names)))"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert answer.stdout.split() == ["dbt_state_plugin"]
