"""A fingerprinted project, and what its fingerprints were made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dbt_state_plugin.core.values.project import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class FingerprintInputs:
    """Hashes of all that fingerprints were computed from.

    `shared` is of what may count for any node: macros, vars, target, the version of the hashes and all else, with
    those variables of the environment that `environment` names, None standing for all of them. `own` is, by
    unique_id, of what dbt says about the node itself; a node whose fingerprint tells of other nodes has none.
    """

    shared: str
    environment: tuple[str, ...] | None = ()
    own: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FingerprintedProject:
    """A project as it was fingerprinted the last time, with what that was computed from."""

    project: Project
    inputs: FingerprintInputs
