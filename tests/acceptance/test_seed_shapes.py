"""Seeds whose columns or types differ from their table's."""

from __future__ import annotations

import pytest
from support.database import Database
from support.project import Project, ProjectWriter

FEES = "id,amount\n1,1.50\n2,2.50\n"
KEPT = "warning: tables keep their earlier columns and types, unless --full-refresh-changed: seed "


def typed(name: str) -> str:
    return f"seeds: [{{name: fees, config: {{column_types: {{amount: {name}}}}}}}]\n"


@pytest.fixture
def project(dbt_project: ProjectWriter) -> Project:
    """Give a project with two seeds, a view and a table on one of them, built once."""
    project = dbt_project(
        {
            "seeds/fees.csv": FEES,
            "seeds/countries.csv": "code,name\nat,Austria\n",
            "seeds/s.yml": typed("numeric"),
            "models/fees_view.sql": "select * from {{ ref('fees') }}",
            "models/fees_table.sql": "{{ config(materialized='table') }} select * from {{ ref('fees') }}",
        }
    )
    project.plugin("build", check=0)
    return project


def columns(database: Database, relation: str = "fees") -> dict[str, str]:
    found = database.query(
        "select attname::text, format_type(atttypid, atttypmod) from pg_attribute"
        " where attrelid = %s::regclass and attnum > 0 and not attisdropped",
        (f"analytics.{relation}",),
    )
    return {str(name): str(kind) for name, kind in found}


def oid(database: Database, relation: str) -> int:
    return int(database.query("select %s::regclass::oid", (f"analytics.{relation}",))[0][0])


def test_a_seed_whose_types_changed_warns_until_it_alone_is_loaded_from_scratch(
    project: Project, database: Database
) -> None:
    project.write("seeds/s.yml", typed("float8"))
    other = oid(database, "countries")

    kept = project.plugin("build", check=0)

    assert KEPT + "fees" in kept.stderr
    assert columns(database)["amount"] == "numeric"
    for again in (("plan", "--for", "build"), ("plan", "--for", "build"), ("plan", "--for", "seed")):
        assert KEPT + "fees" in project.plugin(*again, check=0).stdout
    for _ in range(2):  # the second is the plan that is known to be empty
        again_built = project.plugin("build", check=0)
        assert "Nothing to build" in again_built.stderr
        assert KEPT + "fees" in again_built.stderr
    explained = project.plugin("explain", "fees", "--for", "build", check=0).stdout
    assert "its table keeps earlier columns or types; --full-refresh-changed loads it from scratch" in explained

    rebuilt = project.plugin("build", "--full-refresh-changed", check=0)

    assert "its table has columns or types of an earlier file or configuration (since execution" in rebuilt.stderr
    assert "tables are loaded from scratch, since their columns or types changed: seed fees" in rebuilt.stderr
    for relation in ("fees", "fees_view", "fees_table"):
        assert columns(database, relation)["amount"] == "double precision"
    assert oid(database, "countries") == other
    after = project.plugin("plan", "--for", "build", "--full-refresh-changed", check=0).stdout
    assert "nothing to build" in after
    assert "keep their earlier" not in after


def test_types_that_are_taken_back_or_spelled_otherwise_leave_no_warning(project: Project, database: Database) -> None:
    project.write("seeds/s.yml", typed("float8"))
    assert KEPT in project.plugin("build", check=0).stderr

    project.write("seeds/s.yml", typed("decimal"))
    back = project.plugin("build", check=0)

    assert "keep their earlier" not in back.stderr
    assert "keep their earlier" not in project.plugin("plan", "--for", "build", check=0).stdout
    assert columns(database)["amount"] == "numeric"


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("id,amount,note\n1,1.50,new\n", 'column "note" of relation "fees" does not exist'),
        ("id,price\n1,1.50\n", 'column "price" of relation "fees" does not exist'),
        ("id,amount\none,1.50\n", "invalid input syntax for type integer"),
    ],
    ids=["new", "renamed", "retyped"],
)
def test_a_file_that_does_not_fit_into_its_table_fails_and_the_way_out_is_named(
    project: Project, database: Database, file: str, said: str
) -> None:
    project.write("seeds/fees.csv", file)
    way_out = "Its columns or types are not those of its table: --full-refresh-changed loads it from scratch."

    for _ in range(2):
        failed = project.plugin("build", check=1)
        again = " ".join(failed.stderr.partition("  again  seed fees  ")[2].split())
        assert said in again
        assert way_out in again
    execution = failed.stderr.rsplit("Execution ", 1)[1].split(".")[0]
    assert way_out in project.plugin("show", execution, check=0).stdout

    project.plugin("build", "--full-refresh-changed", check=0)

    assert list(columns(database)) == file.split("\n")[0].split(",")
    assert database.query("select count(*) from analytics.fees_table") == [(1,)]
    assert "nothing to build" in project.plugin("plan", "--for", "build", check=0).stdout


def test_a_column_that_is_gone_or_rounds_its_values_warns(project: Project, database: Database) -> None:
    project.write("seeds/countries.csv", "code\nat\n")
    project.write("seeds/fees.csv", "id,amount\n1.5,1.50\n")

    kept = project.plugin("build", check=0)

    assert KEPT + "fees, seed countries" in kept.stderr
    assert database.query("select id from analytics.fees") == [(2,)]  # as plain dbt leaves it

    project.plugin("build", "--full-refresh-changed", check=0)

    assert columns(database, "countries") == {"code": "text"}
    assert database.query("select id from analytics.fees") == [(1.5,)]


def test_other_rows_of_the_same_shape_and_columns_of_a_hook_say_nothing(
    dbt_project: ProjectWriter, database: Database
) -> None:
    hook = "seeds: [{name: fees, config: {post_hook: 'alter table {{ this }} add column if not exists at date'}}]\n"
    project = dbt_project({"seeds/fees.csv": FEES, "seeds/s.yml": hook})
    project.plugin("build", check=0)
    project.write("seeds/fees.csv", FEES + "3,3.25\n")

    built = project.plugin("build", "--full-refresh-changed", check=0)

    assert "1 changed" in built.stderr
    assert "columns" not in built.stderr
    assert columns(database) == {"id": "integer", "amount": "double precision", "at": "date"}


def test_quoting_changes_the_names_of_columns(dbt_project: ProjectWriter, database: Database) -> None:
    quoted = "seeds: [{name: fees, config: {quote_columns: %s}}]\n"
    project = dbt_project({"seeds/fees.csv": "Id\n1\n", "seeds/s.yml": quoted % "true"})
    project.plugin("build", check=0)
    project.write("seeds/s.yml", quoted % "false")

    failed = project.plugin("build", check=1)
    project.plugin("build", "--full-refresh-changed", check=0)

    assert "--full-refresh-changed loads it from scratch" in " ".join(failed.stderr.split())
    assert columns(database) == {"id": "integer"}


def test_what_happens_to_seeds_is_configured_as_for_incremental_models(project: Project, database: Database) -> None:
    project.write("seeds/s.yml", typed("float8"))
    fail = {"DBT_STATE_PLUGIN_ON_LOGIC_CHANGE": "fail"}

    refused = project.plugin("build", env=fail, check=2)

    assert "fees" in refused.stderr
    assert "on_logic_change: fail does not let" in refused.stderr
    assert "columns or types" in refused.stderr

    project.write("seeds/s.yml", typed("float8").replace("column_types", "full_refresh: false, column_types"))
    protected = project.plugin("build", "--full-refresh-changed", check=0)

    warning = "keep their earlier columns and types, since full_refresh: false does not let them be dropped: seed fees"
    assert warning in protected.stderr
    assert columns(database)["amount"] == "numeric"

    project.write("seeds/s.yml", typed("float8"))
    project.plugin("build", env={"DBT_STATE_PLUGIN_ON_LOGIC_CHANGE": "full_refresh"}, check=0)

    assert columns(database)["amount"] == "double precision"
