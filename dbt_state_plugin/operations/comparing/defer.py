"""Plans that build only changes, and read the rest elsewhere.

The other environment's records say what it holds; nothing of it is written, and its lock is not taken. dbt reads there
by its own deferral. What it reads is recorded like a source: by the version that it had before the build.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dbt_state_plugin.core.comparison.defer import Deferral, deferred_project, explained, find_deferral
from dbt_state_plugin.core.decision.shared_relations import refuse_shared_relations
from dbt_state_plugin.core.estimate import with_estimate
from dbt_state_plugin.core.fingerprint.hashing import keyed_digest
from dbt_state_plugin.errors import ConfigurationError, UsageError
from dbt_state_plugin.operations.comparing.environment import Comparison, find_baseline, invocation_of_other
from dbt_state_plugin.operations.options import RunOptions, rendered_flags
from dbt_state_plugin.operations.planning.categorize import categorize_differences
from dbt_state_plugin.operations.planning.decide import decide
from dbt_state_plugin.operations.planning.inputs import Planned, request_of, seen_now, selected_nodes
from dbt_state_plugin.operations.planning.planning import plan_in
from dbt_state_plugin.operations.planning.seed_shapes import with_seed_shapes
from dbt_state_plugin.operations.target import PRIVATE_TARGET, invocation_of, workplace_of
from dbt_state_plugin.state.relations import read_definitions

if TYPE_CHECKING:
    from dbt_state_plugin.core.values.plan import Plan
    from dbt_state_plugin.core.values.project import Project
    from dbt_state_plugin.core.values.relations import RelationName
    from dbt_state_plugin.dbt_runner.invocation import Invocation
    from dbt_state_plugin.dbt_runner.parse import Parsed
    from dbt_state_plugin.operations.session import Session
    from dbt_state_plugin.state.baselines import KnownEnvironment

_COMMANDS = ("run", "build")


def plan_as_asked(
    session: Session,
    options: RunOptions,
    *,
    needs_manifest: bool = False,
    records_project: bool = False,
    known_inputs: str | None = None,
) -> Planned:
    """Return the plan, deferred where the options say so; the arguments and errors are those of `plan_in`."""
    if options.defer_to is not None:
        planned = plan_deferred(session, options, options.defer_to, writes_manifest=records_project)
    else:
        planned = plan_in(
            session,
            options,
            needs_manifest=needs_manifest,
            records_project=records_project,
            known_inputs=known_inputs,
        )
    threads = workplace_of(session.target).profile.threads
    return replace(planned, plan=with_estimate(planned.plan, planned.project, threads))


def plan_deferred(session: Session, options: RunOptions, name: str, *, writes_manifest: bool) -> Planned:
    """Plan what differs from the environment `name`; with `writes_manifest` dbt is ready to read the rest there.

    Raises UsageError, ConfigurationError, NotFoundError and the errors of a plan.
    """
    from dbt_state_plugin.core.fingerprint.fingerprint import Fingerprinter

    other = _other_environment(session, options, name)
    with invocation_of_other(session, other) as elsewhere:
        comparison = Comparison(session, RunOptions(command="build"), other, elsewhere)
        compared = comparison.against(None).compared.plan
    folder = _folder(session)
    invocation = _deferring(invocation_of(session.target), other, folder)
    dbt = session.ports.dbt
    parsed = dbt.parse(invocation)
    fingerprinter = Fingerprinter(parsed.definition, key=comparison.key, seed_rows=partial(dbt.seed_rows, parsed))
    refuse_shared_relations(fingerprinter.project)
    changed = _changed(fingerprinter.project, comparison.project, compared)
    relations = {node: record.relation for node, record in comparison.records.items()}
    deferral = _deferral(session, options, fingerprinter.project, parsed, invocation, changed, relations)
    project = fingerprinter.project = deferred_project(fingerprinter.project, deferral, changed)
    recorded, catalog = seen_now(session, project, options)
    categorized = categorize_differences(
        fingerprinter,
        recorded,
        options.command,
        details=partial(read_definitions, session.state),
        compile_nodes=partial(dbt.compile, parsed, flags=rendered_flags(options), asks_database=False),
        digest=keyed_digest(comparison.key),
    )
    categorized, recorded = with_seed_shapes(
        categorized,
        recorded,
        catalog=catalog,
        fingerprinter=fingerprinter,
        columns_of=partial(dbt.seed_columns, parsed),
    )
    request = request_of(session, options, deferral.built, project)
    plan = decide(session, project, recorded, catalog, request, categorized.categories)
    if writes_manifest:
        dbt.write_deferral(folder, parsed, deferral.relations)
    return Planned(
        plan=explained(plan, {entry.node.unique_id: entry.reasons for entry in compared.entries}),
        project=project,
        invocation=invocation,
        parsed=parsed,
        fingerprinter=fingerprinter,
        categorized=categorized,
    )


def _other_environment(session: Session, options: RunOptions, name: str) -> KnownEnvironment:
    if options.command not in _COMMANDS:
        raise UsageError(f"`{options.command}` does not take --defer.", "Use `run` or `build`.")
    other, execution = find_baseline(session, name)
    here = session.state.environment
    if execution is not None:
        raise UsageError(
            "--defer needs an environment: an execution has no relations of its own.",
            "Give --against the target that is to be read, such as prod.",
        )
    if other.environment == here:
        raise UsageError(
            f"--against names this very environment, {here}, so there is nothing to defer to.",
            "Choose the target to build in with --target.",
        )
    is_at_hand = other.environment.warehouse == here.warehouse
    if not (is_at_hand and session.warehouse.reads_across(here.database, other.environment.database)):
        raise ConfigurationError(
            f"{other.environment} is in another database than {here}, and a build reads from one database only.",
            "Give the two targets separate schemas in one database.",
        )
    return other


def _folder(session: Session) -> Path:
    """Return a folder that no run of another environment uses; those of this one hold its lock."""
    name = hashlib.sha256(str(session.state.environment).encode()).hexdigest()[:8]
    return workplace_of(session.target).target_path / PRIVATE_TARGET / f"deferred-{name}"


def _deferring(invocation: Invocation, other: KnownEnvironment, folder: Path) -> Invocation:
    """Return dbt's flags for it; to whom is part of every definition, so that a build without deferral is another."""
    extra = invocation.extra
    flags = ("--defer", "--favor-state", "--defer-state", str(folder.absolute()))
    powerful = (*extra.powerful, f"--defer to {other.environment}")
    return replace(invocation, extra=replace(extra, given=(*extra.given, *flags), powerful=powerful))


def _changed(project: Project, compared_project: Project, compared: Plan) -> frozenset[str]:
    """Return the nodes that differ there, and those that only this target has."""
    differing = {entry.node.unique_id for entry in compared.to_build}
    only_here = project.nodes.keys() - compared_project.nodes.keys()
    return frozenset(
        node for node in differing | only_here if node in project.nodes and not project.nodes[node].is_source
    )


def _deferral(
    session: Session,
    options: RunOptions,
    project: Project,
    parsed: Parsed,
    invocation: Invocation,
    changed: frozenset[str],
    relations: dict[str, RelationName],
) -> Deferral:
    ours = [node.relation for node in project.nodes.values() if node.relation is not None]
    existing = session.warehouse.catalog([*relations.values(), *ours]).identities.keys()
    here = session.state.environment.database
    return find_deferral(
        project,
        changed,
        elsewhere={
            node: relation
            for node, relation in relations.items()
            if relation in existing and relation.schema and session.warehouse.reads_across(here, relation.database)
        },
        here=frozenset(relation for relation in ours if relation in existing),
        selected=selected_nodes(session.ports.dbt, parsed, invocation, options),
        command=options.command,
    )
