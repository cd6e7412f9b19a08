"""Comparison with a manifest in a folder. No database is asked.

What a manifest does not hold (the values of vars, env vars and target fields) is taken from today for both sides,
unless it holds the SQL that dbt compiled.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from dbt_state_plugin.core.changes.categorize import compiled_document, has_view_ddl
from dbt_state_plugin.core.comparison.baseline import (
    Baseline,
    Compared,
    Reasons,
    changes,
    comparable,
    reasons_by_records,
    removed_nodes,
)
from dbt_state_plugin.core.comparison.todays_values import is_among_forms, shows_values, values_read
from dbt_state_plugin.core.decision.request import is_in_scope
from dbt_state_plugin.core.fingerprint.hashing import definition_digest, keyed_digest
from dbt_state_plugin.core.fingerprint.relocation import (
    as_in_a_file,
    is_too_large,
    relocated,
    relocation_between,
    translated,
)
from dbt_state_plugin.core.lineage import build_order, lineages, record_key
from dbt_state_plugin.core.values.plan import Plan
from dbt_state_plugin.core.values.project import CompiledNode, Project
from dbt_state_plugin.core.values.reasons import Reason, ReasonCode, ReasonKind
from dbt_state_plugin.core.values.records import RecordedDefinition, RecordedRelation, Trace
from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.errors import UsageError
from dbt_state_plugin.operations.comparing.environment import PlannedAgainst
from dbt_state_plugin.operations.options import RunOptions, rendered_flags
from dbt_state_plugin.operations.planning.categorize import CategorizedChanges, categorize_differences
from dbt_state_plugin.operations.planning.inputs import Planned, selected_nodes
from dbt_state_plugin.operations.target import environment_of, invocation_of, workplace_of

if TYPE_CHECKING:
    from dbt_state_plugin.dbt_runner.interface import Dbt
    from dbt_state_plugin.operations.target import Target

_BY_ARTIFACTS = re.compile(r"(?:^|[\s,])@?[0-9]*\+?(?:state|result|source_status):")
_IN_SELECTORS = re.compile(r"\b(?:state|result|source_status)\b")
_NOBODY = UUID(int=0)


def selects_by_artifacts(target: Target, options: RunOptions) -> bool:
    """Return whether the selection itself asks for dbt's artifacts, which is then what `--state` is for."""
    if any(_BY_ARTIFACTS.search(value) for value in (*options.select, *options.exclude)):
        return True
    if not options.selector:
        return False
    try:
        selectors = workplace_of(target).project_dir / "selectors.yml"
        return bool(_IN_SELECTORS.search(selectors.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return False


def plan_against_manifest(target: Target, options: RunOptions, folder: str, dbt: Dbt) -> PlannedAgainst:
    """Compare the project with the manifest in a folder; raises UsageError and the errors of a plan."""
    return _ManifestComparison(target, options, Path(folder), dbt).planned()


class _ManifestComparison:
    """Compare the parsed project with an earlier manifest, both with the values and in the places of today."""

    def __init__(self, target: Target, options: RunOptions, folder: Path, dbt: Dbt) -> None:
        from dbt_state_plugin.core.fingerprint.fingerprint import Fingerprinter
        from dbt_state_plugin.dbt_runner.manifest_file import put_in_place, read_artifact, read_document

        self.dbt = dbt
        self.options = options
        self.workplace = workplace_of(target)
        self.folder = folder
        self.document = read_document(folder.absolute())
        self._refuse_another_project()
        self.invocation = invocation_of(target)
        self.parsed = dbt.parse(self.invocation)
        self.artifact = read_artifact(self.document, self.parsed, self.invocation, environ=os.environ)
        now, before = self.parsed.definition, self.artifact.parsed.definition
        self.relocation = relocation_between(before, now)
        put_in_place(self.artifact, self.relocation.attributes)
        key = os.urandom(32)  # for this process alone: nothing is kept
        self.digest = keyed_digest(key)
        self.fingerprinter = Fingerprinter(as_in_a_file(now), key=key)
        self.before = Fingerprinter(relocated(before, now, self.relocation), key=key)
        self.project = self.fingerprinter.project
        self.too_large = {node.unique_id for node in (*before.nodes, *now.nodes) if is_too_large(node)}

    def planned(self) -> PlannedAgainst:
        """Return what the code would change."""
        where = f"the manifest in {self.folder}"
        records = _records(self.before.project)
        recorded = comparable(self.project, records)
        categorized = categorize_differences(
            self.fingerprinter,
            recorded,
            "build",
            details=self._details,
            compile_nodes=self._compiled,
            digest=self.digest,
        )
        own = dict(reasons_by_records(self.project, recorded, categorized.categories, where))
        own |= self._too_large_seeds(own)
        values, unseen = self._other_values(own)
        own |= values
        plan = changes(
            self.project,
            own,
            categorized.categories,
            environment=environment_of(self.workplace),
            command=self.options.command,
            selected=selected_nodes(
                self.dbt, self.parsed, self.invocation, replace(self.options, selection_state=None)
            ),
        )
        compared = Compared(
            baseline=self._baseline(where),
            plan=plan,
            removed=removed_nodes(self.project, _relations(self.before.project), self.options.command),
            unseen_values=unseen,
        )
        return PlannedAgainst(planned=self._carried(plan, categorized), compared=compared)

    def _refuse_another_project(self) -> None:
        theirs, ours = self.document.project_name, self.workplace.project_name
        if theirs and theirs != ours:
            raise UsageError(
                f"{self.document.path} is of the project {theirs}, not of {ours}.",
                "Give --state the folder of a manifest of this project.",
            )

    def _details(self, keys: Iterable[RelationName]) -> dict[RelationName, RecordedDefinition]:
        """Return what the earlier definitions consist of and what dbt makes of them with the values of today."""
        wanted = set(keys)
        nodes = {
            unique_id: record_key(node, self.project)
            for unique_id, node in self.project.nodes.items()
            if unique_id in self.before.project.nodes and record_key(node, self.project) in wanted
        }
        items = {unique_id: self.before.items(unique_id) for unique_id in nodes}
        ddl_of = [each for each in nodes if has_view_ddl(self.before.project.nodes[each], items[each])]
        compiled = self.dbt.compile(
            self.artifact.parsed, nodes, ddl_of, flags=rendered_flags(self.options), asks_database=False
        )
        return {
            key: RecordedDefinition(
                items=items[unique_id],
                compiled=compiled_document(compiled[unique_id], self.before.dialect) if unique_id in compiled else {},
            )
            for unique_id, key in nodes.items()
        }

    def _compiled(self, unique_ids: Iterable[str], ddl_of: Collection[str] = ()) -> dict[str, CompiledNode]:
        return self.dbt.compile(
            self.parsed, unique_ids, ddl_of, flags=rendered_flags(self.options), asks_database=False
        )

    def _too_large_seeds(self, own: Reasons) -> dict[str, tuple[Reason, ...]]:
        """Return the reasons of the seeds whose content neither manifest tells."""
        in_both = self.too_large & self.before.project.nodes.keys() & own.keys()
        unknown = Reason(kind=ReasonKind.BODY, code=ReasonCode.SEED_TOO_LARGE)
        return {
            seed: (unknown, *(reason for reason in own[seed] if reason.kind is not ReasonKind.BODY)) for seed in in_both
        }

    def _other_values(self, own: Reasons) -> tuple[dict[str, tuple[Reason, ...]], int]:
        """Return the nodes of equal code whose values were others, and how many read values that are not known."""
        in_both = self.project.nodes.keys() & self.before.project.nodes.keys()
        readers = {
            node: names
            for node, names in values_read(self.project, in_both, self.fingerprinter.items).items()
            if is_in_scope(self.project.nodes[node], "build") and not own.get(node)
        }
        is_elsewhere = bool(self.relocation.attributes)
        held = self.artifact.compiled
        shown = [
            node
            for node, names in readers.items()
            if node in held and shows_values(names, is_of_another_target=is_elsewhere)
        ]
        found: dict[str, tuple[Reason, ...]] = {}
        unseen = len(readers) - len(shown)
        for node, compiled in self._compiled(shown).items():
            if compiled.problem:
                unseen += 1
            elif not is_among_forms(translated(held[node], self.relocation.names), compiled, self.before.dialect):
                found[node] = (Reason(kind=ReasonKind.VARIABLES, code=ReasonCode.OTHER_VALUES),)
        return found, unseen

    def _baseline(self, where: str) -> Baseline:
        artifact = self.artifact
        details = {
            "path": str(self.document.path),
            "generated_at": artifact.generated_at,
            "dbt_version": artifact.dbt_version,
        }
        return Baseline(kind="manifest", name=where, details=details)

    def _carried(self, plan: Plan, categorized: CategorizedChanges) -> Planned:
        return Planned(
            plan=plan,
            project=self.project,
            invocation=self.invocation,
            parsed=self.parsed,
            fingerprinter=self.fingerprinter,
            categorized=categorized,
        )


def _records(project: Project) -> dict[str, RecordedRelation]:
    """Return the nodes of an earlier manifest as if each of them had been built just so."""
    lineage = lineages(project, build_order(project))
    return {
        unique_id: RecordedRelation(
            relation=record_key(node, project),
            unique_id=unique_id,
            environment="",
            resource_type=node.resource_type,
            materialized=node.materialized,
            fingerprint=node.fingerprint,
            trace=Trace(
                inlined={inside: definition_digest(project.nodes[inside]) for inside in lineage[unique_id].inlined}
            ),
            identity=None,
            build_id=_NOBODY,
            data_id=_NOBODY,
            built_at=datetime.min.replace(tzinfo=timezone.utc),
        )
        for unique_id, node in project.nodes.items()
        if is_in_scope(node, "build")
    }


def _relations(project: Project) -> dict[str, str]:
    """Return the relation of each node that dbt builds, as text."""
    return {
        unique_id: str(node.relation) if node.relation else ""
        for unique_id, node in project.nodes.items()
        if not node.is_source
    }
