"""Books of scripts: executions and steps that overlap and end once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from uuid import UUID, uuid4

import pytest
from psycopg2 import sql
from support.database import Database
from support.hostile_names import hostile_names
from support.recording import begun

from dbt_state_plugin.core.values.relations import Environment
from dbt_state_plugin.errors import NotFoundError, PluginError, StateError, UsageError
from dbt_state_plugin.state.bookkeeping import (
    Comparison,
    compare_steps,
    complete_execution,
    complete_step,
    completion_time,
    fail_execution,
    last_successful_execution,
    start_execution,
    start_step,
)
from dbt_state_plugin.state.executions import NewExecution, finish_execution, read_execution, read_history
from dbt_state_plugin.state.recorded_steps import record_apart
from dbt_state_plugin.state.relations import server_time
from dbt_state_plugin.state.state import State, open_state

USES_OF_AN_EXECUTION: list[Callable[[State, UUID], object]] = [
    completion_time,
    complete_execution,
    fail_execution,
    lambda state, execution_id: start_step(state, execution_id, "LOAD", kind="file", checksums={"a": "1"}),
]
NAMES_OF_USES = ["completion_time", "complete_execution", "fail_execution", "start_step"]
CHANGES, NAMES_OF_CHANGES = USES_OF_AN_EXECUTION[1:], NAMES_OF_USES[1:]


@pytest.fixture
def nightly(state: State) -> State:
    """Open the books of a pipeline without a dbt project, on the same connection."""
    return open_state(state.connection, state.schema, Environment(pipeline="nightly"))


def started(state: State, execution_id: UUID | None = None) -> UUID:
    execution_id = execution_id or uuid4()
    start_execution(state, execution_id, host="here", tool_version="0.1.0", meltano_run_id="m1")
    return execution_id


def step_of(state: State, execution_id: UUID, name: str = "LOAD", kind: str = "file", **checksums: str) -> UUID:
    return start_step(state, execution_id, name, kind=kind, checksums=checksums)


def covered(state: State, name: str = "LOAD", kind: str = "file", **checksums: str) -> tuple[UUID, UUID]:
    """Record an execution that succeeded with such a step; return both ids."""
    execution_id = started(state)
    step_id = step_of(state, execution_id, name, kind, **checksums)
    complete_step(state, step_id, rows_processed=None)
    complete_execution(state, execution_id)
    return execution_id, step_id


def status_of(state: State, execution_id: UUID) -> str:
    return read_execution(state, str(execution_id)).status


def steps_of(state: State, execution_id: UUID) -> list[tuple[str, str, int | None]]:
    found = read_execution(state, str(execution_id)).steps
    return [(step.name, step.status, step.rows_processed) for step in found]


def test_an_execution_starts_with_what_is_known_of_it_and_without_a_lock(state: State) -> None:
    running, other = begun(state), started(state)
    before = server_time(state)

    execution_id = started(state)

    found = read_execution(state, str(execution_id))
    said = (found.command, found.caller, found.host, found.tool_version, found.meltano_run_id)
    assert said == ("init-execution", "script", "here", "0.1.0", "m1")
    assert before <= found.started_at <= server_time(state)
    assert (found.status, found.finished_at, found.steps) == ("running", None, ())
    assert [status_of(state, each) for each in (running, other)] == ["running", "running"]
    exclusive = state.rows("SELECT execution_id::text FROM {state}.execution WHERE is_exclusive")
    assert exclusive == [(str(running),)]


def test_an_id_that_is_in_use_is_refused_in_every_environment(state: State, nightly: State) -> None:
    execution_id = started(state)

    for each in (state, nightly):
        with pytest.raises(UsageError, match=f"{execution_id} is recorded already"):
            started(each, execution_id)

    assert len(read_history(state, limit=9)) == 1
    assert read_history(nightly, limit=9) == ()


def test_nothing_has_succeeded_before_the_first_success(state: State, nightly: State) -> None:
    started(state)
    fail_execution(state, started(state))
    finish_execution(state, begun(state), status="cancelled")
    covered(nightly)

    assert last_successful_execution(state) is None


def test_the_last_successful_execution_is_the_one_that_ended_last_whoever_recorded_it(
    state: State, nightly: State
) -> None:
    script, theirs = started(state), started(nightly)
    run = begun(state)
    finish_execution(state, run, status="succeeded")
    assert last_successful_execution(state) == run

    complete_execution(state, script)
    complete_execution(nightly, theirs)

    assert last_successful_execution(state) == script


def test_of_two_that_ended_at_once_the_one_that_started_later_is_the_last(state: State) -> None:
    later, earlier = (covered(state)[0] for _ in range(2))
    state.execute("UPDATE {state}.execution SET finished_at = clock_timestamp() + interval '1 day'")
    state.execute("UPDATE {state}.execution SET finished_at = (SELECT max(finished_at) FROM {state}.execution)")
    state.execute(
        "UPDATE {state}.execution SET started_at = started_at - interval '1 day' WHERE execution_id = %s",
        (str(earlier),),
    )

    assert last_successful_execution(state) == later


def test_a_note_about_bookmarks_is_no_success_of_the_pipeline(state: State) -> None:
    execution_id, _ = covered(state)
    note = NewExecution(
        execution_id=uuid4(), command="load-plan", caller="", host="", process_id=1, tool_version="0.1.0"
    )

    record_apart(state, note, "RELOAD", {}, ())

    assert last_successful_execution(state) == execution_id


def test_the_time_of_completion_is_that_of_the_success(state: State) -> None:
    execution_id = started(state)
    before = server_time(state)
    complete_execution(state, execution_id)

    found = completion_time(state, execution_id)

    assert before <= found <= server_time(state)
    assert found == read_execution(state, str(execution_id)).finished_at


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("running", "is still running"),
        ("failed", "was not completed: it failed at 20"),
        ("cancelled", "was not completed: it was cancelled at 20"),
        ("abandoned", "was not completed: it was abandoned at 20"),
    ],
)
def test_what_was_not_completed_has_no_time_of_completion(state: State, status: str, words: str) -> None:
    execution_id = begun(state)
    if status != "running":
        finish_execution(state, execution_id, status=status)

    with pytest.raises(UsageError, match=f"Execution {execution_id} {words}"):
        completion_time(state, execution_id)


@pytest.mark.parametrize("use", USES_OF_AN_EXECUTION, ids=NAMES_OF_USES)
def test_an_execution_that_is_not_recorded_is_not_found(state: State, use: Callable[[State, UUID], object]) -> None:
    with pytest.raises(NotFoundError, match="is not recorded"):
        use(state, uuid4())


@pytest.mark.parametrize("use", USES_OF_AN_EXECUTION, ids=NAMES_OF_USES)
def test_an_execution_of_another_environment_is_not_touched_and_said_to_be_theirs(
    state: State, nightly: State, use: Callable[[State, UUID], object]
) -> None:
    execution_id = started(nightly)

    with pytest.raises(NotFoundError, match=r"belongs to pipeline nightly, not to shop/dev \(db.main\)") as caught:
        use(state, execution_id)

    assert "--pipeline" in caught.value.do
    assert (status_of(nightly, execution_id), steps_of(nightly, execution_id)) == ("running", [])


@pytest.mark.parametrize("use", CHANGES, ids=NAMES_OF_CHANGES)
def test_a_script_does_not_change_what_a_run_has_recorded(state: State, use: Callable[[State, UUID], object]) -> None:
    execution_id = begun(state, "build")

    with pytest.raises(UsageError, match="was recorded by `build`, which keeps its own books"):
        use(state, execution_id)

    assert (status_of(state, execution_id), steps_of(state, execution_id)) == ("running", [])


@pytest.mark.parametrize("use", CHANGES, ids=NAMES_OF_CHANGES)
@pytest.mark.parametrize("end", [complete_execution, fail_execution])
def test_an_execution_that_has_ended_stays_as_it_ended(
    state: State, end: Callable[[State, UUID], None], use: Callable[[State, UUID], object]
) -> None:
    execution_id = started(state)
    end(state, execution_id)
    before = read_execution(state, str(execution_id))

    with pytest.raises(UsageError, match=f"has ended: it {before.status} at 20"):
        use(state, execution_id)

    assert read_execution(state, str(execution_id)) == before
    assert state.rows("SELECT 1 FROM {state}.checksum_set") == []


def test_a_step_starts_with_the_checksums_that_it_covers(state: State) -> None:
    execution_id = started(state)
    before = server_time(state)

    step_id = step_of(state, execution_id, kind="manifest", a="1", b="2")

    (step,) = read_execution(state, str(execution_id)).steps
    assert (step.step_id, step.name, step.status, step.finished_at) == (step_id, "LOAD", "running", None)
    assert before <= step.started_at <= server_time(state)
    assert state.rows(
        "SELECT kind, c.name, checksum FROM {state}.execution_step JOIN {state}.checksum_set USING (checksum_set_id)"
        " JOIN {state}.checksum c USING (checksum_set_id) ORDER BY c.name"
    ) == [("manifest", "a", "1"), ("manifest", "b", "2")]


def test_steps_of_any_name_cover_things_of_any_name(state: State) -> None:
    names = hostile_names()
    execution_id = started(state)

    for name in names[:20]:
        start_step(state, execution_id, name, kind="file", checksums=dict.fromkeys(names, name))

    assert {name for name, _, _ in steps_of(state, execution_id)} == set(names[:20])
    assert state.rows("SELECT count(*), count(DISTINCT name) FROM {state}.checksum") == [(20 * len(names), len(names))]


def test_a_step_is_started_once_in_an_execution_and_again_in_the_next(state: State) -> None:
    first, second = started(state), started(state)
    step_of(state, first, a="1")

    with pytest.raises(UsageError, match=f"Execution {first} has a step LOAD already"):
        step_of(state, first, b="2")

    assert state.rows("SELECT name FROM {state}.checksum") == [("a",)]
    step_of(state, first, "TRANSFORM")
    step_of(state, second)
    assert [len(steps_of(state, each)) for each in (first, second)] == [2, 1]


@pytest.mark.parametrize(("name", "kind"), [("", "file"), ("LOAD", "folder")])
def test_a_step_that_the_state_does_not_take_is_an_error_of_the_state(state: State, name: str, kind: str) -> None:
    execution_id = started(state)

    with pytest.raises(StateError, match="Cannot write the state"):
        step_of(state, execution_id, name, kind, a="1")

    assert (steps_of(state, execution_id), state.rows("SELECT 1 FROM {state}.checksum_set")) == ([], [])


def test_a_step_is_compared_with_the_step_of_its_name_in_the_earlier_execution(state: State) -> None:
    earlier = started(state)
    for step_id in (
        step_of(state, earlier, same="1", other="1", gone="1"),
        step_of(state, earlier, "TRANSFORM", same="1", other="2", new="1"),
    ):
        complete_step(state, step_id, rows_processed=None)
    complete_execution(state, earlier)
    covered(state, gone="1")

    found = compare_steps(state, step_of(state, started(state), same="1", other="2", new="1"), earlier)

    assert found == Comparison(changed=("new", "other"), removed=("gone",))


@pytest.mark.parametrize(("checksums", "changed"), [({"a": "1", "b": "2"}, ("a", "b")), ({}, ())])
def test_without_an_earlier_execution_everything_is_changed(
    state: State, checksums: dict[str, str], changed: tuple[str, ...]
) -> None:
    covered(state, **checksums)

    found = compare_steps(state, step_of(state, started(state), **checksums), None)

    assert found == Comparison(changed=changed, removed=())


def test_a_step_that_has_ended_is_compared_all_the_same(state: State) -> None:
    earlier, _ = covered(state, a="1")
    _, step_id = covered(state, a="2")

    assert compare_steps(state, step_id, earlier) == Comparison(changed=("a",), removed=())


def test_an_earlier_execution_without_the_step_leaves_everything_changed_and_says_so(state: State) -> None:
    earlier, _ = covered(state, "TRANSFORM", a="1")

    found = compare_steps(state, step_of(state, started(state), a="1"), earlier)

    assert (found.changed, found.removed) == (("a",), ())
    assert found.doubt == f"Execution {earlier} has no step LOAD, so everything counts as changed."


@pytest.mark.parametrize("status", ["running", "failed", "cancelled", "abandoned"])
def test_an_earlier_execution_that_did_not_succeed_is_compared_with_a_doubt(state: State, status: str) -> None:
    earlier = started(state)
    step_of(state, earlier, a="1")
    if status != "running":
        finish_execution(state, earlier, status=status)

    found = compare_steps(state, step_of(state, started(state), a="1", b="1"), earlier)

    assert (found.changed, found.removed) == (("b",), ())
    assert found.doubt.startswith(f"Execution {earlier} did not succeed; it is {status}.")


def test_checksums_of_another_kind_are_all_changed(state: State) -> None:
    earlier, _ = covered(state, kind="manifest", a="1", gone="1")

    assert compare_steps(state, step_of(state, started(state), a="1"), earlier) == Comparison(
        changed=("a",), removed=("gone",)
    )


def test_a_step_is_not_compared_with_its_own_execution(state: State) -> None:
    execution_id = started(state)
    step_id = step_of(state, execution_id, a="1")

    with pytest.raises(UsageError, match=f"The step LOAD belongs to execution {execution_id} itself"):
        compare_steps(state, step_id, execution_id)


def test_a_step_without_checksums_is_not_compared(state: State) -> None:
    earlier, step_id = covered(state, a="1")
    state.execute("UPDATE {state}.execution_step SET checksum_set_id = NULL")

    with pytest.raises(UsageError, match="The step LOAD covers no checksums"):
        compare_steps(state, step_id, earlier)


def test_an_earlier_execution_that_is_not_recorded_or_not_ours_is_no_baseline(state: State, nightly: State) -> None:
    step_id = step_of(state, started(state), a="1")
    theirs, _ = covered(nightly, a="1")

    with pytest.raises(NotFoundError, match="is not recorded"):
        compare_steps(state, step_id, uuid4())
    with pytest.raises(NotFoundError, match="belongs to pipeline nightly"):
        compare_steps(state, step_id, theirs)


def compared(state: State, step_id: UUID) -> object:
    return compare_steps(state, step_id, None)


def completed(state: State, step_id: UUID) -> object:
    return complete_step(state, step_id, rows_processed=1)


@pytest.mark.parametrize("use", [compared, completed])
def test_a_step_that_is_not_recorded_or_not_ours_is_not_found(
    state: State, nightly: State, use: Callable[[State, UUID], object]
) -> None:
    execution_id = started(nightly)
    theirs = step_of(nightly, execution_id, a="1")

    with pytest.raises(NotFoundError, match=r"Step .* is not recorded"):
        use(state, uuid4())
    with pytest.raises(NotFoundError, match="belongs to pipeline nightly"):
        use(state, theirs)

    assert steps_of(nightly, execution_id) == [("LOAD", "running", None)]


@pytest.mark.parametrize("rows", [None, 0, 2**63 - 1])
def test_a_step_is_completed_with_its_rows_and_leaves_the_others_running(state: State, rows: int | None) -> None:
    execution_id, other = started(state), started(state)
    step_id = step_of(state, execution_id)
    step_of(state, execution_id, "TRANSFORM")
    step_of(state, other)
    before = server_time(state)

    ended = complete_step(state, step_id, rows_processed=rows)

    assert (ended.name, ended.rows_processed) == ("LOAD", rows)

    assert steps_of(state, execution_id) == [("LOAD", "succeeded", rows), ("TRANSFORM", "running", None)]
    assert steps_of(state, other) == [("LOAD", "running", None)]
    finished_at = read_execution(state, str(execution_id)).steps[0].finished_at
    assert finished_at is not None
    assert before <= finished_at <= server_time(state)


@pytest.mark.parametrize("rows", [-1, 2**63])
def test_a_number_of_rows_that_there_cannot_be_leaves_the_step_running(state: State, rows: int) -> None:
    execution_id = started(state)
    step_id = step_of(state, execution_id)

    with pytest.raises(StateError, match="Cannot write the state"):
        complete_step(state, step_id, rows_processed=rows)

    assert steps_of(state, execution_id) == [("LOAD", "running", None)]


def test_a_step_is_completed_once(state: State) -> None:
    execution_id = started(state)
    step_id = step_of(state, execution_id)
    complete_step(state, step_id, rows_processed=1)

    with pytest.raises(UsageError, match="The step LOAD has ended: it succeeded at 20"):
        complete_step(state, step_id, rows_processed=2)

    assert steps_of(state, execution_id) == [("LOAD", "succeeded", 1)]


def test_a_step_of_a_run_is_not_completed_by_a_script(state: State) -> None:
    execution_id = begun(state)
    state.execute(
        "INSERT INTO {state}.execution_step (step_id, execution_id, name) VALUES (gen_random_uuid(), %s, 'dbt')",
        (str(execution_id),),
    )
    (step,) = read_execution(state, str(execution_id)).steps

    with pytest.raises(UsageError, match="keeps its own books"):
        complete_step(state, step.step_id, rows_processed=1)

    assert steps_of(state, execution_id) == [("dbt", "running", None)]


def test_an_execution_is_completed_alone(state: State) -> None:
    execution_id, other = started(state), started(state)
    step_of(state, other)

    complete_execution(state, execution_id)

    assert [status_of(state, each) for each in (execution_id, other)] == ["succeeded", "running"]


def test_an_execution_with_steps_that_run_is_not_completed_and_they_are_named_in_their_order(state: State) -> None:
    execution_id = started(state)
    done = step_of(state, execution_id, "done")
    for name in ("b", "a"):
        step_of(state, execution_id, name)
    complete_step(state, done, rows_processed=None)

    with pytest.raises(UsageError, match=r"has steps that are not completed: b, a\."):
        complete_execution(state, execution_id)

    assert status_of(state, execution_id) == "running"


def test_an_execution_fails_with_the_steps_that_run_and_with_no_others(state: State) -> None:
    execution_id, other = started(state), started(state)
    complete_step(state, step_of(state, execution_id, "done"), rows_processed=7)
    step_of(state, execution_id)
    step_of(state, other)

    fail_execution(state, execution_id)

    assert steps_of(state, execution_id) == [("done", "succeeded", 7), ("LOAD", "failed", None)]
    assert [status_of(state, each) for each in (execution_id, other)] == ["failed", "running"]
    assert steps_of(state, other) == [("LOAD", "running", None)]
    found = read_execution(state, str(execution_id))
    assert found.finished_at is not None
    assert found.steps[1].finished_at is not None


def test_a_clock_that_was_set_back_ends_nothing_before_it_began(state: State) -> None:
    succeeded, failed = started(state), started(state)
    steps = [step_of(state, each) for each in (succeeded, failed)]
    for table in ("execution", "execution_step"):
        state.execute(f"UPDATE {{state}}.{table} SET started_at = started_at + interval '1 hour'")

    complete_step(state, steps[0], rows_processed=None)
    complete_execution(state, succeeded)
    fail_execution(state, failed)

    for each in (succeeded, failed):
        found = read_execution(state, str(each))
        assert (found.finished_at, found.steps[0].finished_at) == (found.started_at, found.steps[0].started_at)


def outcome(work: Callable[[], object]) -> str:
    try:
        work()
    except PluginError as error:
        return error.what
    return ""


def test_of_two_that_end_an_execution_at_once_one_is_told_that_it_has_ended(
    copied: Database, state: State, second: State
) -> None:
    execution_id = started(state)
    with ThreadPoolExecutor() as pool, closing(copied.connect()) as holder:
        holder.cursor().execute("BEGIN")
        holder.cursor().execute(state.statement("LOCK TABLE {state}.execution_step IN ACCESS EXCLUSIVE MODE"))
        ends = [
            pool.submit(outcome, lambda: complete_execution(state, execution_id)),
            pool.submit(outcome, lambda: fail_execution(second, execution_id)),
        ]
        for each in (state, second):
            copied.wait_until_blocked(each.connection.info.backend_pid)

        holder.cursor().execute("COMMIT")

        said = sorted(each.result() for each in ends)
    assert said[0] == ""
    assert f"it {status_of(state, execution_id)} at" in said[1]


def test_an_execution_to_which_a_step_is_just_added_is_not_completed(
    copied: Database, state: State, second: State
) -> None:
    execution_id = started(state)
    with ThreadPoolExecutor() as pool, closing(copied.connect()) as holder:
        holder.cursor().execute("BEGIN")
        holder.cursor().execute(state.statement("LOCK TABLE {state}.checksum_set IN ACCESS EXCLUSIVE MODE"))
        starting = pool.submit(step_of, state, execution_id, a="1")
        copied.wait_until_blocked(state.connection.info.backend_pid)
        completing = pool.submit(outcome, lambda: complete_execution(second, execution_id))
        copied.wait_until_blocked(second.connection.info.backend_pid)

        holder.cursor().execute("COMMIT")

        starting.result()
        assert "has steps that are not completed: LOAD" in completing.result()
    assert status_of(state, execution_id) == "running"


def test_of_two_that_start_steps_of_one_name_at_once_one_is_refused(
    copied: Database, state: State, second: State
) -> None:
    execution_id = started(state)
    with ThreadPoolExecutor() as pool, closing(copied.connect()) as holder:
        holder.cursor().execute("BEGIN")
        holder.cursor().execute(state.statement("LOCK TABLE {state}.checksum_set IN ACCESS EXCLUSIVE MODE"))
        starting = pool.submit(step_of, state, execution_id, a="1")
        copied.wait_until_blocked(state.connection.info.backend_pid)
        refused = pool.submit(outcome, lambda: step_of(second, execution_id, a="2"))
        copied.wait_until_blocked(second.connection.info.backend_pid)

        holder.cursor().execute("COMMIT")

        starting.result()
        assert "has a step LOAD already" in refused.result()
    assert steps_of(state, execution_id) == [("LOAD", "running", None)]


def test_of_two_that_complete_a_step_at_once_one_is_told_that_it_has_ended(
    copied: Database, state: State, second: State
) -> None:
    execution_id = started(state)
    step_id = step_of(state, execution_id)
    row = sql.SQL("SELECT 1 FROM {}.execution_step FOR UPDATE").format(sql.Identifier(state.schema))
    with ThreadPoolExecutor() as pool, closing(copied.connect()) as holder:
        holder.cursor().execute("BEGIN")
        holder.cursor().execute(row)
        ends = [pool.submit(outcome, partial(completed, each, step_id)) for each in (state, second)]
        for each in (state, second):
            copied.wait_until_blocked(each.connection.info.backend_pid)

        holder.cursor().execute("COMMIT")

        said = sorted(each.result() for each in ends)
    assert said[0] == ""
    assert said[1].startswith("The step LOAD has ended: it succeeded at")
