"""Templates that look names up late, and render the same."""

from __future__ import annotations

import pytest
from jinja2 import Environment
from jinja2.runtime import Context

from dbt_state_plugin.dbt_runner.late_lookups import with_late_lookups


class SeenContext(Context):
    """Note the names that are looked up."""

    seen: list[str]

    def resolve_or_missing(self, key: str) -> object:
        self.seen.append(key)
        return super().resolve_or_missing(key)


def rendered(code: str) -> tuple[str, bool]:
    """Return what a template renders, and whether it looked up `id`."""
    environment = Environment(extensions=["jinja2.ext.do"])
    environment.context_class = SeenContext
    SeenContext.seen = []
    template = environment.from_string(with_late_lookups(environment.parse(code), {"id"}))
    return template.render({"id": "abc", "on": True, "off": False}), "id" in SeenContext.seen


@pytest.mark.parametrize(
    ("code", "expected", "is_looked_up"),
    [
        ("{{ id }}", "abc", True),
        ("{% if off %}{{ id }}{% else %}x{% endif %}", "x", False),
        ("{% if on %}{{ id }}{% else %}x{% endif %}", "abc", True),
        ("{{ id if off else 'x' }}", "x", False),
        ("{% macro m(is_on) %}{% if is_on %}{{ id }}{% endif %}{% endmacro %}{{ m(off) }}", "", False),
        ("{% macro m(is_on) %}{% if is_on %}{{ id }}{% endif %}{% endmacro %}{{ m(on) }}", "abc", True),
        ("{% for n in [1, 2] %}{{ id }}{{ n }}{% endfor %}", "abc1abc2", True),
        ("{% set other = id ~ '!' %}{{ other | upper }}", "ABC!", True),
        ("{{ id[0] }}{{ id is defined }}{{ id.upper() }}", "aTrueABC", True),
        ("{% set id = 'own' %}{{ id }}", "own", False),
        ("{% macro m(id) %}{{ id }}{% endmacro %}{{ m('own') }}", "own", False),
        ("{% for id in ['own'] %}{{ id }}{% endfor %}", "own", False),
    ],
)
def test_a_name_is_looked_up_where_it_is_used(code: str, expected: str, is_looked_up: bool) -> None:
    assert rendered(code) == (expected, is_looked_up)
