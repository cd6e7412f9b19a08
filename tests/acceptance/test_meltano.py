"""The utility under the real Meltano, with a tap and a target."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from support import schemas
from support.database import Database
from support.meltano import DEFINITION, ROWS, MeltanoProject, build_wheel, said, write_meltano_project

RUN_ID = "0191e0a0-0000-7000-8000-000000000007"


@pytest.fixture
def project(tmp_path: Path, database: Database) -> MeltanoProject:
    return write_meltano_project(tmp_path / "shop", database, tmp_path / "home")


def reasons(database: Database) -> list[tuple[str, ...]]:
    """Return what the newest execution noted about streams: name, status, reasons."""
    return database.query(
        """SELECT unique_id, r.status, array_to_string(array(SELECT (x ->> 'kind') || ' ' || (x ->> 'detail')
             FROM jsonb_array_elements(reasons) AS x), ', ')
           FROM dbt_state_plugin.node_result r JOIN dbt_state_plugin.execution e USING (execution_id)
           WHERE resource_type = 'stream' AND e.started_at = (SELECT max(started_at) FROM dbt_state_plugin.execution)
           ORDER BY 1"""
    )


def test_the_wheel_works_in_a_fresh_project_after_meltano_add(tmp_path: Path, database: Database) -> None:
    project = write_meltano_project(tmp_path / "shop", database, tmp_path / "home")
    content = project.read()
    del content["plugins"]["utilities"]
    project.write(content)
    wheel = build_wheel(tmp_path / "wheel")
    definition = tmp_path / "dbt-state-plugin.yml"
    # The tests hold dbt to the version that the lock has.
    text = DEFINITION.read_text(encoding="utf-8")
    definition.write_text(text.replace("pip_url: dbt-state-plugin", f"pip_url: {wheel} dbt-core~=1.11.0"))

    project.meltano("add", "--from-ref", str(definition), "dbt-state-plugin", check=0)
    answer = project.meltano("run", "shop", env={"MELTANO_RUN_ID": RUN_ID}, check=0)

    lines = said(answer)
    assert lines[0] == "Load plan for dev: 2 streams, and no successful run to compare with; nothing to reset."
    assert lines[1] == "Plan: 2 new, 0 unchanged (run, target dev, as the Meltano environment)"
    assert lines[-1].startswith("Succeeded: 2 nodes built")
    assert database.query("SELECT count(*) FROM analytics.all_orders") == [(3,)]
    execution = database.query("SELECT caller, meltano_run_id FROM dbt_state_plugin.execution WHERE command = 'run'")
    assert execution[0][0] == "meltano"
    assert execution[0][1].startswith(f"{RUN_ID} (context ")
    steps = database.query("SELECT name, status FROM dbt_state_plugin.execution_step ORDER BY name")
    assert steps == [("LOAD", "succeeded"), ("TRANSFORM", "succeeded")]


def test_a_changed_select_is_reloaded_on_request_and_nothing_else(project: MeltanoProject, database: Database) -> None:
    project.meltano("run", "shop", check=0)
    project.set_tap(select=["orders.*", "customers.*"])

    plan = project.entry("load-plan", check=0).stdout.splitlines()
    excluding = project.entry("load-plan", "--apply", "--exclude", "tap-shop/ord*", "--exclude", "nothing", check=0)
    skipping = project.entry("load-plan", "--apply", env={"DBT_STATE_PLUGIN_LOAD_PLAN_SKIP": "1"}, check=0)
    without_apply = project.bookmarks()
    answer = project.meltano("run", "shop", check=0)

    assert plan[1] == "  reload tap-shop to target-shop / orders: select changed"
    assert plan[2].startswith("Nothing was reset.")
    assert excluding.stdout.splitlines()[1:] == [
        "  keep   tap-shop to target-shop / orders: select changed; "
        "excluded: rows that were loaded before stay as they are",
        "Nothing to reset.",
    ]
    assert "Warning: --exclude nothing matches no stream that is loaded.\n" in excluding.stderr
    assert skipping.stdout.startswith("Load plan: skipped, ")
    assert sorted(without_apply) == ["customers", "orders"]
    lines = said(answer)
    assert lines[1].startswith("reload tap-shop to target-shop / orders: select changed; bookmark reset under dev:")
    assert "load   tap-shop to target-shop / orders  select changed" in lines
    assert project.loaded() == {"customers": 1, "orders": 3}
    assert database.query("SELECT count(note) FROM analytics.all_orders") == [(3,)]
    assert reasons(database) == [("tap-shop to target-shop / orders", "changed", "select changed")]
    assert project.entry("load-plan", check=0).stdout.splitlines()[-1] == "Nothing to reset."
    assert sorted(project.bookmarks()) == ["customers", "orders"]


def test_a_change_outlives_failures_and_is_reset_only_once(project: MeltanoProject, database: Database) -> None:
    project.meltano("run", "shop", check=0)
    project.set_tap(select=["orders.*", "customers.*"])
    model = project.directory / "transform" / "models" / "all_orders.sql"
    good = model.read_text(encoding="utf-8")
    model.write_text("select nothing_like_it from {{ source('raw', 'orders') }}", encoding="utf-8")

    first = project.meltano("run", "shop")
    applied = project.entry("load-plan", "--apply", "--output", "json", check=0)
    second = project.meltano("run", "shop")
    model.write_text(good, encoding="utf-8")
    project.meltano("run", "shop", check=0)

    assert first.returncode == second.returncode == 1
    assert said(first)[-1].startswith("Failed: ")
    assert 'column "nothing_like_it" does not exist' in said(first)[-1]
    [stream] = schemas.checked("load-plan", applied.stdout)["streams"]
    assert (stream["stream"], stream["status"], stream["reasons"]) == ("orders", "reset before", ["select changed"])
    assert project.loaded() == {"customers": 1, "orders": 1}
    assert database.query("SELECT count(note) FROM analytics.all_orders") == [(3,)]
    assert project.entry("load-plan", check=0).stdout.splitlines()[-1] == "Nothing to reset."


def test_the_definition_works_for_each_of_its_commands(project: MeltanoProject) -> None:
    definition = yaml.safe_load(DEFINITION.read_text(encoding="utf-8"))
    for command in definition["commands"].values():
        answer = project.entry(*command["args"].split(), "--help", check=0)
        assert answer.stdout.startswith("Usage: ")


def test_meltano_lists_the_settings_and_without_a_flag_those_that_are_set(project: MeltanoProject) -> None:
    settings = yaml.safe_load(DEFINITION.read_text(encoding="utf-8"))["settings"]
    content = project.read()
    content["plugins"]["utilities"][0]["config"] = {"target": "dev"}
    project.write(content)

    every = project.meltano("config", "list", "dbt-state-plugin", "--all", check=0).stdout
    set_ones = project.meltano("config", "list", "dbt-state-plugin", check=0).stdout

    for setting in settings:
        assert f"DBT_STATE_PLUGIN_{setting['name'].upper()}" in every
    assert "DBT_STATE_PLUGIN_TARGET" in set_ones


def test_a_selection_that_matches_nothing_warns_under_meltano_too(project: MeltanoProject) -> None:
    said_by_dbt = "The selection criterion 'all_ordres' does not match any enabled nodes. Did you mean all_orders?"

    planned = project.entry("plan", env={"DBT_STATE_PLUGIN_SELECT": "all_ordres"}, check=0)

    assert f"dbt: {said_by_dbt}\n" in planned.stderr
    assert "nothing to build" in planned.stdout


def test_rows_stay_when_the_source_fails_after_a_reset(project: MeltanoProject) -> None:
    project.meltano("run", "shop", check=0)
    project.set_tap(select=["orders.*", "customers.*"])
    project.rows({**ROWS, "fails": [{"id": "x"}]})

    answer = project.meltano("run", "shop")
    project.rows(ROWS)
    plan = project.entry("load-plan", check=0)

    assert answer.returncode == 1
    assert "reload tap-shop to target-shop / orders: select changed; bookmark reset at " in plan.stdout
