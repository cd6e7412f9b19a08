"""Projects, recorded states and warehouses in few words.

Nodes are named `model.shop.orders`; each has its own relation `"db"."main"."orders"`. `build` does what a run does: it
changes the warehouse and records with the same functions as the marker. The code of a node is a number, with or without
a comment of SQL behind it; its grants are what its relation is kept with, beside its rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from itertools import count
from typing import Any
from uuid import UUID

from dbt_state_plugin.core.changes.categorize import ChangeInputs, categorize, compiled_document, wants_compiled
from dbt_state_plugin.core.decision.request import PlanRequest
from dbt_state_plugin.core.decision.rule import differences_in_scope, make_plan
from dbt_state_plugin.core.fingerprint.hashing import definition_digest, keyed_digest
from dbt_state_plugin.core.lineage import build_order, lineages, record_key, trace_of
from dbt_state_plugin.core.values.definition import MacroDefinition, NodeDefinition, ProjectDefinition
from dbt_state_plugin.core.values.plan import ChangeCategory, Plan, PlanEntry
from dbt_state_plugin.core.values.project import CompiledNode, Node, Project
from dbt_state_plugin.core.values.reasons import ReasonKind
from dbt_state_plugin.core.values.records import OpenIntent, Recorded, RecordedDefinition, RecordedRelation, Trace
from dbt_state_plugin.core.values.relations import (
    Catalog,
    Environment,
    Identity,
    RelationKind,
    RelationName,
    SourceData,
)
from dbt_state_plugin.warehouse.postgres.dialect import POSTGRES

HERE = Environment(project="shop", target="dev", database="db", schema="main")
THEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
KEY = b"k" * 32
IN_PLACE = ("incremental", "snapshot")  # a build changes the rows of the relation and keeps its identity


def relation(identifier: str, schema: str = "main") -> RelationName:
    return RelationName(database="db", schema=schema, identifier=identifier)


def reason_kind(word: str) -> ReasonKind:
    return next(kind for kind in ReasonKind if kind.value == word)


def node(unique_id: str, parents: Iterable[str] = (), *, code: str = "1", **fields: Any) -> Node:
    """Return a node; `code` stands for its definition."""
    resource_type, package, name = unique_id.split(".", 2)
    has_relation = resource_type in ("model", "seed", "snapshot", "source")
    default = {"model": "table", "seed": "seed", "snapshot": "snapshot", "test": "test"}.get(resource_type, "")
    values: dict[str, Any] = {
        "resource_type": resource_type,
        "name": name,
        "package": package,
        "fqn": (package, *name.split(".")),
        "path": f"models/{name}.sql",
        "materialized": default,
        "relation": relation(name) if has_relation else None,
        "parents": tuple(parents),
        "fingerprint": {} if resource_type == "source" else {"body": code},
        "raw_code": code,
    }
    return Node(unique_id=unique_id, **(values | fields))


def project(*nodes: Node) -> Project:
    return Project(
        name="shop",
        target="dev",
        database="db",
        schema="main",
        dbt_version="1.11.16",
        adapter_version="1.11.0",
        nodes={item.unique_id: item for item in nodes},
    )


def edited(before: Project, unique_id: str, code: str = "2", **fields: Any) -> Project:
    """Return the project with another definition of one node."""
    item = before.nodes[unique_id]
    changed = replace(item, fingerprint={**item.fingerprint, "body": code}, raw_code=code, **fields)
    return replace(before, nodes={**before.nodes, unique_id: changed})


def granted(before: Project, unique_id: str, grants: str = "reader") -> Project:
    """Return the project with other grants on the relation of one node."""
    item = before.nodes[unique_id]
    changed = replace(item, fingerprint={**item.fingerprint, "config": grants})
    return replace(before, nodes={**before.nodes, unique_id: changed})


def items_of(item: Node) -> dict[str, dict[str, str]]:
    """Return the items of a node of these tests, as `Fingerprinter.items` gives them."""
    items = {part: {part: f"#{value}"} for part, value in item.fingerprint.items()}
    if "config" in items:
        items["config"] = {"grants": item.fingerprint["config"]}
    if item.resource_type == "seed":
        items["body"]["rows"] = "#" + _effective(item.fingerprint["body"])
    return items


def request(command: str = "run", *, selected: Iterable[str] | None = None, **fields: Any) -> PlanRequest:
    chosen = None if selected is None else frozenset(selected)
    return PlanRequest(environment=HERE, command=command, selected=chosen, **fields)


def record(item: Node, **fields: Any) -> RecordedRelation:
    values: dict[str, Any] = {
        "relation": item.relation or relation(item.unique_id, schema=""),
        "unique_id": item.unique_id,
        "environment": str(HERE),
        "resource_type": item.resource_type,
        "materialized": item.materialized,
        "fingerprint": dict(item.fingerprint),
        "trace": Trace(),
        "identity": Identity(object_id="1", storage_id="1", kind=RelationKind.TABLE),
        "build_id": UUID(int=1),
        "data_id": UUID(int=1),
        "built_at": THEN,
    }
    return RecordedRelation(**(values | fields))


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """The code of a node with the ephemeral models inside it, and the names of the relations that it reads."""

    body: str
    reads: tuple[Compiled | RelationName, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What a build left: the code it ran and what that read then.

    A query (a view, a function) keeps its code as it was built, ephemeral models included, and reads relations anew:
    it has seen nothing. `once` tells the rows of one build from those of the next, where chance has a part in them: who
    reads them sees it, though no build is asked for because of it.
    """

    code: Compiled
    seen: str
    is_query: bool
    once: int = field(default=0, compare=False)


@dataclass
class Warehouse:
    """What a server and the recorded state hold, and change both as runs do."""

    identities: dict[RelationName, Identity] = field(default_factory=dict)
    depends: dict[RelationName, set[RelationName]] = field(default_factory=dict)
    records: dict[RelationName, RecordedRelation] = field(default_factory=dict)
    intents: dict[RelationName, tuple[OpenIntent, ...]] = field(default_factory=dict)
    details: dict[RelationName, RecordedDefinition] = field(default_factory=dict)
    contents: dict[RelationName, object] = field(default_factory=dict)
    loads: dict[RelationName, str] = field(default_factory=dict)
    grants: dict[RelationName, str] = field(default_factory=dict)
    answers: dict[RelationName, str] = field(default_factory=dict)
    numbers: count[int] = field(default_factory=lambda: count(1))

    @property
    def recorded(self) -> Recorded:
        return Recorded(relations=dict(self.records), intents=dict(self.intents))

    @property
    def catalog(self) -> Catalog:
        cascades: dict[RelationName, list[RelationName]] = {}
        for view, parents in self.depends.items():
            for parent in parents:
                cascades.setdefault(parent, []).append(view)
        return Catalog(
            identities=dict(self.identities),
            cascades={name: tuple(sorted(views)) for name, views in cascades.items()},
            data={
                name: SourceData(
                    columns="columns", touched=str(self.loads.get(name, 0)), answer=self.answers.get(name, "")
                )
                for name in self.identities
            },
        )

    def plan(self, of: Project, asked: PlanRequest | None = None) -> Plan:
        asked = asked or request()
        return make_plan(of, self.recorded, self.catalog, asked, self.categories(of, asked.command))

    def categories(self, of: Project, command: str = "build") -> dict[str, ChangeCategory]:
        """Return what the differences in a command's scope amount to, as a run judges them."""
        categories = {}
        for unique_id, difference in differences_in_scope(of, self.recorded, command).items():
            item = of.nodes[unique_id]
            recorded = self.details.get(record_key(item, of), RecordedDefinition())
            evidence = ChangeInputs(
                node=item,
                difference=difference,
                recorded=recorded,
                items=items_of(item),
                macro_paths={},
                dialect=POSTGRES,
            )
            if wants_compiled(evidence):
                evidence = replace(evidence, compiled=compiled(of, item))
            categories[unique_id] = categorize(evidence, keyed_digest(KEY))
        return categories

    def planned(self, of: Project, asked: PlanRequest | None = None) -> set[str]:
        """Return the unique_ids that would be built."""
        return {entry.node.unique_id for entry in self.plan(of, asked).to_build}

    def create(self, name: RelationName, *, is_view: bool = False, reads: Iterable[RelationName] = ()) -> None:
        """Create or replace a relation, as somebody with psql or a loader would."""
        self.drop(name)
        number = next(self.numbers)
        self.identities[name] = Identity(
            object_id=str(number),
            storage_id=str(number),
            kind=RelationKind.VIEW if is_view else RelationKind.TABLE,
        )
        if is_view:
            self.depends[name] = set(reads)

    def load(self, name: RelationName) -> None:
        """Change the rows of a table in place, as a loader does, which creates a table that does not exist."""
        if name not in self.identities:
            self.create(name)
        self.loads[name] = self.contents[name] = f"load {next(self.numbers)}"

    def drop(self, name: RelationName) -> None:
        """Drop a relation with CASCADE."""
        self.identities.pop(name, None)
        self.depends.pop(name, None)
        for view in [view for view, parents in self.depends.items() if name in parents]:
            self.drop(view)

    def build(
        self,
        of: Project,
        asked: PlanRequest | None = None,
        *,
        failing: Iterable[str] = (),
        killed_after: int | None = None,
        unmarked: Iterable[str] = (),
    ) -> set[str]:
        """Carry out a plan as the run, dbt and the marker do; return what was recorded.

        Children of failed nodes are skipped, as by dbt. `killed_after` ends the run after so many nodes; `unmarked` are
        built in the warehouse but never recorded.
        """
        plan = self.plan(of, asked)
        execution = UUID(int=next(self.numbers))
        building = {entry.node.unique_id: entry for entry in plan.to_build}
        order = [unique_id for unique_id in build_order(of) if unique_id in building]
        for entry in plan.to_build:
            self._open_intent(record_key(entry.node, of), execution, entry.node.unique_id)
        lineage = lineages(of, build_order(of))
        self._refresh(of, plan)
        versions = dict(plan.parent_versions)
        bad = set(failing)
        done: set[str] = set()
        for position, unique_id in enumerate(order):
            if killed_after is not None and position >= killed_after:
                break
            item = of.nodes[unique_id]
            if bad & _ancestors(of, unique_id) & building.keys():
                bad.add(unique_id)
                continue
            if unique_id in bad:
                if item.materialized in IN_PLACE:
                    self.contents[record_key(item, of)] = f"half of {execution}"
                continue
            self._execute(of, item, full_refresh=bool(asked and asked.full_refresh))
            if unique_id in set(unmarked):
                continue
            # A source was there before the run, even where a model of the run writes the same table.
            sources = [of.nodes[parent] for parent in lineage[unique_id].parents if parent.startswith("source.")]
            before = {source.relation: plan.parent_versions[source.relation] for source in sources if source.relation}
            trace = trace_of(of, lineage[unique_id], versions | before)
            self._mark(of, building[unique_id], trace, execution, versions)
            done.add(unique_id)
        self._end(execution, "abandoned" if killed_after is not None else "failed")
        return done

    def _open_intent(self, key: RelationName, execution: UUID, unique_id: str) -> None:
        self.intents[key] = (
            OpenIntent(
                relation=key,
                execution_id=execution,
                execution_status="running",
                environment=str(HERE),
                unique_id=unique_id,
            ),
        )

    def _refresh(self, of: Project, plan: Plan) -> None:
        """Record the definitions that differ in nothing real."""
        lineage = lineages(of, build_order(of))
        for entry in plan.entries:
            key = record_key(entry.node, of)
            if entry.node.unique_id in self.categories(of, plan.command) and not entry.reasons:
                inlined = {node: definition_digest(of.nodes[node]) for node in lineage[entry.node.unique_id].inlined}
                was = self.records[key]
                trace = replace(was.trace, inlined=inlined)
                self.records[key] = replace(was, fingerprint=dict(entry.node.fingerprint), trace=trace)
                self.details[key] = definition_of(of, entry.node)

    def _end(self, execution: UUID, status: str) -> None:
        for key, intents in self.intents.items():
            self.intents[key] = tuple(
                replace(intent, execution_status=status) if intent.execution_id == execution else intent
                for intent in intents
            )

    def _execute(self, of: Project, item: Node, *, full_refresh: bool) -> None:
        key = record_key(item, of)
        if item.relation is not None:
            is_view = item.materialized in ("view", "materialized_view")
            stays = item.materialized in IN_PLACE and item.relation in self.identities
            if not stays or full_refresh:
                reads = lineages(of, build_order(of))[item.unique_id].parents
                names = [of.nodes[parent].relation for parent in reads]
                self.create(item.relation, is_view=is_view, reads=[name for name in names if name])
        self.contents[key] = self.fresh(of, item)
        self.grants[key] = item.fingerprint.get("config", "")

    def fresh(self, of: Project, item: Node) -> Built:
        """Return what the relation would hold if the node was built now."""
        code = _compiled(of, item)
        is_query = item.materialized == "view" or item.resource_type == "function"
        once = next(self.numbers) if self._varies(code) and item.resource_type != "seed" else 0
        return Built(code=code, seen="" if is_query else self._seen(code), is_query=is_query, once=once)

    def _varies(self, code: Compiled) -> bool:
        """Return whether the code gives other rows each time, by itself or through a query that it names."""
        stored = [read if isinstance(read, Compiled) else self.contents.get(read) for read in code.reads]
        queries = [each.code if isinstance(each, Built) and each.is_query else each for each in stored]
        return "random" in code.body or any(self._varies(each) for each in queries if isinstance(each, Compiled))

    def _seen(self, code: Compiled) -> str:
        """Return what the code reads now: rows of relations, and what the views and functions it names read now."""
        found: list[object] = []
        for read in code.reads:
            stored = read if isinstance(read, Compiled) else self.contents.get(read)
            if isinstance(stored, Built) and stored.is_query:
                stored = stored.code
            found.append((stored.body, self._seen(stored)) if isinstance(stored, Compiled) else stored)
        return hashlib.sha256(repr(found).encode()).hexdigest()

    def _mark(
        self, of: Project, entry: PlanEntry, trace: Trace, execution: UUID, versions: dict[RelationName, str]
    ) -> None:
        item = entry.node
        key = record_key(item, of)
        build = UUID(int=next(self.numbers))
        identity = self.identities.get(item.relation) if item.relation else None
        data = entry.record.data_id if entry.keeps_data and entry.record else build
        versions[key] = str(data)
        self.records[key] = record(
            item, relation=key, trace=trace, identity=identity, build_id=build, data_id=data, execution_id=execution
        )
        self.details[key] = definition_of(of, item)
        self.intents.pop(key, None)


def _compiled(of: Project, item: Node) -> Compiled:
    parents = [of.nodes[parent] for parent in sorted(item.parents) if parent in of.nodes]
    reads = [_compiled(of, parent) if parent.is_ephemeral else record_key(parent, of) for parent in parents]
    return Compiled(body=_effective(item.fingerprint.get("body", "")), reads=tuple(reads))


def _effective(code: str) -> str:
    """Return code without its comment."""
    return code.partition("--")[0].strip()


def _statement(of: Project, item: Node) -> str:
    parents = [of.nodes[parent] for parent in item.parents if parent in of.nodes]
    reads = [f"({_statement(of, each)})" if each.is_ephemeral else str(record_key(each, of)) for each in parents]
    code = item.fingerprint.get("body", "")
    return f"select {code}\n" + (f"from {', '.join(reads)}\n" if reads else "")


def compiled(of: Project, item: Node) -> CompiledNode:
    """Return the SQL of a node with the ephemeral models inside it; an incremental model has two forms."""
    statement = _statement(of, item)
    incremental = {"incremental": f"{statement}where new"} if item.materialized == "incremental" else {}
    return CompiledNode(forms={"sql": statement, **incremental})


def definition_of(of: Project, item: Node) -> RecordedDefinition:
    """Return what a build records about the definition of a node."""
    has_sql = item.resource_type not in ("seed", "unit_test", "function")
    return RecordedDefinition(
        items=items_of(item), compiled=compiled_document(compiled(of, item), POSTGRES) if has_sql else {}
    )


def _ancestors(of: Project, unique_id: str) -> set[str]:
    todo, seen = list(of.nodes[unique_id].parents), set()
    while todo:
        parent = todo.pop()
        if parent in of.nodes and parent not in seen:
            seen.add(parent)
            todo.extend(of.nodes[parent].parents)
    return seen


def descendants(of: Project, unique_id: str) -> set[str]:
    return {other for other in of.nodes if unique_id in _ancestors(of, other)}


def macro(
    name: str, code: str = "", *, package: str = "shop", is_builtin: bool = False, path: str = ""
) -> MacroDefinition:
    """Return a macro whose body is `code`."""
    return MacroDefinition(
        unique_id=f"macro.{package}.{name}",
        name=name,
        package=package,
        code=f"{{% macro {name}() %}}{code}{{% endmacro %}}",
        is_builtin=is_builtin,
        path=path or f"macros/{name}.sql",
    )


def builtin(name: str, code: str = "") -> MacroDefinition:
    """Return a macro that ships with dbt."""
    return macro(name, code, package="dbt", is_builtin=True)


# As in dbt: what builds tables and views, each down to its DDL, with hooks and an index on the way.
BUILTIN = (
    builtin("materialization_table_default", "{{ run_hooks(pre) }}{{ get_create_table_as_sql() }}{# other_note #}"),
    builtin("materialization_view_default", "{{ run_hooks(pre) }}{{ create_view_as() }}{% set column = 1 %}"),
    builtin("get_create_table_as_sql", "{{ adapter.dispatch('get_create_table_as_sql', 'dbt')() }}"),
    builtin("default__get_create_table_as_sql", "{{ create_table_as() }}{{ create_indexes() }}"),
    builtin("create_table_as", "{{ adapter.dispatch('create_table_as', 'dbt')() }}"),
    builtin("default__create_table_as", "create table"),
    builtin("create_view_as", "create view"),
    builtin("create_indexes", "{% for index in config.get('indexes') %}create index{% endfor %}"),
    builtin("run_hooks", "{% call statement() %}{{ render(hook.sql) }}{% endcall %}"),
    builtin("statement", "{{ context[name](sql) }}"),
    builtin("run_query", "{{ load_result('x') }}"),
    builtin("drop_relation", "drop"),
    builtin("generate_schema_name", "{{ target.schema }}"),
)


# As in dbt: how it creates a view, to the letter where that counts.
VIEW = """
{%- set target_relation = this.incorporate(type='view') -%}
{%- set intermediate_relation =  make_intermediate_relation(target_relation) -%}
{{ run_hooks(pre) }}
{% call statement('main') -%}
  {{ get_create_view_as_sql(intermediate_relation, sql) }}
{%- endcall %}
"""
VIEWS = (
    builtin("materialization_view_default", VIEW),
    builtin("get_create_view_as_sql", "{{ adapter.dispatch('get_create_view_as_sql', 'dbt')(relation, sql) }}"),
    builtin("default__get_create_view_as_sql", "{{ create_view_as(relation, sql) }}"),
    builtin("create_view_as", "{{ adapter.dispatch('create_view_as', 'dbt')(relation, sql) }}"),
    builtin("default__create_view_as", "create view"),
    builtin("make_intermediate_relation", "{{ base }}"),
    builtin("run_hooks", "{{ statement() }}"),
    builtin("statement", "{{ context[name](sql) }}"),
)


def definition(
    code: str = "select 1",
    *,
    unique_id: str = "model.shop.orders",
    config: Mapping[str, Any] | None = None,
    references: tuple[tuple[str, str], ...] = (),
    content_digest: str = "",
    name: RelationName | None = None,
    **attributes: Any,
) -> NodeDefinition:
    """Return one node as dbt parsed it."""
    resource_type, package, short = unique_id.split(".", 2)
    values: dict[str, Any] = {
        "name": short,
        "package_name": package,
        "fqn": [package, short],
        "original_file_path": f"models/{short}.sql",
        "raw_code": code,
        "relation_name": f'"db"."main"."{short}"',
        "config": {"materialized": "table", **(config or {})},
    }
    return NodeDefinition(
        unique_id=unique_id,
        resource_type=resource_type,
        attributes=values | attributes,
        relation=name or relation(short),
        parents=tuple(parent for parent, _ in references),
        references=references,
        content_digest=content_digest,
    )


def project_definition(
    *nodes: NodeDefinition, macros: Iterable[MacroDefinition] = (), **fields: Any
) -> ProjectDefinition:
    values: dict[str, Any] = {
        "name": "shop",
        "target_name": "dev",
        "database": "db",
        "schema": "main",
        "dbt_version": "1.11.16",
        "adapter_version": "1.11.0",
        "macros": (*BUILTIN, *macros),
        "nodes": nodes,
        "dialect": POSTGRES,
    }
    return ProjectDefinition(**(values | fields))
