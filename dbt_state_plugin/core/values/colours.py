"""Colours of a terminal in dbt's text."""

from __future__ import annotations

import re

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def without_colours(text: str) -> str:
    """Return dbt's text without the codes of its colours, which it writes wherever it writes."""
    return _COLOUR.sub("", text)
