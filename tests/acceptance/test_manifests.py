"""Manifests kept by the state: readable by dbt, without secrets."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping

from support.database import Database
from support.project import Project

ProjectFactory = Callable[[Mapping[str, str]], Project]

SECRET = "hidden-value-of-the-environment"
GIVEN = "hidden-value-of-the-command-line"
FILES = {
    "models/orders.sql": "select 1 as id",
    "models/large_orders.sql": "{{ config(materialized='table') }} select * from {{ ref('orders') }}",
    "models/orders.yml": "models: [{name: orders, description: \"about {{ env_var('ABOUT') }}"
    " by {{ var('by') }}\", columns: [{name: id, data_tests: [not_null]}]}]",
}
RUN = ("run", "--vars", f"{{by: {GIVEN}}}")
ENVIRONMENT = {"ABOUT": SECRET}
KEPT = "SELECT content FROM {state}.manifest"


def test_dbt_finds_what_was_modified_since_the_manifest_that_the_state_kept(
    dbt_project: ProjectFactory, database: Database
) -> None:
    project = dbt_project(FILES)
    project.plugin(*RUN, env=ENVIRONMENT, check=0)
    project.plugin(*RUN, env=ENVIRONMENT, check=0)
    folder = project.directory / "of_dev"

    exported = project.plugin("state", "export-manifest", "dev", "--output-dir", str(folder), check=0)
    project.write("models/large_orders.sql", FILES["models/large_orders.sql"] + " where id > 0")
    listed = project.dbt(
        *("--quiet", "ls", "--select", "state:modified", "--state", exported.stdout.strip(), *RUN[1:]),
        env=ENVIRONMENT,
        check=0,
    )

    assert listed.stdout.split() == ["shop.large_orders"]
    (content,) = (zlib.decompress(row[0]).decode() for row in database.state(KEPT))
    assert SECRET not in content
    assert GIVEN not in content
    assert json.loads(content)["nodes"]["model.shop.orders"]["description"] == "about *** by ***"
    (linked,) = database.state("SELECT count(*), count(DISTINCT manifest_id) FROM {state}.execution")
    assert linked == (2, 1)


def test_a_narrowed_run_is_no_manifest_of_the_environment(dbt_project: ProjectFactory, database: Database) -> None:
    project = dbt_project(FILES)
    project.plugin(*RUN, "--select", "orders", env=ENVIRONMENT, check=0)

    refused = project.plugin("state", "export-manifest", "dev", check=2)
    project.plugin(*RUN, env=ENVIRONMENT, check=0)
    exported = project.plugin("state", "export-manifest", "dev", check=0)

    assert refused.stderr.startswith(f"Error: No manifest is kept for shop/dev ({database.dbname}.analytics).\n")
    assert "model.shop.large_orders" in json.loads(exported.stdout)["nodes"]
    assert len(database.state(KEPT)) == 1


def test_where_no_sql_is_stored_no_manifest_is_kept(dbt_project: ProjectFactory, database: Database) -> None:
    project = dbt_project(FILES)
    project.plugin(*RUN, env={**ENVIRONMENT, "DBT_STATE_PLUGIN_STORE_SQL": "hash"}, check=0)

    refused = project.plugin("state", "export-manifest", "dev", check=2)

    assert "DBT_STATE_PLUGIN_STORE_SQL=hash" in refused.stderr
    assert database.state(KEPT) == []
