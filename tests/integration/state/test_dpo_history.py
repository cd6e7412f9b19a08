"""Histories of DPO in each layout, read and taken over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from uuid import UUID, uuid5

import pytest
from support.database import Database
from support.dpo_tables import EXECUTION, MODEL, STEP, STEPS_AND_MODELS, TYPES

from dbt_state_plugin.errors import StateError
from dbt_state_plugin.postgres.settings import DatabaseSettings
from dbt_state_plugin.state import dpo_history
from dbt_state_plugin.state.connection import connect
from dbt_state_plugin.state.dpo_history import DpoHistory, opened_history
from dbt_state_plugin.state.imported_executions import Imported, import_executions
from dbt_state_plugin.state.state import State

COMPLETED, RUNNING, LOAD, TRANSFORM = (UUID(int=number) for number in (1, 2, 11, 12))


def at(hour: int) -> datetime:
    return datetime(2019, 10, 11, hour, tzinfo=timezone.utc)


@contextmanager
def history_of(database: Database) -> Iterator[DpoHistory | None]:
    """Open what DPO recorded in a database."""
    settings = DatabaseSettings.from_url(database.url)
    with closing(connect(settings, writes=False)) as source, opened_history(source) as history:
        yield history


@pytest.fixture
def steps(database: Database) -> Database:
    """Give a database of DPO with steps: an execution that ended, and one that runs."""
    database.query(STEPS_AND_MODELS)
    database.query(EXECUTION, (str(COMPLETED), "COMPLETED", at(1), at(5), at(5)))
    database.query(EXECUTION, (str(RUNNING), "IN_PROGRESS", at(6), at(4), None))
    database.query(STEP, (str(LOAD), str(COMPLETED), "LOAD", "COMPLETED", at(1), at(2), at(2), 7))
    database.query(STEP, (str(TRANSFORM), str(COMPLETED), "TRANSFORM", "UNKNOWN", at(2), at(3), None, -1))
    for model, checksum in (("orders", "older"), ("customers", "1"), ("orders", "newer")):
        database.query(MODEL, (str(TRANSFORM), model, checksum))
    return database


def test_executions_and_their_steps_are_read_the_oldest_first(steps: Database) -> None:
    with history_of(steps) as history:
        assert history is not None
        executions = history.executions()
        found = history.steps(executions)
        only_running = history.steps(executions[1:])

    assert [(each.execution_id, each.is_completed) for each in executions] == [(COMPLETED, True), (RUNNING, False)]
    assert [(each.started_at, each.ended_at) for each in executions] == [(at(1), at(5)), (at(6), at(6))]
    assert [(each.step_id, each.name, each.is_completed, each.rows_processed) for each in found] == [
        (LOAD, "LOAD", True, 7),
        (TRANSFORM, "TRANSFORM", False, None),
    ]
    assert found[1].ended_at == at(3)
    assert only_running == ()


def test_of_one_name_the_newest_checksum_counts_however_many_are_fetched_at_once(
    steps: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dpo_history, "_FETCHED", 2)
    with history_of(steps) as history:
        assert history is not None
        found = dict(history.checksums(history.executions()))
        again = dict(history.checksums(history.executions()))  # the cursor is closed by then

    assert found == again == {TRANSFORM: {"orders": "newer", "customers": "1"}}


@pytest.mark.parametrize(
    ("schema", "executions", "checksums"),
    [
        ("dpo", "execution", "execution_model"),
        ("dpo", "data_pipeline_execution", "model_checksum"),
        ("data_pipeline", "data_pipeline_execution", "model_checksum"),
    ],
)
def test_before_dpo_had_steps_each_type_of_checksum_is_one(
    database: Database, schema: str, executions: str, checksums: str
) -> None:
    database.query(TYPES.format(schema=schema, executions=executions, checksums=checksums))
    database.query(
        f"INSERT INTO {schema}.{executions} VALUES (%s, %s, %s, 1, 'COMPLETED')", (str(COMPLETED), at(1), at(3))
    )
    for kind, name, checksum in (("load", "a", "1"), ("transform", "b", "2"), ("transform", "c", "3")):
        database.query(
            f"INSERT INTO {schema}.{checksums} VALUES (DEFAULT, %s, %s, %s, %s, %s, %s)",
            (str(COMPLETED), at(1), at(2), kind, name, checksum),
        )

    with history_of(database) as history:
        assert history is not None
        read = history.executions()
        found = history.steps(read)
        covered = dict(history.checksums(read))

    load, transform = uuid5(COMPLETED, "load"), uuid5(COMPLETED, "transform")
    assert [(each.step_id, each.name, each.is_completed) for each in found] == [
        (load, "load", True),
        (transform, "transform", True),
    ]
    assert covered == {load: {"a": "1"}, transform: {"b": "2", "c": "3"}}


def test_without_tables_of_dpo_there_is_no_history(database: Database) -> None:
    database.query("CREATE SCHEMA dpo")
    database.query("CREATE TABLE dpo.execution (execution_id uuid)")  # no checksums beside it

    with history_of(database) as history:
        assert history is None


def test_nothing_can_be_written_where_dpo_recorded(steps: Database) -> None:
    def clear() -> None:
        with history_of(steps) as history:
            assert history is not None
            history.cursor.execute("DELETE FROM dpo.execution_step_model")

    with pytest.raises(StateError, match=r"Cannot read what DPO recorded: .*read-only"):
        clear()


def test_what_was_recorded_meanwhile_is_not_seen(steps: Database) -> None:
    with history_of(steps) as history:
        assert history is not None
        before = history.executions()
        steps.query(EXECUTION, (str(UUID(int=3)), "COMPLETED", at(8), at(9), at(9)))

        assert history.executions() == before


def test_a_state_of_each_kind_takes_it_over_once(state: State, steps: Database) -> None:
    with history_of(steps) as history:
        assert history is not None
        read = history.executions(), history.steps, history.checksums
        first, second = (import_executions(state, "imported", *read) for _ in range(2))

    rows = state.rows("SELECT name, status, rows_processed FROM {state}.execution_step ORDER BY started_at")
    assert first == Imported(executions=2, unfinished=1, steps=2, known=0, elsewhere=0)
    assert second == Imported(executions=0, unfinished=0, steps=0, known=2, elsewhere=0)
    assert rows == [("LOAD", "succeeded", 7), ("TRANSFORM", "abandoned", None)]
