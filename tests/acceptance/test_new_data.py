"""Which rows of a source make a run build something, and which do not?"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from support.database import Database
from support.project import Project

ProjectFactory = Callable[[Mapping[str, str]], Project]

TABLE = "{{ config(materialized='table') }}\n"
SOURCES = """
sources:
  - name: raw
    tables:
      - name: orders
"""
SINGER_TABLE = """
    CREATE SCHEMA raw;
    CREATE TABLE raw.orders (id int PRIMARY KEY, customer text, amount numeric, _sdc_batched_at timestamptz,
        _sdc_sequence bigint, _sdc_deleted_at timestamptz);
    INSERT INTO raw.orders VALUES (1, 'ann', 10, '2026-01-01', 1), (2, 'ben', 20, '2026-01-01', 1)
"""


def reasons(project: Project, *arguments: str) -> dict[str, list[str]]:
    """Return what the plan says about each node that is to be built: node, source and what happened to it."""
    document = json.loads(project.plugin("plan", *arguments, "--output", "json", check=0).stdout)
    return {
        node["name"]: [f"{reason['kind']} {reason['detail']}" for reason in node["reasons"]]
        for node in document["nodes"]
        if node["decision"] == "build"
    }


def test_rows_that_a_singer_target_sends_again_are_no_new_data(dbt_project: ProjectFactory, database: Database) -> None:
    database.query(SINGER_TABLE)
    project = dbt_project(
        {
            "models/sources.yml": SOURCES,
            "models/stg_orders.sql": "select id, customer, amount from {{ source('raw', 'orders') }}",
            "models/orders.sql": TABLE + "select id, customer, amount from {{ ref('stg_orders') }}",
            "models/newest.sql": TABLE + "select max(_sdc_batched_at) as newest from {{ source('raw', 'orders') }}",
        }
    )
    project.plugin("run", check=0)
    database.load(
        "DELETE FROM raw.orders; INSERT INTO raw.orders VALUES"
        " (2, 'ben', 20, '2026-01-02', 2), (1, 'ann', 10, '2026-01-02', 2)"
    )

    sent_again = project.plugin("run", check=0)

    assert "Plan: 1 downstream, 2 unchanged" in sent_again.stderr  # only what reads the loader's own column
    assert "build  newest  data: raw.orders rows changed" in sent_again.stderr
    assert sent_again.stderr.count("Reading ") == 1
    remembered = project.plugin("run", check=0)
    assert "Plan: nothing to build, 3 unchanged" in remembered.stderr
    assert "Reading " not in remembered.stderr  # the counters were remembered: no second scan
    database.load("UPDATE raw.orders SET amount = CASE id WHEN 1 THEN 20 ELSE 10 END")
    assert reasons(project) == {"orders": ["data rows changed"], "newest": ["data rows changed"]}
