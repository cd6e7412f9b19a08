"""Pull requests built in their own schema, reading production."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import yaml
from acceptance.test_run import identities, listed, rows
from support.database import Database
from support.project import Project

ProjectFactory = Callable[[Mapping[str, str]], Project]

TABLE = "{{ config(materialized='table') }} "
FILES = {
    "seeds/countries.csv": "id,name\n1,France\n2,Chad\n",
    "models/orders.sql": TABLE + "select 1 as id, 1 as country, 'of ' || '{{ target.name }}' as built",
    "models/staged.sql": "select * from {{ ref('orders') }}",
    "models/inside.sql": "{{ config(materialized='ephemeral') }} select * from {{ ref('staged') }}",
    "models/edited.sql": TABLE + "select i.built, c.name from {{ ref('inside') }} i "
    "join {{ ref('countries') }} c on c.id = i.country",
    "models/below.sql": "select built, name from {{ ref('edited') }}",
    "models/beside.sql": TABLE + "select count(*) as n from {{ ref('staged') }}",
    "models/tested.yml": "models: [{name: edited, columns: [{name: name, data_tests: [not_null]}]},"
    " {name: beside, columns: [{name: n, data_tests: [not_null]}]}]",
}
DEFER = ("build", "--against", "prod", "--defer", "--target", "ci")
EDITED = FILES["models/edited.sql"].replace("c.name", "upper(c.name) as name")


def test_only_what_a_branch_changes_is_built_and_reads_the_rest_in_production(
    dbt_project: ProjectFactory, database: Database
) -> None:
    project = dbt_project(FILES)
    profile = yaml.safe_load(project.read("profiles.yml"))
    target = profile["shop"]["outputs"].pop("dev")
    profile["shop"]["outputs"] = {name: {**target, "schema": name} for name in ("prod", "ci")}
    project.write("profiles.yml", yaml.safe_dump({"shop": {**profile["shop"], "target": "prod"}}))
    project.plugin("build", check=0)
    before = identities(database, "prod")
    project.write("models/edited.sql", EDITED)

    refused = project.plugin("build", "--against", "prod", "--defer", check=2)
    planned = project.plugin("plan", *DEFER[1:], "--for", "build", "--output", "name", check=0)
    built = project.plugin(*DEFER, check=0)
    again = project.plugin(*DEFER, check=0)

    assert "so there is nothing to defer to" in refused.stderr
    assert sorted(planned.stdout.split()) == ["below", "edited", "not_null_edited_name"]
    assert listed("build", built.stderr) == {
        "edited": "body: its code changed",
        "below": "upstream: edited changes",
        "test not_null_edited_name": "upstream: edited changes",
    }
    assert identities(database, "ci").keys() == {"edited", "below"}
    assert rows(database, "below", "ci") == [{"built": "of prod", "name": "FRANCE"}]
    assert "Plan: nothing to build" in again.stderr
    assert identities(database, "prod") == before

    database.query("UPDATE prod.orders SET built = 'later'")
    database.query("SELECT pg_sleep(1.5)")
    moved = project.plugin(*DEFER, check=0)
    plain = project.plugin("run", "--target", "ci", "--exclude", "beside", check=1)
    seeded = project.plugin("build", "--target", "ci", check=0)

    assert listed("build", moved.stderr)["edited"].startswith("data: staged ")
    assert {"orders", "staged", "edited", "below"} <= listed("build", plain.stderr).keys()  # there are no seeds in ci
    assert {"edited", "seed countries", "beside"} <= listed("build", seeded.stderr).keys()
    assert rows(database, "below", "ci") == [{"built": "of ci", "name": "FRANCE"}]
    assert identities(database, "prod") == before


def test_what_production_lacks_is_built_too_and_the_options_need_each_other(
    dbt_project: ProjectFactory, database: Database
) -> None:
    project = dbt_project(FILES)
    profile = yaml.safe_load(project.read("profiles.yml"))
    target = profile["shop"]["outputs"].pop("dev")
    profile["shop"]["outputs"] = {name: {**target, "schema": name} for name in ("prod", "ci")}
    project.write("profiles.yml", yaml.safe_dump({"shop": {**profile["shop"], "target": "prod"}}))
    project.plugin("build", check=0)
    database.query("DROP VIEW prod.staged; DROP TABLE prod.countries")
    project.write("models/edited.sql", EDITED)

    alone = project.plugin("run", "--against", "prod", check=2)
    nowhere = project.plugin("build", "--defer", check=2)
    without_seeds = project.plugin("run", *DEFER[1:], check=2)
    built = project.plugin(*DEFER, check=0)

    assert "Error: --against does not say what to build.\n" in alone.stderr
    assert "Error: --defer does not say where to read.\n" in nowhere.stderr
    assert "model.shop.edited reads seed.shop.countries" in without_seeds.stderr
    assert {"seed countries", "staged", "edited", "below"} <= listed("build", built.stderr).keys()
    assert identities(database, "ci").keys() == {"countries", "staged", "edited", "below"}
    assert rows(database, "below", "ci") == [{"built": "of prod", "name": "FRANCE"}]
