"""How does a plan come about: parse, read the state and the catalog, decide?"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from dbt_state_plugin.core.config.source_config import max_age_hours
from dbt_state_plugin.core.decision.rule import SCOPES, Request, differences_in_scope, make_plan
from dbt_state_plugin.core.fingerprint.hashing import keyed_digest
from dbt_state_plugin.core.lineage import record_key
from dbt_state_plugin.core.values.plan import Catalog, Plan, Project, Recorded
from dbt_state_plugin.dbt_runner.arguments import read_extra_arguments
from dbt_state_plugin.dbt_runner.invocation import Invocation
from dbt_state_plugin.errors import ConfigurationError
from dbt_state_plugin.operations.options import Wish, narrows, narrows_by_environment
from dbt_state_plugin.operations.parsed_project import files_before_parsing, record_project, recorded_project
from dbt_state_plugin.operations.planning.categorize import Judged, judge_differences
from dbt_state_plugin.operations.planning.source_versions import Answers, catalog_with_data
from dbt_state_plugin.operations.planning.volatile_calls import with_volatile_calls
from dbt_state_plugin.operations.up_to_date.record import Prospect, prospect_of
from dbt_state_plugin.operations.write_counters import record_first_counters
from dbt_state_plugin.project.inputs import InputPlaces
from dbt_state_plugin.state.relations import installation_key, read_details, read_recorded, server_time
from dbt_state_plugin.warehouse.postgres.catalog import read_catalog

if TYPE_CHECKING:
    from dbt_state_plugin.core.fingerprint.fingerprint import Fingerprinter
    from dbt_state_plugin.dbt_runner.execute import Parsed
    from dbt_state_plugin.operations.session import Session, Workplace
    from dbt_state_plugin.operations.settings import Settings

PRIVATE_TARGET = "dbt-state-plugin"  # below the project's target path, so that dbt's own artifacts stay as they are


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """Hold a plan with what is needed to carry it out.

    `parsed` is None when nothing had to be parsed, because no input differs from those of the last time; `is_recorded`
    says that what was parsed is recorded for the next time. `prospect` is what was there before the plan, from which a
    verdict may come for the next run.
    """

    plan: Plan
    project: Project
    invocation: Invocation
    parsed: Parsed | None = None
    fingerprinter: Fingerprinter | None = None
    judged: Judged = field(default_factory=Judged)
    is_recorded: bool = False
    prospect: Prospect | None = None


def plan_in(
    session: Session,
    wish: Wish,
    *,
    needs_manifest: bool = False,
    records_project: bool = False,
    known_inputs: str | None = None,
) -> Planned:
    """Decide; reads the state and the warehouse.

    dbt parses only when an input of the parse differs from the recorded ones, or when the answer depends on dbt: a
    selection, or (with `needs_manifest`) nodes to build. Nothing is written unless `records_project`, which keeps what
    was parsed for the next time. `known_inputs` is their digest, where somebody has just looked.
    Raises ConfigurationError, ProjectError, SelectionError and StateError.
    """
    if wish.defer_to is not None:
        from dbt_state_plugin.operations.comparing.defer import plan_deferred

        return plan_deferred(session, wish, wish.defer_to, writes_manifest=records_project)
    invocation = invocation_of(session.settings, session.workplace)
    key = installation_key(session.state) if session.has_state else os.urandom(32)
    answers: Answers = {}  # rows are read once, where the project is looked at twice
    if session.has_state and not narrows(wish):
        project = recorded_project(session, key, invocation.extra, known=known_inputs)
        if project is not None:
            prospect = prospect_of(session, wish, project) if records_project else None
            plan = _plan_recorded(
                session, wish, project, answers, needs_manifest=needs_manifest, records_project=records_project
            )
            if plan is not None:
                return Planned(plan=plan, project=project, invocation=invocation, prospect=prospect)
    return _plan_parsed(session, wish, invocation, key, answers, records_project=records_project)


def _plan_recorded(
    session: Session, wish: Wish, project: Project, answers: Answers, *, needs_manifest: bool, records_project: bool
) -> Plan | None:
    """Return the plan for the project as it was parsed the last time, or None when dbt has to look at it again."""
    seen = _see(session, project, wish, answers, records_project=records_project)
    if differences_in_scope(project, seen.recorded, wish.command):
        return None
    plan = make_plan(project, seen.recorded, seen.catalog, request_of(session, wish, None, project))
    return None if needs_manifest and plan.to_build else plan


def _plan_parsed(
    session: Session, wish: Wish, invocation: Invocation, key: bytes, answers: Answers, *, records_project: bool
) -> Planned:
    from dbt_state_plugin.core.fingerprint.fingerprint import Fingerprinter
    from dbt_state_plugin.dbt_runner.compilation import compile_nodes
    from dbt_state_plugin.dbt_runner.execute import parse, seed_rows

    before = files_before_parsing(session) if records_project else {}
    parsed = parse(invocation, environ=os.environ)
    fingerprinter = Fingerprinter(parsed.definition, key=key, seed_rows=partial(seed_rows, parsed))
    project = fingerprinter.project
    is_recorded = False
    if records_project and not parsed.has_plugins:
        places = InputPlaces(folders=parsed.input_folders, roots=parsed.input_roots)
        is_recorded = record_project(session, key, invocation.extra, project, places, before)
    seen = _see(session, project, wish, answers, records_project=records_project)
    request = request_of(session, wish, selected_nodes(parsed, invocation, wish), project)
    judged = judge_differences(
        fingerprinter,
        seen.recorded,
        wish.command,
        details=partial(read_details, session.state),
        compile_nodes=partial(compile_nodes, parsed),
        digest=keyed_digest(key),
    )
    return Planned(
        plan=make_plan(project, seen.recorded, seen.catalog, request, judged.judgements),
        project=project,
        invocation=invocation,
        parsed=parsed,
        fingerprinter=fingerprinter,
        judged=judged,
        is_recorded=is_recorded,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """Hold what the state and the warehouse say about the project's relations."""

    recorded: Recorded
    catalog: Catalog


def _see(session: Session, project: Project, wish: Wish, answers: Answers, *, records_project: bool) -> _Seen:
    keys = [record_key(node, project) for node in project.nodes.values()]
    recorded = read_recorded(session.state, keys) if session.has_state else Recorded()
    recorded = with_volatile_calls(session, project, recorded, records=records_project)
    catalog = catalog_with_data(
        session.warehouse,
        project,
        recorded,
        read_catalog(session.warehouse, [*keys, *recorded.relations]),
        command=wish.command,
        default=session.settings.data_version,
        answers=answers,
    )
    if records_project:
        record_first_counters(session, recorded, catalog)
    return _Seen(recorded=recorded, catalog=catalog)


def seen_now(session: Session, project: Project, wish: Wish) -> tuple[Recorded, Catalog]:
    """Return what the state and the warehouse say about the project's relations now."""
    seen = _see(session, project, wish, {}, records_project=False)
    return seen.recorded, seen.catalog


def request_of(session: Session, wish: Wish, selected: frozenset[str] | None, project: Project) -> Request:
    """Return what was asked for in the decision's own terms."""
    has_age = any(node.settings and max_age_hours(node) is not None for node in project.nodes.values())
    return Request(
        environment=session.state.environment,
        command=wish.command,
        selected=selected,
        full_refresh=wish.full_refresh,
        force=wish.force,
        now=server_time(session.state) if has_age else None,
        full_refresh_changed=wish.full_refresh_changed,
        on_logic_change=wish.on_logic_change,
        volatile=wish.volatile,
        code_only=wish.code_only,
    )


def invocation_of(settings: Settings, workplace: Workplace | None) -> Invocation:
    """Return what all invocations of dbt share; raises ConfigurationError where there is no project."""
    if workplace is None:
        raise ConfigurationError("There is no dbt project here.", "Pass --project-dir DIR.")
    return Invocation(
        project_dir=workplace.project_dir,
        profiles_dir=workplace.profiles_dir,
        target_path=workplace.target_path / PRIVATE_TARGET,
        profile=settings.profile,
        target=settings.target,
        threads=settings.threads,
        variables=settings.variables,
        extra=read_extra_arguments(settings.extra_arguments, os.environ),
    )


def selected_nodes(parsed: Parsed, invocation: Invocation, wish: Wish) -> frozenset[str] | None:
    """Return the unique_ids that the selection leaves, or None when nothing narrows; raises SelectionError."""
    from dbt_state_plugin.dbt_runner.execute import list_selected

    if not narrows(wish):
        return None
    return list_selected(
        parsed,
        invocation,
        select=wish.select,
        exclude=wish.exclude,
        selector=wish.selector,
        state=wish.selection_state,
        resource_types=_listed_types(wish.command),
    )


def _listed_types(command: str) -> Iterable[str]:
    """Return the resource types to list; none, when the environment already says which ones count."""
    return () if narrows_by_environment() else sorted(SCOPES[command])
