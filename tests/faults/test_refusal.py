"""Runs that were cut off, and dbt that leaves the warehouse alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping

from support.database import Database
from support.project import Project

ProjectFactory = Callable[[Mapping[str, str]], Project]

REFUSING = """
import sys
from dbt_state_plugin.cli.entry import main
from dbt_state_plugin.operations.running.build_recorder import BuildRecorder

BuildRecorder.refusal = lambda marker: "somebody else has taken over"
sys.argv[1:] = ["build"]
main()
"""
RELATIONS = "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE nspname = %s"


def test_no_kind_of_node_is_executed_when_the_run_is_refused(dbt_project: ProjectFactory, database: Database) -> None:
    project = dbt_project(
        {
            "seeds/kinds.csv": "id\n1\n",
            "models/orders.sql": "{{ config(materialized='table') }} select 1 as id",
            "models/shown.sql": "select 1 as id",
            "models/filled.sql": "{{ config(materialized='incremental') }} select 1 as id",
            "snapshots/kept.sql": "{% snapshot kept %}{{ config(unique_key='id', strategy='check', check_cols='all') }}"
            " select 1 as id {% endsnapshot %}",
            "tests/never.sql": "select 1 where false",
        }
    )

    refused = subprocess.run(
        [sys.executable, "-c", REFUSING],
        cwd=project.directory,
        env=dict(project.environment),
        capture_output=True,
        text=True,
        check=False,
    )

    assert refused.returncode == 1, refused.stderr
    assert refused.stdout.count("somebody else has taken over") >= 6
    assert "Traceback" not in refused.stdout + refused.stderr
    assert database.query(RELATIONS, ("analytics",)) == []
    assert database.query("SELECT count(*) FROM dbt_state_plugin.intent") == [(6,)]
