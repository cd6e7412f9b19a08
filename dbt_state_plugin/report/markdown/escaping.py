"""Text escaped for GitHub's Markdown and for Mermaid."""

from __future__ import annotations

import re

from dbt_state_plugin.report.printable import printable

_PLAIN = re.compile(r"[\w ./:,()+\-=\"'%;?]", re.ASCII)
_CODE = re.compile(r"[\w ./:()+\-=\"',]+")
_LONGEST = 240


def cell(text: str) -> str:
    """Return text escaped for a cell of a table: no markup, no link, no mention.

    What could be markup is written as a character reference, which Markdown does not take for markup.
    """
    shown = shortened(printable(text))
    return "".join(_escaped(shown, at) for at in range(len(shown)))


def _escaped(text: str, at: int) -> str:
    character = text[at]
    if character == "_":  # within a word it is no markup
        return "_" if text[at - 1 : at].isalnum() and text[at + 1 : at + 2].isalnum() else "&#95;"
    if text[at : at + 3] == "://":
        return "&#58;"
    if character in "@#":  # GitHub looks for mentions and issues after references are resolved
        return f"&#{ord(character)};&#8203;"
    if not character.isascii() or _PLAIN.match(character):
        return character
    return f"&#{ord(character)};"


def code(text: str) -> str:
    """Return a name as code."""
    shown = shortened(printable(text))
    return f"`{shown}`" if _CODE.fullmatch(shown) and shown.strip() else f"<code>{cell(text)}</code>"


def shortened(text: str) -> str:
    """Return the text, or its beginning if it is too long to be read."""
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def fenced(text: str, language: str) -> str:
    """Return text as a block of code whose fence is longer than any in it."""
    longest = max((len(found) for found in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def mermaid_label(text: str) -> str:
    """Return the label of a Mermaid node, quoted; all but letters, digits and blanks are entities of Mermaid."""
    shown = printable(text)
    shown = shown if len(shown) <= 60 else shown[:59] + "…"
    return '"' + "".join(each if each.isalnum() or each in " _" else f"#{ord(each)};" for each in shown) + '"'
