"""Comparison with another environment or an execution. Nothing is written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dbt_state_plugin.core.comparison.baseline import (
    Baseline,
    Compared,
    Reasons,
    changes,
    comparable,
    describing,
    reasons_by_digests,
    reasons_by_records,
    records_by_node,
    removed_nodes,
)
from dbt_state_plugin.core.decision.shared_relations import refuse_shared_relations
from dbt_state_plugin.core.fingerprint.hashing import keyed_digest
from dbt_state_plugin.core.lineage import record_key
from dbt_state_plugin.core.values.history import is_execution_id
from dbt_state_plugin.core.values.overview import DifferingText
from dbt_state_plugin.core.values.records import RecordedDefinition, RecordedRelation
from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.errors import NotFoundError, did_you_mean
from dbt_state_plugin.operations.execution_record import STEP_NAME
from dbt_state_plugin.operations.options import RunOptions, rendered_flags
from dbt_state_plugin.operations.planning.categorize import CategorizedChanges, categorize_differences
from dbt_state_plugin.operations.planning.explain import differing_code, texts_by_node
from dbt_state_plugin.operations.planning.inputs import Planned, selected_nodes
from dbt_state_plugin.operations.session import open_state_alone
from dbt_state_plugin.operations.target import PRIVATE_TARGET, invocation_of, workplace_of
from dbt_state_plugin.project.other_target_profile import write_other_target_profile
from dbt_state_plugin.state.baselines import (
    KnownEnvironment,
    KnownExecution,
    find_executions,
    read_code_ids,
    read_covered,
    read_environments,
    state_of,
)
from dbt_state_plugin.state.executed_code import read_code_as_of
from dbt_state_plugin.state.intents import definition_id
from dbt_state_plugin.state.relations import installation_key, read_definitions, read_recorded
from dbt_state_plugin.warehouse.adapters import dialect_of

if TYPE_CHECKING:
    from dbt_state_plugin.core.fingerprint.fingerprint import Fingerprinter
    from dbt_state_plugin.dbt_runner.invocation import Invocation
    from dbt_state_plugin.dbt_runner.parse import Parsed
    from dbt_state_plugin.operations.ports import Ports
    from dbt_state_plugin.operations.session import Session
    from dbt_state_plugin.operations.target import Target
    from dbt_state_plugin.state.state import State

OWN_TARGET = "against"  # below our private target path: dbt's cache of the present target stays as it is


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedAgainst:
    """A comparison with the parsed project, so that each output of a plan can be made of it.

    `texts` are those that differ, by the unique_id of the node, where they were asked for; of an execution code alone.
    """

    planned: Planned
    compared: Compared
    texts: Mapping[str, tuple[DifferingText, ...]] = field(default_factory=dict)


def plan_against(
    target: Target, options: RunOptions, name: str, ports: Ports | None = None, *, with_texts: bool = False
) -> PlannedAgainst:
    """Compare the project with an environment or an execution of the same state, named as on the command line.

    The project is read as dbt would read it for that environment: with its target, database and schema.
    Raises NotFoundError and the errors of a plan.
    """
    with open_state_alone(target, ports=ports) as session:
        environment, execution = find_baseline(session, name)
        with invocation_of_other(session, environment) as invocation:
            found = Comparison(session, options, environment, invocation).against(execution)
        if not with_texts:
            return found
        texts = _code_since(session, found.planned, execution) if execution else texts_by_node(session, found.planned)
        return replace(found, texts=texts)


def _code_since(
    session: Session, planned: Planned, execution: KnownExecution
) -> Mapping[str, tuple[DifferingText, ...]]:
    """Return the code that differs from that at the end of the execution; it kept no other texts."""
    if not session.target.stores_sql:
        return {}
    own = [each for each in planned.plan.to_build if any(not reason.kind.comes_from_above for reason in each.reasons)]
    code = read_code_as_of(session.state, execution.execution_id, [each.node.unique_id for each in own])
    pairs = ((each.node, code.get(each.node.unique_id)) for each in own)
    return {
        node.unique_id: (differing_code(node.unique_id, before, node.raw_code),)
        for node, before in pairs
        if before is not None and before != node.raw_code
    }


def find_baseline(
    session: Session, name: str, *, option: str = "--against"
) -> tuple[KnownEnvironment, KnownExecution | None]:
    """Return the environment that is meant, and the execution if it is one; raises NotFoundError.

    An environment is named by its target, by project and target, or by the beginning of what is printed for it.
    `option` is that of the command line by which it is given, "" if it is an argument.
    """
    if not session.has_state:
        raise NotFoundError("Nothing is recorded yet, so there is nothing to compare with.", "Run the project first.")
    own = session.state.environment
    known = [each for each in read_environments(session.state) if each.environment.project == own.project]
    found = _named(known, name)
    if not found and is_execution_id(name):
        executions = find_executions(session.state, name.lower(), step=STEP_NAME)
        if len(executions) == 1:
            return executions[0].where, _with_definitions(executions[0], own.project)
        if executions:
            raise NotFoundError(f"Several executions begin with {name}.", "Give more of the id (see `history`).")
    if len(found) != 1:
        listed = ", ".join(str(each.environment) for each in found or known) or "none yet"
        raise NotFoundError(
            f"{name!r} matches several environments: {listed}."
            if found
            else f"No environment or execution {name!r} is recorded; the environments of {own.project} are: {listed}.",
            f"{did_you_mean(name, [each.environment.target for each in known])}"
            f"Give {f'{option} ' if option else ''}one of them as printed here, or an execution's id (see `history`).",
        )
    return found[0], None


def _named(known: Iterable[KnownEnvironment], name: str) -> list[KnownEnvironment]:
    environments = list(known)
    exact = [
        each
        for each in environments
        if name in (each.environment.target, f"{each.environment.project}/{each.environment.target}")
    ]
    return exact or [each for each in environments if name and str(each.environment).startswith(name)]


def _with_definitions(execution: KnownExecution, project: str) -> KnownExecution:
    if execution.where.environment.project != project:
        raise NotFoundError(
            f"Execution {execution.execution_id} is not of this project: {execution.where.environment}.",
            "See `dbt-state-plugin history` for those of this environment.",
        )
    if execution.checksum_set_id is None:
        raise NotFoundError(
            f"Execution {execution.execution_id} recorded no definitions: it ended before it had read the project.",
            "Name another execution (see `dbt-state-plugin history`).",
        )
    return execution


@contextmanager
def invocation_of_other(session: Session, other: KnownEnvironment) -> Iterator[Invocation]:
    """Give the flags with which dbt reads the project as for that environment, with a profiles.yml of its own."""
    workplace = workplace_of(session.target)
    with tempfile.TemporaryDirectory(prefix="dbt-state-plugin-") as folder:
        profile = write_other_target_profile(
            Path(folder),
            profiles_dir=workplace.profiles_dir,
            profile=workplace.profile,
            target=other.environment.target,
            database=other.environment.database,
            schema=other.environment.schema,
            cli_vars=session.target.variables,
            environ=os.environ,
            ask_dbt=session.ports.dbt.render_yaml_value,
        )
        yield replace(
            invocation_of(session.target),
            profiles_dir=Path(folder),
            target=other.environment.target,
            target_path=workplace.target_path / PRIVATE_TARGET / OWN_TARGET,
            dialect=dialect_of(profile.type),
        )


class Comparison:
    """Compare one parsed project with what the state holds of an environment."""

    def __init__(self, session: Session, options: RunOptions, other: KnownEnvironment, invocation: Invocation) -> None:
        from dbt_state_plugin.core.fingerprint.fingerprint import Fingerprinter

        self.dbt = session.ports.dbt
        self.options = options
        self.other = other
        self.invocation = invocation
        self.state: State = state_of(session.state, other)
        self.key = installation_key(self.state)
        self.parsed: Parsed = self.dbt.parse(invocation)
        self.fingerprinter: Fingerprinter = Fingerprinter(
            self.parsed.definition, key=self.key, seed_rows=partial(self.dbt.seed_rows, self.parsed)
        )
        self.project = self.fingerprinter.project
        refuse_shared_relations(self.project)
        self.records = records_by_node(read_recorded(self.state, ()).relations.values(), self.project)

    def against(self, execution: KnownExecution | None) -> PlannedAgainst:
        """Return what the code would change since the execution, or else in the environment as it was last built."""
        if execution is None:
            name = str(self.other.environment)
            categorized, own = self._by_records(self.records, name)
            known = {unique_id: str(record.relation) for unique_id, record in self.records.items()}
            return self._planned(environment_baseline(self.other), categorized, own, known)
        baseline = execution_baseline(execution)
        digests = read_covered(self.state, execution)
        usable = describing(self.project, self.records, digests)
        categorized, exact = self._by_records(usable, baseline.name)
        rough = reasons_by_digests(self.project, digests, self._changed_code(execution), baseline.name)
        own = {node: exact[node] if node in usable else reasons for node, reasons in rough.items()}
        known = {node: str(self.records[node].relation) if node in self.records else "" for node in digests}
        return self._planned(baseline, categorized, own, known)

    def _by_records(self, records: Mapping[str, RecordedRelation], where: str) -> tuple[CategorizedChanges, Reasons]:
        recorded = comparable(self.project, records)
        categorized = categorize_differences(
            self.fingerprinter,
            recorded,
            "build",
            details=partial(self._details, records),
            compile_nodes=partial(
                self.dbt.compile, self.parsed, flags=rendered_flags(self.options), asks_database=False
            ),
            digest=keyed_digest(self.key),
        )
        return categorized, reasons_by_records(self.project, recorded, categorized.categories, where)

    def _details(
        self, records: Mapping[str, RecordedRelation], keys: Iterable[RelationName]
    ) -> Mapping[RelationName, RecordedDefinition]:
        """Return the recorded details under the keys of today."""
        wanted = set(keys)
        keys_now = {
            record.relation: record_key(self.project.nodes[node], self.project)
            for node, record in records.items()
            if node in self.project.nodes and record_key(self.project.nodes[node], self.project) in wanted
        }
        return {keys_now[relation]: detail for relation, detail in read_definitions(self.state, keys_now).items()}

    def _changed_code(self, execution: KnownExecution) -> dict[str, bool]:
        recorded = read_code_ids(self.state, execution)
        return {
            node.unique_id: definition_id(node.raw_code) != recorded[node.unique_id]
            for node in self.project.nodes.values()
            if node.unique_id in recorded and node.raw_code
        }

    def _planned(
        self, baseline: Baseline, categorized: CategorizedChanges, own: Reasons, known: Mapping[str, str]
    ) -> PlannedAgainst:
        plan = changes(
            self.project,
            own,
            categorized.categories,
            environment=self.other.environment,
            command=self.options.command,
            selected=selected_nodes(self.dbt, self.parsed, self.invocation, self.options),
            records=self.records,
        )
        planned = Planned(
            plan=plan,
            project=self.project,
            invocation=self.invocation,
            parsed=self.parsed,
            fingerprinter=self.fingerprinter,
            categorized=categorized,
        )
        removed = removed_nodes(self.project, known, self.options.command)
        return PlannedAgainst(planned=planned, compared=Compared(baseline=baseline, plan=plan, removed=removed))


def environment_baseline(other: KnownEnvironment) -> Baseline:
    """Return the words and the document for an environment."""
    return Baseline(kind="environment", name=str(other.environment), details=_parts(other))


def execution_baseline(execution: KnownExecution) -> Baseline:
    """Return the words and the document for an execution."""
    started = execution.started_at.isoformat(sep=" ", timespec="seconds")
    return Baseline(
        kind="execution",
        name=f"execution {execution.execution_id[:8]} ({execution.status}, {started})",
        details={
            "execution_id": execution.execution_id,
            "status": execution.status,
            "started_at": execution.started_at.isoformat(),
            **_parts(execution.where),
        },
    )


def _parts(other: KnownEnvironment) -> dict[str, str]:
    environment = other.environment
    return {
        "project": environment.project,
        "target": environment.target,
        "database": environment.database,
        "schema": environment.schema,
    }
