"""Planted bugs: the tool without one of its protections.

Each function switches one protection off. They reach into the package on purpose: a name that moves is an error here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg2
import pytest

from dbt_state_plugin.core.decision.seen_versions import relation_versions
from dbt_state_plugin.core.values.results import NodeOutcome
from dbt_state_plugin.operations import signals
from dbt_state_plugin.operations.options import RunOptions
from dbt_state_plugin.operations.planning.inputs import seen_now
from dbt_state_plugin.operations.running import build_recorder as marking
from dbt_state_plugin.operations.running import building, run
from dbt_state_plugin.operations.running.build_recorder import BuildRecorder
from dbt_state_plugin.operations.signals import Stop
from dbt_state_plugin.postgres import connection
from dbt_state_plugin.state import builds, executions, intents, retention, state
from dbt_state_plugin.state.builds import record_build
from dbt_state_plugin.state.dialect import ByDialect
from dbt_state_plugin.state.intents import PlannedNode, open_intents
from dbt_state_plugin.warehouse.postgres.warehouse import PostgresWarehouse
from faults.world import World

PlantedBug = Callable[[pytest.MonkeyPatch, World], None]


def _without(patch: pytest.MonkeyPatch, module: Any, name: str, text: str, instead: str = "") -> None:
    """Take a piece out of a statement, in the words of each dialect that have it."""
    statement = getattr(module, name)
    assert text in _words(statement), f"{module.__name__}.{name} does not hold {text!r} any more"

    def without(words: Any) -> Any:
        return words.replace(text, instead) if isinstance(words, str) else tuple(map(without, words))

    if isinstance(statement, ByDialect):
        changed = replace(statement, postgres=without(statement.postgres), sqlite=without(statement.sqlite))
        patch.setattr(module, name, changed)
    else:
        patch.setattr(module, name, without(statement))


def _words(statement: Any) -> str:
    if isinstance(statement, ByDialect):
        return statement.postgres + _words(statement.sqlite)
    return statement if isinstance(statement, str) else "".join(statement)


def the_intents_are_written_only_when_a_node_is_done(patch: pytest.MonkeyPatch, world: World) -> None:
    def late(state: Any, build: Any) -> Any:
        open_intents(state, build.execution_id, [PlannedNode(key=build.key, entry=build.entry)], store_code=False)
        return record_build(state, build)

    patch.setattr(building, "open_intents", lambda *_arguments, **_names: None)
    patch.setattr(marking, "record_build", late)


def the_intents_of_a_dead_run_are_swept_away(patch: pytest.MonkeyPatch, world: World) -> None:
    patch.setattr(executions, "_ABANDON_STEPS", "DELETE FROM {state}.intent WHERE %s > 0")


def the_intents_are_written_one_by_one(patch: pytest.MonkeyPatch, world: World) -> None:
    @contextmanager
    def no_transaction(opened: Any) -> Iterator[Any]:
        with opened.cursor() as cursor:
            yield cursor

    patch.setattr(intents, "transaction", no_transaction)
    _skip_statement(patch, "LOCK TABLE {state}.intent IN SHARE ROW EXCLUSIVE MODE")


def the_intents_are_written_without_a_lock_on_their_table(patch: pytest.MonkeyPatch, world: World) -> None:
    _skip_statement(patch, "LOCK TABLE {state}.intent IN SHARE ROW EXCLUSIVE MODE")


def _skip_statement(patch: pytest.MonkeyPatch, skipped: str) -> None:
    compose = state.compose

    def composed(opened: Any, text: Any, schema: str) -> Any:
        return compose(opened, "SELECT 1" if text == skipped else text, schema)

    patch.setattr(state, "compose", composed)


def overlapping_plans_of_two_targets_are_let_through(patch: pytest.MonkeyPatch, world: World) -> None:
    patch.setattr(intents, "_refuse_overlap", lambda *_arguments: None)


def the_lock_is_not_taken(patch: pytest.MonkeyPatch, world: World) -> None:
    patch.setattr(run, "lock_environment", lambda *_arguments, **_names: None)


def dead_runs_are_not_called_abandoned(patch: pytest.MonkeyPatch, world: World) -> None:
    _without(patch, executions, "_ABANDON", "AND is_exclusive", "AND false")


def several_executions_may_be_running(patch: pytest.MonkeyPatch, world: World) -> None:
    world.execute("DROP INDEX dbt_state_plugin.execution_one_running")


def a_mark_goes_by_a_connection_of_its_own(patch: pytest.MonkeyPatch, world: World) -> None:
    def elsewhere(state: Any, build: Any) -> Any:
        other = psycopg2.connect(world.url)
        other.autocommit = True
        try:
            return record_build(replace(state, connection=other), build)
        finally:
            other.close()

    patch.setattr(marking, "record_build", elsewhere)


def a_mark_does_not_ask_whether_its_execution_still_runs(patch: pytest.MonkeyPatch, world: World) -> None:
    for name in ("_BUILD_IN_POSTGRES", "_IN_SQLITE"):
        _without(patch, builds, name, " AND x.status = 'running'")


def a_mark_does_not_ask_for_its_intent(patch: pytest.MonkeyPatch, world: World) -> None:
    _without(
        patch,
        builds,
        "_RECORD_IN_POSTGRES",
        "FROM mine LEFT JOIN here ON true",
        "FROM (SELECT 1) AS any_ LEFT JOIN here ON true",
    )
    _without(patch, builds, "_IN_SQLITE", builds.MINE, "true")


def a_mark_leaves_out_the_record_but_clears_the_intent(patch: pytest.MonkeyPatch, world: World) -> None:
    for name in ("_ANEW", "_IN_SQLITE"):
        _without(patch, builds, name, "fingerprint = excluded.fingerprint, trace = excluded.trace,", "")


def a_failed_node_is_marked_too(patch: pytest.MonkeyPatch, world: World) -> None:
    patch.setattr(NodeOutcome, "is_success", property(lambda _outcome: True))


def a_lost_lock_is_swallowed(patch: pytest.MonkeyPatch, world: World) -> None:
    patch.setattr(BuildRecorder, "_lose", lambda *_arguments: None)


def dbt_is_not_cancelled_when_the_lock_is_lost(patch: pytest.MonkeyPatch, world: World) -> None:
    patch.setattr(Stop, "interrupt", lambda _stop: None)


def dbt_does_not_ask_before_it_writes(patch: pytest.MonkeyPatch, world: World) -> None:
    patch.setattr(BuildRecorder, "refusal", lambda _marker: "")


def who_asks_before_he_writes_does_not_look_for_a_successor(patch: pytest.MonkeyPatch, world: World) -> None:
    _without(patch, builds, "_STILL_RUNNING", " AND status = 'running'")


def a_run_succeeds_when_dbt_says_so(patch: pytest.MonkeyPatch, world: World) -> None:
    result = building._Run._result

    def succeeded(run: Any, *arguments: Any) -> Any:
        return replace(result(run, *arguments), status="succeeded")

    patch.setattr(building._Run, "_result", succeeded)


def a_trace_says_what_is_there_after_the_build(patch: pytest.MonkeyPatch, world: World) -> None:
    trace_of = BuildRecorder._trace_of

    def afterwards(recorder: Any, *given: Any) -> Any:
        session = replace(recorder._session, warehouse=PostgresWarehouse(world.admin))
        project = recorder._project
        recorder._data.before = relation_versions(project, *seen_now(session, project, RunOptions()))
        return trace_of(recorder, *given)

    patch.setattr(BuildRecorder, "_trace_of", afterwards)


def a_child_is_taken_to_have_seen_an_unrecorded_parent(patch: pytest.MonkeyPatch, world: World) -> None:
    attempt = BuildRecorder._attempt

    def seen(recorder: Any, entry: Any, outcome: Any, left: Any) -> None:
        attempt(recorder, entry, outcome, left)
        recorder.unrecorded.pop(outcome.unique_id, None)
        recorder._marked.add(outcome.unique_id)

    patch.setattr(BuildRecorder, "_attempt", seen)


def sigterm_and_sighup_end_the_process(patch: pytest.MonkeyPatch, world: World) -> None:
    patch.setattr(signals, "_STOPPING", signals._STOPPING[:1])


def a_signal_leaves_a_transaction_open(patch: pytest.MonkeyPatch, world: World) -> None:
    @contextmanager
    def left_open(opened: Any) -> Iterator[Any]:
        with opened.cursor() as cursor:
            cursor.execute("BEGIN")
            yield cursor
            cursor.execute("COMMIT")

    for module in (executions, intents):
        patch.setattr(module, "transaction", left_open)


def old_executions_are_pruned_though_they_say_what_is_in_doubt(patch: pytest.MonkeyPatch, world: World) -> None:
    _without(
        patch,
        retention,
        "_OUTDATED",
        "AND NOT EXISTS (SELECT 1 FROM {state}.intent i WHERE i.execution_id = x.execution_id)",
    )
    if world.state_file:
        world.execute("PRAGMA dbt_state_plugin.foreign_keys = OFF")
        return
    world.execute(
        "ALTER TABLE dbt_state_plugin.intent DROP CONSTRAINT intent_execution_id_fkey,"
        " ADD FOREIGN KEY (execution_id) REFERENCES dbt_state_plugin.execution ON DELETE CASCADE"
    )


def a_session_keeps_the_timeouts_of_its_role(patch: pytest.MonkeyPatch, world: World) -> None:
    patch.setattr(connection, "_SESSION", "SELECT 1")
