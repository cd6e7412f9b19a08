"""Dialect of an unknown warehouse.

White space and comments make no difference if every server that dbt has an adapter for reads them as such. A text that
any of them may read differently equals only itself: backslashes, dollars, `#`, `//`, hints, and whatever may shift
where a quote opens. Letter case is kept, of words and of names.
"""

from __future__ import annotations

import re

from dbt_state_plugin.warehouse.layout import LayoutDialect

_PIECES = r"""(?P<string> '(?:[^']|'')*' )
      | (?P<quoted> "(?:[^"]|"")*" | `[^`]*` )
      | (?P<brackets> \[[^][)('"`/-]*\] )
      | (?P<comment> --(?=[ \t\r\n]|$)[^\r\n]* | /\*(?![+!])(?:(?!/\*|\*/).)*\*/ )
      | (?P<space> (?: [ \t\n\f\v] | \r\n )+ )
      | (?P<other> [^][\\$\#\0'"`/*\r\ \t\n\f\v-]+ | [][] | /(?![/*]) | \*(?!/) | -(?!-) )"""
# An escape, half of a quote that a tag of Jinja opens (see core/jinja/layout.py), three quotes that some read as one.
_DOUBTFUL_QUOTE = re.compile(r"\\|`.*__jinja_|'''|\"\"\"", re.DOTALL)


class GenericDialect(LayoutDialect):
    """See `core/values/dialect.py` for what each answer means."""

    version = 1001  # a test holds it to the spelling; each dialect has numbers of its own
    tokens = _PIECES

    def is_doubtful(self, token: re.Match[str]) -> bool:
        """Return whether a quote may open or end elsewhere: behind a prefix, such as r'...', or by what is in it."""
        if token.lastgroup not in ("string", "quoted"):
            return False
        letter = token.string[token.start() - 1 : token.start()]
        return letter.isalnum() or letter == "_" or bool(_DOUBTFUL_QUOTE.search(token[0]))


GENERIC = GenericDialect()
