"""Settings resolved once into a target that stands."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.run import OneRowDbt
from faults.tables import graph
from faults.world import World
from support.database import Database

from dbt_state_plugin import api
from dbt_state_plugin.core.values.relations import Environment
from dbt_state_plugin.errors import ConfigurationError, UsageError
from dbt_state_plugin.operations.target import Target, invocation_of, resolve_state, resolve_target, workplace_of


@pytest.fixture
def world(database: Database) -> Iterator[World]:
    """Give a project in files, with one table of one source."""
    world = World(database.url)
    world.begin(graph(world.database, [("orders", "table", ("src",))]))
    try:
        yield world
    finally:
        world.end()


def _settings(world: World, **more: object) -> api.Settings:
    directory = str(world.directory("dev"))
    return api.Settings(**{"project_dir": directory, "profiles_dir": directory, "target": "dev", **more})  # type: ignore[arg-type]


def test_a_run_does_not_read_the_profile_again(world: World) -> None:
    run = world.new_run()
    target = run.target
    (world.directory("dev") / "profiles.yml").write_text("shop: {outputs: {}}\n", encoding="utf-8")

    ports = api.Ports(dbt=OneRowDbt(run), heartbeat_seconds=3600)
    result = api.run_project(target, api.RunOptions(), api.Listener(), ports=ports)

    assert result.status == "succeeded"
    assert [entry.node.name for entry in result.built] == ["orders"]
    assert result.plan.environment == target.environment


def test_the_state_is_where_the_profile_says_unless_it_is_given(world: World, database: Database) -> None:
    own, given = resolve_target(_settings(world)), resolve_target(_settings(world, database_url=database.url))

    assert own.state.database == workplace_of(own).profile.settings
    assert not own.state.is_given
    assert given.state.is_given
    assert given.environment == own.environment
    assert resolve_state(_settings(world, database_url=database.url)) == given.state


def test_scripts_with_a_database_need_no_project(database: Database, tmp_path: Path) -> None:
    settings = api.Settings(project_dir=str(tmp_path), pipeline="nightly", database_url=database.url)

    target = resolve_target(settings)

    assert target.environment == Environment(pipeline="nightly")
    for wanted in (workplace_of, invocation_of):
        with pytest.raises(ConfigurationError, match="no dbt project"):
            wanted(target)


def test_a_pipeline_in_a_project_keeps_its_state_beside_it(world: World) -> None:
    target: Target = resolve_target(_settings(world, pipeline="nightly"))

    assert target.environment == Environment(pipeline="nightly")
    assert target.state.database == workplace_of(target).profile.settings


def test_flags_that_have_to_stand_before_are_refused_at_once(world: World) -> None:
    with pytest.raises(UsageError, match="--select cannot be used after"):
        resolve_target(_settings(world, extra_arguments=("--select", "orders")))
