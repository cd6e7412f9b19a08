"""What is left of a template of Jinja when its comments and the layout inside its tags are taken away?"""

from __future__ import annotations

import json
from functools import cache

_LAYOUT = frozenset({"whitespace", "comment_begin", "comment", "comment_end", "linecomment"})


@cache
def without_layout(template: str) -> str:
    """Return the tokens of a template as Jinja's own lexer reads them, without comments and white space inside of tags.

    Two templates with the same answer render the same text. Text outside of tags is kept as it stands: what looks like
    white space there may end up inside a string of SQL. What is no valid template is returned as it is.
    """
    from jinja2 import Environment, TemplateError

    tokens: list[list[str]] = []
    try:
        # The environment only reads the text; nothing is rendered.
        for _, kind, value in Environment(autoescape=True, keep_trailing_newline=True).lex(template):
            if kind in _LAYOUT:
                continue
            if kind == "data" and tokens and tokens[-1][0] == "data":
                tokens[-1][1] += value
            else:
                # `{%-` and `-%}` have done their work on the text beside them.
                tokens.append([kind, "" if kind.endswith(("_begin", "_end")) else value])
    except TemplateError:
        return template
    # Jinja drops a newline at the very end, but not one before a comment at the end.
    return json.dumps([template.endswith(("\n", "\r")), *tokens], ensure_ascii=False)
