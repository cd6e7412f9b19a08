"""Histories that once lost a change, and the like.

Each test is a plain function of a world, since `test_planted_bugs.py` plays all of them on broken protocols.
"""

from __future__ import annotations

import signal

import psycopg2
import pytest

from dbt_state_plugin.core.values.results import RunResult
from dbt_state_plugin.errors import BusyError, InterruptedRun, LockLostError, SqliteError, StateError
from faults.run import HeldRun, Run
from faults.size import is_small
from faults.tables import graph
from faults.world import World

CHAIN = [("a", "table", ("src",)), ("b", "incremental", ("a",)), ("c", "view", ("b",)), ("d", "table", ("c",))]
IN_PLACE = [("a", "incremental", ("src",)), ("b", "table", ("a",))]

pytestmark = pytest.mark.parametrize("world", ["postgres", "sqlite"], indirect=True)


def begin(
    world: World, nodes: list[tuple[str, str, tuple[str, ...]]] = CHAIN, *, targets: tuple[str, ...] = ("dev",)
) -> None:
    world.begin(graph(world.database, nodes), targets)
    for target in targets:
        assert world.run(target).is_success


def started_to(world: World, where: str, target: str = "dev") -> HeldRun:
    """Start a run and hold it at a point."""
    held = world.start(target)
    world.advance_to(held, where)
    return held


def shared(points: range, world: World) -> range:
    """Return the points for this kind of state: of few, every twentieth one, and others for each kind."""
    return points[10 * bool(world.state_url) :: 20] if is_small() and not world.plays_all_points else points


def test_an_edit_that_was_built_and_killed_before_its_mark_is_built_again_after_a_revert(world: World) -> None:
    begin(world, IN_PLACE)
    world.edit("a", "2")
    world.kill(started_to(world, "committed a"))
    world.edit("a", "1")

    assert world.to_build() == {"a", "b"}
    world.check_the_promise()


def test_a_kill_at_any_point_and_then_a_revert_loses_nothing(world: World) -> None:
    begin(world, [*IN_PLACE, ("c", "view", ("b",))])
    world.edit("b", "2")
    points = world.run().points
    world.edit("b", "1")
    world.check_the_promise()

    for after in shared(range(points), world):
        world.edit("b", "2")
        world.kill(world.start(), after)
        world.edit("b", "1")
        world.check_the_promise()


def test_a_run_that_is_killed_before_it_has_said_what_it_builds_leaves_nothing_to_build(world: World) -> None:
    begin(world)
    world.edit("a", "2")
    held = world.start()
    world.advance_until(held, lambda: bool(world.intents()))
    world.kill(held)
    assert world.intents() == {"a", "b", "c", "d"}
    world.check_the_promise()

    world.edit("a", "3")
    held = world.start()
    world.advance_to_statement(held, 'INTO "dbt_state_plugin".node_result')  # in the transaction that says it
    world.kill(held)
    world.edit("a", "2")
    assert world.to_build() == set()
    world.check_the_promise()


def test_what_a_killed_run_left_running_is_called_abandoned_by_the_next(world: World) -> None:
    begin(world)
    world.edit("a", "2")
    world.kill(started_to(world, "starting b"))
    assert world.statuses() == ["succeeded", "running"]

    assert world.run().is_success

    assert world.statuses() == ["succeeded", "abandoned", "succeeded"]


def test_a_killed_run_frees_its_lock_at_once(world: World) -> None:
    begin(world)
    world.edit("a", "2")
    held = started_to(world, "starting b")
    assert world.is_locked()
    world.kill(held)

    assert not world.is_locked()
    assert world.run().is_success


def test_only_one_run_of_an_environment_goes_on_at_a_time(world: World) -> None:
    begin(world)
    world.edit("a", "2")
    held = started_to(world, "starting b")

    second = world.run()

    assert isinstance(second.result, BusyError)
    assert second.built == []
    assert world.finish(held).is_success
    world.check_the_promise()


def test_two_runs_that_were_started_together_do_not_both_run(world: World) -> None:
    begin(world)
    world.edit("a", "2")
    held = world.start()
    both = [world.finish(held), world.run()]

    assert [run.is_success for run in both] == [True, True]
    assert world.statuses() == ["succeeded", "succeeded", "succeeded"]
    world.check_the_promise()


def test_a_run_that_was_cut_off_records_nothing_more(world: World) -> None:
    begin(world)
    world.edit("a", "2")
    held = started_to(world, "committed b")
    world.cut(held)

    assert isinstance(world.finish(held).result, LockLostError)

    assert held.run.built == ["a", "b"], "dbt was cancelled"
    assert world.intents() == {"b", "c", "d"}
    assert world.statuses() == ["succeeded", "running"]
    world.check_the_promise()


def test_a_run_that_was_cut_off_between_two_nodes_does_not_write_over_its_successor_in_place(world: World) -> None:
    begin(world, IN_PLACE)
    world.edit("a", "2")
    held = started_to(world, "starting a")
    world.cut(held)
    world.edit("a", "3")
    assert world.run().is_success

    assert isinstance(world.finish(held).result, LockLostError)

    assert held.run.built == []
    assert world.is_as_from_scratch()
    world.check_the_promise()


def test_a_run_that_was_cut_off_does_not_write_between_a_commit_of_its_successor_and_the_mark(world: World) -> None:
    begin(world)
    world.edit("a", "2")
    held = started_to(world, "starting a")
    world.cut(held)
    world.edit("a", "3")
    successor = started_to(world, "committed a")
    world.finish(held)

    assert world.finish(successor).is_success

    assert world.is_as_from_scratch()


def test_a_run_that_commits_after_its_successor_has_planned_changes_no_record_of_the_successor(world: World) -> None:
    begin(world, IN_PLACE)
    world.edit("a", "2")
    held = started_to(world, "committed a")
    world.cut(held)
    world.edit("a", "1")
    successor = started_to(world, "starting a")

    assert isinstance(world.finish(held).result, LockLostError)
    assert world.finish(successor).is_success

    assert world.is_as_from_scratch()
    world.check_the_promise()


def test_a_run_whose_lock_went_while_its_connection_lives_is_refused_once_another_took_over(world: World) -> None:
    begin(world, IN_PLACE)
    world.edit("a", "2")
    held = started_to(world, "committed a")
    world.unlock(held)
    world.edit("a", "3")
    assert world.run().is_success

    assert isinstance(world.finish(held).result, LockLostError)

    assert world.is_as_from_scratch()
    assert world.statuses() == ["succeeded", "abandoned", "succeeded"]
    world.edit("a", "2")  # as the run without the lock had it
    world.check_the_promise()


def test_a_run_whose_lock_went_does_not_write_over_its_successor_in_place(world: World) -> None:
    begin(world, IN_PLACE)
    world.edit("a", "2")
    held = started_to(world, "starting a")
    world.unlock(held)
    world.edit("a", "3")
    assert world.run().is_success

    assert isinstance(world.finish(held).result, LockLostError)

    assert held.run.built == []
    assert world.is_as_from_scratch()


def test_a_late_mark_is_refused_though_the_successor_was_killed_before_it_planned(world: World) -> None:
    begin(world, IN_PLACE)
    world.edit("a", "2")
    held = started_to(world, "committed a")
    world.unlock(held)
    successor = world.start()
    world.advance_until(successor, lambda: world.statuses()[1] != "running")
    world.kill(successor)

    assert isinstance(world.finish(held).result, LockLostError)

    assert "a" in world.intents()
    world.check_the_promise()


def test_a_failed_build_is_built_again_though_the_edit_was_reverted(world: World) -> None:
    begin(world)
    world.edit("b", "2")
    failed = world.run(failing=["b"])
    world.edit("b", "1")

    assert isinstance(failed.result, RunResult)
    assert failed.result.status == "failed"
    assert world.to_build() == {"b", "c", "d"}
    world.check_the_promise()


def test_a_node_that_dbt_does_not_report_is_not_taken_for_built(world: World) -> None:
    begin(world)
    world.edit("d", "2")
    world.edit("b", "2")
    failed = world.run(failing=["b"])

    assert isinstance(failed.result, RunResult)
    assert failed.result.status == "failed"
    assert world.statuses()[-1] == "failed"
    world.check_the_promise()


def test_a_mark_that_the_server_refuses_leaves_the_node_to_be_built_and_the_run_failed(world: World) -> None:
    begin(world, IN_PLACE)
    world.edit("a", "2")
    held = started_to(world, "committed a")
    world.refuse_records("unique_id = ''")
    failed = world.finish(held)
    world.accept_records()

    assert isinstance(failed.result, RunResult)
    assert failed.result.status == "failed"
    world.edit("a", "1")
    assert world.to_build() == {"a", "b"}
    world.check_the_promise()


def test_what_came_after_a_build_has_read_its_parent_is_seen_by_the_next_run(world: World) -> None:
    begin(world)
    world.edit("a", "2")
    held = started_to(world, "committed a")
    world.tables.load()
    assert world.finish(held).is_success

    assert world.to_build() == {"a", "b", "d"}  # c is a view on b, into which rows are merely written
    world.check_the_promise()


def test_nobody_else_can_say_what_he_builds_while_a_run_says_it(world: World) -> None:
    begin(world)
    world.edit("a", "2")
    held = world.start()
    world.advance_to_statement(held, 'INTO "dbt_state_plugin".intent')

    if world.state_url:
        world.books.cursor().execute("PRAGMA busy_timeout = 200")
        with pytest.raises(SqliteError, match="locked"):
            world.execute("DELETE FROM dbt_state_plugin.intent")
    else:
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            world.execute("SET lock_timeout = '200ms'; LOCK TABLE dbt_state_plugin.intent IN ROW EXCLUSIVE MODE")
        world.execute("RESET lock_timeout")
    assert world.finish(held).is_success


def test_a_narrowed_run_leaves_what_is_due_due(world: World) -> None:
    begin(world)
    world.edit("a", "2")
    assert world.run(select=["a"]).is_success

    assert world.to_build() == {"b", "c", "d"}
    world.check_the_promise()


def test_what_two_targets_write_is_built_again_by_the_later_one(world: World) -> None:
    begin(world, targets=("dev", "prod"))
    world.edit("a", "2", target="prod")
    assert world.run("prod").is_success

    assert world.to_build("dev") == {"a", "b", "c", "d"}
    world.check_the_promise()


def test_a_relation_that_another_target_is_writing_is_not_planned_beside_it(world: World) -> None:
    begin(world, targets=("dev", "prod"))
    held = started_to(world, "starting b", "dev") if world.to_build("dev") else None
    assert held is not None

    refused = world.run("prod", force=True)

    assert isinstance(refused.result, BusyError)
    assert refused.built == []
    world.finish(held)
    world.check_the_promise()


def test_two_targets_that_planned_one_relation_at_the_same_time_do_not_both_write_it(world: World) -> None:
    begin(world, targets=("dev", "prod"))
    world.edit("a", "2", target="dev")
    world.edit("a", "3", target="prod")
    dev, prod = world.start("dev"), world.start("prod")
    while not (dev.is_over or prod.is_over):  # in step, up to what they say before dbt starts
        world.advance(dev, 1)
        world.advance(prod, 1)

    ended, other = (dev, prod) if dev.is_over else (prod, dev)
    assert isinstance(ended.run.result, BusyError)
    assert ended.run.built == []
    assert world.finish(other).is_success
    world.check_the_promise()


def test_the_state_itself_refuses_a_second_running_execution(world: World) -> None:
    begin(world)
    world.edit("a", "2")
    held = started_to(world, "starting b")

    with pytest.raises((psycopg2.errors.UniqueViolation, SqliteError), match=r"(?i)unique"):
        world.execute(
            "INSERT INTO dbt_state_plugin.execution (execution_id, environment_id, command, is_exclusive, caller,"
            " tool_version) SELECT gen_random_uuid(), environment_id, 'run', true, 'x', 'x'"
            " FROM dbt_state_plugin.execution WHERE status = 'running'"
        )
    assert world.finish(held).is_success


def test_old_executions_that_say_which_relation_is_in_doubt_are_not_pruned(world: World) -> None:
    begin(world, IN_PLACE)
    world.edit("a", "2")
    world.kill(started_to(world, "committed a"))
    world.edit("a", "1")
    world.run(select=["nothing"])
    world.prune()

    assert world.to_build() == {"a", "b"}
    world.check_the_promise()


def test_a_child_that_was_built_beside_an_unrecorded_parent_is_built_again(world: World) -> None:
    begin(world, IN_PLACE)
    world.edit("a", "2")
    held = started_to(world, "committed a")
    world.refuse_records("identifier <> 'a'")
    failed = world.finish(held)
    world.accept_records()

    assert failed.built == ["a", "b"]
    assert world.to_build() == {"a", "b"}
    world.check_the_promise()


def test_dbt_is_interrupted_when_the_run_has_lost_its_lock(world: World) -> None:
    begin(world)
    world.edit("a", "2")
    previous = signal.getsignal(signal.SIGINT)

    def at_point(run: Run, where: str) -> None:
        if where == "committed a":
            world.cut_run(run)
        if where == "starting b":  # the mark of `a` has failed, so that the signal is on its way
            raise AssertionError("dbt went on")

    run = world.new_run(at_point=at_point)
    run.carry_out()

    assert signal.getsignal(signal.SIGINT) is previous
    assert isinstance(run.result, LockLostError)
    assert run.built == ["a"]
    assert world.intents() == {"a", "b", "c", "d"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_ends_a_run_as_cancelled_and_keeps_what_was_recorded(world: World, number: signal.Signals) -> None:
    begin(world)
    world.edit("a", "2")

    def at_point(run: Run, where: str) -> None:
        if where == "starting b":
            signal.raise_signal(number)

    run = world.run(at_point=at_point)

    assert isinstance(run.result, InterruptedRun)
    assert run.result.exit_code == 128 + number
    assert world.statuses() == ["succeeded", "cancelled"]
    assert world.intents() == {"b", "c", "d"}
    world.check_the_promise()


def test_a_signal_at_any_statement_ends_a_run_and_loses_nothing(world: World) -> None:
    begin(world, IN_PLACE)
    world.edit("b", "2")
    points = world.run().points
    world.edit("b", "1")
    world.check_the_promise()
    for wanted in shared(range(1, points + 1), world):
        world.edit("b", "2")

        def at_point(run: Run, _where: str, wanted: int = wanted) -> None:
            if run.points == wanted:
                signal.raise_signal(signal.SIGTERM)

        run = world.run(at_point=at_point)
        assert run.points < wanted or isinstance(run.result, InterruptedRun), f"at point {wanted}: {run.result!r}"
        assert "running" not in world.statuses(), f"at point {wanted}"
        world.edit("b", "1")
        world.check_the_promise()


def test_a_state_that_is_lost_makes_everything_due(world: World) -> None:
    begin(world)
    world.execute("DELETE FROM dbt_state_plugin.relation")

    assert world.to_build() == {"a", "b", "c", "d"}
    world.check_the_promise()


def test_a_state_that_is_older_than_the_warehouse_makes_the_difference_due(world: World) -> None:
    begin(world)
    world.execute("CREATE TABLE dbt_state_plugin.copy AS SELECT * FROM dbt_state_plugin.relation")
    world.edit("a", "2")
    assert world.run().is_success
    world.execute(
        "DELETE FROM dbt_state_plugin.relation;"
        "INSERT INTO dbt_state_plugin.relation SELECT * FROM dbt_state_plugin.copy;"
        "DROP TABLE dbt_state_plugin.copy"
    )
    world.edit("a", "1")

    assert {"a", "c", "d"} <= world.to_build()
    world.check_the_promise()


def test_a_lost_connection_before_the_intents_ends_the_run_before_dbt_starts(world: World) -> None:
    begin(world)
    world.edit("a", "2")
    held = world.start()
    world.advance_until(held, lambda: world.statuses()[-1] == "running")
    world.cut(held)

    assert isinstance(world.finish(held).result, StateError)

    assert held.run.built == []
    world.check_the_promise()
