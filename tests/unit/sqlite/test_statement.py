"""Statements of PostgreSQL, rewritten for SQLite."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from uuid import UUID

import pytest

from dbt_state_plugin.sqlite.statement import read_row, stored, translated


def flat(text: str) -> str:
    return " ".join(translated(text).text.split())


@pytest.mark.parametrize(
    ("postgres", "sqlite"),
    [
        ("SELECT a::text, b::text[]::jsonb[] FROM {state}.x", "SELECT a, b FROM x"),
        ("SELECT pg_catalog.count(*) FROM {state}.x -- why", "SELECT count(*) FROM x"),
        ("SELECT 1 WHERE a = ANY (%s::uuid[])", "SELECT 1 WHERE a IN (SELECT value FROM json_each(?))"),
        ("SELECT 1 WHERE a <> ALL (%s)", "SELECT 1 WHERE a NOT IN (SELECT value FROM json_each(?))"),
        ("SELECT 1 WHERE a IS DISTINCT FROM b", "SELECT 1 WHERE a IS NOT b"),
        ("SELECT 1 WHERE EXISTS (SELECT FROM {state}.x)", "SELECT 1 WHERE EXISTS (SELECT 1 FROM x)"),
        ("LOCK TABLE {state}.intent IN SHARE ROW EXCLUSIVE MODE", ""),
        ("SELECT a FROM {state}.x FOR NO KEY UPDATE OF x", "SELECT a FROM x"),
        ("UPDATE {state}.x r SET a = 1", "UPDATE x AS r SET a = 1"),
        ("UPDATE {state}.x SET a = 1", "UPDATE x SET a = 1"),
        ("DELETE FROM {state}.x i WHERE i.a", "DELETE FROM x AS i WHERE i.a"),
        ("SELECT a LIKE 'b.%%', '{{}}'", "SELECT a LIKE 'b.%', '{}'"),
        ("SELECT a - interval '7 days'", "SELECT shifted(a, '-', 7, 'days')"),
        (
            "SELECT clock_timestamp() - make_interval(days => %(keep_days)s)",
            "SELECT shifted(clock_timestamp(), '-', ?, 'days')",
        ),
        ("SELECT %(until)s::timestamptz", "SELECT as_timestamp(?)"),
        (
            "INSERT INTO {state}.x SELECT * FROM unnest(%s::text[], %s::text[]) ON CONFLICT DO NOTHING",
            "INSERT INTO x SELECT * FROM (SELECT json_extract(value, '$[0]') AS c0, json_extract(value, '$[1]') AS c1 "
            "FROM json_each(?)) WHERE true ON CONFLICT DO NOTHING",
        ),
        (
            "SELECT a FROM unnest(%s::text[]) WITH ORDINALITY AS n (a, position)",
            "SELECT a FROM (SELECT json_extract(value, '$[0]') AS a, key AS position FROM json_each(?)) AS n",
        ),
    ],
)
def test_what_differs_everywhere_is_replaced(postgres: str, sqlite: str) -> None:
    assert flat(postgres) == sqlite


def test_values_come_in_the_order_of_their_places_and_arrays_as_a_table() -> None:
    statement = translated("SELECT %s FROM unnest(%s::text[], %s::text[]) AS n (a, b) WHERE c = %s")
    assert statement.bound((1, ["a", "b"], ["c", None], "d")) == [1, '[["a", "c"], ["b", null]]', "d"]


def test_a_named_value_may_stand_in_several_places() -> None:
    assert translated("SELECT %(a)s, %(b)s, %(a)s").bound({"a": 1, "b": [2]}) == [1, "[2]", 1]


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        translated("SELECT * FROM unnest(%s::text[], %s::text[])").bound((["a"], []))


def test_moments_are_stored_in_one_form_and_order() -> None:
    east = datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    assert stored(east) == "2025-12-31T23:00:00.000000+00:00"
    assert stored([east, UUID(int=1)]) == f'["{stored(east)}", "{UUID(int=1)}"]'


def test_rows_are_read_by_the_names_of_their_columns() -> None:
    moment = datetime(2026, 1, 1, tzinfo=timezone.utc)
    row = (stored(moment), '{"a": 1}', 1, "2026-01-01T00:00:00.000000+00:00", None)
    columns = ("started_at", "trace", "is_exclusive", "message", "finished_at")
    assert read_row(row, columns) == (moment, {"a": 1}, True, row[3], None)


@pytest.mark.parametrize(
    ("value", "column"),
    [
        (b"\xff", "unique_id"),
        ("x", "build_id"),
        ("2026-01-01T00:00:00", "built_at"),
        ("200000-01-01", "built_at"),
        ("{", "trace"),
    ],
)
def test_what_no_statement_of_ours_has_written_is_refused(value: object, column: str) -> None:
    with pytest.raises((ValueError, TypeError), match=r"\w"):
        read_row((value,), (column,))


def test_what_stands_where_bytes_should_is_bytes_for_their_readers() -> None:
    assert read_row((b"\xff", None, "text", 7), ("content", "content", "project", "hash_key")) == (
        b"\xff",
        None,
        b"text",
        b"7",
    )
