"""Templates that are equal but for comments and layout."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from jinja2 import Environment
from support.size import examples

from dbt_state_plugin.core.jinja.layout import (
    without_certain_layout,
    without_discarded_text,
    without_layout,
    without_sql_layout,
)
from dbt_state_plugin.warehouse.postgres.dialect import POSTGRES
from dbt_state_plugin.warehouse.postgres.same_statement import canonical, same_statement


def same(before: str, after: str) -> bool:
    return without_layout(before) == without_layout(after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("select {{ a }}", "select {{a}}"),
        ("select {{ a }}", "select {{\n\t a\r\n}}"),
        ("{% if a %}1{% endif %}", "{%if   a%}1{%  endif  %}"),
        ("{{ f(a, b) }}", "{{ f( a,b ) }}"),
        ("{{ f(\n  a,\n  b\n) }}", "{{ f(a, b) }}"),
        ("select 1", "select 1{# a comment #}"),
        ("select 1", "{# two\nlines #}select 1"),
        ("select 1", "sel{# in a word #}ect 1"),
        ("select  1", "select {# between #} 1"),
        ("select1", "select {#- that takes the space beside it -#}   1"),
        ("a {#- x -#} b", "a {#- y -#} b"),
        ("a{{ b }}", "a  {{- b }}"),
        ("{{ b }}a", "{{ b -}}\n  a"),
        ("{% set a = 1 %}a", "{% set a = 1 -%}\n\n  a"),
        ("{% raw %}{{ a }}{% endraw %}", "{%  raw  %}{{ a }}{%endraw%}"),
        ("{% raw %}{# kept #}{% endraw %}", "{% raw -%}  {# kept #}  {%- endraw %}"),
        ("{{ '{# no comment #}' }}", "{{'{# no comment #}'}}"),
        ("select 1\r\nfrom t", "select 1\nfrom t"),
        ("select 1{# x -#}", "select 1{# x -#}\n"),
    ],
)
def test_comments_of_jinja_and_layout_inside_of_tags_are_no_difference(before: str, after: str) -> None:
    assert same(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("select {{ a }}", "select {{ b }}"),
        ("select {{ a }}", "select {{ a b }}"),
        ("select 1", "select  1"),
        ("select 1", "select 1 "),
        ("select 1", "select 1\n"),
        ("select 1", "select\n1"),
        ("select 1\n", "select 1\n{# Jinja drops a newline at the very end only #}"),
        ("select \n{#- x #}\n", "select {#- x #}\n{# x -#}\n"),
        ("select 1", "select 1 -- {# a comment of SQL that holds one of Jinja #}"),
        ("a {{ b }}", "a {{- b }}"),
        ("a{# x #} b", "a{# x -#} b"),
        ("a {# x #}b", "a {#- x #}b"),
        ("{{ 'a' }}", "{{ 'a ' }}"),
        ("{{ 'a' }}", '{{ "a" }}'),
        ("{{ '{# x #}' }}", "{{ '{# y #}' }}"),
        ("{{ '{# x #}' }}", "{{ '' }}"),
        ("{{ 1 }}", "{{ 10 }}"),
        ("{{ 1 }}", "{{ 1.0 }}"),
        ("{{ ab }}", "{{ a b }}"),
        ("{{ a - b }}", "{{ a + b }}"),
        ("{{ a }}", "{% a %}"),
        ("{{ a }}", "a"),
        ("{% raw %}{{ a }}{% endraw %}", "{{ a }}"),
        ("{% raw %}{# x #}{% endraw %}", "{% raw %}{# y #}{% endraw %}"),
        ("{% raw %}{{ a }}{% endraw %}", "{% raw %}{{a}}{% endraw %}"),
        ("a{% raw %}b{% endraw %}", "{% raw %}ab{% endraw %}"),
        ("{{ a }}{{ b }}", "{{ a }} {{ b }}"),
        ('["data", "x"]', "x"),
    ],
)
def test_everything_else_is_a_difference(before: str, after: str) -> None:
    assert not same(before, after)


@pytest.mark.parametrize("invalid", ["{# open", "{{ 'a }}", "{{ a) }}", "{{ ( }}", "{{ a ! b }}", "{{ [ }"])
def test_what_is_no_template_equals_nothing_but_itself(invalid: str) -> None:
    assert without_layout(invalid) == invalid
    assert not same(invalid, invalid + " ")


@pytest.mark.parametrize("unfinished", ["{{ a", "{% raw %}", "{% if a %}"])
def test_what_is_not_finished_is_not_what_is(unfinished: str) -> None:
    assert not same(unfinished, "")
    assert not same(unfinished, "a")


def test_a_template_is_never_taken_for_an_invalid_one_of_the_same_text() -> None:
    assert without_layout("x") != "x"


# The pieces of a template: text, and tags as lists of tokens between which there may be white space.
_PIECES = st.one_of(
    st.sampled_from(["select ", " a\n", "  ", "\n", "'{'", "-- x\n", "%", "{", "#}"]),
    st.sampled_from(
        [
            ["{{", "a", "}}"],
            ["{{-", "f", "(", "'{# x #}'", ",", "b", ")", "}}"],
            ["{{", "a", "~", '" b "', "-}}"],
            ["{%", "if", "a", "==", "1", "%}"],
            ["{%-", "set", "b", "=", "[", "1", ",", "2.5", "]", "-%}"],
            ["{%", "endif", "-%}"],
            ["{%", "raw", "%}{# x #} {{ a }}{%", "endraw", "%}"],
            ["{#", " a comment {{ a }} ", "-#}"],
        ]
    ),
)
_GAPS = st.sampled_from([" ", "\n", "\t ", "  \n"])
_COMMENTS = st.sampled_from(["", "", "{# note #}", "{##}", "{# {{ f() }}\n'it' #}", "{#- note #}", "{# note -#}"])


@st.composite
def spelled(draw: st.DrawFn, pieces: list[str | list[str]]) -> str:
    """Draw a spelling of a template: other white space inside of its tags, and comments between its pieces."""
    text = ""
    for piece in pieces:
        text += draw(_COMMENTS)
        text += piece if isinstance(piece, str) else draw(_GAPS).join(piece)
    return text + draw(_COMMENTS)


_RENDERER = Environment(autoescape=False)  # SQL is no HTML


def rendered(template: str, a: object = 1) -> str | None:
    """Return what Jinja makes of a template, or None where it refuses."""
    try:
        return _RENDERER.from_string(template).render(a=a, f=lambda *parts: "".join(map(str, parts)))
    except Exception:
        return None


_TEMPLATES = st.lists(_PIECES, max_size=6).flatmap(lambda pieces: st.tuples(spelled(pieces), spelled(pieces)))


@settings(deadline=None, max_examples=examples(500))
@given(_TEMPLATES)
@example(("select \n{#- note #}\n", "select {#- note #}\n{# note -#}\n"))
def test_templates_that_are_the_same_render_the_same_text(spellings: tuple[str, str]) -> None:
    before, after = spellings

    if same(before, after):
        assert rendered(before) == rendered(after)


@settings(deadline=None, max_examples=examples(200))
@given(st.lists(_PIECES, max_size=6), st.data())
def test_white_space_inside_of_tags_is_never_a_difference(pieces: list[str | list[str]], data: st.DataObject) -> None:
    gaps = data.draw(st.lists(_GAPS, min_size=2, max_size=2))
    spellings = ["".join(piece if isinstance(piece, str) else gap.join(piece) for piece in pieces) for gap in gaps]
    assume(rendered(spellings[0]) is not None)
    # A brace and what follows it may open a tag that is none of the pieces, as `{` and `#}` do.
    assume(not any(one == "{" and other[0][0] in "{#%" for one, other in pairwise(pieces)))

    assert same(*spellings)


def assert_same_statement(was: str | None, is_now: str | None) -> None:
    """Compare what two templates render; of what is no SQL, as `1select`, nothing is said: PostgreSQL refuses it."""
    is_sql = was is not None and is_now is not None and None not in (canonical(was), canonical(is_now))
    assert was == is_now or not is_sql or same_statement(was, is_now)


def same_sql(before: str, after: str) -> bool:
    return without_sql_layout(before, POSTGRES) == without_sql_layout(after, POSTGRES)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("select a from t", "SELECT  a -- the key\nFROM t\n"),
        ("select\n{{ a }} from t", "select {{a}} /* x */ from t"),
        ("{% if a %} select 1 {% endif %}", "{% if a %}  select\t1 {% endif %}"),
        ("select '{{ a }}'", "select  '{{ a }}'"),
        ("select {{ f('x') }} from t", "select {{ f('x') }}  from t"),
        ("{% call statement('x') %}select 1 {% endcall %}", "{% call statement('x') %}select  1\n{% endcall %}"),
        ("{% set a = b | trim %}select 1", "{% set a = b | trim %}select  1"),
        ("select * from {{ a }}", "select * from {{ a }}\n-- all of it\n"),
        ("select {{ a }}, b\nfrom t", "select {{ a }},  b -- the key\n\nfrom t"),
        ("{% raw %}select '{{' {% endraw %}", "{% raw %}select  '{{' {% endraw %}"),
        ("{% macro x() %} select 1 {% endmacro %}", "{% macro x() %}\n  select  1\n{% endmacro %}"),
        ("select 1 {# note #}from t", "select 1  from t"),
    ],
)
def test_comments_and_white_space_of_sql_outside_of_tags_are_no_difference(before: str, after: str) -> None:
    assert same_sql(before, after)
    assert not same(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("select a from t", "select b from t"),
        ("select 'a b'", "select 'a  b'"),
        ("select '{{ a }} b'", "select '{{ a }}  b'"),
        ("{{ a }}{{ b }}", "{{ a }} {{ b }}"),
        ("{{ a }}b", "{{ a }} b"),
        ("select {{ a }}", "select {{ b }}"),
        ("select 1 -- {{ a }}", "select  1 -- {{ a }}"),
        ("select 1 -- {{ a }}", "select 1"),
        ("select 'a", "select  'a"),
        ("{% set a %}x  y{% endset %}", "{% set a %}x y{% endset %}"),
        ("{% set a | replace(count=1) %}x  y{% endset %}", "{% set a | replace(count=1) %}x y{% endset %}"),
        ("{% filter upper %}x  y{% endfilter %}", "{% filter upper %}x y{% endfilter %}"),
        ("{% call f() %}x  y{% endcall %}", "{% call f() %}x y{% endcall %}"),
        ('{{ "\'" }}x  y{{ "\'" }}', '{{ "\'" }}x y{{ "\'" }}'),
        ("{{ '--' }} a\nb", "{{ '--' }} a b"),
        ("select {{ f() }}\n, b", "select {{ f() }}, b"),
        ("select {{ f() }}, b\n, c", "select {{ f() }}, b, c"),
        ("select {{ f() }}{% if a %}\n{% endif %} b", "select {{ f() }}{% if a %}\n{% endif %}\n b"),
        ("{% for x in y %} , a\n {{ x }}{% endfor %}", "{% for x in y %}\n , a\n {{ x }}{% endfor %}"),
        ("{{ '-' }}- a\nb", "{{ '-' }}-  a\nb"),
        ("{{ a }}* b", "{{ a }}*  b"),
        ("{{ a }} 'b'\n'c'", "{{ a }} 'b' /* d */\n'c'"),
        ("{{ '/*' }} a  b", "{{ '/*' }} a b"),
        ("{{ '$$' }} a  b{{ '$$' }}", "{{ '$$' }} a b{{ '$$' }}"),
        ("{% macro x() %}a  b{% endmacro %}'{{ x() }}'", "{% macro x() %}a b{% endmacro %}'{{ x() }}'"),
    ],
)
def test_what_may_be_more_than_layout_of_sql_is_a_difference(before: str, after: str) -> None:
    assert not same_sql(before, after)


def test_where_text_may_be_no_sql_it_is_kept_with_its_layout() -> None:
    captured = "{% set a %}x  y{% endset %}"

    assert without_sql_layout(captured, POSTGRES) == without_layout(captured)
    assert without_sql_layout("{{ 'a }}", POSTGRES) == "{{ 'a }}"


_SQL_PIECES = st.one_of(
    st.sampled_from(["select ", " a\n", "  ", "\n", "'", "-- x\n", "/* y */", ",", "+", "b", "'it''s  b'", "$$ $$"]),
    st.sampled_from(
        [
            "{{ a }}",
            "{{- f('x  y') }}",
            '{{ "\'" }}',
            "{{ '--' }}",
            "{% if a == 1 %}",
            "{% endif -%}",
            "{% set c %}",
            "{% set c | upper %}",
            "{% endset %}",
            "{% set d = 'x' | upper %}",
            "{{ c }}{{ d }}",
            "{% filter upper %}",
            "{% endfilter %}",
            "{% macro m() %}",
            "{% endmacro %}",
            "{{ m() }}",
            "{# note #}",
            "{% raw %}{{ a  }}{% endraw %}",
        ]
    ),
)


@settings(deadline=None, max_examples=examples(1000))
@given(st.lists(_SQL_PIECES, max_size=8), st.data())
def test_templates_of_sql_that_are_the_same_render_the_same_statement(pieces: list[str], data: st.DataObject) -> None:
    before = "".join(pieces)
    layout = st.sampled_from(["", "", " ", "\n", "  ", "/* z */", "-- z\n", "{# z #}"])
    after = "".join(data.draw(layout) + piece for piece in pieces)

    if same_sql(before, after):
        for value in (1, "x", "x -- y", "-"):
            assert_same_statement(rendered(before, value), rendered(after, value))


def same_for_certain(before: str, after: str) -> bool:
    return without_certain_layout(before, POSTGRES) == without_certain_layout(after, POSTGRES)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("select a from t", "SELECT  a -- the key\nFROM t\n"),
        ("select * from {{ a }}\n", "select * from {{ a }}\n\n-- all of it\n"),
        ("select * from {{ a }}", "select * from {{a}} -- all of it"),
        ("select * from {{ a }}", "select * from {{ a }}\n-- all of it"),
        ("select * from {{ a }}\nwhere b > 1 ", "select * from {{ a }}\n  WHERE b > 1\n-- it is large"),
        ("select f({{ a }}) as b\nfrom c", "select f({{ a }} ) as b -- b\n  from c\n"),
        ("select * from {{ a }} where b = 'x'", "select * from {{ a }}  where b =  'x'\n"),
    ],
)
def test_layout_of_plain_sql_and_behind_the_last_tag_is_certain(before: str, after: str) -> None:
    assert same_for_certain(before, after)
    assert not same(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # The first tag may open a quote, and the other close it.
        ("select {{ a }}, b from {{ c }}", "select {{ a }},  b from {{ c }}"),
        ("select * from {{ a }}", "select * from {{ b }}"),
        ("select * from {{ a }} where b", "select * from {{ a }} where c"),
        ("select {{ a }}b", "select {{ a }} b"),
        ("select {{ a }}- b", "select {{ a }} - b"),
        ("select {{ a }} , b\nfrom c", "select {{ a }}\n, b from c"),
        ("select {{ a }} -- it's\n", "select {{ a }} -- its\n"),
        ("select {{ a }} '-- ' x", "select {{ a }} '-- '  x"),
        ('select {{ a }} "it\'s" x', 'select {{ a }} "it\'s"  x'),
        ("select {{ a }} */ x", "select {{ a }} */  x"),
        ("select {{ a }} $$ x", "select {{ a }} $$  x"),
        ("select {{ a }} 'b", "select {{ a }}  'b"),
        ("select {{ a }} 'b'\n'c'", "select {{ a }} 'b' 'c'"),
        ("{% set a %}x  y{% endset %}", "{% set a %}x y{% endset %}"),
        ("select {{ 'a }} b", "select {{ 'a }}  b"),
    ],
)
def test_layout_that_a_tag_may_make_something_else_is_a_difference(before: str, after: str) -> None:
    assert not same_for_certain(before, after)


_ENDS = st.sampled_from(
    [" a", "\n", " ", ",", " 'x'", "'", '"', ' "x"', " -- y\n", "--", "/* z */", "*/", "$$", "b", " -- it's\n"]
)


@settings(deadline=None, max_examples=examples(2000))
@given(st.lists(_SQL_PIECES, max_size=3), st.lists(_ENDS, max_size=5), st.data())
def test_what_is_certain_renders_the_same_statement_whatever_the_last_tag_opens(
    pieces: list[str], ends: list[str], data: st.DataObject
) -> None:
    layout = st.sampled_from(["", "", " ", "\n", "  ", " -- z\n", "\n-- z", "{# z #}"])
    beginning = "".join(pieces) + "select {{ a }}"
    before = beginning + "".join(ends)
    after = beginning + "".join(data.draw(layout) + end for end in ends) + data.draw(layout)

    if same_for_certain(before, after):
        for value in (1, "x", "x -- y", "-", "'", '"', "/*", "$$", "e'", "'a'", "$b$ x"):
            was, is_now = rendered(before, value), rendered(after, value)
            assert_same_statement(was, is_now)
            # What only one of both layouts makes a statement of would be a change.
            assert (was is None) == (is_now is None)
            if was is not None and is_now is not None and canonical(was) is not None:
                assert canonical(is_now) is not None


def same_captured(before: str, after: str) -> bool:
    return without_discarded_text(before, POSTGRES) == without_discarded_text(after, POSTGRES)


def materialization(body: str) -> str:
    return f"{{% materialization t, default %}}{body}{{{{ return(x) }}}}{{% endmaterialization %}}"


MAIN = "{% call statement('main') %}select a{{ b }} from t{% endcall %}"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"{{{{ f() }}}}{MAIN}", f"  {{{{ f() }}}} -- {{# first #}}\n{MAIN} \n"),
        (f"{{{{ f() }}}}{{{{ g() }}}}{MAIN}", f"{{{{ f() }}}}{{# x #}} it's {{{{ g() }}}}{MAIN}"),
        (MAIN, MAIN.replace("select ", "SELECT -- all\n ")),
        (f"-- {{{{ f() }}}}{MAIN}", f"{{{{ f() }}}}{MAIN}"),
        ("{% set a %}x  y{% endset %}", "a {% set a %}x  y{% endset %} b"),
    ],
)
def test_what_a_materialization_renders_outside_of_its_blocks_is_no_difference(before: str, after: str) -> None:
    assert same_captured(materialization(before), materialization(after))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (MAIN, MAIN.replace("from t", "from u")),
        (MAIN, MAIN.replace("a{{", "a {{")),
        (MAIN, MAIN.replace("'main'", "'other'")),
        (MAIN, MAIN + "{{ f() }}"),
        (MAIN, "{{ f() }}" + MAIN),
        (MAIN + "{{ f() }}", "{{ f() }}" + MAIN),
        (MAIN, "select a{{ b }} from t"),
        ("{% set a %}x  y{% endset %}", "{% set a %}x y{% endset %}"),
        ("{% set a %}x {{ b }}{% endset %}", "{% set a %}x{{ b }}{% endset %}"),
        ("{% filter upper %}x{% endfilter %}", "{% filter upper %} x{% endfilter %}"),
        ("{% call f() %}a  b{% endcall %}", "{% call f() %}a b{% endcall %}"),
        (f"{{% set a %}}{MAIN}x  {{% endset %}}", f"{{% set a %}}{MAIN}x{{% endset %}}"),
        ("{% macro q() %}a b{% endmacro %}", "{% macro q() %}a  b{% endmacro %}"),
    ],
)
def test_what_a_materialization_executes_is_a_difference(before: str, after: str) -> None:
    assert not same_captured(materialization(before), materialization(after))


def test_a_materialization_that_returns_nothing_or_is_no_template_is_kept_as_it_is() -> None:
    text = "{% materialization t, default %}a  b{% endmaterialization %}"

    assert without_discarded_text(text, POSTGRES) == without_layout(text)
    assert without_discarded_text("{{ 'a }}", POSTGRES) == "{{ 'a }}"
