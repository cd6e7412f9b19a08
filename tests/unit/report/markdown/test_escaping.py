"""Text that is safe in Markdown."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbt_state_plugin.report.markdown.escaping import cell, code, fenced, mermaid_label
from dbt_state_plugin.report.printable import printable

MARKUP = re.compile(r"[|`*~\[\]\\<>!{}$^]|(?<![&])#(?!\d)|@")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("its code changed", "its code changed"),
        ("macro rate (macros/rate.sql) changed", "macro rate (macros/rate.sql) changed"),
        ("a|b", "a&#124;b"),
        ("<!-- x --> <b>", "&#60;&#33;-- x --&#62; &#60;b&#62;"),
        ("stg_orders _it_ __x__", "stg_orders &#95;it&#95; &#95;&#95;x&#95;&#95;"),
        ("of @ann and #12", "of &#64;&#8203;ann and &#35;&#8203;12"),
        ("at https://evil.example", "at https&#58;//evil.example"),
        ("two\nlines\x1b[2J", "two&#92;nlines&#92;x1b&#91;2J"),
        ("Größe 价格", "Größe 价格"),
    ],
)
def test_text_in_a_cell_stands_for_itself(text: str, written: str) -> None:
    assert cell(text) == written


@given(st.text(max_size=100))
def test_no_text_leaves_markup_in_a_cell_and_its_letters_stay(text: str) -> None:
    written = cell(text)

    without = re.sub(r"&#\d+;", "", written)
    assert not MARKUP.search(without)
    assert "\n" not in written
    assert html.unescape(written).replace("\u200b", "") == printable(text)


def test_a_name_is_code_as_it_is_where_it_can_be() -> None:
    assert code("stg_orders") == "`stg_orders`"
    assert code("a`b|c") == "<code>a&#96;b&#124;c</code>"
    assert code(" ") == "<code> </code>"


def test_long_text_is_cut() -> None:
    assert cell("x" * 1000) == "x" * 239 + "…"
    assert code("x" * 1000) == f"<code>{'x' * 239}…</code>"


def test_a_fence_is_longer_than_any_in_the_text() -> None:
    assert fenced("select 1\n````\nx", "diff") == "`````diff\nselect 1\n````\nx\n`````"


def test_a_label_of_mermaid_holds_no_syntax() -> None:
    assert mermaid_label('a"b]-->c; %%{init}%% `x`') == (
        '"a#34;b#93;#45;#45;#62;c#59; #37;#37;#123;init#125;#37;#37; #96;x#96;"'
    )
