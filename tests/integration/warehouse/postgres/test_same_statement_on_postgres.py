"""PostgreSQL as the judge of statements called the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import combinations

import psycopg2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.database import fresh_database
from support.size import examples
from support.sql_pairs import (
    DIFFERENT,
    DOUBTFUL,
    EQUAL,
    EQUAL_AS_TREES,
    STATEMENTS,
    TABLES,
    decorated,
)

from dbt_state_plugin.testing.postgres_server import Server
from dbt_state_plugin.warehouse.postgres.same_statement import same_statement

REFUSED = "refused"
Verdict = Callable[[str], object]
Pair = tuple[str, str]


@pytest.fixture(scope="module")
def view_of(postgres_server: Server) -> Iterator[Verdict]:
    """Give a function that returns the definition and the columns of a view of the text, or REFUSED."""
    with fresh_database(postgres_server) as database, closing(database.connect()) as connection:
        cursor = connection.cursor()
        cursor.execute(TABLES)

        def describe(sql: str) -> object:
            try:
                cursor.execute(f"create view v as (\n{sql}\n)")  # as dbt writes it
            except psycopg2.Error:
                return REFUSED
            cursor.execute(
                "select attname, format_type(atttypid, atttypmod) from pg_attribute where attrelid = 'v'::regclass"
            )
            columns = cursor.fetchall()
            cursor.execute("select pg_get_viewdef('v'::regclass)")
            definition = cursor.fetchall()
            cursor.execute("drop view v")
            return definition, columns

        yield describe


def each(*groups: dict[str, Pair]) -> pytest.MarkDecorator:
    named = [(name, pair) for pairs in groups for name, pair in pairs.items()]
    return pytest.mark.parametrize("pair", [pair for _, pair in named], ids=[name for name, _ in named])


@each(EQUAL, EQUAL_AS_TREES)
def test_equal_pairs_make_one_view(view_of: Verdict, pair: Pair) -> None:
    before, after = map(view_of, pair)
    assert before == after != REFUSED


@each(DIFFERENT)
def test_different_pairs_make_two_views(view_of: Verdict, pair: Pair) -> None:
    before, after = map(view_of, pair)
    assert before != after
    assert not same_statement(*pair)


@each(DOUBTFUL)
def test_doubtful_pairs_are_called_different_though_a_server_may_make_one_view(view_of: Verdict, pair: Pair) -> None:
    before, after = map(view_of, pair)
    assert before == after or REFUSED in (before, after)  # by the version
    assert not same_statement(*pair)


@pytest.mark.parametrize("tokens", STATEMENTS, ids=range(len(STATEMENTS)))
def test_the_statements_are_accepted(view_of: Verdict, tokens: list[str]) -> None:
    assert view_of(" ".join(tokens)) != REFUSED


@settings(deadline=None, max_examples=examples(150))
@given(data=st.data())
def test_decorated_statements_make_one_view(view_of: Verdict, data: st.DataObject) -> None:
    tokens = data.draw(st.sampled_from(STATEMENTS))
    text = data.draw(decorated(tokens))
    assert view_of(text) == view_of(" ".join(tokens))
    assert same_statement(" ".join(tokens), text)


@settings(deadline=None, max_examples=examples(150))
@given(data=st.data())
def test_expressions_with_different_views_are_never_called_the_same(view_of: Verdict, data: st.DataObject) -> None:
    """Few pieces, of which chance makes many valid and nearly equal expressions."""
    words = ["a", "A", '"a"', '"A"', "1", "-1", "- 1", "+", "-", "*", "<>", "!=", "as x", "x", "(a)", "(", ")", ".5"]
    pieces = st.sampled_from([*words, "--\n", "/**/", " ", " ", "\n", "'1'", "E'1'", "::int", "::integer", "'1'\n'2'"])
    expression = st.lists(pieces, min_size=1, max_size=6).map("".join)
    texts = [f"select {data.draw(expression)} from t" for _ in range(6)]
    for before, after in combinations(texts, 2):
        if same_statement(before, after):
            assert view_of(before) == view_of(after)
