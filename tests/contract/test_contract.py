"""Contract of a warehouse: nothing missed but what plans declare.

A project in which each model stands for one kind of change is built; then all of them happen, each to its own model.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from contract.adapters import ADAPTERS, Adapter, Shop
from support.database import fresh_database

from dbt_state_plugin.core.values import capabilities
from dbt_state_plugin.core.values.capabilities import Told
from dbt_state_plugin.testing.postgres_server import Server

FILES = {
    "models/sources.yml": """
sources:
  - name: raw
    schema: raw
    tables:
      - name: orders
      - {name: compared, meta: {dbt_state_plugin: {data_version: content}}}
      - name: asked
        meta: {dbt_state_plugin: {data_version: query, data_version_query: "select max(id) from {source}"}}
      - {name: dated, loaded_at_field: loaded_at}
      - name: timed
        meta:
          dbt_state_plugin: {data_version: "{{ 'last_modified' if target.type == 'dated' else 'touched' }}"}
""",
    "models/edited.sql": "select 1 as id",
    "models/below.sql": "select id from {{ ref('edited') }}",
    "models/of_a_macro.sql": "select {{ number() }} as id",
    "models/of_a_var.sql": "select {{ var('rate') }} as id",
    "models/untouched.sql": "select id from {{ ref('view_untouched') }}",
    "models/view_untouched.sql": "{{ config(materialized='view') }} select 1 as id",
    "models/dropped.sql": "select 1 as id",
    "models/altered.sql": "select 1 as id",
    "models/written.sql": "select 1 as id",
    "models/redefined.sql": "{{ config(materialized='view') }} select 1 as id",
    "models/commented.sql": "{{ config(post_hook=\"comment on table {{ this }} is 'ours'\") }} select 1 as id",
    "models/reads_source.sql": "select id from {{ source('raw', 'orders') }}",
    "models/reads_compared.sql": "select id from {{ source('raw', 'compared') }}",
    "models/reads_asked.sql": "select id from {{ source('raw', 'asked') }}",
    "models/reads_dated.sql": "select id from {{ source('raw', 'dated') }}",
    "models/reads_timed.sql": "select id from {{ source('raw', 'timed') }}",
    "models/asks.sql": "select {{ largest() }} as id",
    "models/names_a_table.sql": "select id from raw.hidden",
    "models/volatile.sql": "select random() as r, current_date as d",
    "macros/number.sql": "{% macro number() %} 7 {% endmacro %}",
    "macros/largest.sql": """
{% macro largest() %}
  {% if execute %}{{ run_query('select max(id) as id from raw.answers').columns[0].values()[0] }}{% else %}0{% endif %}
{% endmacro %}
""",
}
SETUP = (
    "CREATE SCHEMA raw",
    *(f"CREATE TABLE raw.{name} AS SELECT 1 AS id UNION ALL SELECT 2" for name in ("orders", "compared", "hidden")),
    *(f"CREATE TABLE raw.{name} AS SELECT 1 AS id" for name in ("asked", "answers", "timed")),
    "CREATE TABLE raw.dated AS SELECT 1 AS id, TIMESTAMP '2026-01-01' AS loaded_at",
)
EDITS = {
    "models/edited.sql": "select 2 as id",
    "models/untouched.sql": "select  id -- as it was\n from {{ ref('view_untouched') }}",
    "macros/number.sql": "{% macro number() %} 8 {% endmacro %}",
    "dbt_project.yml": 'name: shop\nversion: "1.0"\nprofile: shop\nvars: {rate: 3}\nmodels: {+materialized: table}\n',
}
WRITTEN = "UPDATE main.written SET id = 2"
CHANGES = (
    "DROP TABLE main.dropped",
    "ALTER TABLE main.altered ADD COLUMN more INT",
    WRITTEN,
    "CREATE OR REPLACE VIEW main.redefined AS SELECT 2 AS id",
    "COMMENT ON TABLE main.commented IS NULL",
    "DELETE FROM raw.orders WHERE id = 2",
    "UPDATE raw.compared SET id = 3 WHERE id = 2",
    "INSERT INTO raw.asked VALUES (2)",
    "INSERT INTO raw.dated VALUES (2, TIMESTAMP '2026-01-02')",
    "INSERT INTO raw.timed VALUES (2)",
    "INSERT INTO raw.hidden VALUES (3)",
    "INSERT INTO raw.answers VALUES (2)",
)
LOADED_AGAIN = (
    "CREATE TABLE raw.copied AS SELECT id FROM raw.compared",
    "DELETE FROM raw.compared",
    "INSERT INTO raw.compared SELECT id FROM raw.copied",
)
# What has to be built, with the feature without which it goes unnoticed.
NEEDED = {
    **dict.fromkeys(("edited", "below", "of_a_macro", "of_a_var"), "code"),
    "dropped": "missing",
    "altered": "columns",
    "written": "rows",
    "redefined": "views",
    "commented": "shape",
    **dict.fromkeys(("reads_source", "reads_compared", "reads_asked", "reads_dated", "reads_timed"), "sources"),
    "names_a_table": "named",
    "asks": "questions",
    "volatile": "volatile",
}


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=[pytest.mark.spark] if name == "spark" else []) for name in ADAPTERS],
)
def adapter(request: pytest.FixtureRequest) -> Adapter:
    return ADAPTERS[request.param]


@pytest.fixture(scope="module")
def shop(adapter: Adapter, tmp_path_factory: pytest.TempPathFactory, postgres_server: Server) -> Iterator[Shop]:
    """Give a shop in which nothing is built."""
    with _opened(adapter, tmp_path_factory.mktemp("contract"), postgres_server) as shop:
        yield shop


@pytest.fixture
def adopted(adapter: Adapter, tmp_path: Path, postgres_server: Server) -> Iterator[Shop]:
    """Give a shop that dbt itself has built and that was adopted."""
    with _opened(adapter, tmp_path, postgres_server) as shop:
        shop.dbt("run")
        shop.plugin("adopt", "--yes")
        yield shop


@contextmanager
def _opened(adapter: Adapter, folder: Path, server: Server) -> Iterator[Shop]:
    with fresh_database(server) as database, adapter.opened(folder, database, FILES, SETUP) as shop:
        yield shop


def test_all_that_is_needed_is_built_and_what_cannot_be_told_is_said(shop: Shop, adapter: Adapter) -> None:
    shop.plugin("run")
    change_everything(shop, adapter)


def test_what_was_adopted_is_built_when_it_needs_to_be(adopted: Shop, adapter: Adapter) -> None:
    change_everything(adopted, adapter, in_doubt=frozenset({"asks"}))  # nobody saw what it was answered


def change_everything(shop: Shop, adapter: Adapter, *, in_doubt: frozenset[str] = frozenset()) -> None:
    """Let all changes happen to what is built, and look at what is planned before, then and after a run.

    At first what is `in_doubt` is planned, too.
    """
    quiet = plan(shop)
    for path, text in EDITS.items():
        shop.project.write(path, text)
    shop.query(*(adapter.statements.get(statement, statement) for statement in CHANGES))
    changed = plan(shop)
    shop.plugin("run")
    quiet_again = plan(shop)

    assert built(quiet) == {"volatile", *adapter.superfluous, *in_doubt}
    assert untold(quiet) == untold(changed) == frozenset(capabilities.untold(adapter.known))
    missed = NEEDED.keys() - built(changed)
    assert missed == {name for name, feature in NEEDED.items() if adapter.known[feature] is Told.NOT}
    assert built(changed) <= NEEDED.keys()
    assert built(quiet_again) == {"volatile", *adapter.superfluous}
    hangs = {node["name"] for node in changed["nodes"] if node["hangs_on"]}
    assert hangs == (set() if adapter.known["cutoff"] is Told.NOT or in_doubt else {"below"})
    assert all(each["detail"].endswith(")") for each in changed["untold"])  # with the way out


def test_a_plan_says_once_what_it_cannot_tell(shop: Shop, adapter: Adapter) -> None:
    assert shop.plugin("plan").count("not told by this warehouse") == len(capabilities.untold(adapter.known))


def test_equal_rows_that_were_loaded_again_build_nothing(shop: Shop, adapter: Adapter) -> None:
    shop.plugin("run")
    shop.query(*(adapter.statements.get(statement, statement) for statement in LOADED_AGAIN))

    assert ("reads_compared" in built(plan(shop))) == (adapter.known["equal"] is Told.NOT)


def test_what_a_deleted_model_left_is_listed_and_may_be_dropped_where_that_is_told(
    shop: Shop, adapter: Adapter
) -> None:
    shop.plugin("run")
    shop.project.delete("models/dropped.sql")

    orphans = json.loads(shop.plugin("state", "orphans", "--output", "json"))["orphans"]

    expected = [] if adapter.known["orphans"] is Told.NOT else ["model.shop.dropped"]
    assert [each["unique_id"] for each in orphans] == expected
    action = "refuse" if adapter.known["drop"] is Told.NOT else "drop"
    assert {each["action"] for each in orphans} <= {action}


def test_a_run_without_changes_plans_nothing_where_one_value_tells(shop: Shop, adapter: Adapter) -> None:
    # Of some there is always something to build, and of some sources another question is asked each time.
    for name in {"volatile", "reads_compared", "reads_asked", "reads_dated", *adapter.superfluous}:
        shop.project.delete(f"models/{name}.sql")
    shop.plugin("run")
    shop.plugin("run")
    quiet = shop.logged("run")
    shop.query(adapter.statements.get(WRITTEN, WRITTEN))

    assert ("nothing is planned" in quiet) == (adapter.known["up_to_date"] is not Told.NOT)
    assert "nothing is planned" not in shop.logged("plan")
    assert ("written" in built(plan(shop))) == (adapter.known["rows"] is not Told.NOT)


def plan(shop: Shop) -> Any:
    return json.loads(shop.plugin("plan", "--output", "json"))


def built(document: Any) -> set[str]:
    return {node["name"] for node in document["nodes"] if node["decision"] == "build"}


def untold(document: Any) -> frozenset[str]:
    return frozenset(each["feature"] for each in document["untold"])
