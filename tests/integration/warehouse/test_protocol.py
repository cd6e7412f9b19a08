"""Plans and runs on a warehouse that is no PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from faults.run import OneRowDbt, Run
from faults.tables import graph
from faults.world import World
from support.database import Database
from support.stub_warehouse import StubWarehouse

from dbt_state_plugin import api
from dbt_state_plugin.core.values.project import Node, Project
from dbt_state_plugin.report.reason_words import reason_words

MODELS = [("orders", "table", ("src",)), ("report", "table", ("orders",)), ("shown", "view", ("orders",))]


class DbtInMemory(OneRowDbt):
    """Builds in the stub instead of a server."""

    def __init__(self, run: Run, stub: StubWarehouse) -> None:
        super().__init__(run)
        self._stub = stub

    def _build(
        self,
        of: Project,
        item: Node,
        refusal: Callable[[], str],
        on_executing: Callable[[str, str], None],
        skip: Callable[[str], str],
    ) -> str:
        if refusal() or item.name in self._run.failing:
            return "error"
        self._stub.create(item.name, item.materialized)
        return "success"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A project whose state is in PostgreSQL and whose relations are in memory."""

    world: World
    stub: StubWarehouse

    def _ports(self, run: Run) -> api.Ports:
        return api.Ports(dbt=DbtInMemory(run, self.stub), open_warehouse=lambda _kind, _connection: self.stub)

    def run(self, *, failing: tuple[str, ...] = ()) -> set[str]:
        """Run, and return the names of what was built."""
        run = self.world.new_run(failing=failing)
        result = api.run_project(run.target, api.RunOptions(), api.Listener(), ports=self._ports(run))
        assert result.unrecorded == {}
        return {entry.node.name for entry in result.built}

    def reasons(self) -> dict[str, str]:
        """Plan, and return the first reason of what is due."""
        run = self.world.new_run()
        plan = api.plan_project(run.target, api.RunOptions(), lists_all=True, ports=self._ports(run))
        return {entry.node.name: reason_words(entry.reasons[0]) for entry in plan.to_build}


@pytest.fixture
def shop(database: Database) -> Iterator[Shop]:
    world, stub = World(database.url), StubWarehouse()
    world.begin(graph(world.database, MODELS))
    stub.create("src")
    try:
        yield Shop(world=world, stub=stub)
    finally:
        world.end()


def test_everything_is_built_once_and_then_nothing(shop: Shop) -> None:
    assert shop.run() == {"orders", "report", "shown"}

    assert shop.reasons() == {}
    assert shop.run() == set()


def test_an_edit_is_built_with_what_reads_it(shop: Shop) -> None:
    shop.run()
    shop.world.edit("orders", "2")

    assert shop.run() == {"orders", "report", "shown"}
    assert shop.reasons() == {}


def test_new_data_of_a_source_reach_what_holds_rows_of_it(shop: Shop) -> None:
    shop.run()
    shop.stub.write("src")

    assert shop.reasons() == {
        "orders": "data: src rows changed",
        "report": "upstream: orders is built",
        "shown": "upstream: orders is built",
    }
    shop.run()
    assert shop.reasons() == {}


def test_what_is_done_by_hand_is_drift_and_is_repaired(shop: Shop) -> None:
    shop.run()
    shop.stub.write("report")
    shop.stub.create("shown", "table")
    shop.stub.drop_by_hand("orders")

    assert shop.reasons() == {
        "orders": f'missing: "{shop.world.database}"."wh"."orders" does not exist',
        "report": "drifted: its rows were changed since we built it (by hand or by plain dbt)",
        "shown": "drifted: it was replaced since we built it: a view then, a table now",
    }
    assert shop.run() == {"orders", "report", "shown"}
    assert shop.reasons() == {}


def test_a_failed_build_stays_due_with_what_reads_it(shop: Shop) -> None:
    shop.run()
    shop.world.edit("report", "2")

    assert shop.run(failing=("report",)) == set()

    shop.world.edit("report", "1")
    assert set(shop.reasons()) == {"report"}
    assert shop.run() == {"report"}


def test_where_nothing_tells_of_changes_from_outside_every_run_plans(shop: Shop) -> None:
    for _ in range(3):  # an empty plan would be kept by the second
        shop.run()
    shop.stub.write("report")

    assert shop.run() == {"report"}
