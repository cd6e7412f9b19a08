"""Parts in which a definition differs from the recorded one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dbt_state_plugin.core.changes.traced import READS
from dbt_state_plugin.core.fingerprint.hashing import definition_digest
from dbt_state_plugin.core.lineage import Lineage, record_key
from dbt_state_plugin.core.values.project import Node, Project
from dbt_state_plugin.core.values.records import Recorded, RecordedRelation


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The parts of a fingerprint that differ, and the ephemeral models inside whose definitions differ."""

    parts: tuple[str, ...] = ()
    inlined: tuple[str, ...] = ()


def find_differences(
    project: Project, recorded: Recorded, lineage: Mapping[str, Lineage], nodes: Iterable[str]
) -> dict[str, Difference]:
    """Return the nodes whose definition is not the recorded one; those that were never recorded are left out."""
    found: dict[str, Difference] = {}
    for unique_id in nodes:
        node = project.nodes[unique_id]
        record = recorded.relations.get(record_key(node, project))
        if record is not None:
            difference = Difference(
                parts=(
                    *differing_parts(node, record),
                    *([READS] if record.relation in recorded.other_reads else []),
                ),
                inlined=_differing_inlined(project, lineage[unique_id], record),
            )
            if difference.parts or difference.inlined:
                found[unique_id] = difference
    return found


def differing_parts(node: Node, record: RecordedRelation) -> tuple[str, ...]:
    """Return the parts that differ, those that only one side has included, in the order of the fingerprint."""
    order = [*node.fingerprint, *sorted(record.fingerprint.keys() - node.fingerprint.keys())]
    return tuple(part for part in order if node.fingerprint.get(part) != record.fingerprint.get(part))


def _differing_inlined(project: Project, lineage: Lineage, record: RecordedRelation) -> tuple[str, ...]:
    """Return the differing ephemeral models, or nothing if what is inside is no ephemeral model.

    The SQL of a node shows the ephemeral models in it; a test on a model shows nothing of the model.
    """
    differing = [
        inlined
        for inlined in lineage.inlined
        if record.trace.inlined.get(inlined) != definition_digest(project.nodes[inlined])
    ]
    is_shown = all(project.nodes[inlined].is_ephemeral for inlined in differing)
    return tuple(differing) if is_shown and record.trace.inlined.keys() == set(lineage.inlined) else ()
