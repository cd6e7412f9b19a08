"""Values, sessions and files that decide on DuckDB beside plain rows."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from support.database import Database, fresh_database
from support.duckdb_project import DuckDBProject, write_duckdb_project
from support.project import Project

from dbt_state_plugin.testing.postgres_server import Server

Make = Callable[..., DuckDBProject]


def profile(**more: str) -> str:
    """Return a profile whose target has these keys beside its path, as texts of YAML."""
    keys = "".join(f", {key}: {value}" for key, value in more.items())
    return f"shop: {{target: dev, outputs: {{dev: {{type: duckdb, path: shop.duckdb, threads: 2{keys}}}}}}}\n"


def in_tokyo(project: Project) -> Project:
    return replace(project, environment={**project.environment, "TZ": "Asia/Tokyo"})


@pytest.fixture
def state(postgres_server: Server) -> Iterator[Database]:
    with fresh_database(postgres_server) as database:
        yield database


@pytest.fixture
def make(tmp_path: Path, state: Database) -> Make:
    """Give a function that writes a project of these models and runs it, so that nothing is left to do."""

    def made(models: Mapping[str, str], *setup: str, **keys: str) -> DuckDBProject:
        files = {f"models/{name}": text for name, text in models.items()} | {"profiles.yml": profile(**keys)}
        shop = write_duckdb_project(tmp_path / "project", tmp_path / "home", state.url, files, setup)
        shop.run()
        assert shop.reasons() == {}
        return shop

    return made


# Does once, while the model is built and dbt has the file open, what stands in `once.py`.
DOES_ONCE = """\
import os, pathlib

def model(dbt, session):
    dbt.config(materialized="table", meta={"dbt_state_plugin": {"volatile": "never"}})
    once = pathlib.Path("once.py")
    if once.exists():
        text = once.read_text()
        once.unlink()
        exec(text, {"os": os, "pathlib": pathlib})
    return dbt.ref("kept").project("id + 1 as id")
"""
KILLED = "os.kill(os.getpid(), 9)"
REPLACED = """
import shutil, subprocess, sys
shutil.copy("before", "copy")
write = "import duckdb; duckdb.connect('copy').execute('INSERT INTO raw VALUES (7)')"
subprocess.run([sys.executable, "-c", write], check=True)
os.replace("copy", "shop.duckdb")
"""


@pytest.mark.parametrize("puts_back", [True, False], ids=["and the copy of before is put back", "and rows are written"])
def test_what_a_killed_run_has_built_counts_for_nothing_after_that(make: Make, puts_back: bool) -> None:
    shop = make(
        {"kept.sql": "select id, 1 as v from main.raw", "later.py": DOES_ONCE}, "CREATE TABLE raw AS SELECT 1 AS id"
    )
    copy = shop.file.with_name("before")
    shutil.copy2(shop.file, copy)
    shop.project.write("models/kept.sql", "select id, 2 as v from main.raw")
    shop.project.write("once.py", KILLED)
    killed = shop.project.plugin("run")
    log = Path(f"{shop.file}.wal")
    if puts_back:
        log.unlink(missing_ok=True)
        copy.replace(shop.file)
    else:
        shop.query("UPDATE main.kept SET v = 77")
    reasons = shop.reasons()
    shop.run()

    assert killed.returncode in (-9, 137)
    assert reasons["kept"] == ["the run that built it ended before it had read what it left"]
    assert shop.query("SELECT v FROM main.kept") == [(2,)]
    assert shop.reasons() == {}


def test_a_file_that_is_replaced_while_dbt_builds_is_read_anew(make: Make) -> None:
    shop = make(
        {"kept.sql": "select id from main.raw", "other.sql": "select id from main.raw", "later.py": DOES_ONCE},
        "CREATE TABLE raw AS SELECT 1 AS id",
    )
    shutil.copy2(shop.file, shop.file.with_name("before"))
    shop.project.write("models/kept.sql", "select id + 10 as id from main.raw")
    shop.project.write("once.py", REPLACED)
    shop.run()
    reasons = shop.reasons()
    shop.run()

    assert reasons.keys() == {"kept", "other", "later"}
    assert "the run that built it ended before it had read what it left" in reasons["kept"]
    assert shop.query("SELECT id FROM main.kept ORDER BY id") == [(11,), (17,)]
    assert shop.query("SELECT id FROM main.other ORDER BY id") == [(1,), (7,)]
    assert shop.reasons() == {}


@pytest.mark.parametrize(
    ("type_of_value", "before", "after"),
    [("INT[]", "[]", "NULL"), ("STRUCT(x INT)", "{'x': NULL}", "NULL"), ("VARCHAR COLLATE NOCASE", "'a'", "'A'")],
)
def test_values_that_duckdb_hashes_alike_are_told_apart(
    make: Make, type_of_value: str, before: str, after: str
) -> None:
    setup = f"CREATE TABLE raw AS SELECT 1 AS id; ALTER TABLE raw ADD COLUMN v {type_of_value}; UPDATE raw SET v = "
    shop = make({"m.sql": "select v::varchar as v from main.raw"}, *f"{setup}{before}".split("; "))
    shop.query(f"UPDATE raw SET v = {after}")

    assert shop.reasons() == {"m": ["rows changed"]}


def test_what_the_sessions_of_dbt_are_set_to_counts(make: Make) -> None:
    shop = make({"m.sql": "select 7 / 2 as v"}, "SELECT 1", settings="{TimeZone: UTC}")
    shop.project.write("profiles.yml", profile(settings="{TimeZone: America/New_York}"))
    zone = shop.reasons()
    shop.project.write("profiles.yml", profile(settings="{TimeZone: UTC, integer_division: true}"))
    division = shop.reasons()
    shop.project.write("profiles.yml", profile())
    of_process = shop.reasons(), replace(shop, project=in_tokyo(shop.project)).reasons()

    assert zone == {"m": ["TimeZone: UTC -> America/New_York"]}
    assert list(division["m"]) == [division["m"][0]]
    assert division["m"][0].startswith("integer_division:  -> ")
    assert of_process == ({}, {"m": ["TimeZone: UTC -> Asia/Tokyo"]})


def test_a_record_of_before_settings_were_kept_says_nothing_of_them(make: Make, state: Database) -> None:
    shop = make({"m.sql": "select 1 as v"}, "SELECT 1")
    state.load("UPDATE dbt_state_plugin.relation SET trace = trace - 'session'")
    shop.project.write("profiles.yml", profile(settings="{integer_division: true}"))

    assert shop.reasons() == {}


def test_a_name_without_a_schema_is_looked_for_along_the_search_path(make: Make) -> None:
    setup = "CREATE SCHEMA raw; CREATE TABLE raw.t AS SELECT 1 AS n; CREATE TABLE main.t AS SELECT 2 AS n"
    shop = make({"m.sql": "select n from t"}, *setup.split("; "), settings="{search_path: 'raw,main'}")
    shop.query("INSERT INTO main.t VALUES (3)")
    unread = shop.reasons()
    shop.query("INSERT INTO raw.t VALUES (3)")

    assert (unread, shop.reasons()) == ({}, {"m": ["rows changed"]})


def test_a_file_whose_name_has_capitals_holds_what_sql_names(make: Make) -> None:
    shop = make({"m.sql": "select n from main.raw"}, "CREATE TABLE raw AS SELECT 1 AS n")
    shop.file.rename(shop.file.with_name("Shop.duckdb"))
    shop.project.write("profiles.yml", profile().replace("shop.duckdb", "Shop.duckdb"))
    renamed = replace(shop, file=shop.file.with_name("Shop.duckdb"))
    renamed.run()
    quiet = renamed.reasons()
    renamed.query("INSERT INTO raw VALUES (2)")

    assert (quiet, renamed.reasons()) == ({}, {"m": ["rows changed"]})


def test_a_hidden_file_counts_as_duckdb_reads_it(make: Make, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("n\n1\n")
    shop = make({"m.sql": f"select count(*) as n from read_csv('{tmp_path}/in/*.csv')"}, "SELECT 1")
    (tmp_path / "in" / ".b.csv").write_text("n\n1\n")
    reasons = shop.reasons()
    shop.run()

    assert (list(reasons), shop.query("SELECT n FROM main.m")) == (["m"], [(2,)])


def test_the_file_of_an_external_model_is_its_own(make: Make) -> None:
    models = {
        "ext.sql": "{{ config(materialized='external', location='out.parquet') }} select 1 as a",
        "below.sql": "select a from {{ ref('ext') }}",
        "shown.sql": "{{ config(materialized='view') }} select * from read_csv('in.csv')",
    }
    in_csv = "COPY (SELECT 1 AS a) TO 'in.csv'"
    shop = make(models, in_csv)
    shop.run()
    assert "nothing to build" in shop.run()
    shop.query("COPY (SELECT 2 AS a) TO 'out.parquet'")
    ran = shop.run()
    repaired = shop.query("FROM main.ext")
    shop.query("COPY (SELECT 1 AS a UNION ALL SELECT 2) TO 'in.csv'")
    untouched = shop.reasons()
    shop.project.delete("out.parquet")
    deleted = shop.reasons()
    shop.run()

    assert "2 nodes built" in ran
    assert (repaired, untouched, list(deleted)) == ([(1,)], {}, ["ext", "below"])
    assert deleted["ext"] == ["its rows were changed since we built it (by hand or by plain dbt)"]
    assert (shop.query("FROM main.ext"), shop.query("FROM main.below")) == ([(1,)], [(1,)])
    assert shop.reasons() == {}


def test_an_attached_file_is_opened_with_the_options_that_the_profile_gives_it(make: Make, tmp_path: Path) -> None:
    secret = tmp_path / "secret.duckdb"
    attach = f"ATTACH '{secret}' AS secret (ENCRYPTION_KEY 'a key')"
    setup = ("SET force_mbedtls_unsafe = true", attach, "CREATE TABLE secret.raw AS SELECT 1 AS n")
    options = "{encryption_key: a key, storage_version: latest, type: duckdb}"
    keys = f"[{{path: '{secret}', alias: secret, read_only: true, options: {options}}}]"
    shop = make({"m.sql": "select n from secret.raw"}, *setup, attach=keys)
    shop.query(setup[0], attach, "INSERT INTO secret.raw VALUES (2)")

    assert shop.reasons() == {"m": ["rows changed"]}


def test_a_file_behind_a_link_is_looked_at_with_the_log_that_lies_beside_it(make: Make, tmp_path: Path) -> None:
    shop = make({"m.sql": "select n from main.raw"}, "CREATE TABLE raw AS SELECT 1 AS n")
    real = replace(shop, file=shop.file.rename(tmp_path / shop.file.name))
    shop.file.symlink_to(real.file)
    shop.project.write("models/m.sql", "select n, 2 as more from main.raw")
    shop.run()
    built = shop.reasons()
    with real.held("SET checkpoint_threshold = '1GB'", "INSERT INTO raw VALUES (3)") as writer:
        writer.kill()
        writer.wait()

    assert built == {}
    assert shop.reasons() == {"m": ["rows changed"]}


def test_what_reads_an_attached_file_is_built_once_where_the_first_run_creates_its_own(
    tmp_path: Path, state: Database
) -> None:
    files = {
        "models/sources.yml": "sources: [{name: other, database: other, schema: main, tables: [{name: raw}]}]",
        "models/m.sql": "select n from {{ source('other', 'raw') }}",
        "profiles.yml": profile(attach="[{path: other.duckdb, alias: other}]"),
    }
    shop = write_duckdb_project(tmp_path / "project", tmp_path / "home", state.url, files)
    replace(shop, file=shop.file.with_name("other.duckdb")).query("CREATE TABLE raw AS SELECT 1 AS n")
    new = shop.reasons()
    is_created = shop.file.exists()
    shop.run()

    assert list(new) == ["m"]
    assert not is_created
    assert shop.reasons() == {}
