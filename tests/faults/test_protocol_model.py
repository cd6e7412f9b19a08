"""Random histories of edits, runs, crashes and other writers.

The search runs the real protocol on a real PostgreSQL, statement by statement; `DBT_STATE_PLUGIN_FAULTS=full` searches
200,000 histories or an hour, whichever ends first.
"""

from __future__ import annotations

import time
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from faults.run import HeldRun
from faults.size import is_small, size
from faults.tables import graph
from faults.world import World

KINDS = ["table", "view", "incremental", "ephemeral"]
NAMES = ["n0", "n1", "n2", "n3", "n4"]
TARGETS = ["dev", "prod"]
CODES = ["1", "1 -- one", "1!", "1!!", "2", "3"]
LONGEST_RUN = 60  # points
SECONDS = 60 * 60
SEARCHED_AT_ONCE = 200  # histories; only between two searches may time end them, as a rule must not depend on a clock


@st.composite
def graphs(draw: st.DrawFn) -> list[tuple[str, str, tuple[str, ...]]]:
    """Draw up to five models above the source."""
    nodes: list[tuple[str, str, tuple[str, ...]]] = []
    for number in range(draw(st.integers(min_value=1, max_value=len(NAMES)))):
        known = ["src", *(name for name, _, _ in nodes)]
        parents = draw(st.lists(st.sampled_from(known), min_size=1, max_size=2, unique=True))
        nodes.append((f"n{number}", draw(st.sampled_from(KINDS)), tuple(parents)))
    return nodes


class Histories(RuleBasedStateMachine):
    """Whatever happens: after one more run the warehouse holds what a build from scratch leaves."""

    world: ClassVar[World]
    histories: ClassVar[int] = 0
    runs: ClassVar[int] = 0
    kills: ClassVar[int] = 0
    shortcuts: ClassVar[int] = 0
    unparsed: ClassVar[int] = 0
    left_out: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    @initialize(nodes=graphs(), written_by=st.sampled_from([TARGETS[:1], TARGETS]))
    def begin(self, nodes: list[tuple[str, str, tuple[str, ...]]], written_by: list[str]) -> None:
        self.names = [name for name, _, _ in nodes]
        self.world.begin(graph(self.world.database, nodes), written_by)
        type(self).histories += 1

    def _target(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.world.projects)), label="target")

    def _name(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(self.names), label="node")

    def _held(self, data: st.DataObject) -> HeldRun:
        return self.world.live[data.draw(st.integers(0, len(self.world.live) - 1), label="which run")]

    def _some(self, data: st.DataObject, label: str) -> set[str]:
        return data.draw(st.sets(st.sampled_from(self.names), max_size=3), label=label)

    def _options(self, data: st.DataObject) -> dict[str, object]:
        select = self._some(data, "select") if data.draw(st.booleans(), label="narrowed") else None
        failing = self._some(data, "failing") if data.draw(st.booleans(), label="fails") else set()
        return {"select": select, "failing": failing, "force": data.draw(st.sampled_from([False, False, True]))}

    @rule(data=st.data(), code=st.sampled_from(CODES))
    def edit(self, data: st.DataObject, code: str) -> None:
        self.world.edit(self._name(data), code, target=self._target(data))

    @rule(data=st.data(), name=st.sampled_from(NAMES))
    def refactor_between_two_runs(self, data: st.DataObject, name: str) -> None:
        target, name = self._target(data), name if name in self.names else self.names[0]
        self.world.run(target)
        code = self.world.projects[target].nodes[f"model.shop.{name}"].fingerprint["body"]
        self.world.edit(name, code[:-1] if code.endswith("!") else f"{code}!", target=target)
        was_alone = not self.world.live
        self.world.check_a_finished_run(self.world.run(target), was_alone=was_alone)
        type(self).runs += 2

    @rule()
    def load(self) -> None:
        self.world.tables.load()

    @rule(data=st.data())
    def run(self, data: st.DataObject) -> None:
        was_alone = not self.world.live
        run = self.world.run(self._target(data), **self._options(data))
        self.world.check_a_finished_run(run, was_alone=was_alone)
        type(self).runs += 1

    @precondition(lambda self: len(self.world.live) < 3)
    @rule(data=st.data(), points=st.integers(0, LONGEST_RUN))
    def start(self, data: st.DataObject, points: int) -> None:
        held = self.world.start(self._target(data), **self._options(data))
        where = data.draw(st.sampled_from(["", "starting", "committed"]), label="stands where")
        if where:
            self.world.advance_to_any(held, where)
        else:
            self.world.advance(held, points)
        type(self).runs += 1

    @precondition(lambda self: self.world.live)
    @rule(data=st.data(), points=st.integers(1, LONGEST_RUN))
    def advance(self, data: st.DataObject, points: int) -> None:
        self.world.advance(self._held(data), points)

    @precondition(lambda self: self.world.live)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        self.world.finish(self._held(data))

    @rule(data=st.data(), after=st.integers(0, LONGEST_RUN))
    def start_and_kill(self, data: st.DataObject, after: int) -> None:
        self.world.kill(self.world.start(self._target(data), **self._options(data)), after)
        type(self).kills += 1

    @precondition(lambda self: self.world.live)
    @rule(data=st.data(), after=st.integers(0, LONGEST_RUN))
    def kill(self, data: st.DataObject, after: int) -> None:
        self.world.kill(self._held(data), after)
        type(self).kills += 1

    @precondition(lambda self: self.world.live)
    @rule(data=st.data())
    def cut_off(self, data: st.DataObject) -> None:
        self.world.cut(self._held(data))

    @precondition(lambda self: self.world.live)
    @rule(data=st.data(), code=st.sampled_from(CODES))
    def overtake(self, data: st.DataObject, code: str) -> None:
        held = self._held(data)
        self.world.cut(held)
        target = held.run.environment.target
        self.world.edit(self._name(data), code, target=target)
        self.world.run(target)
        type(self).runs += 1

    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        self.world.tables.drop(self._name(data))

    # What somebody puts in a relation's place between its commit and its mark passes for what was built.
    @precondition(lambda self: not self.world.live)
    @rule(data=st.data())
    def replace(self, data: st.DataObject) -> None:
        self.world.tables.replace(self._name(data), "by hand")

    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        self.world.forget(self._name(data), self._target(data))

    @rule()
    def prune(self) -> None:
        self.world.prune()

    def teardown(self) -> None:
        if self.names:
            self.world.check_the_promise()
            for run in self.world.ended:
                type(self).shortcuts += run.took_the_shortcut
                type(self).left_out += len(run.cut_off)
                type(self).unparsed += run.is_success and not run.took_the_shortcut and not run.parsed


@pytest.mark.parametrize("world", ["postgres", "sqlite"], indirect=True)
def test_no_history_of_runs_crashes_and_doings_of_others_loses_a_change(world: World) -> None:
    Histories.world = world
    Histories.histories = Histories.runs = Histories.kills = Histories.shortcuts = Histories.unparsed = 0
    Histories.left_out = 0
    wanted = size(small=10 if world.state_url else 15, full=200_000)
    search = settings(
        max_examples=min(wanted, SEARCHED_AT_ONCE),
        stateful_step_count=12,
        deadline=None,
        derandomize=is_small(),
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    ends_at = time.monotonic() + SECONDS
    try:
        while Histories.histories < wanted and time.monotonic() < ends_at:
            run_state_machine_as_test(Histories, settings=search)
    finally:
        print(f"{Histories.histories} histories, {Histories.runs} runs, {Histories.kills} kills")
        print(f"{Histories.shortcuts} runs were up to date at once, {Histories.unparsed} did not parse the project")
        print(f"{Histories.left_out} planned nodes were cut off")
    assert Histories.shortcuts, "the up-to-date check is a part of what is searched"
    assert Histories.unparsed, "so is the cache of the parsed project"
    assert Histories.left_out, "and so are nodes that need no build after all"
