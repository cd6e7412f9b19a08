"""Templates without comments and without layout inside their tags."""

from __future__ import annotations

import json
import re
from functools import cache
from itertools import takewhile

from dbt_state_plugin.core.values.dialect import SqlDialect

_PLACEHOLDER = "__jinja_tag_{}__"
# Where the first line after a tag ends. What the tag renders may end with a comment of SQL, which takes that line.
_LINE_END = "__jinja_line_end__"
_STARTS_A_TEXT = ([["name", "macro"]], [["name", "call"]])
# Half of a comment's edge may be in the tag; what stands beside the end of a line may be two pieces of one string.
_DOUBTFUL = re.compile(rf"[-/*]__jinja_tag_|__jinja_tag_[0-9]+__[-/*]|' {_LINE_END} '")
# Escapes, ends of block comments, and quotes with dollars; what ends a line for some and not for others.
_OPENS_OR_CLOSES = re.compile(r"[$\\\r\0]|/\*|\*/")
_LAYOUT = frozenset({"whitespace", "comment_begin", "comment", "comment_end", "linecomment"})


@cache
def without_layout(template: str) -> str:
    """Return the tokens of a template as Jinja's own lexer reads them, without comments and white space inside of tags.

    Two templates with the same answer render the same text. Text outside of tags is kept as it is: what looks like
    white space there may end up inside a string of SQL. What is no valid template is returned as it is.
    """
    tokens = _tokens(template)
    if tokens is None:
        return template
    return json.dumps([_loses_a_newline(template, tokens), *tokens], ensure_ascii=False)


@cache
def without_sql_layout(template: str, dialect: SqlDialect) -> str:
    """Return a template whose text outside of tags is SQL without the comments and white space of SQL as well.

    Only for templates whose whole text becomes a statement. Where the text cannot be read as SQL with certainty (a tag
    in a comment, a block whose text is captured, quotes that a tag may open) it is kept as `without_layout` keeps it.
    """
    tokens = _tokens(template)
    if tokens is None:
        return template
    return _spelled_as_sql(tokens, dialect) or without_layout(template)


@cache
def without_certain_layout(template: str, dialect: SqlDialect) -> str:
    """Return a template without layout of SQL where it is plain SQL or behind the last tag, else as `without_layout`.

    What a tag renders may be half of a quote or of a comment; where there is a compiler, it knows better. Behind the
    last tag nothing can close a quote again, so that text is SQL where it has no end of one (see `_at_the_end`).
    """
    tokens = _tokens(template)
    if tokens is None:
        return template
    if all(kind == "data" for kind, _ in tokens):
        return without_sql_layout(template, dialect)
    head, text = (tokens[:-1], tokens[-1][1]) if tokens[-1][0] == "data" else (tokens, "")
    end = _at_the_end(text, dialect)
    return (
        without_layout(template)
        if end is None
        else json.dumps([dialect.version, "end", end, *head], ensure_ascii=False)
    )


def _at_the_end(text: str, dialect: SqlDialect) -> str | None:
    """Return the text behind the last tag in one spelling, or None if it may be no SQL.

    If the tag has opened a quote or a block comment, nothing in this text closes it: marks of one kind come in pairs
    and no comment hides one of them. Such a statement is refused by the server, whatever the layout. A comment that
    the tag has opened ends with the first line.
    """
    quotes = {"'", '"'} & set(text)
    if _OPENS_OR_CLOSES.search(text) or len(quotes) > 1 or (quotes and "--" in text):
        return None
    if text and text[0] not in " \t\n(),;[]":  # it may grow together with what the tag renders
        return None
    statement = dialect.spelling(_with_line_end(text))
    if statement is None or _DOUBTFUL.search(statement):
        return None
    return f" {statement}".removesuffix(f" {_LINE_END}").lstrip()


@cache
def without_discarded_text(template: str, dialect: SqlDialect) -> str:
    """Return a template of which only captured text counts, as `without_sql_layout` does, without all other text.

    Only for materializations: dbt takes what one returns, and throws away what it renders. What its `call` blocks
    capture is executed.
    """
    tokens = _tokens(template)
    if tokens is None:
        return template
    if ["name", "return"] not in tokens or ["name", "macro"] in tokens:
        return without_layout(template)
    captured = _captured(tokens)
    return _spelled_as_sql(captured, dialect) or json.dumps(["captured", *captured], ensure_ascii=False)


def _spelled_as_sql(tokens: list[list[str]], dialect: SqlDialect) -> str | None:
    """Return the text outside of tags in one spelling and the tags, or None if that text may be no SQL."""
    text, tags = _joined(tokens)
    statement = dialect.spelling(text)
    marks = [_PLACEHOLDER.format(position) for position in range(len(tags))]
    if statement is None or any(mark not in statement for mark in marks):
        return None
    if _DOUBTFUL.search(text) or _DOUBTFUL.search(statement):
        return None
    if not all(map(_leaves_text_alone, tags)) or _has_macro_inside(tags):
        return None
    # Whatever a statement stands in goes on in a new line.
    spelled = statement.removesuffix(f" {_LINE_END}")
    return json.dumps([dialect.version, spelled, _neighbours(text), *tags], ensure_ascii=False)


def _neighbours(text: str) -> list[str]:
    """Return what touches each tag, which may grow together with what the tag renders, or with what stands behind it.

    A string before and one behind a tag that renders nothing are one string, with a quote in it.
    """
    marks = re.finditer(_PLACEHOLDER.format(r"\d+"), text)
    touching = [
        text[max(mark.start() - 1, 0) : mark.start()] + "|" + text[mark.end() : mark.end() + 1] for mark in marks
    ]
    return [re.sub(r"\w", "w", re.sub(r"[\s(),;\[\]]", "", each)) for each in touching]


def _captured(tokens: list[list[str]]) -> list[list[str]]:
    """Return the tokens with a line break in the place of all text outside of blocks that capture theirs."""
    found: list[list[str]] = []
    depth = 0
    for position, (kind, value) in enumerate(tokens):
        if kind == "data" and depth == 0:
            continue
        if kind.endswith("_begin") and depth == 0:
            found.append(["data", "\n"])
        if kind == "block_begin":
            tag = _tag_at(tokens, position)
            depth += _captures(tag) - (tag[:1] in (["endcall"], ["endfilter"], ["endset"]))
        found.append([kind, value])
    return found


def _tag_at(tokens: list[list[str]], position: int) -> list[str]:
    """Return the words of the tag that begins at a position."""
    inside = takewhile(lambda token: token[0] != "block_end", tokens[position + 1 :])
    return [value for _, value in inside]


def _captures(words: list[str]) -> bool:
    """Return whether a tag takes away the text that follows, up to its end."""
    if words[:1] != ["set"]:
        return words[:1] in (["filter"], ["call"])
    # `{% set a = 1 %}` takes nothing, `{% set a %}` and `{% set a | replace(count=1) %}` do.
    return "=" not in words or "|" in words[: words.index("=")]


def _has_macro_inside(tags: list[list[list[str]]]) -> bool:
    """Return whether a macro is defined in the text, whose own text then stands where it is called."""
    names = [value for tag in tags for _, value in tag[1:2]]
    opened = [position for position, name in enumerate(names) if name == "macro"]
    return bool(opened) and (opened != [0] or names[-1] != "endmacro")


def _loses_a_newline(template: str, tokens: list[list[str]]) -> bool:
    """Return whether Jinja takes a newline from the text: one at the very end, unless a `-%}` has taken it already."""
    return template.endswith(("\n", "\r")) and _tokens(template, keep_trailing_newline=False) != tokens


def _tokens(template: str, *, keep_trailing_newline: bool = True) -> list[list[str]] | None:
    """Return the kinds and values of a template's tokens, or None when it is no valid template."""
    from jinja2 import Environment, TemplateError

    tokens: list[list[str]] = []
    # The environment only reads the text; nothing is rendered.
    reader = Environment(autoescape=True, keep_trailing_newline=keep_trailing_newline)
    try:
        for _, kind, value in reader.lex(template):
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
    """Return the text with a word in the place of each tag and at the end of the line after it, and the tags."""
    text: list[str] = []
    tags: list[list[list[str]]] = []
    is_open = False
    for kind, value in tokens:
        if kind == "data" and not is_open:
            is_after_text = bool(tags) and tags[-1][1:2] not in _STARTS_A_TEXT
            text.append(_with_line_end(value) if is_after_text else value)
        elif not is_open:
            text.append(_PLACEHOLDER.format(len(tags)))
            tags.append([[kind, value]])
            is_open = kind in ("block_begin", "variable_begin")
        else:
            tags[-1].append([kind, value])
            is_open = kind not in ("block_end", "variable_end")
    return "".join(text), tags


def _with_line_end(text: str) -> str:
    """Return the text behind a tag with a word where the first line after the tag ends."""
    return text.replace("\n", f"\n{_LINE_END} ", 1)


def _leaves_text_alone(tag: list[list[str]]) -> bool:
    """Return whether a tag neither captures the text that follows nor brings half of a quote or comment into it."""
    words = [value for _, value in tag if value]
    strings = "".join(value[1:-1] for kind, value in tag if kind == "string")
    opens = strings.count("'") % 2 or strings.count('"') % 2 or any(mark in strings for mark in ("--", "/*", "*/", "$"))
    return (not _captures(words) or words[:2] == ["call", "statement"]) and not opens
