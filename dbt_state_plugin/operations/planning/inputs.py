"""Inputs of a plan: request, state and catalog as seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dbt_state_plugin.core.config.source_config import max_age_hours
from dbt_state_plugin.core.decision.request import SCOPES, PlanRequest
from dbt_state_plugin.core.lineage import record_key
from dbt_state_plugin.core.undeclared import with_undeclared
from dbt_state_plugin.core.values.plan import Plan
from dbt_state_plugin.core.values.progress import Stage, Step
from dbt_state_plugin.core.values.project import Project
from dbt_state_plugin.core.values.records import Recorded
from dbt_state_plugin.core.values.relations import Catalog
from dbt_state_plugin.dbt_runner.invocation import Invocation
from dbt_state_plugin.operations.contents import recall_contents, record_contents
from dbt_state_plugin.operations.options import RunOptions, narrows, narrows_by_environment
from dbt_state_plugin.operations.planning.categorize import CategorizedChanges
from dbt_state_plugin.operations.planning.other_reads import with_other_reads
from dbt_state_plugin.operations.planning.source_versions import Answers, catalog_with_data
from dbt_state_plugin.operations.planning.volatile_calls import with_volatile_calls
from dbt_state_plugin.operations.session_of_dbt import session_settings
from dbt_state_plugin.operations.shapes import record_first_shapes
from dbt_state_plugin.operations.up_to_date.record import UpToDateInputs
from dbt_state_plugin.operations.write_counters import record_first_counters, unread_builds
from dbt_state_plugin.state.relations import read_recorded, server_time

if TYPE_CHECKING:
    from dbt_state_plugin.core.fingerprint.fingerprint import Fingerprinter
    from dbt_state_plugin.dbt_runner.interface import Dbt
    from dbt_state_plugin.dbt_runner.parse import Parsed
    from dbt_state_plugin.operations.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan with what is needed to carry it out.

    `parsed` is None when nothing had to be parsed, because no input differs from those of the last time; `is_recorded`
    says that what was parsed is recorded for the next time. `up_to_date_inputs` is what
    was there before the plan, from which an empty plan may be kept for the next run. `cutoff` is what was asked for.
    """

    plan: Plan
    project: Project
    invocation: Invocation
    parsed: Parsed | None = None
    fingerprinter: Fingerprinter | None = None
    categorized: CategorizedChanges = field(default_factory=CategorizedChanges)
    is_recorded: bool = False
    up_to_date_inputs: UpToDateInputs | None = None
    cutoff: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the state and the warehouse say about the project's relations.

    `project` holds, besides what dbt knows, the relations that recorded builds have named in their SQL.
    """

    recorded: Recorded
    catalog: Catalog
    project: Project


def see(session: Session, project: Project, options: RunOptions, answers: Answers, *, records_project: bool) -> Seen:
    """Read what the state and the warehouse say about the project's relations."""
    session.ports.progress(Step(stage=Stage.WAREHOUSE))
    recall_contents(session)
    keys = [record_key(node, project) for node in project.nodes.values()]
    recorded = read_recorded(session.state, keys) if session.has_state else Recorded()
    recorded = replace(recorded, restored_at=session.restored_at)
    recorded = with_volatile_calls(session, project, recorded, records=records_project)
    recorded = with_other_reads(session, project, recorded, options, answers) if session.has_state else recorded
    known, project = project, with_undeclared(project, recorded)
    if project is not known:  # another project may have recorded what is named
        keys = [record_key(node, project) for node in project.nodes.values()]
        records = read_recorded(session.state, keys).relations
        recorded = replace(recorded, relations={**records, **recorded.relations})
    with session.warehouse.kept_open():
        catalog = catalog_with_data(
            session.warehouse,
            project,
            recorded,
            session.warehouse.catalog([*keys, *recorded.relations]),
            command=options.command,
            default=session.target.data_version,
            answers=answers,
            progress=session.ports.progress,
        )
    catalog = replace(catalog, session=session_settings(session))
    recorded = replace(recorded, unread=unread_builds(session, recorded, catalog))
    if records_project:
        record_first_counters(session, recorded, catalog)
        record_first_shapes(session, recorded, catalog)
        record_contents(session)
    return Seen(recorded=recorded, catalog=catalog, project=project)


def seen_now(session: Session, project: Project, options: RunOptions) -> tuple[Recorded, Catalog]:
    """Return what the state and the warehouse say about the project's relations now."""
    seen = see(session, project, options, Answers(), records_project=False)
    return seen.recorded, seen.catalog


def request_of(session: Session, options: RunOptions, selected: frozenset[str] | None, project: Project) -> PlanRequest:
    """Return what was asked for in the decision's own terms."""
    has_age = any(node.settings and max_age_hours(node) is not None for node in project.nodes.values())
    return PlanRequest(
        environment=session.state.environment,
        command=options.command,
        selected=selected,
        full_refresh=options.full_refresh,
        force=options.force,
        now=server_time(session.state) if has_age else None,
        full_refresh_changed=options.full_refresh_changed,
        on_logic_change=options.on_logic_change,
        volatile=options.volatile,
        drift=options.drift,
        cutoff="never" if options.defer_to is not None else options.cutoff,
        code_only=options.code_only,
    )


def selected_nodes(dbt: Dbt, parsed: Parsed, invocation: Invocation, options: RunOptions) -> frozenset[str] | None:
    """Return the unique_ids that the selection leaves, or None when nothing narrows; raises SelectionError."""
    if not narrows(options):
        return None
    return dbt.list_selected(
        parsed,
        invocation,
        select=options.select,
        exclude=options.exclude,
        selector=options.selector,
        state=options.selection_state,
        resource_types=_listed_types(options.command),
    )


def _listed_types(command: str) -> Iterable[str]:
    """Return the resource types to list; none, when the environment already says which ones count."""
    return () if narrows_by_environment() else sorted(SCOPES[command])
