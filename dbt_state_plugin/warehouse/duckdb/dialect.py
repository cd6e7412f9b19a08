"""DuckDB's dialect: PostgreSQL's lexical rules with letter case kept."""

from __future__ import annotations

import re

from dbt_state_plugin.warehouse.layout import LayoutDialect

_LETTER = r"A-Za-z_\x80-\U0010ffff"
_DOLLARS = rf"(\$(?:[{_LETTER}][{_LETTER}0-9]*)?\$).*?\2"
_PIECES = rf"""(?P<string> [eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | {_DOLLARS} )
      | (?P<quoted> "(?:[^"]|"")*" )
      | (?P<word> [{_LETTER}][{_LETTER}0-9$]* )
      | (?P<comment> --[^\r\n]* | /\*(?:(?!/\*|\*/).)*\*/ )
      | (?P<space> (?: [ \t\n\f\v] | \r\n )+ )
      | (?P<other> [^{_LETTER}\0'"`/*\r\ \t\n\f\v-] | /(?!\*) | \*(?!/) | -(?!-) )"""
_CAPITALS = re.compile("[A-Z]+")  # str.lower knows more letters than DuckDB does


class DuckDBDialect(LayoutDialect):
    """See `core/values/dialect.py` for what each answer means.

    `select 1 as X` makes a column X that answers to x: another letter case is another statement, but the same relation.
    """

    version = 2001  # a test holds it to the spelling
    tokens = _PIECES

    def is_doubtful(self, token: re.Match[str]) -> bool:
        """Return whether a dollar in a name may also open a quote."""
        return token.lastgroup == "word" and "$" in token[0]

    def same_statement(self, before: str, after: str) -> bool:
        """Compare the spellings, then what DuckDB's parser makes of both: it knows keywords in any case."""
        from dbt_state_plugin.warehouse.duckdb.statement import parsed

        if super().same_statement(before, after):
            return True
        tree = parsed(before)
        return tree is not None and tree == parsed(after)

    def external_place(self, rendered: str) -> tuple[str, str] | None:
        """Return the path of a file that stands where the name of a source would."""
        from dbt_state_plugin.warehouse.duckdb.files import SCHEMA, external_place

        place = external_place(rendered)
        return (SCHEMA, place) if place else None

    def stored_name(self, name: str, rendered: str) -> str:
        """Fold A to Z, quoted or not: DuckDB keeps the case and matches names in any case."""
        return _CAPITALS.sub(lambda letters: letters[0].lower(), name)

    def column_name(self, name: str, rendered: str) -> str | None:
        """Return it as it is: the catalog keeps the letter case, quoted or not."""
        return name

    def type_name(self, text: str) -> str | None:
        """Look it up among the aliases."""
        from dbt_state_plugin.warehouse.duckdb.type_names import type_name

        return type_name(text)


DUCKDB = DuckDBDialect()
