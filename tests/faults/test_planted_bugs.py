"""Protections switched off, each found by its named test.

With `DBT_STATE_PLUGIN_FAULTS=full` every test is played on every planted bug, and a table says which finds which.
"""

from __future__ import annotations

import inspect
import signal
from collections.abc import Callable, Iterator

import pytest
from support.database import fresh_database

from dbt_state_plugin.core.versions import drift
from dbt_state_plugin.testing.postgres_server import Server
from faults import planted_bugs as bugs
from faults import test_counterexamples, test_session
from faults import test_counterexamples as histories
from faults.conftest import state_folder
from faults.planted_bugs import PlantedBug
from faults.size import is_small
from faults.world import World

Test = Callable[[World], None]

FOUND_BY: dict[PlantedBug, Test] = {
    bugs.the_intents_are_written_only_when_a_node_is_done: (
        histories.test_an_edit_that_was_built_and_killed_before_its_mark_is_built_again_after_a_revert
    ),
    bugs.the_intents_of_a_dead_run_are_swept_away: (
        histories.test_an_edit_that_was_built_and_killed_before_its_mark_is_built_again_after_a_revert
    ),
    bugs.the_intents_are_written_one_by_one: (
        histories.test_a_run_that_is_killed_before_it_has_said_what_it_builds_leaves_nothing_to_build
    ),
    bugs.the_intents_are_written_without_a_lock_on_their_table: (
        histories.test_nobody_else_can_say_what_he_builds_while_a_run_says_it
    ),
    bugs.overlapping_plans_of_two_targets_are_let_through: (
        histories.test_two_targets_that_planned_one_relation_at_the_same_time_do_not_both_write_it
    ),
    bugs.the_lock_is_not_taken: histories.test_only_one_run_of_an_environment_goes_on_at_a_time,
    bugs.dead_runs_are_not_called_abandoned: (
        histories.test_what_a_killed_run_left_running_is_called_abandoned_by_the_next
    ),
    bugs.several_executions_may_be_running: histories.test_the_state_itself_refuses_a_second_running_execution,
    bugs.a_mark_goes_by_a_connection_of_its_own: histories.test_a_run_that_was_cut_off_records_nothing_more,
    bugs.a_mark_does_not_ask_whether_its_execution_still_runs: (
        histories.test_a_late_mark_is_refused_though_the_successor_was_killed_before_it_planned
    ),
    bugs.a_mark_does_not_ask_for_its_intent: (
        histories.test_a_run_whose_lock_went_while_its_connection_lives_is_refused_once_another_took_over
    ),
    bugs.a_mark_leaves_out_the_record_but_clears_the_intent: (
        histories.test_a_failed_build_is_built_again_though_the_edit_was_reverted
    ),
    bugs.a_failed_node_is_marked_too: histories.test_a_failed_build_is_built_again_though_the_edit_was_reverted,
    bugs.a_lost_lock_is_swallowed: histories.test_a_run_that_was_cut_off_records_nothing_more,
    bugs.dbt_is_not_cancelled_when_the_lock_is_lost: (histories.test_dbt_is_interrupted_when_the_run_has_lost_its_lock),
    bugs.dbt_does_not_ask_before_it_writes: (
        histories.test_a_run_that_was_cut_off_between_two_nodes_does_not_write_over_its_successor_in_place
    ),
    bugs.who_asks_before_he_writes_does_not_look_for_a_successor: (
        histories.test_a_run_whose_lock_went_does_not_write_over_its_successor_in_place
    ),
    bugs.a_run_succeeds_when_dbt_says_so: histories.test_a_node_that_dbt_does_not_report_is_not_taken_for_built,
    bugs.a_trace_says_what_is_there_after_the_build: (
        histories.test_what_came_after_a_build_has_read_its_parent_is_seen_by_the_next_run
    ),
    bugs.a_child_is_taken_to_have_seen_an_unrecorded_parent: (
        histories.test_a_mark_that_the_server_refuses_leaves_the_node_to_be_built_and_the_run_failed
    ),
    bugs.sigterm_and_sighup_end_the_process: histories.test_a_signal_at_any_statement_ends_a_run_and_loses_nothing,
    bugs.a_signal_leaves_a_transaction_open: histories.test_a_signal_at_any_statement_ends_a_run_and_loses_nothing,
    bugs.old_executions_are_pruned_though_they_say_what_is_in_doubt: (
        histories.test_old_executions_that_say_which_relation_is_in_doubt_are_not_pruned
    ),
    bugs.a_session_keeps_the_timeouts_of_its_role: (
        test_session.test_the_timeouts_of_a_role_do_not_end_what_a_run_does
    ),
}


def all_tests() -> list[Test]:
    """Return every test that takes a world and nothing else."""
    found = [*vars(test_counterexamples).values(), *vars(test_session).values()]
    return [
        test
        for test in found
        if inspect.isfunction(test)
        and test.__name__.startswith("test_")
        and list(inspect.signature(test).parameters) == ["world"]
    ]


@pytest.fixture(autouse=True)
def fatal_signals() -> Iterator[None]:
    """Let a signal that the tool does not handle fail the test and not end pytest."""

    def on_signal(number: int, _frame: object) -> None:
        raise AssertionError(f"{signal.Signals(number).name} would have ended the process")

    previous = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in previous.items():
        signal.signal(number, handler)


def fails(test: Test, bug: PlantedBug, server: Server, kind: str = "postgres") -> bool:
    """Return whether a test fails where the protection is switched off.

    That rows were written in place shows in the server's counters, too, a second net below most protections, which is
    taken away as well.
    """
    with fresh_database(server) as database, pytest.MonkeyPatch.context() as patch, state_folder() as folder:
        world = World(database.url, folder / "state.sqlite" if kind == "sqlite" else None)
        world.plays_all_points = True  # a planted bug shows at few of them
        patch.setattr(drift, "has_other_rows", lambda _record, _touched: False)
        bug(patch, world)
        try:
            test(world)
        except BaseException as error:
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                raise
            return True
        finally:
            world.end()
    return False


def test_every_planted_bug_is_listed_here() -> None:
    own = {
        bug
        for bug in vars(bugs).values()
        if inspect.isfunction(bug) and bug.__module__ == bugs.__name__ and not bug.__name__.startswith("_")
    }
    assert set(FOUND_BY) == own


def nothing(_patch: pytest.MonkeyPatch, _world: World) -> None:
    """Switch off no protection."""


# All of them pass with every protection in test_counterexamples.py; here some show that so do they in this harness.
@pytest.mark.parametrize(
    "test", list(dict.fromkeys(FOUND_BY.values()))[::3] if is_small() else all_tests(), ids=lambda test: test.__name__
)
def test_a_test_passes_where_nothing_is_switched_off(test: Test, postgres_server: Server) -> None:
    assert not fails(test, nothing, postgres_server), "then it could not tell what a planted bug changes"


# One process at a time writes a file, its lock is the process's and not the connection's, and there are no roles.
NOT_IN_A_FILE = {
    bugs.a_mark_goes_by_a_connection_of_its_own,
    bugs.the_intents_are_written_without_a_lock_on_their_table,
    bugs.a_session_keeps_the_timeouts_of_its_role,
}
# What switches these off is another statement there.
IN_OTHER_WORDS = {
    bugs.the_intents_are_written_one_by_one,
    bugs.the_lock_is_not_taken,
    bugs.several_executions_may_be_running,
    bugs.a_mark_does_not_ask_whether_its_execution_still_runs,
    bugs.a_mark_does_not_ask_for_its_intent,
    bugs.a_mark_leaves_out_the_record_but_clears_the_intent,
    bugs.old_executions_are_pruned_though_they_say_what_is_in_doubt,
}


def played() -> list[tuple[PlantedBug, str]]:
    """Return each bug on each kind of state where it can be."""
    in_files = [bug for bug in FOUND_BY if bug not in NOT_IN_A_FILE and (not is_small() or bug in IN_OTHER_WORDS)]
    return [*((bug, "postgres") for bug in FOUND_BY), *((bug, "sqlite") for bug in in_files)]


@pytest.mark.parametrize(("bug", "kind"), played(), ids=lambda value: getattr(value, "__name__", value))
def test_a_protection_that_is_switched_off_is_found(bug: PlantedBug, kind: str, postgres_server: Server) -> None:
    named = FOUND_BY[bug]
    finders = [named] if is_small() or kind == "sqlite" else all_tests()

    found = [test.__name__ for test in finders if fails(test, bug, postgres_server, kind)]

    print(f"| {bug.__name__} | {kind} | {len(found)} of {len(finders)} | {named.__name__} |")
    assert named.__name__ in found
