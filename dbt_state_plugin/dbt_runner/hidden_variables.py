"""Environment variables hidden from dbt."""

from __future__ import annotations

import os
from collections.abc import Iterable

# What code of the project and its packages could read with env_var() and render into SQL is none of theirs.
HIDDEN = ("DBT_STATE_PLUGIN_DATABASE_URL",)


class hidden_from_dbt:
    """Hide environment variables: those that would narrow dbt's selection behind the plan's back, and our password."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(names)
        self._hidden: dict[str, str] = {}

    def __enter__(self) -> None:
        self._hidden = {name: os.environ.pop(name) for name in self._names if name in os.environ}

    def __exit__(self, *error: object) -> None:
        os.environ.update(self._hidden)
