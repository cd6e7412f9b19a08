"""Markdown for pull requests of a real project."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from support.database import fresh_database
from support.project import SCHEMA, Project, profiles, write_project

from dbt_state_plugin.testing.postgres_server import Server

FILES = {
    "models/staging/stg_orders.sql": "{{ config(materialized='ephemeral') }} select 1 as id, 10 as amount",
    "models/marts/orders.sql": "{{ config(materialized='table') }} select id, amount from {{ ref('stg_orders') }}",
    "models/marts/revenue.sql": "{{ config(materialized='table') }} select sum(amount) as a from {{ ref('orders') }}",
    "models/marts/gone.sql": "select 1 as one",
    "models/marts/marts.yml": "models: [{name: orders, columns: [{name: id, data_tests: [unique]}]}]",
}


@pytest.fixture(scope="module")
def branch(postgres_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Give a branch of a project that was built for `prod`: a model is edited, one is new, one is gone."""
    folder = tmp_path_factory.mktemp("branch")
    with fresh_database(postgres_server) as database:
        one, _, output = profiles(database).partition("    dev:\n")
        both = f"{one}    dev:\n{output}    prod:\n{output}".replace(f'"{SCHEMA}"', '"prod"')
        project = write_project(folder / "project", database, folder / "home", {**FILES, "profiles.yml": both})
        project.plugin("build", "-t", "prod", check=0)
        project.write(
            "models/marts/orders.sql", FILES["models/marts/orders.sql"].replace("amount", "amount * 2 as amount")
        )
        project.write("models/marts/fresh.sql", "select '|`<b>@x' as x")
        project.delete("models/marts/gone.sql")
        yield project


def test_a_comparison_says_in_a_pull_request_what_it_changes(branch: Project) -> None:
    answer = branch.plugin("plan", "--against", "prod", "--for", "build", "--output", "markdown", check=0)

    lines = answer.stdout.splitlines()
    assert lines[0] == "<!-- dbt-state-plugin -->"
    assert lines[2] == "### Changes: 1 new, 1 changed, 2 downstream, 1 removed, 0 unchanged"
    assert "| changed | `orders` | body: its code changed |" in lines
    assert "<details><summary>1 test</summary>" in lines
    assert "- `model.shop.gone`" in answer.stdout
    assert "+{{ config(materialized='table') }} select id, amount * 2 as amount from {{ ref('stg_orders') }}" in lines
    assert re.search(r'n\d\["revenue #40;downstream#41;"\]:::downstream', answer.stdout)
    assert answer.stderr.splitlines()[-1] == "Changes: 1 new, 1 changed, 2 downstream, 1 removed, 0 unchanged"


def test_a_plan_is_markdown_too_and_shows_no_sql_that_may_not_be_stored(branch: Project) -> None:
    shown = branch.plugin("plan", "--output", "markdown", "-t", "prod", check=0).stdout
    hidden = branch.plugin(
        "plan", "-o", "markdown", "-t", "prod", check=0, env={"DBT_STATE_PLUGIN_STORE_SQL": "hash"}
    ).stdout

    assert "### Plan: 1 new, 1 changed, 1 downstream, 0 unchanged" in shown
    assert "**SQL that differs**" in shown
    assert "body: its code changed" in hidden
    assert "amount * 2" not in hidden


def test_an_execution_is_shown_with_the_lineage_that_was_parsed_last(branch: Project) -> None:
    execution = branch.plugin("history", "-t", "prod", check=0).stdout.splitlines()[1].split()[2]

    text = branch.plugin("show", execution, "-t", "prod", "--output", "markdown", check=0).stdout

    assert "### Succeeded: 4 of 4 nodes built" in text
    assert re.search(r"\| new \| `orders` \| new: no build of it is recorded \| [\d.]+ s \| 1 \|", text)
    assert re.search(r"n\d --> n\d", text)


def test_failing_nodes_are_shown_as_a_table(branch: Project) -> None:
    text = branch.plugin("show", "--failures", "-t", "prod", "--output", "markdown", check=0).stdout

    assert "### No node is failing" in text


def test_what_was_edited_since_an_execution_and_what_one_built_is_shown_as_differences(branch: Project) -> None:
    def newest() -> str:
        return branch.plugin("history", "-t", "prod", check=0).stdout.splitlines()[1].split()[2]

    since = branch.plugin("plan", "--against", newest(), "-t", "prod", "--output", "markdown", check=0).stdout
    branch.plugin("run", "-t", "prod", check=0)
    shown = branch.plugin("show", newest(), "-t", "prod", "--output", "markdown", check=0).stdout
    hidden = branch.plugin(
        "show", newest(), "-t", "prod", "-o", "markdown", check=0, env={"DBT_STATE_PLUGIN_STORE_SQL": "hash"}
    ).stdout

    assert "### Succeeded: 3 of 3 nodes built" in shown
    for text in (since, shown):
        (difference,) = re.findall(r"```diff\n.*?```", text, re.DOTALL)
        assert "+{{ config(materialized='table') }} select id, amount * 2 as amount" in difference
    assert "diff" not in hidden
