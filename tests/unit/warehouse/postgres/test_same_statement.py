"""Statements that are the same to PostgreSQL."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sql_pairs import DIFFERENT, DOUBTFUL, EQUAL, EQUAL_AS_TREES, STATEMENTS, changed, decorated

from dbt_state_plugin.warehouse.postgres import same_statement as module
from dbt_state_plugin.warehouse.postgres.dialect import POSTGRES
from dbt_state_plugin.warehouse.postgres.same_statement import canonical, same_statement

TREES_ARE_COMPARED = find_spec("postgast") is not None

Pair = tuple[str, str]


def each(pairs: dict[str, Pair]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("pair", list(pairs.values()), ids=list(pairs))


@pytest.fixture
def without_postgast(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "postgast", None)  # as Python itself marks what must not be imported
    module._parser.cache_clear()
    yield
    module._parser.cache_clear()


@each(EQUAL)
def test_layout_is_no_difference(pair: Pair) -> None:
    assert same_statement(*pair)
    assert same_statement(*reversed(pair))
    assert canonical(pair[0]) == canonical(pair[1]) is not None


@each(DIFFERENT)
def test_another_statement_is_different(pair: Pair) -> None:
    assert not same_statement(*pair)
    assert not same_statement(*reversed(pair))
    assert canonical(pair[0]) != canonical(pair[1]) or canonical(pair[0]) is None


@each(DOUBTFUL)
def test_what_may_depend_on_the_server_is_different(pair: Pair) -> None:
    assert not same_statement(*pair)
    assert not same_statement(*reversed(pair))


@each(EQUAL_AS_TREES)
def test_trees_are_compared_where_the_library_is_installed(pair: Pair) -> None:
    assert same_statement(*pair) is TREES_ARE_COMPARED
    assert same_statement(*reversed(pair)) is TREES_ARE_COMPARED


@each(EQUAL_AS_TREES)
@pytest.mark.usefixtures("without_postgast")
def test_without_the_library_other_tokens_are_different(pair: Pair) -> None:
    assert not same_statement(*pair)


def test_trees_are_compared_in_the_main_thread_only() -> None:
    """Other threads may have less stack than the library takes."""
    with ThreadPoolExecutor(1) as pool:
        assert not pool.submit(same_statement, "select (a) from t", "select a from t").result()


def test_long_statements_are_compared_by_their_tokens_only() -> None:
    columns = ", ".join(f"a{number}" for number in range(3_000))
    assert same_statement(f"select {columns} from t", f"SELECT {columns} FROM t")
    assert not same_statement(f"select (a), {columns} from t", f"select a, {columns} from t")


def test_a_statement_too_deep_for_the_library_is_different() -> None:
    sums = " + a" * 2_000
    assert not same_statement(f"select (a){sums} from t", f"select a{sums} from t")


@pytest.mark.parametrize(
    "pair",
    [
        ("insert into t (a) select 1 as x from u", "insert into t (a) select 1 x from u"),
        ("grant select on table t to x", "grant select on t to x"),
        ("select a as x from t; select 1", "select a x from t; select 1"),
    ],
)
def test_only_one_query_is_compared_as_a_tree(pair: Pair) -> None:
    assert not same_statement(*pair)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("a%-1 a@-1 a^+1 a?-1", "a %- 1 a @- 1 a ^+ 1 a ?- 1"),
        ("a*-1 a<+1 a+-1 a=-+1 a>=-1", "a * - 1 a < + 1 a + - 1 a = - + 1 a >= - 1"),
        ("a@--1\n+/*1*/b", "a @ + b"),
        ("a:=1::b[c:d]..e", "a := 1 :: b [ c : d ] .. e"),
        ("0X1f_F 0o17 0B1_0 1_000.5_0e-1_0 .5 5. 5.e1", "0X1f_F 0o17 0B1_0 1_000.5_0e-1_0 .5 5. 5.e1"),
        ("a\x80B \x85 \U0010ffff", "a\x80b \x85 \U0010ffff"),
        ("a$1$$b $1 $é$A$é$", "a$1$$b $1 $é$A$é$"),
        (r"""'\\' '\\''' E'\'' n'A' X'aF' U&"A" u &a""", r"""'\\' '\\''' e'\'' n'A' x'aF' U&"A" u & a"""),
    ],
)
def test_tokens_are_those_of_the_server(text: str, tokens: str) -> None:
    assert canonical(text) == tokens


_UNREADABLE = r"""'a\',' 'a\'','  'a\\\',' 'a\' e'a\'b 'a'' u&"a"" B'1''1' x'1 "" $ $a $a$b $1a$ 1$ $1x $1$
a{ \ /*/ /*/**/* 1x 1.x 1.5x 1..2 1.5.2 .0. 1_ 1__0 1e 1e+ 1e5x 0x 0xg 0x1g 0b12 0o8"""


@pytest.mark.parametrize("text", [*_UNREADABLE.split(), "\v", "\x01", "\x7f", "a\0"])
def test_what_is_no_token_or_may_be_read_in_two_ways_is_not_read(text: str) -> None:
    assert canonical(text) is None


def test_text_that_cannot_be_read_equals_itself() -> None:
    assert same_statement("select 'a", "select 'a")
    assert canonical("select 'a") is None


def test_a_text_with_a_nul_is_not_read() -> None:
    assert canonical("select 1 -- \0") is None
    assert not same_statement("select 1", "select 1 -- \0")


def test_texts_without_a_statement_are_the_same() -> None:
    assert same_statement("", "-- nothing")
    assert canonical(" /* nothing */ ") == ""
    assert not same_statement("", "select 1")


def test_a_setting_keeps_the_spelling_of_its_number() -> None:
    """`set my.variable = 1E5` gives the text 1E5 to who reads the setting."""
    assert not same_statement("set my.variable = 1E5", "set my.variable = 1e5")


def test_the_result_is_readable_sql_and_carries_a_version() -> None:
    text = "SELECT a,'it''s'  --c\n 'b' /* d */ FROM \"T\" WHERE a!=1 /*+ Hint */"
    assert canonical(text) == "select a , 'it''s'\n'b' from \"T\" where a <> 1 /*+ Hint */"
    assert POSTGRES.version == 1


@given(st.data())
def test_decoration_of_a_statement_is_no_difference(data: st.DataObject) -> None:
    tokens = data.draw(st.sampled_from(STATEMENTS))
    assert same_statement(" ".join(tokens), data.draw(decorated(tokens)))


@given(st.data())
def test_any_one_change_in_a_statement_is_a_difference(data: st.DataObject) -> None:
    tokens = data.draw(st.sampled_from(STATEMENTS))
    other = data.draw(changed(tokens))
    assert not same_statement(data.draw(decorated(tokens)), data.draw(decorated(other)))


_PIECES = "'' \"\" $$ $a$ -- /* */ /*+ U&' e' E' b' x' N' u&\" '\n' \\' :: := .. 1. .5 1e 0x1 $1 != <= @- é ' \" \\ a E"
_SIGNS = "0;,($-+*/=<>!@~|?.: \n\r\t\f\v\0\u00a0"
_HOSTILE = st.lists(st.sampled_from([*_PIECES.split(" "), *_SIGNS]), max_size=14).map("".join)


@given(_HOSTILE)
def test_the_result_reads_as_itself(text: str) -> None:
    """No two tokens fuse or fall apart where the spaces between them are others."""
    once = canonical(text)
    assert once is None or canonical(once) == once


@given(_HOSTILE, _HOSTILE)
def test_tokens_stay_the_same_inside_another_text(before: str, after: str) -> None:
    parts = canonical(before), canonical(after)
    if None not in parts:
        # A block comment in between, since two strings on two lines would be one.
        assert canonical(f"{before}\n/**/ {after}") == " ".join(part for part in parts if part)


@pytest.mark.parametrize(
    "text",
    ["select 'a' " + "-" * 50_000 + "\nx", "'" + "a''" * 50_000, "'a' " + " \n" * 50_000 + "x", '"' + 'a""' * 50_000],
    ids=["dashes", "an unfinished string", "empty lines", "an unfinished name"],
)
def test_hostile_texts_are_read_in_linear_time(text: str) -> None:
    """A pattern that tries every way to split these would not come to an end."""
    canonical(text)


def test_the_speed_is_printed() -> None:
    lines = [
        "select a.id, coalesce(b.amount, 0)::numeric(10, 2) as amount, -- the amount\n",
        "case when a.n <> 'x' then 1 end\n",
    ]
    text = "".join(lines * 27)
    started = time.perf_counter()
    assert all(canonical(f"{text}-- {number}") for number in range(200))
    print(f"\n1,000 statements of {len(text)} characters: {(time.perf_counter() - started) * 5:.2f} s")
