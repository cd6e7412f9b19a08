"""Misspelled settings, commands, nodes and selections."""

from __future__ import annotations

import pytest
from support.project import Project, ProjectWriter

META = "{{ config(meta={'dbt_state_plugin': {%s}}) }} select 1 as id"


@pytest.fixture
def project(dbt_project: ProjectWriter) -> Project:
    described = (
        "models: [{name: orders, config: {tags: [nightly]}}]\nsources: [{name: raw, tables: [{name: loaded}]}]\n"
    )
    return dbt_project({"models/orders.sql": "select 1 as id", "models/s.yml": described})


def test_a_misspelled_setting_is_an_error_that_names_node_file_and_the_right_one(project: Project) -> None:
    project.write("models/orders.sql", META % "'on_logic_chnage': 'fail'")

    key = project.plugin("run", check=2).stderr.splitlines()
    project.write("models/orders.sql", META % "'volatile': 'dayly'")
    value = project.plugin("plan", check=2).stderr.splitlines()

    of = "meta.dbt_state_plugin of model.shop.orders (models/orders.sql) cannot be used"
    assert key[0] == f"Error: {of}: there is no setting 'on_logic_chnage'."
    assert key[1].startswith("  Did you mean on_logic_change?")
    assert value == [f"Error: {of}: volatile is 'dayly'.", "  Did you mean daily? Use one of always, daily, never."]


def test_a_selection_that_matches_nothing_warns_as_dbt_does_and_names_the_nearest_node(project: Project) -> None:
    said = "The selection criterion 'ordres' does not match any enabled nodes"
    commands = (("plan", "-s", "ordres"), ("select", "-s", "ordres"), ("run", "--select", "ordres orders"))

    for command in (*commands, ("run", "-s", "ordres")):
        assert f"dbt: {said}. Did you mean orders?\n" in project.plugin(*command, check=0).stderr
    assert "any enabled nodes\n" in project.plugin("plan", "--exclude", "tag:ordres", check=0).stderr
    for wrong, right in (("tag:nigthly", "tag:nightly"), ("path:model", "path:models"), ("source:rav", "source:raw")):
        assert f"Did you mean {right}?\n" in project.plugin("plan", "-s", wrong, check=0).stderr
    assert "selection criterion" not in project.plugin("plan", "--select", "orders", check=0).stderr
    assert said in project.dbt("run", "--select", "ordres", check=0).stdout


WRONG = {
    ("run", "--fail-fast"): (
        "--fail-fast is a flag of dbt's own.",
        "Put it after `--`: dbt-state-plugin run -- --fail-fast",
    ),
    ("build", "-x"): ("-x is a flag of dbt's own.", "Put it after `--`: dbt-state-plugin build -- -x"),
    ("run", "--event-time-start=2026-01-01"): (
        "--event-time-start is a flag of dbt's own.",
        "Put it after `--`: dbt-state-plugin run -- --event-time-start ...",
    ),
    ("plan", "--favor-state"): (
        "--favor-state is a flag of dbt's own.",
        "Leave it out: only run, build, seed and snapshot take flags of dbt, after `--`.",
    ),
    ("plan", "--", "--quiet"): (
        "Nothing is built here, so there is no use for '--quiet'.",
        "Leave out what stands after `--`; run, build, seed and snapshot take flags of dbt there.",
    ),
    ("run", "--models", "orders"): (
        "--models is a flag of dbt that dbt-state-plugin sets itself.",
        "Use --select instead.",
    ),
    ("run", "--fail-fst"): (
        "No such option '--fail-fst'.",
        "Did you mean --fail-fast? It is a flag of dbt's own. See `dbt-state-plugin run --help`.",
    ),
    ("run", "--profiles-dirs", "."): (
        "No such option '--profiles-dirs'.",
        "Did you mean --profiles-dir? See `dbt-state-plugin run --help`.",
    ),
    ("run", "--xyzzy"): ("No such option '--xyzzy'.", "See `dbt-state-plugin run --help`."),
    ("plan", "--threads", "2"): (
        "`plan` has no option --threads.",
        "Only run, build, seed and snapshot have it. See `dbt-state-plugin plan --help`.",
    ),
    ("rum",): ("No such command 'rum'.", "Did you mean run? See `dbt-state-plugin --help`."),
    ("test",): (
        "`test` is a command of dbt, not of dbt-state-plugin.",
        "`dbt-state-plugin build` runs the tests that are due, `dbt test` all of them.",
    ),
    ("plan", "--output", "jsn"): (
        "'jsn' is not an output form.",
        "Did you mean json? Use --output with one of text, json, name, path, select, selectors, state-dir, markdown.",
    ),
    ("plan", "--target", "deve"): (
        "Profile 'shop' has no target 'deve'; it has 'dev'.",
        "Did you mean dev? Correct --target, DBT_TARGET or target: in profiles.yml.",
    ),
    ("completion",): (
        "completion needs the name of a shell: bash, zsh, fish.",
        'Add this line to ~/.zshrc: eval "$(dbt-state-plugin completion zsh)", or use --install.',
    ),
}


def test_what_is_wrong_on_the_command_line_is_said_with_the_right_thing(project: Project) -> None:
    for arguments, (what, do) in WRONG.items():
        refused = project.plugin(*arguments, env={"SHELL": "/usr/bin/zsh"}, check=2)

        assert refused.stderr.splitlines() == [f"Error: {what}", f"  {do}"]
        assert refused.stdout == ""


def test_a_node_that_is_not_there_is_answered_with_the_nearest_one(project: Project) -> None:
    project.plugin("run", check=0)

    for command, what in (
        ("explain", "The project has no node 'ordres' that dbt builds."),
        ("forget", "No build of ordres is recorded for shop/dev"),
    ):
        said = project.plugin(command, "ordres", check=2).stderr.splitlines()

        assert said[0].startswith(f"Error: {what}")
        assert said[1] == "  Did you mean orders? Name a model as in dbt, or its unique_id (see `plan --all`)."
    against = project.plugin("plan", "--against", "dve", check=2).stderr
    assert "  Did you mean dev? Give --against one of them" in against
    exported = project.plugin("state", "export-manifest", "dve", check=2).stderr
    assert "  Did you mean dev? Give one of them as printed here, or an execution's id (see `history`).\n" in exported


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_the_script_and_says_where_it_goes(project: Project, shell: str) -> None:
    printed = project.plugin("completion", shell, check=0)

    assert "_DBT_STATE_PLUGIN_COMPLETE" in printed.stdout
    assert f"dbt-state-plugin completion {shell}" in printed.stderr
