"""Changes of vars, env vars, the profile and flags."""

from __future__ import annotations

from typing import Any

from accuracy.mutation import Edit, Mutation, append, replace

PROJECT = "dbt_project.yml"
SETTINGS = "models/marts/mechanics/mart_settings.sql"


def _variable(name: str, *edits: Edit, variables: str | None = None) -> Mutation:
    return Mutation(name=name, group="variable", edits=edits, variables=variables)


def _environment(name: str, *edits: Edit, **fields: Any) -> Mutation:
    return Mutation(name=name, group="environment", edits=edits, **fields)


MUTATIONS = (
    _variable("a var of the project changes", replace(PROJECT, 'start_date: "2024-01-01"', 'start_date: "2024-01-05"')),
    _variable("a var of one package's scope changes", replace(PROJECT, "minimum_amount: 100", "minimum_amount: 200")),
    _variable("a var that only an expression names changes", replace(PROJECT, "currency: eur", "currency: usd")),
    _variable("a var with a default is set on the command line", variables="{label: special}"),
    _variable("a nested var changes in one key", variables="{limits: {low: 1, high: 20}}"),
    _variable("a var is set on the command line over the project's", variables="{start_date: '2024-01-10'}"),
    _variable(
        "a var of a package changes in dbt_project.yml", replace(PROJECT, "first_year: 2024", "first_year: 2025")
    ),
    _variable(
        "a var of a package's own defaults changes",
        replace("dbt_packages/toolbox/dbt_project.yml", "last_year: 2026", "last_year: 2027"),
    ),
    _variable("a var's default in the code changes", replace(SETTINGS, '"standard"', '"usual"')),
    _variable("a var changes its type", replace(PROJECT, "minimum_amount: 100", "minimum_amount: 100.0")),
    _variable(
        "a var in a config changes",
        replace(
            "models/marts/customers/mart_cities.sql",
            "select region",
            "{{ config(materialized=var('cities_as', 'table')) }}\nselect region",
        ),
        variables="{cities_as: view}",
    ),
    _variable("a var in a source's schema changes", variables="{lookup_schema: raw_lookup}"),
    _environment("an env var changes", environment={"SHOP_REGION": "us"}),
    _environment("an env var in a view's filter changes", environment={"SHOP_IGNORED_EVENT": "search"}),
    _environment("an env var in dbt_project.yml changes", environment={"SHOP_SEED_SCHEMA": "reference"}),
    _environment("an env var in a macro changes", environment={"SHOP_NET": "0.7"}),
    _environment("an env var in a hook changes", environment={"SHOP_NOTE": "noted"}),
    _environment("the profile's schema changes", profile={"schema": "warehouse"}),
    _environment("the profile's role changes", profile={"role": "accuracy_writer"}),
    _environment("another target with another schema", target="prod"),
    _environment(
        "another target with the same schema",
        target="ci",
        by_rule="what another environment built is built anew, unless this one was seen to build the same",
    ),
    _environment("a field of the target that a model reads changes", profile={"connect_timeout": 11}),
    _environment(
        "identifiers are no longer quoted in the whole project", append(PROJECT, "\nquoting:\n  identifier: false\n")
    ),
)
