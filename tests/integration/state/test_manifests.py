"""Manifests kept once by content, while something names them."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from psycopg2 import sql
from support.database import Database
from support.recording import begun, ended
from support.values import THEN, project

from dbt_state_plugin.errors import StateError
from dbt_state_plugin.state.dialect import ByDialect
from dbt_state_plugin.state.manifests import (
    link_manifest,
    parsed_project_manifest,
    read_manifest,
    write_manifest,
)
from dbt_state_plugin.state.parsed_projects import write_parsed_project
from dbt_state_plugin.state.relations import server_time
from dbt_state_plugin.state.retention import prune
from dbt_state_plugin.state.state import State

TEXT = '{"nodes": {}}'
OTHER = '{"nodes": {"model.shop.orders": {}}}'
KEPT = "SELECT count(*) FROM {state}.manifest"


def parsed(state: State, digest: str = "1" * 64) -> None:
    write_parsed_project(state, inputs_digest=digest, places={}, project=project())


def text_of(state: State, execution_id: UUID | None = None) -> str | None:
    kept = read_manifest(state, str(execution_id) if execution_id else None)
    return kept.text if kept else None


def kept_for(state: State, execution_id: UUID, text: str = TEXT) -> UUID:
    write_manifest(state, text, is_of_snapshot=False, execution_id=execution_id)
    return execution_id


@pytest.mark.parametrize(
    "text", [TEXT, "", "日本 \U0001f600", "half a pair: \ud800", "a\x00b", "%s {state} '\"\\", "x" * 1_000_000]
)
def test_a_manifest_comes_back_to_the_letter(state: State, text: str) -> None:
    execution_id = kept_for(state, begun(state), text)

    assert text_of(state, execution_id) == text


def test_it_says_when_it_was_recorded_first(state: State) -> None:
    before = server_time(state)
    first, second = kept_for(state, begun(state)), begun(state)
    between = server_time(state)
    kept_for(state, second)

    found = [read_manifest(state, str(each)) for each in (first, second)]

    assert found[0] is not None
    assert found[0] == found[1]
    assert before <= found[0].recorded_at <= between


def test_equal_manifests_are_stored_once_and_different_ones_apart(state: State) -> None:
    first, second, third = (kept_for(state, begun(state), text) for text in (TEXT, TEXT, OTHER))

    assert state.rows(KEPT) == [(2,)]
    assert [text_of(state, each) for each in (first, second, third)] == [TEXT, TEXT, OTHER]


def test_the_manifest_of_an_environment_is_that_of_its_success_which_ended_last(state: State) -> None:
    long = ended(state, kept_for(state, begun(state)), days_ago=2)
    ended(state, kept_for(state, begun(state), OTHER), days_ago=3)  # recorded later, and ended earlier
    state.execute(
        "UPDATE {state}.execution SET started_at = started_at - interval '9 days' WHERE execution_id = %s",
        (str(long),),
    )

    assert text_of(state) == TEXT


def test_of_two_that_ended_at_once_the_one_that_started_later_counts(state: State) -> None:
    for text, hours in ((TEXT, 1), (OTHER, 2)):
        execution_id = ended(state, kept_for(state, begun(state), text))
        state.execute(
            "UPDATE {state}.execution SET started_at = %s, finished_at = %s WHERE execution_id = %s",
            (THEN - timedelta(hours=hours), THEN, str(execution_id)),
        )

    assert text_of(state) == TEXT


@pytest.mark.parametrize("status", ["failed", "cancelled", "running"])
def test_an_execution_that_did_not_succeed_has_a_manifest_and_its_environment_another(
    state: State, status: str
) -> None:
    ended(state, kept_for(state, begun(state)))
    unfinished = kept_for(state, begun(state), OTHER)
    if status != "running":
        ended(state, unfinished, status, days_ago=0)

    assert (text_of(state), text_of(state, unfinished)) == (TEXT, OTHER)


def test_an_execution_without_a_manifest_hides_no_earlier_one(state: State) -> None:
    ended(state, kept_for(state, begun(state)))
    narrowed = ended(state, begun(state), days_ago=0)

    assert (text_of(state), text_of(state, narrowed)) == (TEXT, None)


def test_where_nothing_was_kept_there_is_nothing_to_read(state: State) -> None:
    assert read_manifest(state) is None
    assert read_manifest(state, str(uuid4())) is None
    assert parsed_project_manifest(state) is None


def test_an_id_that_is_none_is_an_error_of_the_state(copied: Database, state: State) -> None:
    with pytest.raises(StateError, match="invalid input syntax for type uuid"):
        read_manifest(state, "x'; --")


def test_environments_do_not_see_each_others_manifests(state: State, prod: State) -> None:
    parsed(state)
    parsed(prod)
    ours = begun(state)
    write_manifest(state, TEXT, is_of_snapshot=True, execution_id=ours)
    ended(state, ours)

    assert parsed_project_manifest(state) is not None
    assert (parsed_project_manifest(prod), text_of(prod)) == (None, None)


def test_an_execution_is_found_from_every_environment(state: State, prod: State) -> None:
    theirs = kept_for(prod, begun(prod))

    assert text_of(state, theirs) == TEXT


def test_the_manifest_of_what_was_parsed_is_kept_for_the_snapshot_alone(state: State) -> None:
    parsed(state)
    execution_id = begun(state)
    assert parsed_project_manifest(state) is None

    write_manifest(state, TEXT, is_of_snapshot=True, execution_id=None)

    manifest_id = parsed_project_manifest(state)
    assert state.rows("SELECT manifest_id FROM {state}.manifest") == [(manifest_id,)]
    assert text_of(state, execution_id) is None


def test_a_manifest_of_an_execution_alone_is_none_of_the_snapshot(state: State) -> None:
    parsed(state)

    kept_for(state, begun(state))

    assert parsed_project_manifest(state) is None


def test_other_inputs_have_another_manifest(state: State) -> None:
    parsed(state)
    write_manifest(state, TEXT, is_of_snapshot=True, execution_id=None)

    parsed(state, "2" * 64)

    assert parsed_project_manifest(state) is None


def test_a_manifest_that_is_kept_is_said_to_be_that_of_an_execution_and_of_no_other(state: State) -> None:
    parsed(state)
    write_manifest(state, TEXT, is_of_snapshot=True, execution_id=None)
    manifest_id = parsed_project_manifest(state)
    assert manifest_id is not None
    first, second = begun(state), begun(state)

    link_manifest(state, manifest_id, second)

    assert [text_of(state, each) for each in (first, second)] == [None, TEXT]


def test_a_manifest_that_was_pruned_meanwhile_is_none(state: State) -> None:
    execution_id = begun(state)

    link_manifest(state, "0" * 64, execution_id)

    assert text_of(state, execution_id) is None


@pytest.mark.parametrize(
    "damaged", [b"", b"no zlib", zlib.compress(TEXT.encode())[:-6], zlib.compress(b"\xff\xfe")], ids=repr
)
def test_a_damaged_manifest_is_refused_with_what_to_do(state: State, damaged: bytes) -> None:
    execution_id = kept_for(state, begun(state))
    state.execute("UPDATE {state}.manifest SET content = %s", (damaged,))

    with pytest.raises(StateError, match="manifest in the state is damaged") as caught:
        read_manifest(state, str(execution_id))

    assert "--force" in caught.value.do


REFUSES_MANIFESTS = ByDialect(
    postgres="ALTER TABLE {state}.execution ADD CHECK (manifest_id IS NULL)",
    sqlite="CREATE TRIGGER refuse BEFORE UPDATE OF manifest_id ON execution BEGIN SELECT RAISE(ABORT, 'refused'); END",
)


def test_a_manifest_is_kept_with_all_that_names_it_or_not_at_all(state: State) -> None:
    parsed(state)
    execution_id = begun(state)
    state.execute(REFUSES_MANIFESTS)

    with pytest.raises(StateError, match="Cannot record the manifest"):
        write_manifest(state, TEXT, is_of_snapshot=True, execution_id=execution_id)

    assert (state.rows(KEPT), parsed_project_manifest(state)) == ([(0,)], None)


def written_again(state: State, manifest_id: str, execution_id: UUID) -> None:
    kept_for(state, execution_id)


@pytest.mark.parametrize("name", [written_again, link_manifest])
def test_nobody_prunes_a_manifest_that_is_just_being_named(
    copied: Database, state: State, second: State, name: Callable[[State, str, UUID], None]
) -> None:
    kept_for(state, begun(state))
    execution_id = begun(state)
    [(manifest_id,)] = state.rows("SELECT manifest_id FROM {state}.manifest")
    state.execute("DELETE FROM {state}.execution WHERE execution_id <> %s", (str(execution_id),))
    row = sql.SQL("SELECT 1 FROM {}.execution FOR UPDATE").format(sql.Identifier(state.schema))
    with ThreadPoolExecutor() as pool, closing(copied.connect()) as holder:
        holder.cursor().execute("BEGIN")
        holder.cursor().execute(row)
        naming = pool.submit(name, state, manifest_id, execution_id)  # which waits for the row in the middle of it
        copied.wait_until_blocked(state.connection.info.backend_pid)
        pruning = pool.submit(prune, second.connection, second.schema, keep_days=90)
        copied.wait_until_blocked(second.connection.info.backend_pid)

        holder.cursor().execute("COMMIT")

        naming.result()
        assert pruning.result().manifests == 0
    assert text_of(state, execution_id) == TEXT


def test_a_manifest_that_is_being_pruned_is_none_once_it_is_gone(copied: Database, state: State, second: State) -> None:
    kept_for(state, begun(state))
    execution_id = begun(state)
    [(manifest_id,)] = state.rows("SELECT manifest_id FROM {state}.manifest")
    state.execute("DELETE FROM {state}.execution WHERE execution_id <> %s", (str(execution_id),))
    with ThreadPoolExecutor() as pool, closing(copied.connect()) as holder:
        holder.cursor().execute("BEGIN")
        holder.cursor().execute(second.statement("LOCK TABLE {state}.manifest IN SHARE ROW EXCLUSIVE MODE"))
        holder.cursor().execute(second.statement("DELETE FROM {state}.manifest"))
        linking = pool.submit(link_manifest, state, manifest_id, execution_id)
        copied.wait_until_blocked(state.connection.info.backend_pid)

        holder.cursor().execute("COMMIT")

        linking.result()
    assert text_of(state, execution_id) is None
