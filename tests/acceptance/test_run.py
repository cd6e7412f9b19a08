"""Commands that build: warehouse, screen and history."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

import yaml
from psycopg2 import sql
from support.database import Database
from support.project import NAME, SCHEMA, Project, profiles

ProjectFactory = Callable[[Mapping[str, str]], Project]

TABLE = "{{ config(materialized='table') }}\n"
EPHEMERAL = "{{ config(materialized='ephemeral') }}\n"
NOTHING_STARTED = ""  # dbt prints to stdout as soon as it starts

RELATIONS = """
    SELECT c.relname::text, c.oid::bigint, c.relfilenode::bigint, c.relkind::text,
           replace(pg_get_viewdef(c.oid), n.nspname || '.', '')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relkind IN ('r', 'v', 'm')
"""
# dbt cancels only queries that have begun, so the failure has to wait for the other query.
FAIL_WHEN_ANOTHER_SLEEPS = """
    CREATE FUNCTION public.fail_when_another_sleeps() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
        FOR _ IN 1..3000 LOOP
            PERFORM pg_stat_clear_snapshot();
            EXIT WHEN EXISTS (SELECT FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event = 'PgSleep' AND pid <> pg_backend_pid());
            PERFORM pg_sleep(0.02);
        END LOOP;
        RETURN 1 / 0;
    END $$
"""
COLUMNS = """
    SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute
    WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""


def identities(database: Database, schema: str = SCHEMA) -> dict[str, tuple[int, int]]:
    """Return the oid and the relfilenode of each relation; a build leaves another pair."""
    return {name: (oid, filenode) for name, oid, filenode, _, _ in database.query(RELATIONS, (schema,))}


def touched(before: Mapping[str, tuple[int, int]], after: Mapping[str, tuple[int, int]]) -> set[str]:
    """Return the relations that were built, dropped or replaced between the two."""
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def warehouse(database: Database, schema: str = SCHEMA) -> dict[str, Any]:
    """Return all that one can see of each relation: its kind, its columns, a view's query and the rows."""
    return {
        name: (kind, database.query(COLUMNS, (oid,)), query, rows(database, name, schema))
        for name, oid, _, kind, query in database.query(RELATIONS, (schema,))
    }


def rows(database: Database, relation: str, schema: str = SCHEMA) -> list[Any]:
    """Return the rows of a relation as JSON objects, sorted."""
    statement = sql.SQL("SELECT to_jsonb(t) FROM {} t ORDER BY to_jsonb(t)::text")
    return [row[0] for row in database.query(statement.format(sql.Identifier(schema, relation)))]


def listed(word: str, stderr: str) -> dict[str, str]:
    """Return what stands beside each node of the lines that start with `build` (or `build?`), `later` or `again`."""
    return dict(re.findall(rf"^  {word}\?? +(.+?) {{2,}}(\S.*)$", stderr, re.MULTILINE))


def with_targets(database: Database, **schemas: str) -> dict[str, str]:
    """Return a profiles.yml with further targets that differ in their schema."""
    profile = yaml.safe_load(profiles(database))
    outputs = profile[NAME]["outputs"]
    outputs.update({target: {**outputs["dev"], "schema": schema} for target, schema in schemas.items()})
    return {"profiles.yml": json.dumps(profile)}


def execution_id(text: str) -> str:
    """Return the id at the end of a run's last line."""
    found = re.search(r"xecution ([0-9a-f-]{36})\.\n$", text)
    assert found, text
    return str(UUID(found[1]))


def nodes_of(project: Project, execution: str) -> dict[str, Any]:
    """Return what `show` says about each planned node of an execution, by unique_id."""
    document = json.loads(project.plugin("show", execution, "--output", "json", check=0).stdout)
    return {node["unique_id"]: node for node in document["nodes"]}


def test_an_edit_builds_only_what_depends_on_it_and_leaves_what_a_plain_dbt_run_leaves(
    dbt_project: ProjectFactory, database: Database
) -> None:
    project = dbt_project(
        {
            **with_targets(database, plain="plain"),
            "models/raw_orders.sql": TABLE
            + "select * from (values (1, 'ann', 10), (2, 'ben', 20)) as v (id, customer, amount)",
            "models/stg_orders.sql": "select id, customer, amount from {{ ref('raw_orders') }}",
            "models/customers.sql": TABLE + "select distinct customer from {{ ref('raw_orders') }}",
            "models/orders.sql": TABLE + "select id, customer, amount from {{ ref('stg_orders') }}",
            "models/order_report.sql": "select customer, amount from {{ ref('orders') }}",
            "models/totals.sql": TABLE
            + "select customer, sum(amount) as total from {{ ref('order_report') }} group by customer",
        }
    )

    first = project.plugin("run", check=0)

    assert "Plan: 6 new, 0 unchanged\n" in first.stderr
    assert listed("build", first.stderr).keys() == {
        *("raw_orders", "stg_orders", "customers", "orders", "order_report", "totals")
    }
    assert "OK created sql table model analytics.totals" in first.stdout
    assert re.search(r"^Succeeded: 6 nodes built in [\d.]+ s, 0 skipped\. Execution \S+\.$", first.stderr, re.M)

    before = identities(database)
    second = project.plugin("run", check=0)

    assert second.stdout == NOTHING_STARTED
    assert "Plan: nothing to build, 6 unchanged\n" in second.stderr
    assert re.search(
        r"^Nothing to build: 6 skipped \(about [\d.]+ s saved\)\. Took [\d.]+ s; execution \S+\.$",
        second.stderr,
        re.M,
    )
    assert identities(database) == before

    project.write("models/orders.sql", TABLE + "select id, customer, amount * 2 as amount from {{ ref('stg_orders') }}")
    explained = project.plugin("explain", "totals", check=0)
    difference = project.plugin("explain", "orders", check=0).stdout
    edited = project.plugin("run", check=0)

    assert explained.stdout.startswith(
        "model.shop.totals (models/totals.sql)\n"
        f'  relation: "{database.dbname}"."analytics"."totals"\n'
        "  is built if order_report comes out different, because\n"
        "  - upstream: order_report is built\n"
        "  first cause: model.shop.totals <- model.shop.order_report <- model.shop.orders\n"
        "  - orders: body: its code changed\n"
        "  last build: "
    )
    assert execution_id(first.stderr) in explained.stdout
    assert "\n    -select id, customer, amount from " in difference
    assert "\n    +select id, customer, amount * 2 as amount from " in difference
    assert listed("build", edited.stderr) == {
        "orders": "body: its code changed",
        "order_report": "upstream: orders is built",  # a view, which PostgreSQL drops with the table
        "totals": "if order_report comes out different",
    }
    assert "Plan: 1 changed, 2 downstream, 3 unchanged\n" in edited.stderr
    assert touched(before, identities(database)) == {"orders", "order_report", "totals"}
    assert rows(database, "totals") == [{"customer": "ann", "total": 20}, {"customer": "ben", "total": 40}]
    project.dbt("run", "--target", "plain", check=0)
    assert warehouse(database) == warehouse(database, "plain")


def test_a_change_of_a_deep_macro_a_var_or_an_env_var_builds_the_models_that_read_it(
    dbt_project: ProjectFactory, database: Database
) -> None:
    project = dbt_project(
        {
            "macros/tax.sql": "{% macro with_tax(column) %}{{ rounded(column) }}{% endmacro %}",
            "macros/rounded.sql": "{% macro rounded(column) %}{{ scaled(column) }}{% endmacro %}",
            "macros/scaled.sql": "{% macro scaled(column) %}{{ column }} * 1{% endmacro %}",
            "macros/unused.sql": "{% macro unused() %}1{% endmacro %}",
            "models/taxed.sql": TABLE + "select {{ with_tax('7') }} as amount",
            "models/labelled.sql": TABLE + "select '{{ var('label', 'none') }}' as label",
            "models/regional.sql": TABLE + "select '{{ env_var('SHOP_REGION', 'north') }}' as region",
            "models/steady.sql": TABLE + "select 1 as id",
        }
    )
    project.plugin("run", check=0)
    before = identities(database)

    project.write("macros/scaled.sql", "{% macro scaled(column) %}{{ column }} * 2{% endmacro %}")
    project.write("macros/unused.sql", "{% macro unused() %}2{% endmacro %}")
    changed = project.plugin("run", "--vars", "{label: red}", env={"SHOP_REGION": "south"}, check=0)

    assert listed("build", changed.stderr) == {
        "taxed": "macros: macro scaled (macros/scaled.sql) changed",
        "labelled": "variables: var label is new",
        "regional": "variables: env_var SHOP_REGION is new",
    }
    assert touched(before, identities(database)) == {"taxed", "labelled", "regional"}
    assert [rows(database, name) for name in ("taxed", "labelled", "regional")] == [
        [{"amount": 14}],
        [{"label": "red"}],
        [{"region": "south"}],
    ]

    without_var = project.plugin("run", env={"SHOP_REGION": "south"}, check=0)

    assert listed("build", without_var.stderr).keys() == {"labelled"}
    assert rows(database, "labelled") == [{"label": "none"}]


def test_after_a_failure_exactly_what_failed_and_what_it_held_up_is_built_again(
    dbt_project: ProjectFactory, database: Database
) -> None:
    project = dbt_project(
        {
            "models/good.sql": TABLE + "select 1 as id",
            "models/bad.sql": TABLE + "select 1 as id",
            "models/child.sql": TABLE + "select id from {{ ref('bad') }}",
            "models/steady.sql": TABLE + "select 1 as id",
        }
    )
    project.plugin("run", check=0)
    before = identities(database)

    project.write("models/good.sql", TABLE + "select 2 as id")
    project.write("models/bad.sql", TABLE + "select 1 / 0 as id")
    failed = project.plugin("run", check=1)

    again = listed("again", failed.stderr)
    assert again.keys() == {"bad", "child"}
    assert again["bad"].startswith("error: ")
    assert "division by zero" in " ".join(failed.stderr.split())
    assert again["child"].startswith("skipped")
    assert re.search(
        r"^Failed: 1 node built, 2 nodes to be built again next time, in [\d.]+ s\.\n  Execution \S+\.$",
        failed.stderr,
        re.M,
    )
    assert touched(before, identities(database)) == {"good"}
    failure = execution_id(failed.stderr)
    nodes = nodes_of(project, failure)
    assert {name: node["status"] for name, node in nodes.items()} == {
        "model.shop.good": "success",
        "model.shop.bad": "error",
        "model.shop.child": "skipped",
    }

    before = identities(database)
    project.write("models/bad.sql", TABLE + "select 3 as id")
    repaired = project.plugin("run", check=0)

    assert listed("build", repaired.stderr) == {
        "bad": f"failed: its last build did not succeed (execution {failure[:8]}) (+1 more)",
        "child": f"interrupted: execution {failure[:8]} failed before it was built (+1 more)",
    }
    assert touched(before, identities(database)) == {"bad", "child"}
    assert rows(database, "child") == [{"id": 3}]
    history = json.loads(project.plugin("history", "--output", "json", check=0).stdout)
    assert history["version"] == 1
    assert [(run["command"], run["status"], run["planned"], run["succeeded"]) for run in history["executions"]] == [
        ("run", "succeeded", 2, 2),
        ("run", "failed", 3, 1),
        ("run", "succeeded", 4, 4),
    ]
    lines = project.plugin("history", check=0).stdout.splitlines()
    assert lines[0].split() == ["started", "(UTC)", "execution", "status", "built", "took", "command"]
    assert re.fullmatch(rf"[\d-]+ [\d:]+  {failure[:8]}   failed +1/3 +[\d.]+ s  run", lines[2])
    shown = project.plugin("show", failure[:8], check=0).stdout
    assert f"execution {failure}\n  run: failed\n" in shown
    assert re.search(r"^  model\.shop\.good  success in [\d.]+ s, 1 row  \[body\]$", shown, re.M)
    assert re.search(r"^  model\.shop\.bad  error in [\d.]+ s  \[body\]: .*division by zero", shown, re.M)


def test_a_reverted_model_is_rebuilt_where_a_failed_build_left_the_edit_in_its_table(
    dbt_project: ProjectFactory, database: Database
) -> None:
    original = TABLE + "select 'A' as version"
    project = dbt_project({"models/flip.sql": original, "models/steady.sql": TABLE + "select 1 as id"})
    project.plugin("run", check=0)
    fails_after_the_commit = "{{ config(post_hook={'sql': 'select 1 / 0', 'transaction': false}) }}\n"
    project.write("models/flip.sql", fails_after_the_commit + TABLE + "select 'B' as version")
    project.plugin("run", check=1)
    assert rows(database, "flip") == [{"version": "B"}]
    before = identities(database)

    project.write("models/flip.sql", original)
    reverted = project.plugin("run", check=0)

    assert list(listed("build", reverted.stderr)) == ["flip"]
    assert rows(database, "flip") == [{"version": "A"}]
    assert touched(before, identities(database)) == {"flip"}


def test_a_narrowed_run_keeps_the_views_on_its_tables_and_leaves_the_rest_for_later(
    dbt_project: ProjectFactory, database: Database
) -> None:
    project = dbt_project(
        {
            "models/base.sql": TABLE + "select 1 as id",
            "models/base_view.sql": "select id from {{ ref('base') }}",
            "models/view_on_view.sql": "select id from {{ ref('base_view') }}",
            "models/child.sql": TABLE + "select id from {{ ref('view_on_view') }}",
            "models/other.sql": TABLE + "select 1 as id",
            "models/steady.sql": TABLE + "select 1 as id",
        }
    )
    project.plugin("run", check=0)
    project.write("models/base.sql", TABLE + "select 2 as id")
    project.write("models/other.sql", TABLE + "select 2 as id")
    before = identities(database)

    narrowed = project.plugin("run", "--select", "base", check=0)

    assert listed("build", narrowed.stderr).keys() == {"base", "base_view", "view_on_view"}
    assert listed("later", narrowed.stderr) == {
        "child": "upstream: view_on_view is built",
        "other": "body: its code changed",
    }
    assert "Plan: 1 changed, 2 downstream, 1 unchanged, 2 not selected\n" in narrowed.stderr
    assert touched(before, identities(database)) == {"base", "base_view", "view_on_view"}
    assert rows(database, "view_on_view") == [{"id": 2}]

    before = identities(database)
    excluding = project.plugin("run", "--exclude", "other", check=0)

    assert listed("build", excluding.stderr) == {"child": "upstream: view_on_view was built since"}
    assert touched(before, identities(database)) == {"child"}

    before = identities(database)
    whole = project.plugin("run", check=0)

    assert listed("build", whole.stderr) == {"other": "body: its code changed"}
    assert touched(before, identities(database)) == {"other"}


def test_incremental_models_snapshots_and_ephemeral_models_are_built_when_what_they_read_changes(
    dbt_project: ProjectFactory, database: Database
) -> None:
    project = dbt_project(
        {
            "models/raw.sql": TABLE + "select * from (values (1, 'one')) as v (id, word)",
            "models/events.sql": "{{ config(materialized='incremental') }}\nselect id, word from {{ ref('raw') }}"
            "{% if is_incremental() %} where id > (select max(id) from {{ this }}){% endif %}",
            "models/inlined.sql": EPHEMERAL + "select 'old' as label",
            "models/labels.sql": TABLE + "select label from {{ ref('inlined') }}",
            "snapshots/raw_history.yml": "snapshots:\n  - name: raw_history\n    relation: ref('raw')\n"
            "    config: {unique_key: id, strategy: check, check_cols: [word]}\n",
        }
    )
    built = project.plugin("build", check=0)
    assert listed("build", built.stderr).keys() == {"raw", "events", "labels", "snapshot raw_history"}
    before = identities(database)

    project.write("models/raw.sql", TABLE + "select * from (values (1, 'uno'), (2, 'two')) as v (id, word)")
    project.write("models/inlined.sql", EPHEMERAL + "select 'new' as label")
    models = project.plugin("run", check=0)
    snapshots = project.plugin("snapshot", check=0)
    second = project.plugin("build", check=0)

    assert listed("build", models.stderr) == {
        "raw": "body: its code changed",
        "events": "if raw comes out different",
        "labels": "upstream: inlined changed",
    }
    assert listed("build", snapshots.stderr) == {"snapshot raw_history": "upstream: raw was built since"}
    assert touched(before, identities(database)) == {"raw", "labels"}  # the others are written in place
    assert [row["word"] for row in rows(database, "events")] == ["one", "two"]
    history = rows(database, "raw_history")
    assert sorted((row["word"], row["dbt_valid_to"] is None) for row in history) == [
        ("one", False),
        ("two", True),
        ("uno", True),
    ]
    assert second.stdout == NOTHING_STARTED
    assert rows(database, "raw_history") == history

    before = identities(database)
    refreshed = project.plugin("run", "--full-refresh", "--select", "events", check=0)

    assert listed("build", refreshed.stderr) == {"events": "forced: --full-refresh"}
    assert touched(before, identities(database)) == {"events"}
    assert [row["word"] for row in rows(database, "events")] == ["uno", "two"]


def test_relations_that_were_dropped_replaced_or_built_by_hand_are_rebuilt(
    dbt_project: ProjectFactory, database: Database
) -> None:
    project = dbt_project(
        {
            "models/dropped.sql": TABLE + "select 1 as id",
            "models/replaced.sql": TABLE + "select 1 as id",
            "models/base.sql": TABLE + "select 1 as id",
            "models/base_view.sql": "select id from {{ ref('base') }}",
            "models/old_name.sql": TABLE + "select 1 as id",
            "models/steady.sql": TABLE + "select 1 as id",
            "models/written.sql": TABLE + "select 1 as id",
            "models/reader.sql": TABLE + "select id from {{ ref('written') }}",
            "models/altered.sql": TABLE + "select 1 as id, 'x' as name",
            "models/redefined.sql": "select id from {{ ref('steady') }}",
        }
    )
    project.plugin("run", check=0)
    steady = identities(database)["steady"]
    expected = warehouse(database)

    database.query("DROP TABLE analytics.dropped")
    database.query("DROP TABLE analytics.replaced; CREATE TABLE analytics.replaced AS SELECT 'mine' AS id")
    project.dbt("run", "--select", "base", check=0)
    assert "base_view" not in identities(database)
    database.query("ALTER TABLE analytics.altered ADD COLUMN mine int, DROP COLUMN name")
    database.query("INSERT INTO analytics.written VALUES (2)")
    database.query("CREATE OR REPLACE VIEW analytics.redefined AS SELECT id + 1 AS id FROM analytics.steady")
    project.write("models/new_name.sql", project.read("models/old_name.sql"))
    project.delete("models/old_name.sql")
    repaired = project.plugin("run", check=0)

    where = f'"{database.dbname}"."analytics"'
    assert listed("build", repaired.stderr) == {
        "dropped": f'missing: {where}."dropped" does not exist',
        "replaced": "drifted: it was replaced since we built it (by a plain dbt run?)",
        "base": "drifted: it was replaced since we built it (by a plain dbt run?)",
        "base_view": f'missing: {where}."base_view" does not exist (+1 more)',
        "new_name": "new: no build of it is recorded",
        "written": "drifted: its rows were changed since we built it (by hand or by plain dbt)",
        "reader": "if written comes out different",
        "altered": "drifted: its columns were altered since we built it (added mine, dropped name)",
        "redefined": "drifted: its view definition was changed by hand since we built it",
    }
    assert (
        f'  removed model.shop.old_name: relation {where}."old_name" still exists (see `state orphans`)\n'
        in repaired.stderr
    )
    assert identities(database)["steady"] == steady
    assert warehouse(database) == {**expected, "new_name": expected["old_name"]}


def test_build_runs_a_test_again_only_when_it_failed_or_what_it_judges_changed(
    dbt_project: ProjectFactory, database: Database
) -> None:
    project = dbt_project(
        {
            "models/raw.sql": TABLE + "select 1 as id",
            "models/doubled.sql": TABLE + "select id, id * 2 as twice from {{ ref('raw') }}",
            "models/report.sql": TABLE + "select twice from {{ ref('doubled') }}",
            "models/steady.sql": TABLE + "select 1 as id",
            "models/schema.yml": """
models:
  - {name: doubled, columns: [{name: id, data_tests: [not_null]}]}
  - {name: steady, columns: [{name: id, data_tests: [unique]}]}
unit_tests:
  - name: twice_is_twice
    model: doubled
    given: [{input: ref('raw'), rows: [{id: 3}]}]
    expect: {rows: [{id: 3, twice: 6}]}
""",
        }
    )
    first = project.plugin("build", check=0)
    second = project.plugin("build", check=0)

    assert re.search(r"^Succeeded: 7 nodes built", first.stderr, re.M)
    assert second.stdout == NOTHING_STARTED
    assert "Plan: nothing to build, 7 unchanged\n" in second.stderr

    project.write("models/raw.sql", TABLE + "select null::int as id")
    broken = project.plugin("build", check=1)
    before = identities(database)
    still_broken = project.plugin("build", check=1)

    assert listed("build", broken.stderr).keys() == {"raw", "doubled", "report", "test not_null_doubled_id"}
    assert listed("again", broken.stderr).keys() == {"report", "test not_null_doubled_id"}
    assert listed("build", still_broken.stderr).keys() == {"report", "test not_null_doubled_id"}
    assert listed("again", still_broken.stderr).keys() == {"report", "test not_null_doubled_id"}
    assert touched(before, identities(database)) == set()

    project.write("models/raw.sql", TABLE + "select 4 as id")
    repaired = project.plugin("build", check=0)

    assert listed("build", repaired.stderr).keys() == {"raw", "doubled", "report", "test not_null_doubled_id"}
    assert rows(database, "report") == [{"twice": 8}]


def test_a_seed_is_loaded_again_when_its_file_changed_and_its_models_follow(
    dbt_project: ProjectFactory, database: Database
) -> None:
    project = dbt_project(
        {
            "seeds/countries.csv": "code,name\nde,Germany\n",
            "seeds/steady.csv": "id\n1\n",
            "models/country_names.sql": TABLE + "select name from {{ ref('countries') }}",
        }
    )
    project.plugin("build", check=0)
    before = identities(database)

    project.write("seeds/countries.csv", "code,name\nde,Germany\nfr,France\n")
    loaded = project.plugin("seed", check=0)
    again = project.plugin("seed", check=0)
    followed = project.plugin("run", check=0)

    assert listed("build", loaded.stderr) == {"seed countries": "body: its rows changed"}
    assert (again.stdout, "Plan: nothing to build, 2 unchanged\n" in again.stderr) == (NOTHING_STARTED, True)
    assert listed("build", followed.stderr) == {"country_names": "upstream: countries was built since"}
    assert touched(before, identities(database)) == {"countries", "country_names"}
    assert rows(database, "country_names") == [{"name": "France"}, {"name": "Germany"}]


def test_force_and_forget_build_what_they_name_and_nothing_else(
    dbt_project: ProjectFactory, database: Database
) -> None:
    project = dbt_project({f"models/{name}.sql": TABLE + "select 1 as id" for name in ("forced", "lost", "steady")})
    project.plugin("run", check=0)
    before = identities(database)

    forgotten = project.plugin("forget", "lost", check=0)
    forced = project.plugin("run", "--force", "--select", "forced", check=0)

    assert (forgotten.stdout, forgotten.stderr) == ("model.shop.lost\n", "Forgot 1; the next run builds them again.\n")
    assert listed("build", forced.stderr) == {"forced": "forced: --force"}
    assert listed("later", forced.stderr) == {"lost": "new: no build of it is recorded"}
    assert touched(before, identities(database)) == {"forced"}

    before = identities(database)
    project.plugin("run", check=0)

    assert touched(before, identities(database)) == {"lost"}


def test_flags_after_two_dashes_reach_dbt_and_count_where_they_change_what_is_built(
    dbt_project: ProjectFactory, database: Database
) -> None:
    project = dbt_project(
        {
            "models/raw.sql": TABLE + "select 1 as id",
            "models/copied.sql": TABLE + "select id from {{ ref('raw') }}",
        }
    )

    empty = project.plugin("run", "--", "--empty", "--no-use-colors", check=0)
    assert "Plan: 2 new, 0 unchanged\n" in empty.stderr
    assert rows(database, "copied") == []
    full = project.plugin("run", "--", "--no-use-colors", check=0)
    refused = project.plugin("run", "--", "--select", "raw", check=2)

    assert listed("build", full.stderr) == {
        "raw": "flags: dbt flags that change what is built differ",
        "copied": "flags: dbt flags that change what is built differ (+1 more)",
    }
    assert rows(database, "copied") == [{"id": 1}]
    assert refused.stdout == NOTHING_STARTED
    assert refused.stderr.startswith("Error: --select cannot be used after `--`, because dbt-state-plugin sets it.\n")


def test_what_was_built_stands_in_run_results_and_the_manifest_is_written_where_it_is_asked_for(
    dbt_project: ProjectFactory,
) -> None:
    project = dbt_project({"models/a.sql": TABLE + "select 1 as id", "models/b.sql": TABLE + "select 2 as id"})
    folder = project.directory / "target" / "dbt-state-plugin"

    def built() -> list[tuple[str, str]]:
        results = json.loads((folder / "run_results.json").read_text())["results"]
        return sorted((each["unique_id"], each["status"]) for each in results)

    project.plugin("run", check=0)
    assert built() == [(f"model.{NAME}.a", "success"), (f"model.{NAME}.b", "success")]
    assert not (folder / "manifest.json").exists()

    project.write("models/b.sql", TABLE + "select 3 as id")
    project.plugin("run", "--", "--write-json", check=0)
    assert built() == [(f"model.{NAME}.b", "success")]
    assert (folder / "manifest.json").exists()

    project.write("models/b.sql", TABLE + "select 1 / 0 as id")
    project.plugin("run", "--", "--fail-fast", check=1)
    assert built() == [(f"model.{NAME}.b", "error")]

    (folder / "run_results.json").unlink()
    project.write("models/b.sql", TABLE + "select 4 as id")
    project.plugin("run", "--", "--no-write-json", check=0)
    assert not (folder / "run_results.json").exists()


def test_fail_fast_keeps_what_was_built_and_builds_the_rest_next_time(
    dbt_project: ProjectFactory, database: Database
) -> None:
    database.query("CREATE TABLE public.pace AS SELECT 60::float AS seconds")
    database.query(FAIL_WHEN_ANOTHER_SLEEPS)
    project = dbt_project(
        {
            "models/good.sql": TABLE + "select 1 as id",
            "models/bad.sql": TABLE + "select public.fail_when_another_sleeps() as id from {{ ref('good') }}",
            "models/slow.sql": TABLE + "select id from {{ ref('good') }}, pg_sleep((select seconds from public.pace))",
        }
    )

    failed = project.plugin("run", "--", "--fail-fast", check=1)

    assert listed("again", failed.stderr).keys() == {"bad", "slow"}
    assert identities(database).keys() == {"good"}
    assert (
        database.query("SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'")
        == []
    )

    database.query("UPDATE public.pace SET seconds = 0")
    project.write("models/bad.sql", TABLE + "select 1 as id from {{ ref('good') }}")
    before = identities(database)
    project.plugin("run", check=0)

    assert touched(before, identities(database)) == {"bad", "slow"}


def test_the_explanation_of_a_changed_hook_shows_the_hook_and_nothing_else(dbt_project: ProjectFactory) -> None:
    hooked = "{{{{ config(materialized='table', post_hook=\"{}\") }}}}\nselect 1 as id"
    project = dbt_project({"models/one.sql": hooked.format("comment on table {{ this }} is 'a'")})
    project.plugin("run", check=0)

    project.write("models/one.sql", hooked.format("comment on table {{ this }} is 'b'"))
    lines = project.plugin("explain", "one", check=0).stdout.splitlines()

    changed = [line[4:].partition(" on table ") for line in lines if line.startswith(("    -", "    +"))]
    assert [(first, last[-3:]) for first, _, last in changed[2:]] == [("-comment", "'a'"), ("+comment", "'b'")]
