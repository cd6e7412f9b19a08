"""What is left of a template of Jinja when its comments and the layout inside its tags are taken away?"""

from __future__ import annotations

import json
from functools import cache

from dbt_state_plugin.canonical import CANONICAL_VERSION, canonical

_PLACEHOLDER = "__jinja_tag_{}__"
_LAYOUT = frozenset({"whitespace", "comment_begin", "comment", "comment_end", "linecomment"})


@cache
def without_layout(template: str) -> str:
    """Return the tokens of a template as Jinja's own lexer reads them, without comments and white space inside of tags.

    Two templates with the same answer render the same text. Text outside of tags is kept as it stands: what looks like
    white space there may end up inside a string of SQL. What is no valid template is returned as it is.
    """
    tokens = _tokens(template)
    if tokens is None:
        return template
    # Jinja drops a newline at the very end, but not one before a comment at the end.
    return json.dumps([template.endswith(("\n", "\r")), *tokens], ensure_ascii=False)


@cache
def without_sql_layout(template: str) -> str:
    """Return a template whose text outside of tags is SQL without the comments and white space of SQL as well.

    Only for templates whose whole text becomes a statement. Where the text cannot be read as SQL with certainty (a tag
    in a comment, a block whose text is captured, quotes that a tag may open) it is kept as `without_layout` keeps it.
    """
    tokens = _tokens(template)
    if tokens is None:
        return template
    text, tags = _joined(tokens)
    statement = canonical(text)
    marks = [_PLACEHOLDER.format(position) for position in range(len(tags))]
    if statement is None or any(mark not in statement for mark in marks) or not all(map(_leaves_text_alone, tags)):
        return without_layout(template)
    return json.dumps([CANONICAL_VERSION, statement, *tags], ensure_ascii=False)


def _tokens(template: str) -> list[list[str]] | None:
    """Return the kinds and values of a template's tokens, or None when it is no valid template."""
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
        return None
    return tokens


def _joined(tokens: list[list[str]]) -> tuple[str, list[list[list[str]]]]:
    """Return the text with a word in the place of each tag, and the tags."""
    text: list[str] = []
    tags: list[list[list[str]]] = []
    is_open = False
    for kind, value in tokens:
        if kind == "data" and not is_open:
            text.append(value)
        elif not is_open:
            text.append(_PLACEHOLDER.format(len(tags)))
            tags.append([[kind, value]])
            is_open = kind in ("block_begin", "variable_begin")
        else:
            tags[-1].append([kind, value])
            is_open = kind not in ("block_end", "variable_end")
    return "".join(text), tags


def _leaves_text_alone(tag: list[list[str]]) -> bool:
    """Tell whether a tag neither captures the text that follows nor brings half of a quote or comment into it."""
    words = [value for _, value in tag if value]
    strings = "".join(value[1:-1] for kind, value in tag if kind == "string")
    captures = words[:1] in (["filter"], ["call"]) and words[1:2] != ["statement"]
    captures = captures or (words[:1] == ["set"] and "=" not in words)
    opens = strings.count("'") % 2 or strings.count('"') % 2 or any(mark in strings for mark in ("--", "/*", "*/", "$"))
    return not captures and not opens
