"""Present data versions of sources, reading rows only where needed.

The counters of all sources are read in one query. Rows are read only where a reader saw other counters than those of
now, and before anything is built: what is recorded is never newer than what the build could read.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dbt_state_plugin.core.config.node_config import wrong_setting
from dbt_state_plugin.core.config.source_config import (
    LAST_MODIFIED,
    DataRule,
    check_settings,
    data_rule,
    is_loaded_by_known_loader,
    kept_columns,
    project_rule,
    shape_columns,
)
from dbt_state_plugin.core.decision.request import is_in_scope
from dbt_state_plugin.core.decision.seen_versions import relation_versions
from dbt_state_plugin.core.lineage import build_order, lineages, readers_of_loader_columns, record_key
from dbt_state_plugin.core.undeclared import Named, undeclared_relation, undeclared_source
from dbt_state_plugin.core.values.plan import Plan
from dbt_state_plugin.core.values.progress import Progress, Stage, Step, silent
from dbt_state_plugin.core.values.project import Node, Project
from dbt_state_plugin.core.values.reads import Question
from dbt_state_plugin.core.values.records import Recorded
from dbt_state_plugin.core.values.relations import Catalog, RelationName, SourceData
from dbt_state_plugin.core.versions.last_modified import last_modified_answer, unknown_last_modified
from dbt_state_plugin.core.versions.source_version import (
    DEFINITION,
    OF_ALL_COLUMNS,
    SourceVersion,
    known_answer,
    parse_version,
    with_checked,
)
from dbt_state_plugin.state.build_updates import refresh_sources_seen
from dbt_state_plugin.state.relations import read_recorded
from dbt_state_plugin.warehouse.answers import LastModified, SourceMetadata, columns_hash

if TYPE_CHECKING:
    from dbt_state_plugin.operations.session import Session
    from dbt_state_plugin.state.state import State
    from dbt_state_plugin.warehouse.interface import Warehouse


_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the warehouse has answered, for one plan that looks at the project twice.

    `rows` holds what the rows of a source said under a rule, by its columns and counters; `questions` holds what dbt
    had asked while nodes compiled, with today's answers.
    """

    rows: dict[tuple[RelationName, DataRule, str, str], str] = field(default_factory=dict)
    questions: dict[Question, Question] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """A source with the rule that applies to it and what the catalog says about it."""

    node: Node
    relation: RelationName
    rule: DataRule
    metadata: SourceMetadata
    columns: str

    @property
    def answers_by(self) -> str:
        """Return the beginning of the answers that may be compared with each other."""
        return f"{OF_ALL_COLUMNS if self.is_known_whole else 'content:'}{self.columns}:"

    @property
    def is_known_whole(self) -> bool:
        """Return whether nothing but the content tells whether it was written, and that leaves out no column."""
        columns = self.metadata.columns
        return self.metadata.touched.startswith("?") and len(kept_columns(self.rule, columns)) == len(columns)


def catalog_with_data(
    warehouse: Warehouse,
    project: Project,
    recorded: Recorded,
    catalog: Catalog,
    *,
    command: str,
    default: str,
    answers: Answers,
    progress: Progress = silent,
) -> Catalog:
    """Return the catalog with the version of each source's data; `default` is the kind for the whole project.

    `answers` keeps what the rows said; what is in it is not asked again as long as the counters stay.

    Raises ConfigurationError for a setting that cannot be used, naming the node, and StateError.
    """
    default = project_rule(default)
    check_settings(project, default)
    _check_last_modified(warehouse, project)
    sources = _sources(warehouse, project, default)
    plain = {source.relation: SourceData(columns=source.columns, touched=source.metadata.touched) for source in sources}
    counted = replace(catalog, data=plain)
    seen = _seen_by_readers(project, recorded, command)
    versions = relation_versions(project, recorded, counted)
    data = dict(plain)
    asked = {}
    for source in sources:
        version = parse_version(versions[source.relation])
        if version is None:  # a node of the project writes it, and knows what it wrote
            continue
        key = (source.relation, source.rule, version.columns, version.state)
        if key not in answers.rows and _asks_for_time(source) and seen.get(source.relation) is not None:
            asked[source.relation] = key
        elif key not in answers.rows:
            answers.rows[key] = _answer(warehouse, source, version, seen.get(source.relation), progress)
        data[source.relation] = replace(plain[source.relation], answer=answers.rows.get(key, ""))
    times = _last_modified_answers(warehouse, asked, progress)
    answers.rows.update({key: times[relation] for relation, key in asked.items()})
    data |= {relation: replace(plain[relation], answer=answer) for relation, answer in times.items()}
    return replace(catalog, data=data)


def _check_last_modified(warehouse: Warehouse, project: Project) -> None:
    """Raise ConfigurationError for the first source, in the order of names, of which this warehouse has no time."""
    asking = [
        node for node in project.nodes.values() if node.is_source and node.settings.get("data_version") == LAST_MODIFIED
    ]
    if asking and (refused := warehouse.no_last_modified) is not None:
        raise wrong_setting(min(asking, key=lambda node: node.unique_id), refused.what, refused.do)


def undeclared_versions(
    session: Session, project: Project, names: Iterable[Named], known: Mapping[RelationName, str]
) -> dict[Named, str]:
    """Return the version that a build now sees of each relation that SQL names; raises StateError.

    `known` are the versions of the project's own relations from before this run: what a node of this run writes may or
    may not be seen. Rows are not read.
    """
    found = {name: undeclared_relation(name, project) for name in names}
    relations = list(found.values())
    sources = (undeclared_source(name, project) for name in found)
    alone = replace(project, nodes={source.unique_id: source for source in sources})
    records = read_recorded(session.state, relations).relations
    recorded = Recorded(relations={key: records[key] for key in relations if key in records})
    catalog = catalog_with_data(
        session.warehouse,
        alone,
        recorded,
        session.warehouse.catalog(relations),
        command="run",
        default=session.target.data_version,
        answers=Answers(),
    )
    versions = relation_versions(alone, recorded, catalog)
    return {name: known.get(relation, versions.get(relation, "absent")) for name, relation in found.items()}


def _sources(warehouse: Warehouse, project: Project, default: str) -> list[_Source]:
    nodes: dict[RelationName, list[Node]] = {}
    for node in project.nodes.values():
        if node.is_source and node.relation:
            nodes.setdefault(node.relation, []).append(node)
    metadata = warehouse.source_metadata(nodes)
    return [_source(found, relation, metadata[relation], default) for relation, found in nodes.items()]


def _source(nodes: list[Node], relation: RelationName, metadata: SourceMetadata, default: str) -> _Source:
    node, *others = sorted(nodes, key=lambda node: node.unique_id)
    rule = data_rule(node, default)
    # One table under two names, and two opinions; of a function there are no rows to ask.
    if any(data_rule(other, default) != rule for other in others) or metadata.touched.startswith(DEFINITION):
        rule = DataRule(kind="touched")
    # The columns of a loader are left out wherever content may be compared, however many rows there are today.
    kept = tuple(metadata.columns) if rule.kind in ("touched", LAST_MODIFIED) else shape_columns(rule, metadata.columns)
    rule = replace(rule, kind=rule.kind or _kind_by_looks(rule, metadata))
    return _Source(node=node, relation=relation, rule=rule, metadata=metadata, columns=columns_hash(metadata, kept))


def _kind_by_looks(rule: DataRule, metadata: SourceMetadata) -> str:
    """Return how a source is versioned about which nothing is said."""
    if metadata.touched.startswith("?"):
        return "query" if rule.can_ask else "touched"
    is_small = metadata.is_table and metadata.rows <= rule.content_max_rows
    return "content" if is_small and is_loaded_by_known_loader(metadata.columns) else "touched"


def _answer(
    warehouse: Warehouse, source: _Source, version: SourceVersion, readers: list[str | None] | None, progress: Progress
) -> str:
    """Return what the rows of a source say, or nothing if the counters do."""
    rule = source.rule
    if source.metadata.touched == "?absent" or rule.kind in ("touched", LAST_MODIFIED):  # this one is asked for apart
        return ""
    if rule.kind in ("always", "never"):
        return rule.kind
    if readers is None:  # nobody holds its rows
        return ""
    if rule.kind == "query":
        ask, sql = (warehouse.answer, rule.query) if rule.query else (warehouse.newest_row, rule.loaded_at)
        _LOG.info("Asking %s how new its data are.", source.relation)
        progress(Step(stage=Stage.ROWS, detail=str(source.relation)))
        return f"query:{ask(source.node.unique_id, source.relation, sql)}"
    if not readers and not source.is_known_whole:  # for all who hold them the columns of the loader count too
        return ""
    known = (known_answer(seen, version, source.answers_by) for seen in readers if seen is not None)
    return next(filter(None, known), "") or _content(warehouse, source, progress)


def _asks_for_time(source: _Source) -> bool:
    return source.rule.kind == LAST_MODIFIED and source.metadata.touched != "?absent"


def _last_modified_answers(
    warehouse: Warehouse, relations: Iterable[RelationName], progress: Progress
) -> dict[RelationName, str]:
    """Return what the warehouse says of the time of each table's last change, asked for all of them together."""
    wanted = tuple(relations)
    if not wanted:
        return {}
    _LOG.info("Asking when %s last altered.", f"{wanted[0]} was" if len(wanted) == 1 else f"{len(wanted)} sources were")
    progress(Step(stage=Stage.ROWS, detail=str(wanted[0])))
    found = warehouse.last_modified(wanted)
    return {relation: _answer_of(found.get(relation, LastModified())) for relation in wanted}


def _answer_of(found: LastModified) -> str:
    if found.altered is None or found.looked_at is None:
        return unknown_last_modified(found.problem or "no-time")
    return last_modified_answer(found.altered, found.looked_at)


def _content(warehouse: Warehouse, source: _Source, progress: Progress) -> str:
    _LOG.info("Reading %s to compare its rows (about %d).", source.relation, source.metadata.rows)
    progress(Step(stage=Stage.ROWS, detail=str(source.relation), rows=max(0, round(source.metadata.rows))))
    content = warehouse.content(source.relation, kept_columns(source.rule, source.metadata.columns))
    return f"content:{content}" if content.startswith("?") else source.answers_by + content


def _seen_by_readers(project: Project, recorded: Recorded, command: str) -> dict[RelationName, list[str | None]]:
    """Return for each relation whose rows are stored by others what the builds of those saw that compare content."""
    lineage = lineages(project, build_order(project))
    by_touch = readers_of_loader_columns(project, lineage)
    found: dict[RelationName, list[str | None]] = {}
    for unique_id, read in lineage.items():
        node = project.nodes[unique_id]
        if not is_in_scope(node, command) or node.is_view:
            continue
        record = recorded.relations.get(record_key(node, project))
        for parent in read.parents:
            key = record_key(project.nodes[parent], project)
            seen = found.setdefault(key, [])
            if unique_id not in by_touch:
                seen.append(record.trace.parents.get(str(key)) if record else None)
    return found


def record_equal_content(state: State, plan: Plan) -> None:
    """Record for all nodes that stay as they are that the content of their sources is what their builds saw.

    Then the next run need not read the rows again. What a node has to be built for stays as it is.
    """
    now = {str(relation): version for relation, version in plan.parent_versions.items()}
    refreshed: dict[RelationName, dict[str, str]] = {}
    for entry in plan.entries:
        if entry.reasons or entry.record is None:
            continue
        seen = entry.record.trace.parents
        newer = {parent: with_checked(version, now[parent]) for parent, version in seen.items() if parent in now}
        kept = {parent: version for parent, version in newer.items() if version is not None}
        if kept:
            refreshed[entry.record.relation] = kept
    refresh_sources_seen(state, refreshed)
