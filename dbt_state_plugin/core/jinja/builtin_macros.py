"""dbt's own macros that write DDL.

Only where their text is the known one, up to white space; the text of another version of dbt says nothing.
"""

from __future__ import annotations

import re

VIEW_ENTRIES = frozenset({"create_view_as", "get_create_view_as_sql"})
"""The macros that make the statement which creates a view, without the prefix of an adapter."""
VIEW_ENTRY_CALLED = "get_create_view_as_sql"
VIEW_DDL = "{{ get_create_view_as_sql(make_intermediate_relation(this.incorporate(type='view')), sql) }}"
"""What dbt's own materialization of views executes."""

_INDEXES = r"config\.get\(\s*(?:'indexes'|\"indexes\")\s*,\s*(?:default\s*=\s*)?\[\s*\]\s*\)"
_INDEXES_NAMED = re.compile(rf"\{{%-?\s*set\s+(\w+)\s*=\s*{_INDEXES}\s*-?%\}}")
# Neither a loop in the loop nor its `else`.
_LOOP = r"\{{%-?\s*for\s+\w+\s+in\s+{}\s*-?%\}}(?:(?!\{{%-?\s*(?:for|else|elif)\b).)*?\{{%-?\s*endfor\s*-?%\}}"
_SPACE = re.compile(r"\s+")
_KNOWN_STEPS = (
    "target_relation=this.incorporate(type='view')",
    "intermediate_relation=make_intermediate_relation(target_relation)",
)
_KNOWN_CALL = re.compile(
    r"\{%-?callstatement\('main'\)-?%\}\{\{get_create_view_as_sql\(intermediate_relation,sql\)\}\}\{%-?endcall-?%\}"
)


def without_index_loops(code: str) -> str:
    """Return a macro without its loops over a node's `indexes`, in which nothing happens for a node without any."""
    names = [name for name in _INDEXES_NAMED.findall(code) if len(re.findall(rf"\bset\s+{name}\b", code)) == 1]
    for values in (_INDEXES, *map(re.escape, names)):
        code = re.sub(_LOOP.format(values), " ", code, flags=re.DOTALL)
    return code


def calls_view_entry_as_known(code: str) -> bool:
    """Return whether a materialization of views executes `VIEW_DDL`, and makes no other use of what is in it."""
    text = _SPACE.sub("", code)
    return (
        len(_KNOWN_CALL.findall(text)) == 1
        and text.count(VIEW_ENTRY_CALLED) == 1
        and all(text.count(f"set{step}-%}}") + text.count(f"set{step}%}}") == 1 for step in _KNOWN_STEPS)
        and all(text.count(f"set{step.split('=')[0]}") == 1 for step in _KNOWN_STEPS)
        and "setsql" not in text
    )
