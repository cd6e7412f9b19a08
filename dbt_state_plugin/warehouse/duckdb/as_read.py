"""Catalogue and contents of a file at one version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dbt_state_plugin.core.values.relations import RelationName

if TYPE_CHECKING:
    from dbt_state_plugin.warehouse.duckdb.catalog import Held


@dataclass(frozen=True, slots=True, kw_only=True)
class AsRead:
    """Relations by name, the shapes of those that have one, and contents, which are added as they are read.

    `version` is None where it is not certain. `shapes` are only known of what was read while nobody could write: that
    stands for the file as long as it has this version.
    """

    version: str | None = None
    relations: Mapping[RelationName, Held] = field(default_factory=dict)
    shapes: Mapping[RelationName, str] | None = None
    contents: dict[RelationName, str] = field(default_factory=dict)

    @property
    def stands_for_the_file(self) -> bool:
        """Return whether the file need not be opened while it has this version."""
        return self.version is not None and self.shapes is not None

    def is_of(self, version: str | None, *, stands_for_the_file: bool) -> bool:
        """Return whether this was read of a version, in the same way."""
        is_same = version is not None and version == self.version
        return is_same and self.stands_for_the_file == stands_for_the_file
