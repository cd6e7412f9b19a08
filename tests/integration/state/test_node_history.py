"""What several executions did with nodes, counted by the state."""

from __future__ import annotations

from uuid import UUID

from support.recording import ORDERS, REPORT, begun, ended, opened

from dbt_state_plugin.core.values.overview import NodeBuilds, Tally
from dbt_state_plugin.core.values.project import Node
from dbt_state_plugin.core.values.results import NodeOutcome
from dbt_state_plugin.state.build_updates import note_outcomes
from dbt_state_plugin.state.executions import begin_step
from dbt_state_plugin.state.node_history import read_builds, read_newest_results, read_tallies
from dbt_state_plugin.state.state import State

RUN = frozenset({"model"})
QUIET, INLINED, TEST, GONE = "model.shop.quiet", "model.shop.inlined", "test.shop.t", "model.shop.gone"
NAMES = (ORDERS.unique_id, REPORT.unique_id, QUIET, INLINED, TEST, GONE)
DURATIONS = {ORDERS.unique_id: 70, REPORT.unique_id: 30, QUIET: 500, TEST: 9}


def ran(state: State, days_ago: int, *outcomes: tuple[Node, str, int], covers: tuple[str, ...] = NAMES) -> UUID:
    """Record an execution that planned nodes which ended like this, and took so many milliseconds each."""
    execution_id = begun(state)
    if covers:
        checksums = dict.fromkeys(covers, "1")
        begin_step(state, execution_id, name="TRANSFORM", checksums=checksums, dbt_version="1", adapter_version="1")
    opened(state, execution_id, *(node for node, _, _ in outcomes))
    found = [NodeOutcome(unique_id=node.unique_id, status=status, duration_ms=took) for node, status, took in outcomes]
    note_outcomes(state, execution_id, found)
    return ended(state, execution_id, days_ago=days_ago)


def test_builds_are_counted_by_node_with_their_reasons_and_durations(state: State) -> None:
    executions = [
        ran(state, 4, (ORDERS, "success", 100), (REPORT, "error", 7)),
        ran(state, 3, (ORDERS, "success", 300), (REPORT, "no-op", 0)),
        ran(state, 2, (ORDERS, "skipped", 0)),
    ]
    ran(state, 1, (ORDERS, "success", 5000))

    found = read_builds(state, executions)

    assert found == (
        NodeBuilds(unique_id=ORDERS.unique_id, builds=2, total_ms=400, longest_ms=300, kinds={"new": 2}),
        NodeBuilds(unique_id=REPORT.unique_id, failures=1),
    )


def test_the_newest_results_of_each_node_are_read_and_no_more(state: State) -> None:
    ran(state, 3, (ORDERS, "success", 1), (REPORT, "success", 2))
    second = ran(state, 2, (ORDERS, "success", 3))
    third = ran(state, 1, (ORDERS, "error", 4))
    first = ran(state, 9, (ORDERS, "success", 5), (REPORT, "success", 6))

    found = read_newest_results(state, [first, second, third], of_each=2)

    took = {execution: [(each.unique_id, each.duration_ms) for each in results] for execution, results in found.items()}
    assert took == {
        third: [(ORDERS.unique_id, 4)],
        second: [(ORDERS.unique_id, 3)],
        first: [(REPORT.unique_id, 6)],
    }
    assert found[third][0].reasons[0]["kind"] == "new"


def test_what_an_execution_skipped_is_what_its_command_would_have_built(state: State) -> None:
    whole = ran(state, 4, (ORDERS, "success", 1))
    cut = ran(state, 3, (ORDERS, "success", 1), (REPORT, "no-op", 0))
    everything = ran(state, 2, (ORDERS, "success", 1), (REPORT, "success", 1), covers=NAMES[:2])
    script = ran(state, 1, covers=())
    adopted = ran(state, 0)

    found = read_tallies(
        state, {**dict.fromkeys((whole, cut, everything, script), RUN), adopted: frozenset()}, DURATIONS, [INLINED]
    )

    assert found == {
        whole: Tally(skipped=3, saved_ms=530),
        cut: Tally(cut_off=1, skipped=2, saved_ms=530),
        everything: Tally(skipped=0, saved_ms=0),
        script: Tally(),
        adopted: Tally(),
    }


def test_nothing_is_read_of_no_executions(state: State) -> None:
    assert (read_builds(state, []), read_newest_results(state, [], of_each=8)) == ((), {})
    assert read_tallies(state, {}, {}, []) == {}
