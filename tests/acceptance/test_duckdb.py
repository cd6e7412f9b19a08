"""Plans and runs on DuckDB, as exact as on PostgreSQL.

One project for all tests: each begins where a run has found nothing to do, whatever came before it.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from support import forkserver
from support.database import fresh_database
from support.duckdb_processes import opened_by_others
from support.duckdb_project import DuckDBProject, fresh_mtime, write_duckdb_project

from dbt_state_plugin.core.values.capabilities import untold
from dbt_state_plugin.testing.postgres_server import Server
from dbt_state_plugin.warehouse.capabilities import GENERIC

FILES = {
    "models/sources.yml": "sources: [{name: raw, schema: raw, tables: [{name: orders}]},"
    " {name: files, meta: {external_location: '{name}.csv'}, tables: [{name: rates}]}]",
    "models/staged.sql": "select id, amount from {{ source('raw', 'orders') }}",
    "models/viewed.sql": "{{ config(materialized='view') }} select id, amount from {{ ref('staged') }}",
    "models/total.sql": "select count(*) as n, sum(amount) as total from {{ ref('viewed') }}",
    "models/money.sql": "select id, {{ money('amount') }} as cents from {{ source('raw', 'orders') }}",
    "models/rated.sql": "select {{ var('rate') }} as rate",
    "models/declared_file.sql": "select * from {{ source('files', 'rates') }}",
    "models/named_file.sql": "select count(*) as n from read_csv('rates.csv')",
    "models/named_table.sql": "select count(*) as n from raw.hidden where double(n) > 0",
    "models/through_macro.sql": "select * from newest_hidden()",
    "macros/money.sql": "{% macro money(column) %} {{ column }} * 100 {% endmacro %}",
    "rates.csv": "currency,rate\neur,1\n",
}
SETUP = (
    "CREATE SCHEMA raw",
    "CREATE TABLE raw.orders AS SELECT i AS id, i * 10 AS amount FROM range(10) t(i)",
    "CREATE TABLE raw.hidden AS SELECT 1 AS n",
    "CREATE MACRO double(n) AS 2 * n",
    "CREATE MACRO newest_hidden() AS TABLE SELECT max(n) AS n FROM raw.hidden",
)
PYTHON_MODEL = """\
def model(dbt, session):
    dbt.config(materialized="table")
    return {code}
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, postgres_server: Server) -> Iterator[DuckDBProject]:
    folder = tmp_path_factory.mktemp("duckdb")
    with fresh_database(postgres_server) as database:
        shop = write_duckdb_project(folder / "project", folder / "home", database.url, FILES, SETUP)
        assert "9 nodes built" in shop.run()
        yield shop


@pytest.fixture
def shop(built: DuckDBProject) -> DuckDBProject:
    """Give the project with its own files, after a run that leaves nothing to do."""
    project = built.project
    for path, text in FILES.items():
        if project.read(path) != text:
            project.write(path, text)
    built.run()
    assert built.reasons() == {}
    return built


def test_a_run_without_changes_reads_nothing_and_imports_neither_dbt_nor_duckdb(shop: DuckDBProject) -> None:
    for _ in range(2):  # the first reads the project, the second keeps what its plan followed from
        run_in_a_process_of_its_own(shop)
    with shop.held():  # what another process holds cannot be scanned
        ended = run_in_a_process_of_its_own(shop, PYTHONPROFILEIMPORTTIME="1")

    imported = {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines() if line.startswith("import time")}
    assert "dbt_state_plugin.warehouse.duckdb.warehouse" in imported
    assert imported.isdisjoint({"dbt.cli", "dbt.adapters", "duckdb", "_duckdb", "jinja2", "alembic"})
    assert "nothing to build" in ended.stdout + ended.stderr


def run_in_a_process_of_its_own(
    shop: DuckDBProject, command: str = "run", *, check: bool = True, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).with_name("dbt-state-plugin")), command],
        cwd=shop.project.directory,
        env={**shop.project.environment, **environment},
        capture_output=True,
        text=True,
        check=check,
    )


def test_rows_count_by_what_they_are(shop: DuckDBProject) -> None:
    shop.query("DELETE FROM raw.orders WHERE id = (SELECT max(id) FROM raw.orders)")
    deleted = shop.reasons()
    shop.run()
    shop.query("UPDATE raw.orders SET amount = amount")
    same = shop.reasons()
    shop.query("UPDATE raw.orders SET amount = amount + 1 WHERE id = 1")
    there = shop.reasons()
    shop.query("UPDATE raw.orders SET amount = amount - 1 WHERE id = 1")
    and_back = shop.reasons()

    assert deleted.keys() == {"staged", "viewed", "total", "money"}
    assert deleted["staged"] == ["rows changed"]
    assert (same, there.keys(), and_back) == ({}, deleted.keys(), {})


def test_an_even_number_of_updates_is_seen(shop: DuckDBProject) -> None:
    """DuckDB's own digest of blocks is the same after every other update, since blocks are used again."""
    update = "UPDATE raw.orders SET amount = amount + 1"
    shop.query(update)
    shop.query(update)

    assert {"staged", "money"} <= shop.reasons().keys()


def test_what_only_sql_names_counts_too(shop: DuckDBProject) -> None:
    shop.query("INSERT INTO raw.hidden VALUES (2)")
    table = shop.reasons()
    shop.run()
    shop.query("CREATE OR REPLACE MACRO double(n) AS 3 * n")
    macro = shop.reasons()

    assert list(table) == ["named_table", "through_macro"]
    assert list(macro) == ["named_table"]


def test_external_files_count_by_size_and_time(shop: DuckDBProject) -> None:
    shop.project.write("rates.csv", "currency,rate\neur,2\n")
    fresh_mtime(shop.project.directory / "rates.csv")

    assert shop.reasons().keys() == {"declared_file", "named_file"}


def scanned(shop: DuckDBProject, command: str) -> set[str]:
    """Return the tables of which a command reads all rows."""
    said = shop.project.plugin("--log-level", "debug", command, check=0).stderr
    return set(re.findall(r"Reading all rows of \S+\.\"(\w+)\" \(", said))


def test_what_nobody_wrote_since_is_not_read_again(shop: DuckDBProject) -> None:
    shop.project.write("models/rated.sql", "select {{ var('rate') }} + 1 as rate")
    planned = scanned(shop, "plan")
    built = scanned(shop, "run")
    shop.project.write("models/rated.sql", "select {{ var('rate') }} + 2 as rate")
    planned_after_a_build = scanned(shop, "plan")
    shop.query("INSERT INTO raw.hidden VALUES (3)")
    planned_after_others = scanned(shop, "plan")
    shop.run()
    shop.project.write("models/rated.sql", "{{ config(post_hook='update raw.hidden set n = 9') }} select 4 as rate")
    shop.run()
    after_a_hook = scanned(shop, "plan")
    hidden = shop.reasons()

    assert (planned, built, planned_after_a_build) == (set(), {"rated"}, set())
    assert {"orders", "hidden", "staged", "rated"} <= planned_after_others
    assert {"orders", "hidden", "staged"} <= after_a_hook
    assert list(hidden) == ["named_table", "through_macro"]


def test_what_macros_ask_while_they_compile_is_asked_again(shop: DuckDBProject) -> None:
    newest = "run_query('select max(n) from raw.hidden').columns[0][0] if execute else 0"
    shop.project.write("models/asked.sql", f"select {{{{ {newest} }}}} as n")
    shop.run()
    same = shop.reasons()
    shop.query("INSERT INTO raw.hidden VALUES (100)")
    other = shop.reasons()
    shop.run()
    built = shop.query("SELECT n FROM main.asked")
    shop.project.delete("models/asked.sql")

    assert (same, built) == ({}, [(100,)])
    assert {"asked", "named_table", "through_macro"} == other.keys()


def test_columns_and_files_that_the_adapter_asks_for_while_a_model_compiles_are_asked_for_again(
    shop: DuckDBProject,
) -> None:
    columns = "{% set found = adapter.get_column_schema_from_query('select * from raw.hidden') if execute else [] %}"
    shop.project.write(
        "models/asked_columns.sql", columns + " select '{{ found | map(attribute='name') | join }}' as names"
    )
    location = "{{ adapter.location_exists('extra.csv') }}"
    shop.project.write("models/asked_file.sql", f"select {location} as is_there")
    shop.run()
    absent = shop.reasons()
    shop.project.write("extra.csv", "n\n1\n")
    shop.run()
    there = shop.reasons()
    built = shop.query("SELECT is_there FROM main.asked_file")
    shop.query("ALTER TABLE raw.hidden ADD COLUMN more INT")
    shop.project.delete("extra.csv")
    other = shop.reasons()
    for name in ("asked_columns", "asked_file"):
        shop.project.delete(f"models/{name}.sql")
    shop.query("ALTER TABLE raw.hidden DROP COLUMN more")

    assert (list(absent), there, built) == (["asked_file"], {}, [(True,)])
    assert {"asked_columns", "asked_file"} <= other.keys()


def test_a_source_that_a_plugin_of_the_adapter_loads_is_read_on_every_run(shop: DuckDBProject) -> None:
    project = shop.project
    profile = project.read("profiles.yml")
    plugin = """from dbt.adapters.duckdb.plugins import BasePlugin

class Plugin(BasePlugin):
    def configure_cursor(self, cursor):
        self.cursor = cursor

    def load(self, source_config):
        return self.cursor.query(f"from '{source_config['file']}'")
"""
    project.write("plugins/loads_files.py", plugin)
    project.write(
        "profiles.yml",
        profile.replace("threads: 2", "threads: 1, module_paths: [plugins], plugins: [{module: loads_files}]"),
    )
    project.write(
        "models/loaded.yml",
        "sources: [{name: loaded, meta: {plugin: loads_files, file: rates.csv}, tables: [{name: anew},"
        " {name: once, meta: {save_mode: ignore}}]}]",
    )
    for name in ("anew", "once"):
        project.write(f"models/loaded_{name}.sql", f"select * from {{{{ source('loaded', '{name}') }}}}")
    shop.run()
    shop.run()
    planned = shop.reasons()
    project.write("rates.csv", "currency,rate\neur,7\n")
    shop.run()
    rows = [shop.query(f"SELECT rate FROM main.loaded_{name}") for name in ("anew", "once")]
    for path in ("models/loaded.yml", "models/loaded_anew.sql", "models/loaded_once.sql"):
        project.delete(path)
    project.write("profiles.yml", profile)

    assert planned == {"loaded_anew": ["is not a path that can be inspected: built on every run"]}
    assert rows == [[(7,)], [(1,)]]


def test_what_a_model_reads_of_the_catalogue_cannot_be_told(shop: DuckDBProject) -> None:
    project = shop.project
    project.write("models/listed.sql", "select count(*) as n from information_schema.tables, raw.hidden")
    project.write(
        "models/shown.sql", "{{ config(materialized='view') }} select table_name from information_schema.tables"
    )
    project.write("models/of_shown.sql", "select count(*) as n from {{ ref('shown') }}")
    project.write("models/called.sql", "select count(*) as n from duckdb_tables()")
    project.write("models/of_others.sql", "select count(*) as n from raw.listing")  # where the next build is shown
    shop.query("CREATE VIEW raw.listing AS SELECT table_name FROM duckdb_tables")
    shop.run()
    shop.run()
    planned = shop.reasons()
    listed = project.plugin("plan", "--all", check=0).stdout
    shop.query("INSERT INTO raw.hidden VALUES (2)")
    written = shop.reasons()["listed"]
    shop.run()
    for name in ("listed", "shown", "of_shown", "called", "of_others"):
        project.delete(f"models/{name}.sql")
    shop.query("DROP VIEW raw.listing")

    words = "shows what the catalogue holds, which cannot be told without asking: built on every run"
    assert planned == {
        "listed": [words],
        "of_shown": [words],
        "of_others": [words],
        "called": ["it calls duckdb_tables()"],
    }
    assert f"tables (named in the SQL, not declared) {words}" in listed
    assert sorted(written) == ["rows changed", words]


def test_a_catalogue_that_is_declared_as_a_source_may_say_how_it_is_looked_at(shop: DuckDBProject) -> None:
    project = shop.project
    project.write(
        "models/catalogue.yml",
        "sources: [{name: catalogue, database: system, schema: information_schema, tables: [{name: schemata, meta:"
        " {dbt_state_plugin: {data_version: query, data_version_query: select count(*) from {source}}}}]}]".replace(
            "select count(*) from {source}", "'select count(*) from {source}'"
        ),
    )
    project.write("models/schemas.sql", "select count(*) as n from {{ source('catalogue', 'schemata') }}")
    shop.run()
    quiet = shop.reasons()
    shop.query("CREATE SCHEMA one_more")
    written = shop.reasons()
    shop.run()
    for name in ("catalogue.yml", "schemas.sql"):
        project.delete(f"models/{name}")

    assert quiet == {}
    assert written == {"schemas": ["gives its query another answer"]}


def test_code_counts_and_the_letter_case_of_a_column_is_code(shop: DuckDBProject) -> None:
    project = shop.project
    project.write("models/rated.sql", "-- a comment\nselect {{ var('rate') }}  as rate")
    comment = shop.reasons()
    project.write("models/rated.sql", "select {{ var('rate') }} as Rate")
    letter = shop.reasons()
    shop.run()
    column = shop.query("SELECT column_name FROM duckdb_columns() WHERE table_name = 'rated'")
    macro_before = shop.reasons()
    project.write("macros/money.sql", FILES["macros/money.sql"].replace("100", "1000"))
    macro = shop.reasons()
    variable = shop.reasons("--vars", "{rate: 3}")

    assert (comment, list(letter), column, macro_before) == ({}, ["rated"], [("Rate",)], {})
    assert list(macro) == ["money"]
    assert variable.keys() == {"money", "rated"}


def test_what_reads_the_clock_is_built_each_time(shop: DuckDBProject) -> None:
    shop.project.write(
        "models/clock.sql",
        "select now() as moment, current_date as today, date_trunc('day', d) as d from (select date '2020-01-01' as d)",
    )
    shop.project.write("models/stamp.sql", "select current_timestamp as loaded_at")
    shop.run()
    reasons = shop.reasons()
    shop.project.delete("models/clock.sql")
    shop.project.delete("models/stamp.sql")

    assert reasons == {
        "clock": ["it calls current_date(), now()"],
        "stamp": ["it calls current_timestamp()"],
    }


def test_python_that_asks_by_itself_is_built_each_time(shop: DuckDBProject) -> None:
    shop.project.write("models/asks.py", PYTHON_MODEL.format(code="session.sql('select * from raw.hidden')"))
    shop.project.write("models/calls.py", PYTHON_MODEL.format(code="dbt.ref('rated').project('double(rate) as r')"))
    shop.project.write("models/computes.py", PYTHON_MODEL.format(code="dbt.ref('rated').aggregate('sum(rate) as r')"))
    shop.run()
    reasons = shop.reasons()
    for name in ("asks", "calls", "computes"):
        shop.project.delete(f"models/{name}.py")

    assert list(reasons) == ["asks", "calls"]
    assert reasons["calls"] == ["its code reads SQL in a text"]
    assert reasons["asks"] == ["its code reads SQL in a text", "its code reads session", "its code reads sql()"]


def test_a_removed_node_says_whether_its_table_is_there_in_an_empty_plan_that_was_kept_too(
    shop: DuckDBProject,
) -> None:
    shop.project.write("models/left.sql", "select 1 as id")
    shop.run()
    shop.project.delete("models/left.sql")

    for ending, change in (("still exists", "SELECT 1"), ("no longer exists", 'DROP TABLE main."left"')):
        shop.query(change)
        said = [shop.project.plugin("--log-level", "debug", "run", check=0).stderr for _ in range(3)]
        line = f'  removed model.shop.left: relation "shop"."main"."left" {ending} (see `state orphans`)\n'
        assert [line in each for each in said] == [True] * 3
        assert "nothing is planned" in said[-1]

    # Other tests leave tables, which are refused.
    forgotten = shop.project.plugin("state", "orphans", "--drop", "--yes").stdout
    assert "forgotten main.left; no longer exists\n" in forgotten
    assert "model.shop.left" not in shop.run()


def test_what_has_to_be_built_first_by_another_command_is_named(shop: DuckDBProject) -> None:
    shop.project.write("seeds/fees.csv", "id\n1\n")
    shop.project.write("models/of_fees.sql", "select * from {{ ref('fees') }}")
    failed = shop.project.plugin("run", check=1)
    shop.project.plugin("seed", check=0)
    shop.run()
    shop.project.delete("seeds/fees.csv")
    shop.project.delete("models/of_fees.sql")

    words = "run `seed` first, or `build`, since these do not exist yet and are read: seed fees"
    assert words in " ".join(failed.stderr.split())
    assert shop.query("SELECT id FROM main.of_fees") == [(1,)]


@pytest.fixture
def tariffs(shop: DuckDBProject) -> Iterator[str]:
    """Give the path of a seed, of which nothing is left afterwards."""
    yield "seeds/tariffs.csv"
    shop.project.delete("seeds/tariffs.csv")
    shop.query("DROP TABLE IF EXISTS main.tariffs")


def test_a_seed_that_gets_a_row_keeps_its_columns_and_one_that_gets_a_column_does_not(
    shop: DuckDBProject, tariffs: str
) -> None:
    project = shop.project
    rows = "Id,amount,opened,name,is_open\n1,1.5,2024-01-01,a,true\n"
    kept = "keep their earlier columns and types"

    def said(*arguments: str, check: int = 0) -> str:
        ended = project.plugin(*arguments, check=check)
        return " ".join((ended.stdout + ended.stderr).split())

    project.write(tariffs, rows)
    said("seed")
    project.write(tariffs, rows + "2,2.5,2024-01-02,b,false\n")
    built = said("seed", "--on-logic-change", "fail")
    after = said("plan", "--for", "seed", "--full-refresh-changed")
    explained = said("explain", "tariffs", "--for", "seed")
    project.write(tariffs, "Id,amount,opened,name,is_open,note\n1,1.5,2024-01-01,a,true,new\n")
    another = said("plan", "--for", "seed")
    refused = said("seed", "--on-logic-change", "fail", check=2)
    project.write(tariffs, rows.replace("1.5", "word"))
    retyped = said("plan", "--for", "seed")

    assert kept not in built
    assert "1 node built" in built
    assert "nothing to build" in after
    assert "earlier" not in explained
    assert kept in another
    assert "on_logic_change: fail does not let" in refused
    assert kept in retyped


def test_a_target_in_another_file_is_refused_for_deferral_without_another_product(shop: DuckDBProject) -> None:
    profile = shop.project.read("profiles.yml")
    other = profile.replace("outputs: {dev:", "outputs: {ci: {type: duckdb, path: other.duckdb}, dev:")
    shop.project.write("profiles.yml", other)
    refused = shop.project.plugin("plan", "--target", "ci", "--against", "dev", "--defer", check=2).stderr
    shop.project.write("profiles.yml", profile)

    assert "is in another database than" in refused
    assert "PostgreSQL" not in refused


def test_what_somebody_did_to_a_relation_is_repaired(shop: DuckDBProject) -> None:
    shop.query("UPDATE main.rated SET rate = -1", "DROP TABLE main.money", "ALTER TABLE main.staged ADD COLUMN x INT")
    shop.query("CREATE OR REPLACE VIEW main.viewed AS SELECT 1 AS id, 2 AS amount")
    reasons = shop.reasons()
    shop.run()

    assert reasons.keys() == {"rated", "money", "staged", "viewed", "total"}
    assert "rows were changed" in reasons["rated"][0]
    assert reasons["money"] == ['"shop"."main"."money" does not exist']
    assert shop.query("SELECT rate FROM main.rated") == [(2,)]
    assert shop.reasons() == {}


def test_a_plain_dbt_run_that_gives_the_same_is_no_drift(shop: DuckDBProject) -> None:
    shop.project.dbt("run", check=0)

    assert shop.reasons() == {}


def test_what_dbt_built_anew_is_recorded_though_a_table_has_no_number(shop: DuckDBProject) -> None:
    shop.project.write("models/money.sql", FILES["models/money.sql"].replace("cents", "Cents"))
    shop.query("INSERT INTO raw.hidden VALUES (7)")
    selected = shop.project.plugin("select", check=0).stdout.split()
    shop.project.dbt("run", "--select", *selected, check=0)
    recorded = json.loads(shop.project.plugin("record", "--output", "json", check=0).stdout)["nodes"]
    due = shop.reasons()
    shop.project.write("models/money.sql", FILES["models/money.sql"])

    assert {each["unique_id"].split(".")[2] for each in recorded} == {"money", "named_table", "through_macro"}
    assert {each["outcome"] for each in recorded} == {"recorded"}
    assert due == {}
    assert list(shop.reasons()) == ["money"]


def test_what_was_committed_before_a_kill_counts(shop: DuckDBProject) -> None:
    with shop.held(
        "SET checkpoint_threshold = '1GB'",
        "INSERT INTO raw.orders VALUES (100, 1)",
        "BEGIN",
        "INSERT INTO raw.hidden VALUES (7)",
    ) as writer:
        writer.kill()
        writer.wait()
    left_log = Path(f"{shop.file}.wal").exists()
    reasons = shop.reasons()
    shop.run()

    assert left_log
    assert reasons.keys() == {"staged", "viewed", "total", "money"}
    assert shop.query("SELECT n FROM main.total") == shop.query("SELECT count(*) FROM raw.orders")
    assert shop.reasons() == {}


def test_a_copy_that_was_restored_is_what_it_holds(shop: DuckDBProject) -> None:
    copy = shop.file.with_name("copy")
    shutil.copy2(shop.file, copy)
    shop.query("INSERT INTO raw.orders VALUES (200, 1)")
    shop.run()
    shutil.copy2(copy, shop.file)
    reasons = shop.reasons()
    shop.run()

    # The source is as it was two runs ago, and so are the tables; the records are of the newer ones.
    assert reasons.keys() == {"staged", "viewed", "total", "money"}
    assert shop.query("SELECT n FROM main.total") == shop.query("SELECT count(*) FROM raw.orders")
    assert shop.reasons() == {}


def test_what_dbt_has_built_is_adopted_and_the_file_is_opened_as_often_for_any_number_of_models(
    shop: DuckDBProject, tmp_path: Path
) -> None:
    project, log = shop.project, tmp_path / "opened"
    state = {**project.environment, "DBT_STATE_PLUGIN_DATABASE_URL": f"sqlite:///{tmp_path / 'state.sqlite'}"}
    project.dbt("run")
    opened = []
    for models in ("named_file", "*"):  # both call functions
        opened.append(openings(shop, log, "adopt", "--yes", "--select", models, environment=state))
    planned = json.loads(project.plugin("plan", "--output", "json", env=state).stdout)

    assert opened[0] == opened[1]
    assert [node["name"] for node in planned["nodes"] if node["decision"] == "build"] == []


def openings(shop: DuckDBProject, log: Path, *arguments: str, environment: dict[str, str]) -> int:
    """Return how often a command opened a database of DuckDB, its own or dbt's."""
    ended = forkserver.run(
        "support.duckdb_project:plugin_that_counts",
        [str(log), list(arguments)],
        cwd=shop.project.directory,
        environment=environment,
    )
    assert ended.code == 0, ended.stdout + ended.stderr
    return int(log.read_text())


# The file for the plan, dbt, beside it so that what is known stays known, a parser of SQL, and the file as dbt left it.
@pytest.mark.parametrize(
    ("setup", "sources", "first", "forced"),
    [
        ((), "", 3, 5),  # a file that is not there yet is not opened for the plan, and nothing is known of it
        (SETUP, "union all select id from {{ source('raw', 'orders') }}", 5, 5),
    ],
    ids=["new file", "with a source"],
)
def test_a_run_opens_the_file_no_more_often_than_it_was_written(
    tmp_path: Path, setup: tuple[str, ...], sources: str, first: int, forced: int
) -> None:
    files = {
        "models/sources.yml": "sources: [{name: raw, schema: raw, tables: [{name: orders}]}]" if sources else "",
        "models/a.sql": f"select 1 as id {sources}",
        "models/b.sql": "select * from {{ ref('a') }}",
        "models/c.sql": "{{ config(materialized='view') }} select * from {{ ref('b') }}",
    }
    state = f"sqlite:///{tmp_path / 'state.sqlite'}"
    shop = write_duckdb_project(tmp_path / "project", tmp_path / "home", state, files, setup)

    def opened(*arguments: str) -> int:
        return openings(shop, tmp_path / "opened", *arguments, environment=shop.project.environment)

    counted = [opened("run"), opened("run", "--force")]
    looked, again, planned = opened("run"), opened("run"), opened("plan")

    assert (counted, looked, again, planned) == ([first, forced], 1, 0, 0)


def test_who_holds_the_file_is_named(shop: DuckDBProject) -> None:
    with shop.held("CREATE OR REPLACE TABLE raw.of_the_holder AS SELECT 1 AS n") as holder:
        refused = shop.project.plugin("plan", check=3)

    assert f"process {holder.pid} " in refused.stderr.lower()
    assert "one process at a time" in refused.stderr
    assert shop.reasons() == {}


def test_a_run_that_could_not_begin_because_the_file_is_held_is_no_execution(shop: DuckDBProject) -> None:
    before = shop.project.plugin("history", "--output", "json", check=0).stdout
    with shop.held():
        refused = shop.project.plugin("run", "--force", check=3)

    assert "one process at a time" in refused.stderr
    assert shop.project.plugin("history", "--output", "json", check=0).stdout == before


def test_a_run_begins_beside_a_process_that_reads_the_file_only_where_it_has_nothing_to_build(tmp_path: Path) -> None:
    files = {
        "models/sources.yml": "sources: [{name: raw, schema: raw, tables: [{name: orders}]}]",
        "models/a.sql": "select * from {{ source('raw', 'orders') }}",
    }
    state = f"sqlite:///{tmp_path / 'state.sqlite'}"
    shop = write_duckdb_project(tmp_path / "project", tmp_path / "home", state, files, SETUP)
    run_in_a_process_of_its_own(shop)
    with opened_by_others(shop.file, read_only=True):
        quiet = run_in_a_process_of_its_own(shop)
    shop.query("INSERT INTO raw.orders VALUES (100, 1)")
    before = shop.project.plugin("history", "--output", "json", check=0).stdout
    with opened_by_others(shop.file, read_only=True) as reader:
        planned = run_in_a_process_of_its_own(shop, "plan")
        refused = run_in_a_process_of_its_own(shop, check=False)
    after = shop.project.plugin("history", "--output", "json", check=0).stdout

    assert "nothing to build" in quiet.stdout + quiet.stderr
    assert "1 data, 0 unchanged" in planned.stdout + planned.stderr
    assert (refused.returncode, after) == (3, before)
    assert f"process {reader.pid} " in refused.stderr.lower()
    assert "one process at a time" in refused.stderr
    assert "Traceback" not in refused.stdout + refused.stderr
    assert shop.reasons() == {"a": ["rows changed"]}


def test_a_file_that_is_not_there_yet_is_not_created_by_a_plan(shop: DuckDBProject, tmp_path: Path) -> None:
    elsewhere = {"DBT_PROFILES_DIR": str(tmp_path)}
    (tmp_path / "profiles.yml").write_text(
        f"shop: {{target: dev, outputs: {{dev: {{type: duckdb, path: {json.dumps(str(tmp_path / 'new.duckdb'))}}}}}}}"
    )
    planned = shop.project.plugin("plan", env=elsewhere, check=0)

    assert "9 new" in planned.stdout
    assert not (tmp_path / "new.duckdb").exists()


def test_a_database_that_is_no_local_file_is_asked_as_that_of_any_other_adapter_is(
    shop: DuckDBProject, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere.duckdb"
    shutil.copyfile(shop.file, elsewhere)
    target = f"type: duckdb, path: 'file://{elsewhere}', threads: 2"  # as `md:...`, which needs an account
    (tmp_path / "profiles.yml").write_text(f"shop: {{target: dev, outputs: {{dev: {{{target}}}}}}}")
    place = {"DBT_PROFILES_DIR": str(tmp_path)}

    def planned() -> dict[str, str]:
        document = json.loads(shop.project.plugin("plan", "--output", "json", env=place, check=0).stdout)
        assert {each["feature"] for each in document["untold"]} == set(untold(GENERIC))
        return {node["name"]: node["reasons"][0]["code"] for node in document["nodes"] if node["decision"] == "build"}

    first = planned()
    shop.project.plugin("run", env=place, check=0)
    quiet = planned()
    with duckdb.connect(elsewhere) as connection:
        connection.execute("DROP TABLE main.named_file")
    shop.project.write("models/rated.sql", "select {{ var('rate') }} + 1 as rate")
    changed = planned()
    shop.project.plugin("run", env=place, check=0)

    assert first.keys() == {Path(path).stem for path in FILES if path.endswith(".sql") and "models" in path}
    assert changed.keys() - quiet.keys() == {"rated"}
    assert (quiet["named_file"], changed["named_file"]) == ("sql-calls", "relation-missing")
    assert planned() == quiet
    with duckdb.connect(elsewhere) as connection:
        assert connection.execute("SELECT rate, n FROM main.rated, main.named_file").fetchall() == [(3, 1)]


def test_a_seed_that_dbt_loaded_elsewhere_is_adopted_and_listed_when_it_is_an_orphan(
    shop: DuckDBProject, tmp_path: Path
) -> None:
    project = shop.project
    place = {"DBT_PROFILES_DIR": str(tmp_path), "DBT_STATE_PLUGIN_DATABASE_URL": f"sqlite:///{tmp_path}/state.sqlite"}
    target = f"type: duckdb, path: 'file://{tmp_path}/elsewhere.duckdb'"
    (tmp_path / "profiles.yml").write_text(f"shop: {{target: dev, outputs: {{dev: {{{target}}}}}}}")
    project.write("seeds/listed.csv", "id,name\n1,a\n")
    project.dbt("seed", env=place)
    adopted = project.plugin("adopt", "--select", "listed", "--yes", env=place, check=0)
    planned = project.plugin("plan", "--for", "seed", env=place, check=0)
    project.delete("seeds/listed.csv")
    orphans = project.plugin("state", "orphans", env=place, check=0)

    assert "1 relation adopted" in adopted.stdout + adopted.stderr
    assert "nothing to build" in planned.stdout + planned.stderr
    assert "drop it by hand" in " ".join(orphans.stdout.split())
    assert orphans.stderr.endswith("Orphans: 1 to refuse.\n")  # nothing offers to drop it


def test_a_snapshot_that_compares_all_columns_goes_by_the_content_of_its_source_elsewhere(
    shop: DuckDBProject, tmp_path: Path
) -> None:
    project = shop.project
    place = {"DBT_PROFILES_DIR": str(tmp_path), "DBT_STATE_PLUGIN_DATABASE_URL": f"sqlite:///{tmp_path}/state.sqlite"}
    target = f"type: duckdb, path: 'file://{tmp_path}/elsewhere.duckdb'"
    (tmp_path / "profiles.yml").write_text(f"shop: {{target: dev, outputs: {{dev: {{{target}}}}}}}")
    with duckdb.connect(tmp_path / "elsewhere.duckdb") as connection:
        connection.execute("CREATE TABLE main.compared AS SELECT 1 AS id")
    project.write(
        "snapshots/kept.yml",
        "sources: [{name: compared, schema: main, tables: [{name: compared,"
        " meta: {dbt_state_plugin: {data_version: content}}}]}]\n"
        "snapshots: [{name: kept, relation: \"source('compared', 'compared')\","
        " config: {strategy: check, check_cols: all, unique_key: id}}]\n",
    )
    project.plugin("snapshot", env=place, check=0)
    quiet = project.plugin("plan", "--for", "snapshot", env=place, check=0).stdout
    with duckdb.connect(tmp_path / "elsewhere.duckdb") as connection:
        connection.execute("UPDATE main.compared SET id = 2")
    changed = project.plugin("plan", "--for", "snapshot", env=place, check=0).stdout
    project.delete("snapshots/kept.yml")

    assert "nothing to build" in quiet
    assert "compared rows changed" in changed


def test_a_database_in_memory_is_refused(shop: DuckDBProject, tmp_path: Path) -> None:
    (tmp_path / "profiles.yml").write_text("shop: {target: dev, outputs: {dev: {type: duckdb}}}")
    refused = shop.project.plugin("run", env={"DBT_PROFILES_DIR": str(tmp_path)}, check=2)

    assert refused.stderr.startswith("Error: The DuckDB database of this target is in memory")
