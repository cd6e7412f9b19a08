"""Statements without comments and layout, for dialects little known."""

from __future__ import annotations

import re
from functools import cache

_GAPS = ("comment", "space")


@cache  # it takes milliseconds, which a run without changes need not pay
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.VERBOSE | re.DOTALL)


class LayoutDialect:
    """A dialect in which only white space and comments are no difference; see `core/values/dialect.py`.

    A subclass says what is a token, as a pattern with re.VERBOSE and re.DOTALL: the groups `comment` and `space` are
    gaps, `string` may not follow another one, as some servers join them, and what no group matches, or `is_doubtful`,
    equals nothing but itself.
    """

    version: int
    tokens: str
    read_only_session: tuple[str, ...] = ()

    def stored_name(self, name: str, rendered: str) -> str:
        """Return the name as dbt has it: how the server folds it is unknown."""
        return name

    def column_name(self, name: str, rendered: str) -> str | None:
        """Return None: in which letter case the catalog has it is unknown."""
        return None

    def type_name(self, text: str) -> str | None:
        """Return None: no type is known."""
        return None

    def external_place(self, rendered: str) -> tuple[str, str] | None:
        """Return None: what a source that is no relation would look like is not known."""
        return None

    def spelling(self, sql: str) -> str | None:
        """Return the statement without comments, with one space for white space."""
        pattern = _compiled(self.tokens)
        parts: list[str] = []
        position, is_in_gap, last = 0, False, ""
        while position < len(sql):
            token = pattern.match(sql, position)
            kind = token.lastgroup if token else None
            if token is None or (kind == last == "string") or self.is_doubtful(token):
                return None
            if kind not in _GAPS:
                parts.append(token[0])
                last = str(kind)
            elif not is_in_gap:
                parts.append(" ")
            position, is_in_gap = token.end(), kind in _GAPS
        return "".join(parts).strip(" ")

    def is_doubtful(self, token: re.Match[str]) -> bool:
        """Return whether a server may read this token in another way."""
        return False

    def was_created(self, message: str) -> bool:
        """Look for a word of SQL, which many adapters pass on."""
        return message.upper().startswith(("SELECT", "CREATE"))

    def same_statement(self, before: str, after: str) -> bool:
        """Compare the spellings."""
        if before == after:
            return True
        spelled = self.spelling(before)
        return spelled is not None and spelled == self.spelling(after)

    def written_by(self, sql: str) -> frozenset[tuple[str, str]] | None:
        """Return None: it may do anything."""
        return None

    def touched_by(self, sql: str) -> frozenset[tuple[str, str]] | None:
        """Return None: it may do anything."""
        return None

    def is_deterministic(self, statement: str) -> bool:
        """Return False: no function is known."""
        return False
