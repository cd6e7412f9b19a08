"""Takeover of a warehouse that dbt built, with nothing built again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from acceptance.test_run import identities, listed
from support.database import Database
from support.project import Project

ProjectFactory = Callable[[Mapping[str, str]], Project]

SNAPSHOT = """{% snapshot history %}
{{ config(target_schema='analytics', unique_key='id', strategy='check', check_cols='all') }}
select id from {{ ref('orders') }}
{% endsnapshot %}"""
FILES = {
    "seeds/countries.csv": "id,name\n1,France\n2,Chad\n",
    "models/sources.yml": "sources: [{name: raw, tables: [{name: orders}]}]",
    "models/orders.sql": "select id, country from {{ source('raw', 'orders') }}",
    "models/inside.sql": "{{ config(materialized='ephemeral') }} select id from {{ ref('orders') }}",
    "models/outside.sql": "select * from {{ ref('inside') }}",
    "models/by_country.sql": "{{ config(materialized='table', indexes=[{'columns': ['name']}]) }} select name, "
    "count(*) as n from {{ ref('orders') }} join {{ ref('countries') }} c on c.id = country group by name",
    "models/on_table.sql": "select n from {{ ref('by_country') }}",
    "models/above.sql": "{{ config(materialized='table') }} select n, 'x' as word from {{ ref('on_table') }}",
    "models/growing.sql": "{{ config(materialized='incremental', on_schema_change='append_new_columns') }} select id "
    "from {{ ref('orders') }} {% if is_incremental() %} where id > (select max(id) from {{ this }}) {% endif %}",
    "models/kept.sql": "{{ config(materialized='materialized_view') }} select id from {{ ref('growing') }}",
    "models/contracted.sql": "{{ config(materialized='table') }} select 'a' as b, 1 as a",
    "models/contracted.yml": "models: [{name: contracted, config: {contract: {enforced: true}}, "
    "columns: [{name: a, data_type: int}, {name: b, data_type: text}]}]",
    "models/tested.yml": "models: [{name: orders, columns: [{name: id, data_tests: [not_null]}]}]",
    "snapshots/history.sql": SNAPSHOT,
}
RELATIONS = 10


def built_by_dbt(dbt_project: ProjectFactory, database: Database) -> Project:
    database.query("CREATE SCHEMA raw; CREATE TABLE raw.orders AS SELECT 1 AS id, 1 AS country")
    project = dbt_project(FILES)
    project.dbt("--quiet", "build", check=0)
    return project


def test_what_dbt_built_is_adopted_and_the_next_run_builds_nothing(
    dbt_project: ProjectFactory, database: Database
) -> None:
    project = built_by_dbt(dbt_project, database)
    before = identities(database)

    asked = project.plugin("adopt", check=2)
    assert database.has_no_state
    adopted = project.plugin("adopt", "--yes", "--output", "json", check=0)
    ran = project.plugin("run", check=0)
    planned = json.loads(project.plugin("plan", "--for", "build", "--output", "json", check=0).stdout)

    assert "there is no terminal to confirm it" in asked.stderr
    outcomes = json.loads(adopted.stdout)["relations"]
    assert {each["outcome"] for each in outcomes} == {"adopt"}
    assert all(each["compared"] for each in outcomes)
    assert len(outcomes) == RELATIONS
    assert "Plan: nothing to build" in ran.stderr
    assert identities(database) == before
    due = {node["unique_id"].split(".")[0] for node in planned["nodes"] if node["decision"] == "build"}
    assert due == {"test"}
    (history,) = database.state("SELECT status, manifest_id IS NOT NULL FROM {state}.execution WHERE command = 'adopt'")
    assert history == ("succeeded", True)


def test_what_is_not_as_the_project_makes_it_is_refused_and_built_by_the_next_run(
    dbt_project: ProjectFactory, database: Database
) -> None:
    project = built_by_dbt(dbt_project, database)
    database.query(
        "DROP VIEW analytics.outside; DROP VIEW analytics.on_table;"
        "CREATE TABLE analytics.on_table AS SELECT 1 AS n;"
        "ALTER TABLE analytics.contracted ADD COLUMN c int; ALTER TABLE analytics.above ALTER COLUMN n TYPE text;"
        "DELETE FROM analytics.countries WHERE id = 2; ALTER TABLE analytics.history DROP COLUMN id"
    )

    hashes = {"DBT_STATE_PLUGIN_STORE_SQL": "hash"}
    adopted = project.plugin("adopt", "--yes", env=hashes, check=1)
    known = project.plugin("adopt", "--yes", "--select", "orders", env=hashes, check=0)
    planned = project.plugin("plan", "--for", "build", "--exclude", "resource_type:test", env=hashes, check=0)

    refused = [line.split(maxsplit=2)[1:] for line in adopted.stdout.splitlines() if line.startswith("  refuse")]
    assert dict(refused) == {
        "on_table": "it is a table, and the project makes it a view",
        "contracted": "it also has c",
        "above": "it has a different type for n",
        "countries": "it has 1 rows, and its file 2",
        "history": "it lacks id",
    }
    assert "  build  outside     it does not exist\n" in adopted.stdout
    assert "4 relations adopted, 1 missing, 5 refused." in adopted.stderr
    assert "0 relations adopted, 1 known already." in known.stderr
    assert listed("build", planned.stdout).keys() == {
        *("seed countries", "outside", "by_country", "on_table", "above", "contracted", "snapshot history"),
    }


def test_where_nothing_stands_there_is_nothing_to_adopt(dbt_project: ProjectFactory, database: Database) -> None:
    project = dbt_project({"models/orders.sql": "select 1 as id"})

    adopted = project.plugin("adopt", "--yes", check=2)

    assert adopted.stderr.startswith("Error: There is nothing to adopt")
    assert database.has_no_state


def test_rows_of_a_table_that_only_the_sql_of_an_adopted_model_names_are_noticed(
    dbt_project: ProjectFactory, database: Database
) -> None:
    database.load("CREATE SCHEMA raw; CREATE TABLE raw.hidden AS SELECT 1 AS id")
    view = "{{ config(materialized='view') }} select id from raw.hidden"
    table = "{{ config(materialized='table') }} "
    project = dbt_project(
        {
            "models/named.sql": table + "select id from raw.hidden",
            "models/seen.sql": view,
            "models/behind.sql": table + "select id from {{ ref('seen') }}",
        }
    )
    project.dbt("--quiet", "run", check=0)
    project.plugin("adopt", "--yes", check=0)
    assert project.planned() == {}

    database.load("INSERT INTO raw.hidden VALUES (2)")

    assert project.planned() == {name: ["rows changed"] for name in ("named", "behind")}


def test_other_settings_of_the_session_build_what_was_adopted(dbt_project: ProjectFactory, database: Database) -> None:
    project = dbt_project({"models/day.sql": "select timestamptz '2026-01-01 00:00+00'::date::text as day"})
    project.dbt("--quiet", "run", check=0)
    project.plugin("adopt", "--yes", check=0)
    assert project.planned() == {}

    database.query(f"ALTER DATABASE {database.dbname} SET timezone = 'America/New_York'")

    assert list(project.planned()) == ["day"]
