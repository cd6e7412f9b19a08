"""Columns and types that a seed's file and configuration give its table.

dbt empties the table of a seed and fills it again, so that the columns stay those with which it was created.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dbt_state_plugin.core.values.dialect import SqlDialect
from dbt_state_plugin.core.values.reasons import Reason, ReasonCode, ReasonKind

_CONFIG = frozenset({"column_types", "quote_columns"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedColumn:
    """One column that dbt would create, with its type as dbt or the project writes it.

    `name` is what the catalog calls it, None if its letter case is unknown there. `header` is the name in the file, by
    which `column_types` knows it.
    """

    name: str | None
    kind: str
    header: str

    def is_called(self, name: str) -> bool:
        """Return whether a column in the catalog may be this one by its name."""
        return name == self.name if self.name is not None else name.lower() == self.header.lower()


def fits_its_table(
    wanted: Iterable[SeedColumn],
    columns: str | None,
    reasons: Iterable[Reason],
    dialect: SqlDialect,
    *,
    has_hooks: bool,
) -> bool | None:
    """Return whether a table that dbt would create for a seed now has the columns of the one that is there.

    `columns` are those that are there, as JSON; `reasons` say what differs in the seed's definition. None if that
    cannot be told. A hook may have added columns, which then do not count.
    """
    wanted, reasons = tuple(wanted), tuple(reasons)
    there = _pairs(columns)
    if there is None or not wanted:
        return False if _is_configured_otherwise(reasons) else None
    counted = [each for each in there if not has_hooks or any(column.is_called(each[0]) for column in wanted)]
    if len(counted) != len(wanted):
        return False
    pairs = tuple(zip(wanted, counted, strict=True))
    if not all(column.is_called(name) for column, (name, _) in pairs):
        return False
    answers = {_has_type(column, kind, reasons, dialect) for column, (_, kind) in pairs}
    if False in answers:
        return False
    return None if None in answers else True


def _has_type(column: SeedColumn, there: str, reasons: tuple[Reason, ...], dialect: SqlDialect) -> bool | None:
    spelled = dialect.type_name(column.kind)
    if spelled is not None:
        return spelled == there
    is_changed = any(_gives_another_type(item, column.header) for item in _changed_config(reasons))
    return False if is_changed else None


def _gives_another_type(item: Mapping[str, str], header: str) -> bool:
    """Return whether a changed item of the config is `column_types` and gives a column another type than before."""
    if item["name"] != "column_types":
        return False
    try:
        return bool(json.loads(item["before"]).get(header) != json.loads(item["after"]).get(header))
    except (LookupError, ValueError, AttributeError):
        return True  # the values are not known


def _is_configured_otherwise(reasons: Iterable[Reason]) -> bool:
    return any(item["name"] in _CONFIG for item in _changed_config(reasons))


def _changed_config(reasons: Iterable[Reason]) -> list[Mapping[str, str]]:
    """Return the changed items of the config; where nothing says which they are, it may be any of these."""
    found: list[Mapping[str, str]] = []
    for reason in reasons:
        if reason.kind is ReasonKind.CONFIG:
            is_named = reason.code is ReasonCode.ITEMS_CHANGED
            found += reason.values["items"] if is_named else [{"name": name, "change": "changed"} for name in _CONFIG]
    return found


def _pairs(columns: str | None) -> list[tuple[str, str]] | None:
    try:
        return [(str(name), str(kind)) for name, kind in json.loads(columns or "")]
    except (ValueError, TypeError):
        return None
