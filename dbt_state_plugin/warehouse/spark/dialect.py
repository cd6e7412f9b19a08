"""Spark's dialect: backquoted names, escapes in strings, hints kept.

A text that the versions of Spark, or its settings, may take apart in different ways equals nothing but itself: a
backslash in a raw string or at the end of a comment, comments in comments, `$`, and letters beyond ASCII outside of
quotes.
"""

from __future__ import annotations

import re

from dbt_state_plugin.warehouse.layout import LayoutDialect

TOKENS = r"""(?P<string> [rR]?'(?:[^'\\]|\\.|'')*' | [rR]?"(?:[^"\\]|\\.|"")*" )
      | (?P<quoted> `(?:[^`]|``)*` )
      | (?P<word> [A-Za-z0-9_]+ )
      | (?P<hint> /\*\+(?:(?!/\*|\*/).)*\*/ )
      | (?P<comment> --[^\r\n\\]*(?=[\r\n]|$) | /\*(?!\+)(?:(?!/\*|\*/).)*\*/ )
      | (?P<space> [ \t\r\n]+ )
      | (?P<other> [!%&()+,.:;<=>?@\[\]^{|}~] | /(?!\*) | \*(?!/) | -(?!-) )"""
_DOUBTFUL_NAME = re.compile(r".*__jinja_", re.DOTALL)  # half of a quote that a tag opens (see core/jinja/layout.py)
_CAPITALS = re.compile("[A-Z]+")  # str.lower knows more letters than the metastore does


class SparkDialect(LayoutDialect):
    """See `core/values/dialect.py` for what each answer means.

    `select 1 as X` makes a column X that answers to x: another letter case is another statement, but the same relation.
    """

    version = 3001  # a test holds it to the spelling
    tokens = TOKENS

    def is_doubtful(self, token: re.Match[str]) -> bool:
        """Return whether a backslash in a raw string may hide its end, or a tag that of a quoted name."""
        if token.lastgroup == "quoted":
            return bool(_DOUBTFUL_NAME.match(token[0]))
        return token.lastgroup == "string" and token[0][0] in "rR" and "\\" in token[0]

    def stored_name(self, name: str, rendered: str) -> str:
        """Fold A to Z, quoted or not, as the metastore does."""
        return _CAPITALS.sub(lambda letters: letters[0].lower(), name)

    def type_name(self, text: str) -> str | None:
        """Look it up among the aliases."""
        from dbt_state_plugin.warehouse.spark.type_names import type_name

        return type_name(text)


SPARK = SparkDialect()
