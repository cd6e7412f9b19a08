"""Rows of sources that make a run build, or do not."""

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


def reasons(project: Project, env: Mapping[str, str] | None = None) -> dict[str, list[str]]:
    """Return what the plan says about each node that is to be built: the kind of the reason and its words."""
    document = json.loads(project.plugin("plan", "--output", "json", check=0, env=env).stdout)
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

    assert "Plan: 1 data, 2 unchanged" in sent_again.stderr  # only what reads the loader's own column
    assert "build  newest  data: raw.orders rows changed" in sent_again.stderr
    assert sent_again.stderr.count("Reading ") == 1
    remembered = project.plugin("run", check=0)
    assert "Plan: nothing to build, 3 unchanged" in remembered.stderr
    assert "Reading " not in remembered.stderr  # the counters were remembered: no second scan
    database.load("UPDATE raw.orders SET amount = CASE id WHEN 1 THEN 20 ELSE 10 END")
    assert reasons(project) == {"orders": ["data rows changed"], "newest": ["data rows changed"]}


KINDS = """
sources:
  - name: raw
    config: {meta: {dbt_state_plugin: {data_version: touched}}}
    tables:
      - {name: counted}
      - {name: compared, config: {meta: {dbt_state_plugin: {data_version: content}}}}
      - name: asked
        meta: {dbt_state_plugin: {data_version: query, data_version_query: "select max(id) from {source}"}}
      - {name: dated, config: {meta: {dbt_state_plugin: {data_version: query}}, loaded_at_field: loaded_at}}
      - {name: ever, config: {meta: {dbt_state_plugin: {data_version: always}}}}
      - {name: fixed, config: {meta: {dbt_state_plugin: {data_version: never}}}}
  - name: elsewhere
    schema: raw
    tables:
      - {name: far}
      - {name: far_compared, config: {meta: {dbt_state_plugin: {data_version: content}}}}
      - {name: far_dated, config: {loaded_at_field: loaded_at}}
      - {name: computed}
      - {name: plain}
"""
LOCAL = ("counted", "compared", "asked", "dated", "ever", "fixed", "plain")


def reader(source: str, table: str) -> str:
    return TABLE + f"select * from {{{{ source('{source}', '{table}') }}}}"


def test_each_source_is_looked_at_as_it_is_configured(dbt_project: ProjectFactory, database: Database) -> None:
    database.load("CREATE SCHEMA raw; CREATE EXTENSION postgres_fdw")
    database.query(
        f"CREATE SERVER here FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '{database.host}', port '{database.port}',"
        f" dbname '{database.dbname}'); CREATE USER MAPPING FOR CURRENT_USER SERVER here"
        f" OPTIONS (user '{database.user}', password '{database.password}')"
    )
    for table in LOCAL:
        database.load(f"CREATE TABLE raw.{table} AS SELECT 1 AS id, '2026-01-01'::date AS loaded_at")
    for table in ("far", "far_compared", "far_dated"):
        database.query(
            f"CREATE FOREIGN TABLE raw.{table} (id int, loaded_at date) SERVER here"
            " OPTIONS (schema_name 'raw', table_name 'plain')"
        )
    database.query("CREATE VIEW raw.computed AS SELECT now() AS at")
    foreign = ("far", "far_compared", "far_dated", "computed", "plain")
    project = dbt_project(
        {
            "models/sources.yml": KINDS,
            **{f"models/{table}.sql": reader("raw", table) for table in LOCAL if table != "plain"},
            **{f"models/{table}.sql": reader("elsewhere", table) for table in foreign},
            "models/far_view.sql": "select * from {{ source('elsewhere', 'far') }}",
        }
    )
    project.plugin("run", check=0)

    every_run = {
        "ever": ["data has data_version always: built on every run"],
        "far": ["data is a foreign table, whose rows are not counted: built on every run"],
        "computed": [
            "volatile it calls now()",
            "data is computed by functions that cannot be inspected: built on every run",
        ],
    }
    assert reasons(project) == every_run

    for table in LOCAL:
        database.load(f"UPDATE raw.{table} SET id = id")
    assert reasons(project) == {**every_run, "counted": ["data rows changed"], "plain": ["data rows changed"]}

    for table in LOCAL:
        database.load(f"INSERT INTO raw.{table} VALUES (2, '2026-01-01')")
    asked = ["data gives its query another answer"]
    assert reasons(project) == {
        **every_run,
        **{table: ["data rows changed"] for table in ("counted", "compared", "plain", "far_compared")},
        **dict.fromkeys(("asked", "dated", "far_dated"), asked),
    }


def test_the_nearest_setting_wins_and_a_wrong_one_is_named(dbt_project: ProjectFactory, database: Database) -> None:
    database.load("CREATE SCHEMA raw; CREATE TABLE raw.a AS SELECT 1 AS id; CREATE TABLE raw.b AS SELECT 1 AS id")
    sources = """
sources:
  - name: raw
    tables: [{name: a}, {name: b, config: {meta: {dbt_state_plugin: {data_version: %s}}}}]
"""
    project = dbt_project(
        {
            "models/sources.yml": sources % "always",
            "models/a.sql": reader("raw", "a"),
            "models/b.sql": reader("raw", "b"),
        }
    )
    project.plugin("run", check=0, env={"DBT_STATE_PLUGIN_DATA_VERSION": "never"})
    for table in ("a", "b"):
        database.load(f"UPDATE raw.{table} SET id = id")

    assert reasons(project, env={"DBT_STATE_PLUGIN_DATA_VERSION": "never"}).keys() == {"b"}
    assert reasons(project, env={"DBT_STATE_PLUGIN_DATA_VERSION": "touched"}).keys() == {"a", "b"}
    everywhere = "sources: {shop: {+meta: {dbt_state_plugin: {data_version: never}}}}\n"
    project.write("dbt_project.yml", project.read("dbt_project.yml") + everywhere)
    assert reasons(project, env={"DBT_STATE_PLUGIN_DATA_VERSION": "touched"}).keys() == {"b"}

    project.write("models/sources.yml", sources % "newest")
    wrong = project.plugin("plan", check=2).stderr.splitlines()
    where = "source.shop.raw.b (models/sources.yml)"
    assert wrong[0] == f"Error: meta.dbt_state_plugin of {where} cannot be used: data_version is 'newest'."
    assert wrong[1] == "  Use one of touched, content, query, last_modified, always, never."


AIRBYTE_TABLE = """
    CREATE SCHEMA raw;
    CREATE TABLE raw.orders (id int, amount numeric, _airbyte_raw_id text, _airbyte_extracted_at timestamptz);
    INSERT INTO raw.orders VALUES (1, 10, 'a', '2026-01-01'), (2, 20, 'b', '2026-01-01')
"""


def test_rows_that_airbyte_sends_again_are_no_new_data(dbt_project: ProjectFactory, database: Database) -> None:
    database.query(AIRBYTE_TABLE)
    project = dbt_project(
        {
            "models/sources.yml": SOURCES,
            "models/orders.sql": TABLE + "select id, amount from {{ source('raw', 'orders') }}",
            "models/newest.sql": TABLE + "select max(_airbyte_extracted_at) as at from {{ source('raw', 'orders') }}",
        }
    )
    project.plugin("run", check=0)

    database.load("UPDATE raw.orders SET _airbyte_raw_id = id || 'x', _airbyte_extracted_at = '2026-01-02'")

    assert reasons(project) == {"newest": ["data rows changed"]}
    database.load("UPDATE raw.orders SET amount = 30 WHERE id = 2")
    assert reasons(project).keys() == {"orders", "newest"}


def test_what_is_read_from_an_appended_table_is_built_again_and_a_view_on_it_is_not(
    dbt_project: ProjectFactory, database: Database
) -> None:
    database.load("CREATE SCHEMA raw; CREATE TABLE raw.orders AS SELECT 1 AS id")
    project = dbt_project(
        {
            "models/sources.yml": SOURCES,
            "models/appended.sql": "{{ config(materialized='incremental') }}\n"
            "select id from {{ source('raw', 'orders') }}"
            "{% if is_incremental() %} where id > (select max(id) from {{ this }}){% endif %}",
            "models/counted.sql": TABLE + "select count(*) as n from {{ ref('appended') }}",
            "models/shown.sql": "select id from {{ ref('appended') }}",
            "models/totals.sql": TABLE + "select count(*) as n from {{ ref('shown') }}",
        }
    )
    project.plugin("run", check=0)
    database.load("INSERT INTO raw.orders VALUES (2)")

    narrowed = project.plugin("run", "--select", "appended", check=0)

    assert "build  appended  data: raw.orders rows changed" in narrowed.stderr
    assert "3 unchanged" not in narrowed.stderr
    due = reasons(project)
    assert due == {"counted": ["upstream was built since"], "totals": ["upstream was built since"]}
    assert "Plan: 2 downstream, 2 unchanged" in project.plugin("run", check=0).stderr
    assert database.query("SELECT n FROM analytics.counted, LATERAL (SELECT 1) x") == [(2,)]

    database.load("UPDATE raw.orders SET id = id")  # touched: a run that appends nothing
    assert "Plan: 2 downstream, 1 data, 1 unchanged" in project.plugin("run", check=0).stderr
    assert "Plan: nothing to build, 4 unchanged" in project.plugin("run", check=0).stderr


def test_a_model_that_came_out_equal_leaves_those_who_read_it_alone_later(
    dbt_project: ProjectFactory, database: Database
) -> None:
    database.load("CREATE SCHEMA raw; CREATE TABLE raw.orders AS SELECT 1 AS id, 'new' AS status")
    equal = "{{ config(materialized='table', meta={'dbt_state_plugin': {'data_version': 'content'}}) }}\n"
    project = dbt_project(
        {
            "models/sources.yml": SOURCES,
            "models/ids.sql": equal + "select id from {{ source('raw', 'orders') }}",
            "models/counted.sql": TABLE + "select count(*) as n from {{ ref('ids') }}",
        }
    )
    project.plugin("run", check=0)

    database.load("UPDATE raw.orders SET status = 'sent'")
    project.plugin("run", "--select", "ids", check=0)
    assert reasons(project) == {}
    database.load("UPDATE raw.orders SET id = 2")
    project.plugin("run", "--select", "ids", check=0)
    assert reasons(project) == {"counted": ["upstream was built since"]}


def test_a_model_is_built_when_it_is_older_than_it_may_be(dbt_project: ProjectFactory, database: Database) -> None:
    aging = "{{ config(materialized='table', meta={'dbt_state_plugin': {'max_age': 24}}) }}\n"
    project = dbt_project(
        {
            "models/rates.sql": aging + "select 1 as rate",
            "models/converted.sql": TABLE + "select rate from {{ ref('rates') }}",
            "models/other.sql": TABLE + "select 1 as id",
        }
    )
    project.plugin("run", check=0)
    assert reasons(project) == {}
    database.state("UPDATE {state}.relation SET built_at = built_at - interval '26 hours'")

    due = project.plugin("run", check=0).stderr

    assert "build  rates      age: its last build is 26 h old, max_age is 24" in due
    assert "build? converted  if rates comes out different" in due
    assert "Plan: 1 downstream, 1 volatile, 1 unchanged" in due
    assert reasons(project) == {}


def test_rows_that_the_role_may_not_read_count_as_changed_when_they_were_written(
    dbt_project: ProjectFactory, database: Database
) -> None:
    database.load(SINGER_TABLE)
    database.query("CREATE VIEW raw.readable AS SELECT id FROM raw.orders")
    sources = "\nsources: [{name: raw, tables: [{name: orders}]}]\n"
    project = dbt_project(
        {
            "models/sources.yml": sources,
            "models/orders.sql": TABLE + "select 1 as id -- {{ source('raw', 'orders') }}",
        }
    )
    role = f"reader_{database.dbname}"
    database.query(
        f"CREATE ROLE {role}; GRANT CREATE ON DATABASE {database.dbname} TO {role}; GRANT {role} TO CURRENT_USER"
    )
    try:
        project.write("profiles.yml", project.read("profiles.yml") + f"      role: {role}\n")
        project.plugin("run", check=0)
        assert reasons(project) == {}
        database.load("UPDATE raw.orders SET amount = 0")
        assert reasons(project) == {"orders": ["data was written, and this role may not read its rows to compare them"]}
    finally:
        database.query(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")
