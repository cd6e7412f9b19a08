"""Whether two texts are the same statement to PostgreSQL.

The tokens follow the lexical rules of PostgreSQL: chapter 4.1 "Lexical Structure" of its manual, and
`src/backend/parser/scan.l` of its source. A false "same" would leave a stale relation behind, a false "different" costs
one build. So a text that versions or settings of PostgreSQL read in different ways equals only itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib import import_module
from threading import current_thread, main_thread
from typing import Any

from dbt_state_plugin.postgres.settings import MAX_IDENTIFIER_BYTES

# A server counts bytes from 0x80 as letters: each character outside of ASCII is one, the no-break space too.
_LETTER = r"A-Za-z_\x80-\U0010ffff"
_GAP = re.compile(r"(?:[ \t\n\r\f]+|--[^\n\r]*)*")
# What stands between the pieces of one string: white space with a newline, and line comments, but no block comment.
_CONTINUATION = re.compile(r"(?:[ \t\f]|--[^\n\r]*(?=[\n\r]))*[\n\r](?:[ \t\n\r\f]|--[^\n\r]*[\n\r])*(?=')")
_COMMENT_EDGE = re.compile(r"/\*|\*/")

# One piece of a string by its prefix. A plain string ends elsewhere when standard_conforming_strings is off and an odd
# number of backslashes stands before a quote: that matches nothing here.
_BITS = r"'[^']*'(?!')"
_PLAIN = r"'[^'\\]*(?:(?:\\[^']|'')[^'\\]*)*'(?!')"
_ESCAPED = r"'[^'\\]*(?:(?:\\.|'')[^'\\]*)*'(?!')"
_UNICODE = r"'[^']*(?:''[^']*)*'(?!')"
_PIECE = {
    prefix: re.compile(piece, re.DOTALL)
    for prefix, piece in {"": _PLAIN, "n": _PLAIN, "e": _ESCAPED, "b": _BITS, "x": _BITS, "u&": _UNICODE}.items()
}

_DIGITS = r"[0-9]+(?:_[0-9]+)*"
_TOKEN = re.compile(
    rf"""(?:
    (?P<word> (?! [bBeEnNxX]' | [uU]&['"] ) [{_LETTER}][{_LETTER}0-9$]* )
  | (?P<string> (?:[bBeEnNxX]|[uU]&)?' )
  | (?P<comment> /\* )
  | (?P<whole>
        # A number with anything after it that may belong to it is read differently by the versions.
        (?: 0[xX](?:_?[0-9A-Fa-f])+ | 0[oO](?:_?[0-7])+ | 0[bB](?:_?[01])+
          | (?: {_DIGITS}(?:\.(?:{_DIGITS})?)? | \.{_DIGITS} ) (?:[eE][-+]?{_DIGITS})?
        ) (?! [{_LETTER}0-9$.] )
      | \$[0-9]+ (?! [{_LETTER}0-9$] )
      | (?:[uU]&)?"(?:[^"]|"")+"(?!")
      | (?P<tag> \$(?:[{_LETTER}][{_LETTER}0-9]*)?\$ ) .*? (?P=tag)
      | ::|:=|: | \.\. | \.(?![0-9]) | [,()\[\];]
        # An operator ends before a comment, and with + or - only if it holds one of ten characters.
      | (?= (?: (?!--|/\*) [-+*/<>=] )* [~!@\#^&|`?%] ) (?: (?!--|/\*) [-+*/<>=~!@\#^&|`?%] )+
      | (?: (?!--|/\*) [-+*/<>=] )* (?!/\*) [*/<>=] | (?!--) [-+]
    )
    ) (?:[ \t\n\r\f]+|--[^\n\r]*)*""",
    re.VERBOSE | re.DOTALL,
)


def same_statement(before: str, after: str) -> bool:
    """Return whether PostgreSQL surely reads the same statement in both texts, whatever their comments and layout.

    Equal tokens are the same within any other text too, provided that it goes on in a new line. Where tokens differ and
    postgast is installed, parse trees without locations are compared: for them redundant parentheses, `as`, `inner` and
    the two spellings of a cast are no difference.
    """
    if before == after:
        return True
    old, new = _tokens(before), _tokens(after)
    if old is None or new is None:
        return False
    return old == new or (_is_comparable_as_tree(old, new) and _same_tree(before, after))


def canonical(sql: str) -> str | None:
    """Return the tokens in one spelling with one space between them, or None for what cannot be read with certainty."""
    tokens = _tokens(sql)
    return None if tokens is None else " ".join(tokens)


def name_of(token: str) -> str:
    """Return the name that a token is, without its quotes."""
    return token[1:-1].replace('""', '"') if token.startswith('"') else token


def tokens(sql: str) -> list[str] | None:
    """Return the tokens, words outside of quotes in small letters, or None for what cannot be read with certainty."""
    return _tokens(sql)


def _tokens(sql: str) -> list[str] | None:
    if "\0" in sql:  # where a statement ends for a server
        return None
    tokens: list[str] = []
    position = _end_of_gap(sql, 0)
    while position < len(sql):
        match = _TOKEN.match(sql, position)
        if match is None:
            return None
        if (kind := match.lastgroup) == "word":
            tokens.append(_folded(match["word"]))
            position = match.end()
        elif kind == "whole":
            # != and <> are one token to a server. Numbers stay as they are: `set my.variable = 1E5` keeps its spelling.
            tokens.append("<>" if match["whole"] == "!=" else match["whole"])
            position = match.end()
        else:
            rest = _string(sql, match) if kind == "string" else _comment(sql, position)
            if rest is None:
                return None
            tokens += rest[0]
            position = _end_of_gap(sql, rest[1])
    return tokens


def _end_of_gap(sql: str, start: int) -> int:
    match = _GAP.match(sql, start)
    return match.end() if match else start  # it matches the empty text too


def _folded(word: str) -> str:
    # str.lower would also turn the Kelvin sign into a k; a server folds nothing but A to Z.
    return word.lower() if word.isascii() else re.sub("[A-Z]+", lambda letters: letters[0].lower(), word)


def _string(sql: str, opened: re.Match[str]) -> tuple[list[str], int] | None:
    """Read a string with its continuations on later lines; return it as a token, and where it ends."""
    prefix = opened["string"][:-1].lower()
    piece = _PIECE[prefix].match(sql, opened.end("string") - 1)
    pieces: list[str] = []
    while piece:
        pieces.append(piece[0])
        continuation = _CONTINUATION.match(sql, piece.end())
        if continuation is None:
            # The pieces are not joined: E'\1' and '2' are two characters, E'\12' is one.
            return [prefix + "\n".join(pieces)], piece.end()
        piece = _PIECE[prefix].match(sql, continuation.end())
    return None


def _comment(sql: str, start: int) -> tuple[list[str], int] | None:
    """Skip a block comment with those inside of it; return where it ends, and a hint for the planner as a token."""
    depth = 0
    for edge in _COMMENT_EDGE.finditer(sql, start):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return ([sql[start : edge.end()]] if sql.startswith("/*+", start) else []), edge.end()
    return None


# Trees come from one version of the grammar with one set of settings. So nothing that other servers may read otherwise
# takes part: a backslash (standard_conforming_strings), a number that is not a plain decimal (before PostgreSQL 15 a
# number and a name), a name that is cut off. Nor does a hint, which a tree does not hold.
_VARYING = re.compile(r".*\\ | [uU]& | /\*\+ | \.?[0-9].*[A-DF-Za-df-z_]", re.VERBOSE | re.DOTALL)
# The library recurses without a limit, at worst one level for each token: this many need less than 2 MB of stack.
_TREE_TOKENS = 5_000
_LOCATIONS = frozenset(
    """location name_location stmt_location stmt_len
    list_start list_end rexpr_list_start rexpr_list_end""".split()
)


def _is_comparable_as_tree(old: list[str], new: list[str]) -> bool:
    if max(len(old), len(new)) > _TREE_TOKENS or current_thread() is not main_thread():
        return False
    return (
        (old[:1], old[-1:]) == (new[:1], new[-1:])  # a macro may have put other text around the statement
        # Which names are keywords without their quotes depends on the version.
        and [token for token in old if token[0] == '"'] == [token for token in new if token[0] == '"']
        and not any(map(_varies, {*old, *new}))
    )


def _varies(token: str) -> bool:
    if _VARYING.match(token):
        return True
    return token[0] not in "'$" and len(token.encode(errors="replace")) > MAX_IDENTIFIER_BYTES


def _same_tree(before: str, after: str) -> bool:
    parse = _parser()
    if parse is None:
        return False
    try:
        old, new = parse(before), parse(after)
    except Exception:  # what the library refuses, for whatever reason, is not surely the same
        return False
    is_query = len(old.stmts) == 1 and old.stmts[0].stmt.HasField("select_stmt")
    return is_query and bool(_without_locations(old) == _without_locations(new))


@cache
def _parser() -> Callable[[str], Any] | None:
    try:
        parse: Callable[[str], Any] = import_module("postgast").parse
    except (ImportError, OSError):  # OSError: the library was built for another machine
        return None
    return parse


def _without_locations(tree: Any) -> Any:
    """Clear the fields of a protobuf message, and of those in it, that say where in the text something stood."""
    for field, value in tree.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for message in [value] if hasattr(value, "ListFields") else value:
                _without_locations(message)
        elif field.type == field.TYPE_INT32 and field.name in _LOCATIONS:
            tree.ClearField(field.name)
    return tree
