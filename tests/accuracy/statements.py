"""Equality of executed statements up to comments, layout and letter case.

Written apart from the package's own comparison of SQL on purpose: this is the judge.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_TOKEN = re.compile(
    r"""
      (?P<space>\s+)
    | (?P<line_comment>--[^\n\r]*)
    | (?P<block_comment>/\*)
    | (?P<escape_string>[eE]'(?:[^'\\]|''|\\.)*')
    | (?P<string>'(?:[^']|'')*')
    | (?P<identifier>"(?:[^"]|"")*")
    | (?P<dollar>\$(?P<tag>[A-Za-z_]\w*|)\$.*?\$(?P=tag)\$)
    | (?P<word>[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)
    | (?P<number>\d[\w.]*)
    | (?P<operator>[-+*/<>=~!@\#%^&|?]|::|.)
    """,
    re.VERBOSE | re.DOTALL,
)
# dbt names what it builds beside the old relation after the clock, and indexes after the clock's hash.
_TEMPORARY = re.compile(r"__dbt_(tmp|backup|new)\d+")
_INDEX_NAME = re.compile(r'^"[0-9a-f]{32}"$')
# What dbt-duckdb asks once for all nodes, in whichever of them comes first.
_ASKED_ONCE = re.compile(r"select [\w ,]+ from duckdb_\w+ \( \)|select version \( \)$")
_TRANSACTION = frozenset({("begin",), ("commit",), ("rollback",)})


def normalised(statements: Iterable[str], database: str) -> list[str]:
    """Return the statements in one form each; empty ones and the ends of transactions are left out."""
    spelled = [tuple(_tokens(statement, database)) for statement in statements]
    texts = (" ".join(tokens) for tokens in spelled if tokens and tokens not in _TRANSACTION)
    return [text for text in texts if not _ASKED_ONCE.match(text)]


def _tokens(statement: str, database: str) -> list[str]:
    tokens: list[str] = []
    position = 0
    while position < len(statement):
        match = _TOKEN.match(statement, position)
        assert match
        kind = str(match.lastgroup if match.lastgroup != "tag" else "dollar")
        position = match.end()
        if kind == "block_comment":
            position = _end_of_comment(statement, position)
        elif kind not in ("space", "line_comment"):
            tokens.append(_spelled(kind, match.group(), database))
    while tokens and tokens[-1] == ";":
        tokens.pop()
    return tokens


def _end_of_comment(statement: str, position: int) -> int:
    """Return where a block comment ends; PostgreSQL nests them."""
    depth = 1
    for match in re.compile(r"/\*|\*/").finditer(statement, position):
        depth += 1 if match.group() == "/*" else -1
        if depth == 0:
            return match.end()
    return len(statement)


def _spelled(kind: str, text: str, database: str) -> str:
    if kind == "identifier":
        text = _TEMPORARY.sub(r"__dbt_\1", text)
        return '"index"' if _INDEX_NAME.match(text) else '"database"' if text == f'"{database}"' else text
    if kind in ("word", "number"):
        return _TEMPORARY.sub(r"__dbt_\1", text.lower())
    if kind == "dollar":  # the body of a function or the text of a Python model
        return text.replace(f'"{database}"', '"database"')
    return _TEMPORARY.sub(r"__dbt_\1", text)
