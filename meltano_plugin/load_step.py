"""Meltano's load recorded as the step LOAD."""

from __future__ import annotations

from collections.abc import Mapping

from dbt_state_plugin.api import Covered, Earlier, RecordedStep, StepItem
from meltano_plugin.load_changes import ChangeKind, StreamChange, by_stream, changes_between
from meltano_plugin.load_definition import item_name, load_definition
from meltano_plugin.pair import Pair, pairs_of
from meltano_plugin.project import MeltanoProject

LOAD = "LOAD"
RELOAD = "RELOAD"


def load_step(project: MeltanoProject, utility: str) -> RecordedStep:
    """Return the step; what cannot be read is raised here as a ConfigurationError, before anything is recorded."""
    load_definition(project, utility, {})

    def cover(earlier: Earlier) -> Covered:
        checksums = checksums_now(project, utility, earlier)
        # The first time everything is new, which says nothing.
        changes = changes_between(earlier.checksums, checksums, earlier.known) if earlier.execution_id else ()
        return Covered(checksums=checksums, items=tuple(map(item_of, changes)))

    return RecordedStep(name=LOAD, cover=cover)


def checksums_now(project: MeltanoProject, utility: str, earlier: Earlier) -> Mapping[str, str]:
    """Return the checksum of each part of each stream; streams that no catalog tells are those recorded earlier."""
    known: dict[Pair, list[str]] = {pair: [] for pair in pairs_of(project, utility)}
    recorded = list(by_stream(earlier.checksums))
    for pair, streams in known.items():
        streams += [stream for name, stream in recorded if name == str(pair)]
    return {
        item_name(pair, stream, part): earlier.digest([part, value])
        for pair, streams in load_definition(project, utility, known).items()
        for stream, parts in streams.items()
        for part, value in parts.items()
    }


def item_of(change: StreamChange, status: str = "") -> StepItem:
    """Return a change as history keeps it: each reason with a kind and a detail."""
    is_removed = any(reason.kind is ChangeKind.REMOVED for reason in change.reasons)
    return StepItem(
        name=change.name,
        resource_type="stream",
        status=status or ("removed" if is_removed else "changed"),
        reasons=tuple(reason.kept for reason in change.reasons),
    )
