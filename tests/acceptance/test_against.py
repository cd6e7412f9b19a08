"""What a working copy would change in production or since an execution.

One project was built for `prod`. The tests look at copies of it from `dev`, whose relations all have other names.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from support.database import Database, fresh_database
from support.project import SCHEMA, STATE_URL, Project, profiles, state_elsewhere, write_project

from dbt_state_plugin.testing.postgres_server import Server

ProjectFactory = Callable[[Mapping[str, str]], Project]

PROJECT_FILE = """\
name: shop
version: "1.0"
profile: shop
vars: {limit: 3}
models:
  shop:
    kept:
      +materialized: "{{ 'table' if target.name == 'prod' else 'view' }}"
"""
FILES = {
    "dbt_project.yml": PROJECT_FILE,
    "seeds/countries.csv": "id\n1\n",
    "models/raw.yml": "sources: [{name: raw, schema: '{{ target.schema }}_raw', tables: [{name: orders}]}]",
    "models/orders.sql": "select id from {{ source('raw', 'orders') }}",
    "models/large_orders.sql": "{{ config(schema='marts') }} select id from {{ ref('orders') }}"
    " where id > {{ var('limit') }}",
    "models/customers.sql": "select 1 as id, 'x' as name",
    "models/by_customer.sql": "select name, count(*) as n from {{ ref('customers') }} group by name",
    "models/inside.sql": "{{ config(materialized='ephemeral') }} select 1 as id",
    "models/outside.sql": "select * from {{ ref('inside') }}",
    "models/rated.sql": "select {{ rate() }} as rate",
    "models/obsolete.sql": "select 1 as id",
    "models/by_country.sql": "select count(*) as n from {{ ref('countries') }}",
    "models/kept/kept.sql": "select 1 as id",
    "models/branched.sql": "select {% if target.name == 'prod' %} 1 {% else %} 2 {% endif %} as id",
    "models/growing.sql": "{{ config(materialized='incremental') }} select id from {{ ref('orders') }}"
    " {% if is_incremental() %} where id > (select max(id) from {{ this }}) {% endif %}",
    "models/tested.yml": "models: [{name: orders, columns: [{name: id, data_tests: [not_null]}]}]\n",
    "macros/rate.sql": "{% macro rate() %} 7 {% endmacro %}",
}
EDITS = {
    "models/orders.sql": "select id /* of the loader */ from {{ source('raw', 'orders') }} -- as it comes",
    "models/customers.sql": "select 2 as id, 'x' as name",
    "models/inside.sql": "{{ config(materialized='ephemeral') }} select 1 as id -- inside",
    "models/fresh.sql": "select 1 as id",
    "models/branched.sql": "select {% if target.name == 'prod' %} 1 {% else %} 3 {% endif %} as id",
    "macros/rate.sql": "{% macro rate() %} 8 {% endmacro %}",
    "seeds/countries.csv": "id\n1\n2\n",
}
CHANGED = {
    "seed.shop.countries": ["body"],
    "model.shop.customers": ["body"],
    "model.shop.by_customer": ["upstream"],
    "model.shop.by_country": ["upstream"],
    "model.shop.fresh": ["new"],
    "model.shop.rated": ["macros"],
}
COSMETIC = {"model.shop.orders", "model.shop.branched"}
MODELS_OF_ALL = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A project that was built for `prod`, with manifests of that in the folders `compiled` and `parsed`."""

    project: Project
    database: Database
    execution: str


@pytest.fixture(scope="module")
def shop(postgres_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Build the project for `prod` once."""
    folder = tmp_path_factory.mktemp("against")
    with fresh_database(postgres_server) as created:
        database = replace(created, state_url=state_elsewhere(folder / "home").get(STATE_URL, ""))
        database.query("CREATE SCHEMA prod_raw; CREATE TABLE prod_raw.orders AS SELECT 5 AS id")
        files = {"profiles.yml": two_targets(database), **FILES}
        project = write_project(folder / "project", database, folder / "home", files)
        project.plugin("build", "-t", "prod", check=0)
        project.dbt("compile", "-t", "prod", "--target-path", "compiled", check=0)
        project.dbt("parse", "-t", "prod", "--target-path", "parsed", check=0)
        ((execution,),) = database.state("SELECT execution_id::text FROM {state}.execution")
        yield Shop(project=project, database=database, execution=execution)


def two_targets(database: Database) -> str:
    """Write a profile with the targets dev (the default) and prod."""
    one = profiles(database)
    output = one[one.index("    dev:\n") :]
    return one + output.replace("    dev:\n", "    prod:\n").replace(f'"{SCHEMA}"', '"prod"')


@pytest.fixture
def copy(shop: Shop, tmp_path: Path) -> Project:
    """Give a working copy of the project."""
    shutil.copytree(shop.project.directory, tmp_path / "copy", ignore=shutil.ignore_patterns("target", "logs"))
    return replace(shop.project, directory=tmp_path / "copy")


def edit(project: Project) -> None:
    for path, text in EDITS.items():
        project.write(path, text)
    project.delete("models/obsolete.sql")


def without_database(project: Project) -> None:
    """Leave no way to the database: nothing listens there."""
    text = project.read("profiles.yml")
    lines = [line if "port:" not in line else line.split(":")[0] + ": 1" for line in text.splitlines()]
    project.write("profiles.yml", "\n".join(lines))


def answer(project: Project, *arguments: str) -> dict[str, Any]:
    """Return the document of a comparison over everything that dbt builds."""
    finished = project.plugin("plan", "--for", "build", "--output", "json", *arguments, check=0)
    assert finished.stderr.startswith("Changes: ")
    document: dict[str, Any] = json.loads(finished.stdout)
    return document


def changed(document: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the kinds of the reasons of each node that would change."""
    return {
        node["unique_id"]: sorted({reason["kind"] for reason in node["reasons"]})
        for node in document["nodes"]
        if node["reasons"]
    }


def cosmetic(document: Mapping[str, Any]) -> set[str]:
    return {node["unique_id"] for node in document["nodes"] if node["cosmetic"]}


def rows_of_the_state(database: Database) -> dict[str, int]:
    count = "SELECT count(*) FROM {{state}}.{}"
    return {table: database.state(count.format(table))[0][0] for table in database.state_tables}


def test_an_unchanged_copy_changes_nothing_though_all_relations_have_other_names(copy: Project, shop: Shop) -> None:
    before = rows_of_the_state(shop.database)

    document = answer(copy, "--against", "prod")

    assert changed(document) == {}
    assert document["against"] == {
        "kind": "environment",
        "project": "shop",
        "target": "prod",
        "database": shop.database.dbname,
        "schema": "prod",
    }
    assert rows_of_the_state(shop.database) == before
    assert before["relation"] == MODELS_OF_ALL + len({"seed", "test"})


@pytest.mark.parametrize("baseline", ["environment", "execution", "compiled", "parsed"])
def test_each_baseline_tells_what_changed_from_what_only_looks_so(copy: Project, shop: Shop, baseline: str) -> None:
    edit(copy)
    if baseline in ("compiled", "parsed"):
        without_database(copy)
    arguments = {"environment": ["--against", "shop/prod"], "execution": ["--against", shop.execution[:8]]}

    # A manifest does not say of which target it is.
    document = answer(copy, *arguments.get(baseline, ["--state", baseline, "-t", "prod"]))

    assert changed(document) == CHANGED
    assert cosmetic(document) >= COSMETIC
    assert [each["unique_id"] for each in document["removed"]] == ["model.shop.obsolete"]
    assert document["summary"]["removed"] == 1


def test_the_plan_says_in_words_what_it_compares_and_what_it_found(copy: Project) -> None:
    edit(copy)
    copy.write(
        "dbt_project.yml", PROJECT_FILE.replace("else 'view'", "else 'table'").replace("'table' if", "'view' if")
    )

    finished = copy.plugin("plan", "--against", "prod", "--exit-code", check=1)

    lines = finished.stdout.splitlines()
    assert lines[0].startswith("Compared with shop/prod (")
    assert any(line.startswith("  change customers") and "body: its code changed" in line for line in lines)
    assert any(line.startswith("  change rated") and "macro rate (macros/rate.sql)" in line for line in lines)
    assert any(line.startswith("  change kept") and 'materialized: "table" -> "view"' in line for line in lines)
    assert any(line.startswith("  removed model.shop.obsolete") for line in lines)
    assert any(line.startswith("  same   orders") and "but only comments" in line for line in lines)
    assert lines[-1] == "Changes: 1 new, 3 changed, 2 downstream, 1 removed, 5 unchanged"
    assert "missing" not in finished.stdout


@pytest.mark.parametrize("folder", ["compiled", "parsed"])
def test_a_manifest_of_another_target_needs_no_database_and_differs_in_nothing(copy: Project, folder: str) -> None:
    without_database(copy)
    copy.write("dbt_project.yml", PROJECT_FILE.replace("{{ 'table' if target.name == 'prod' else 'view' }}", "table"))

    document = answer(copy, "--state", folder)

    assert changed(document) == {}
    unknown = {"compiled": "1 node reads", "parsed": "2 nodes read"}[folder]
    (warning,) = document["warnings"]
    assert warning.startswith(f"{unknown} vars, env vars or target fields")


def test_compiled_sql_in_a_manifest_shows_that_a_var_had_another_value(copy: Project) -> None:
    without_database(copy)
    copy.write("dbt_project.yml", PROJECT_FILE.replace("limit: 3", "limit: 4"))

    finished = copy.plugin("select", "--state", "compiled", "-t", "prod", "--output", "name", check=0)

    assert finished.stdout.split() == ["large_orders"]


def test_a_selection_narrows_a_comparison(copy: Project) -> None:
    edit(copy)
    without_database(copy)

    finished = copy.plugin("select", "--state", "parsed", "-t", "prod", "--select", "customers+", check=0)

    assert finished.stdout == "shop.customers shop.by_customer\n"
    assert finished.stderr.endswith("3 more outside the selection\n")


def test_state_is_for_the_selection_where_that_asks_for_it(copy: Project) -> None:
    edit(copy)

    finished = copy.plugin("plan", "--state", "compiled", "--select", "state:new", "-t", "prod", check=0)

    assert finished.stdout.splitlines()[0].split()[:2] == ["build", "fresh"]
    assert finished.stdout.splitlines()[-1].startswith("Plan: 1 new, ")


def test_a_seed_too_large_for_dbt_s_checksum_counts_as_changed(dbt_project: ProjectFactory) -> None:
    project = dbt_project({"seeds/large.csv": "id\n" + "1234567\n" * 150_000})
    project.dbt("parse", "--target-path", "base", check=0)
    without_database(project)

    document = answer(project, "--state", "base")

    (node,) = document["nodes"]
    (reason,) = node["reasons"]
    assert reason["detail"] == "dbt keeps no checksum of a seed over 1 MiB, so it counts as changed"


def test_an_execution_of_the_past_is_compared_by_what_it_recorded(
    dbt_project: ProjectFactory, database: Database
) -> None:
    project = dbt_project(
        {
            "models/edited.sql": "select 1 as id",
            "models/macroed.sql": "select {{ one() }} as id",
            "models/same.sql": "select 1 as id",
            "macros/one.sql": "{% macro one() %} 1 {% endmacro %}",
        }
    )
    project.plugin("run", check=0)
    project.write("models/edited.sql", "select 2 as id")
    project.write("macros/one.sql", "{% macro one() %} 2 {% endmacro %}")
    project.plugin("run", check=0)
    ((first,),) = database.state("SELECT execution_id::text FROM {state}.execution ORDER BY started_at LIMIT 1")

    document = answer(project, "--against", first)

    assert changed(document) == {"model.shop.edited": ["body"], "model.shop.macroed": ["definition"]}
    detail = document["nodes"][0]["reasons"][0]["detail"]
    assert detail.startswith(f"its code differs from the one in execution {first[:8]} (succeeded, 20")
    assert document["against"]["execution_id"] == first


def refusal(project: Project, *arguments: str) -> list[str]:
    """Return the two lines of a refusal."""
    finished: subprocess.CompletedProcess[str] = project.plugin("plan", *arguments, check=2)
    assert finished.stdout == ""
    lines = finished.stderr.splitlines()
    assert len(lines) == 2
    return lines


@pytest.mark.parametrize("name", ["staging", "deadbeef", "shop/dev"])
def test_an_unknown_baseline_is_answered_with_the_known_ones(copy: Project, shop: Shop, name: str) -> None:
    what, _ = refusal(copy, "--against", name)

    assert what.endswith(f"the environments of shop are: shop/prod ({shop.database.dbname}.prod).")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"metadata": {}, "nodes": {"a', "is not JSON, or it is cut off."),
        ("[]", "is JSON, but not a dbt manifest."),
        ('{"metadata": {"project_name": "other"}, "nodes": {}}', "is of the project other, not of shop."),
        (None, "There is no "),
    ],
)
def test_a_manifest_that_cannot_be_used_is_refused_before_dbt_starts(
    copy: Project, text: str | None, said: str
) -> None:
    without_database(copy)
    if text is not None:
        copy.write("broken/manifest.json", text)

    what, _ = refusal(copy, "--state", "broken")

    assert said in what


def test_a_manifest_of_an_unknown_version_is_refused(copy: Project) -> None:
    without_database(copy)
    manifest = json.loads(copy.read("parsed/manifest.json"))
    manifest["metadata"]["dbt_schema_version"] = "https://schemas.getdbt.com/dbt/manifest/v99.json"
    copy.write("newer/manifest.json", json.dumps(manifest))

    what, do = refusal(copy, "--state", "newer")

    assert "which this version of dbt cannot read" in what
    assert "dbt parse" in do


@pytest.mark.parametrize("more", [("--state", "parsed"), ("--force",), ("--full-refresh",)])
def test_what_makes_no_sense_beside_a_baseline_is_refused(copy: Project, more: tuple[str, ...]) -> None:
    what, _ = refusal(copy, "--against", "prod", *more)

    assert more[0] in what
