"""Exposures below what is built, in plan, run and JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from support.database import Database
from support.project import Project

ProjectFactory = Callable[[Mapping[str, str]], Project]
TABLE = "{{ config(materialized='table') }}\n"
EXPOSURES = """
exposures:
- name: weekly_board
  type: dashboard
  url: https://bi.example.com/1
  owner: {name: Ann, email: ann@example.com}
  depends_on: [ref('report'), ref('other')]
- name: unrelated
  type: notebook
  owner: {email: bob@example.com}
  depends_on: [ref('other')]
- name: raw_board
  type: dashboard
  owner: {name: Cid}
  depends_on: ["source('raw', 'clicks')"]
"""


def exposed(project: Project) -> list[dict[str, Any]]:
    answer = json.loads(project.plugin("plan", "-o", "json", check=0).stdout)
    found: list[dict[str, Any]] = answer["exposures"]
    return found


def test_what_reads_what_is_built_or_a_source_with_new_rows_is_named(
    dbt_project: ProjectFactory, database: Database
) -> None:
    database.query("CREATE SCHEMA raw; CREATE TABLE raw.clicks (id int)")
    project = dbt_project(
        {
            "models/sources.yml": "sources: [{name: raw, tables: [{name: clicks}]}]",
            "models/clicks.sql": TABLE + "select * from {{ source('raw', 'clicks') }}",
            "models/orders.sql": TABLE + "select 1 as id",
            "models/report.sql": "select * from {{ ref('orders') }}",
            "models/other.sql": TABLE + "select 1 as id",
            "models/exposures.yml": EXPOSURES,
        }
    )
    first = project.plugin("run", check=0).stderr
    assert "raw_board" not in first  # nothing is known of what its source held before
    assert "  feeds  notebook unrelated, of bob@example.com: reads other\n" in first
    assert "  feeds  dashboard weekly_board, of Ann: reads orders (+2 more)\n" in first
    assert exposed(project) == []

    project.write("models/orders.sql", TABLE + "select 2 as id")

    (board,) = exposed(project)
    assert board == {
        "unique_id": "exposure.shop.weekly_board",
        "name": "weekly_board",
        "type": "dashboard",
        "owner": "Ann",
        "url": "https://bi.example.com/1",
        "below": ["model.shop.orders", "model.shop.report"],
    }
    shown = project.plugin("run", "--force", "--select", "orders", check=0).stderr
    assert "  feeds  dashboard weekly_board, of Ann: reads orders (+1 more)\n" in shown
    kept = project.plugin("plan", "--force", "--select", "other", check=0).stdout
    assert "  feeds  notebook unrelated" in kept
    database.load("INSERT INTO raw.clicks VALUES (1)")
    clicked = project.plugin("plan", "--select", "clicks", check=0).stdout
    assert "  feeds  dashboard raw_board, of Cid: reads raw.clicks\n" in clicked
