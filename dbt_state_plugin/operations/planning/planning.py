"""Planning: parse, read state and catalog, decide."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING

from dbt_state_plugin.core.decision.rule import differences_in_scope
from dbt_state_plugin.core.fingerprint.hashing import keyed_digest
from dbt_state_plugin.core.values.capabilities import untold
from dbt_state_plugin.core.values.plan import ChangeCategory, HookReason, Plan
from dbt_state_plugin.core.values.progress import Stage, Step
from dbt_state_plugin.core.values.project import Project
from dbt_state_plugin.dbt_runner.invocation import Invocation
from dbt_state_plugin.operations.options import RunOptions, narrows, rendered_flags
from dbt_state_plugin.operations.parsed_project import (
    files_before_parsing,
    fingerprinted_project,
    places_of,
    record_project,
    recorded_project,
)
from dbt_state_plugin.operations.planning.categorize import categorize_differences
from dbt_state_plugin.operations.planning.decide import decide
from dbt_state_plugin.operations.planning.graph_changes import with_graph_changes
from dbt_state_plugin.operations.planning.inputs import Planned, request_of, see, selected_nodes
from dbt_state_plugin.operations.planning.seed_shapes import with_seed_shapes
from dbt_state_plugin.operations.planning.source_versions import Answers
from dbt_state_plugin.operations.session_of_dbt import session_of_dbt
from dbt_state_plugin.operations.target import invocation_of
from dbt_state_plugin.operations.up_to_date.record import up_to_date_inputs_of
from dbt_state_plugin.state.hooks import unfinished_hooks
from dbt_state_plugin.state.relations import installation_key, read_definitions

if TYPE_CHECKING:
    from dbt_state_plugin.core.changes.categorize import SameQuery
    from dbt_state_plugin.core.fingerprint.fingerprint import Fingerprinter
    from dbt_state_plugin.core.fingerprint.hashing import Digest
    from dbt_state_plugin.core.values.project import Node
    from dbt_state_plugin.core.values.records import Recorded
    from dbt_state_plugin.dbt_runner.parse import Parsed
    from dbt_state_plugin.operations.planning.categorize import CategorizedChanges
    from dbt_state_plugin.operations.planning.inputs import Seen
    from dbt_state_plugin.operations.session import Session


def plan_in(
    session: Session,
    options: RunOptions,
    *,
    needs_manifest: bool = False,
    records_project: bool = False,
    known_inputs: str | None = None,
) -> Planned:
    """Decide; reads the state and the warehouse.

    dbt parses only when an input of the parse differs from the recorded ones, or when the answer depends on dbt: a
    selection, or (with `needs_manifest`) nodes to build. Nothing is written unless `records_project`, which keeps what
    was parsed for the next time. `known_inputs` is their digest, where it was just computed.
    Raises ConfigurationError, ProjectError, SelectionError and StateError.
    """
    invocation = invocation_of(session.target)
    key = installation_key(session.state) if session.has_state else os.urandom(32)
    answers = Answers()  # the warehouse is asked once, where the project is looked at twice
    if session.has_state and not narrows(options):
        session.ports.progress(Step(stage=Stage.HASH))
        project = recorded_project(session, key, invocation.extra, known=known_inputs)
        if project is not None:
            up_to_date_inputs = up_to_date_inputs_of(session, options, project) if records_project else None
            planned = _plan_recorded(
                session, options, project, answers, needs_manifest=needs_manifest, records_project=records_project
            )
            if planned is not None:
                plan, project = planned
                return Planned(plan=plan, project=project, invocation=invocation, up_to_date_inputs=up_to_date_inputs)
    return _plan_parsed(session, options, invocation, key, answers, records_project=records_project)


def _plan_recorded(
    session: Session,
    options: RunOptions,
    project: Project,
    answers: Answers,
    *,
    needs_manifest: bool,
    records_project: bool,
) -> tuple[Plan, Project] | None:
    """Return the plan for the project as it was parsed the last time, or None when dbt has to look at it again.

    The project comes with the relations that its SQL names.
    """
    seen = see(session, project, options, answers, records_project=records_project)
    if differences_in_scope(project, seen.recorded, options.command):
        return None
    plan = decide(session, seen.project, seen.recorded, seen.catalog, request_of(session, options, None, project))
    plan = replace(plan, hooks=dict.fromkeys(unfinished_hooks(session.state), HookReason.UNFINISHED))
    return None if needs_manifest and (plan.to_build or plan.hooks) else (plan, seen.project)


def _plan_parsed(
    session: Session,
    options: RunOptions,
    invocation: Invocation,
    key: bytes,
    answers: Answers,
    *,
    records_project: bool,
) -> Planned:
    before = files_before_parsing(session) if records_project else {}
    parsed = session.ports.dbt.parse(invocation)
    return plan_parsed(session, options, invocation, parsed, key, answers, files=before if records_project else None)


def _same_query(session: Session, node: Node) -> SameQuery:
    """Return what asks the warehouse about two statements of a node; those who look at a view see its names inside."""
    keeps_names = node.materialized in ("view", "materialized_view")
    of_dbt = session_of_dbt(session)
    return lambda before, now: session.warehouse.same_query(before, now, keeps_names=keeps_names, **of_dbt)


def plan_parsed(
    session: Session,
    options: RunOptions,
    invocation: Invocation,
    parsed: Parsed,
    key: bytes,
    answers: Answers,
    *,
    files: dict[str, str] | None = None,
) -> Planned:
    """Decide about a project that was parsed.

    Nothing is written unless `files` is given, the digests of its files from before the parse: then what was parsed is
    kept for the next time.
    """
    from dbt_state_plugin.core.fingerprint.fingerprint import Fingerprinter

    dbt, progress = session.ports.dbt, session.ports.progress
    progress(Step(stage=Stage.FINGERPRINT))
    fingerprinter = Fingerprinter(
        parsed.definition, key=key, seed_rows=partial(dbt.seed_rows, parsed), earlier=fingerprinted_project(session)
    )
    project = fingerprinter.project
    is_recorded = False
    if files is not None and not parsed.has_plugins:
        is_recorded = record_project(session, key, invocation.extra, fingerprinter, places_of(parsed), files)
    seen = see(session, project, options, answers, records_project=files is not None)
    request = request_of(session, options, selected_nodes(dbt, parsed, invocation, options), project)
    unfinished = unfinished_hooks(session.state) if session.has_state else ()
    categorized, recorded = _categorized(
        session, options, parsed, fingerprinter, seen, keyed_digest(key), trusts_hooks=not unfinished
    )
    progress(Step(stage=Stage.DECIDE))
    plan = decide(session, seen.project, recorded, seen.catalog, request, categorized.categories)
    plan = with_graph_changes(plan, session.state, parsed.definition) if session.has_state else plan
    hooks = _hooks(parsed.definition.project_hooks, unfinished, categorized.categories.values())
    return Planned(
        plan=replace(plan, hooks=hooks, untold=untold(session.warehouse.capabilities)),
        project=seen.project,
        invocation=invocation,
        parsed=parsed,
        fingerprinter=fingerprinter,
        categorized=categorized,
        is_recorded=is_recorded,
        cutoff=request.cutoff,
    )


def _categorized(
    session: Session,
    options: RunOptions,
    parsed: Parsed,
    fingerprinter: Fingerprinter,
    seen: Seen,
    digest: Digest,
    *,
    trusts_hooks: bool,
) -> tuple[CategorizedChanges, Recorded]:
    """Return the change categories of what differs, and the records with the shapes of seeds that were loaded."""
    dbt = session.ports.dbt
    categorized = categorize_differences(
        fingerprinter,
        seen.recorded,
        options.command,
        details=partial(read_definitions, session.state),
        compile_nodes=partial(dbt.compile, parsed, flags=rendered_flags(options)),
        digest=digest,
        same_query=partial(_same_query, session),
        readers_of=cache(session.warehouse.readers_of),  # each changed node asks the same
        trusts_hooks=trusts_hooks,
    )
    return with_seed_shapes(
        categorized,
        seen.recorded,
        catalog=seen.catalog,
        fingerprinter=fingerprinter,
        columns_of=partial(dbt.seed_columns, parsed),
    )


def _hooks(
    present: Iterable[str], unfinished: Iterable[str], categories: Iterable[ChangeCategory]
) -> Mapping[str, HookReason]:
    """Return the hooks of the project that a run executes in any case."""
    changed = dict.fromkeys((hook for each in categories for hook in each.new_hooks), HookReason.CHANGED)
    due = changed | dict.fromkeys(unfinished, HookReason.UNFINISHED)
    return {hook: due[hook] for hook in present if hook in due}
