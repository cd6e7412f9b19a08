"""Nodes that a mutation changed, observed by building both sides.

Both projects are built into fresh databases that hold the same loaded tables. Compared are, per model, seed, snapshot,

(a) the statements that dbt executed for it (hooks, grants, indexes and comments included; incremental models and
    snapshots in a second build too, over what the first one left), and
(b) the relation: name, kind, columns, owner, grants, indexes, constraints, comments, options, definition, rows.

A node is *changed* when
- it is new; or
- its statements differ; or
- something physical about its relation differs (owner, grants, indexes, ...): that never derives from a parent; or
- its columns, definition or rows differ although those of none of its parents in the project do: something outside the
  statements decides them, as a function that a hook creates, a seed's file, or the rows of a source.

It is not changed for itself, only *below* something that is, when its statements are the same and its rows, columns
or definition differ together with a parent's. Incremental models and snapshots name their parents' columns in the
statements of the second build: when only that build differs, and a parent does, that is below as well.

Six kinds of nodes are scored *either way*, neither as a miss nor as a false alarm:
- a model whose Jinja queries a parent that changed: its SQL cannot be known before the parent is built;
- a model whose Jinja queries the database, and whose own code or macros changed in more than layout, but not what dbt
  executed: its SQL is the answer to a question that only the database of that moment can answer. Not to ask it before
  the build is a rule (what the code asks may be slow, or change something), so the rule says that it is built;
- a node that reads, directly or through views, a source whose rows or columns changed, and that stayed equal (a filter
  left the change out, or it is a view): nobody can know without running it;
- all nodes that stayed equal when what `on-run-start` or `on-run-end` executed differs: nobody can know what a hook
  does to which relation;
- a node that was renamed and keeps its relation: new by its name, the same by what dbt does;
- a node whose query is another text and, to the server itself, the same query, and whose relation came out equal.

Views hold no rows: they count by their definition. For the group `data` whatever differs in the warehouse after
somebody's hand changed it, before dbt runs again, is changed too. Deleted nodes have to be reported as removed.

`needs_build` is what has to be built at the least: each node whose relation differs between the two warehouses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from accuracy.relations import DERIVED, PHYSICAL, Relation, differing
from accuracy.statements import normalised

# Their Jinja asks the warehouse what to write.
INTROSPECTIVE = frozenset(
    "model.shop.int_payment_pivot model.shop.int_status_labels model.shop.int_payments_star model.reads.asks_source "
    "model.reads.asks_ref model.reads.asks_undeclared model.reads.asks_by_statement model.reads.asks_catalog "
    "model.reads.asks_columns model.reads.asks_union model.reads.asks_relation model.reads.asks_loaded".split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """What a build from scratch did: facts of the nodes, their statements and compiled code, and the relations."""

    nodes: Mapping[str, Mapping[str, Any]]
    statements: Mapping[str, Mapping[str, list[str]]]
    compiled: Mapping[str, str | None]
    relations: Mapping[str, Relation]
    tests: Mapping[str, Relation] = field(default_factory=dict)

    def relation(self, node: str) -> Relation | None:
        """Return a node's relation, of a test what stands for it."""
        facts = self.nodes.get(node)
        if node in self.tests:
            return self.tests[node]
        return self.relations.get(str(facts["relation"])) if facts else None

    def has_relation(self, node: str) -> bool:
        """Say whether dbt builds something for it."""
        facts = self.nodes.get(node)
        return bool(facts) and facts["type"] != "source" and facts["materialized"] != "ephemeral"


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What really changed; `how` says by what, for the reader of a miss."""

    changed: frozenset[str]
    either_way: frozenset[str]
    removed: frozenset[str]
    needs_build: frozenset[str]
    how: Mapping[str, str]

    def known_by_effect(self, same_queries: frozenset[str]) -> Truth:
        """Return the truth in which nodes whose query the server calls the same are scored either way."""
        return replace(self, changed=self.changed - same_queries, either_way=self.either_way | same_queries)


def other_texts(truth: Truth, base: Build, mutated: Build) -> dict[str, tuple[str, str]]:
    """Return both compiled texts of the nodes that differ by nothing but what dbt executed."""
    found: dict[str, tuple[str, str]] = {}
    for node in truth.changed - truth.needs_build:
        before, after = base.compiled.get(node), mutated.compiled.get(node)
        if truth.how.get(node) == _STATEMENTS and before and after and before != after:
            found[node] = (before, after)
    return found


def build_of(answer: Mapping[str, Any], relations: Mapping[str, Relation], database: str) -> Build:
    """Return what `built_from_scratch` answered, in one spelling."""
    statements = {
        node: {which: normalised(executed, database) for which, executed in builds.items()}
        for node, builds in answer["statements"].items()
    }
    return Build(
        nodes=answer["nodes"],
        statements=statements,
        compiled=answer["compiled"],
        relations=relations,
        tests={node: _result(node, said) for node, said in answer["tests"].items()},
    )


def _result(test: str, said: str) -> Relation:
    """Return the result of a test as the only thing of a relation in which two of them can differ."""
    return {**dict.fromkeys((*PHYSICAL, *DERIVED)), "name": test, "rows": said}


def observed_truth(base: Build, mutated: Build, damaged: frozenset[str]) -> Truth:
    """Compare two builds from scratch; `damaged` are the relations that somebody's hand changed in the warehouse."""
    comparison = _Comparison(base, mutated)
    nodes = [node for node in mutated.nodes if mutated.has_relation(node)]
    gone = [node for node in base.nodes if base.has_relation(node) and not mutated.has_relation(node)]
    taken_over = {
        node for node in gone if base.nodes[node]["relation"] in {mutated.nodes[each]["relation"] for each in nodes}
    }
    how = {node: words for node in nodes if (words := comparison.own_change(node))}
    either_way = {node for node in nodes if node not in how and comparison.is_either_way(node)}
    either_way |= {node for node, words in how.items() if words == _INTROSPECTION}
    either_way |= {node for node in comparison.heirs if node not in how} | {f"removed {node}" for node in taken_over}
    hurt = {node for node in nodes if mutated.nodes[node]["relation"] in damaged}
    how |= {node: "changed by hand" for node in hurt if node not in how}
    return Truth(
        changed=frozenset(how) - either_way | hurt,
        either_way=frozenset(either_way) - hurt,
        removed=frozenset(gone) - taken_over,
        needs_build=frozenset(node for node in nodes if comparison.differs[node]) | hurt,
        how=how,
    )


def _hook_statements(build: Build) -> dict[str, Any]:
    return {node: builds for node, builds in build.statements.items() if node.startswith("operation.")}


_STATEMENTS = "what dbt executed"
_INTROSPECTION = "its SQL depends on a changed parent's rows"


class _Comparison:
    def __init__(self, base: Build, mutated: Build) -> None:
        self.base = base
        self.mutated = mutated
        self.heirs = self._heirs()
        self.differs = {node: differing(self._relation_before(node), mutated.relation(node)) for node in mutated.nodes}
        self.data_differs = cache(self._data_differs)

    def _heirs(self) -> dict[str, str]:
        """Return the new nodes that take over the relation of one that is gone, with that one."""
        gone = {
            facts["relation"]: node
            for node, facts in self.base.nodes.items()
            if self.base.has_relation(node) and not self.mutated.has_relation(node)
        }
        return {
            node: gone[facts["relation"]]
            for node, facts in self.mutated.nodes.items()
            if self.mutated.has_relation(node) and not self.base.has_relation(node) and facts["relation"] in gone
        }

    def _relation_before(self, node: str) -> Relation | None:
        if self.mutated.nodes[node]["type"] == "source":  # the same table, whatever the source was called
            return self.base.relations.get(self.mutated.nodes[node]["relation"])
        return self.base.relation(self.heirs.get(node, node))

    def own_change(self, node: str) -> str:
        """Return in words what about the node itself differs, or an empty text."""
        if not self.base.has_relation(self.heirs.get(node, node)):
            return "new"
        words = self._statements_that_differ(node)
        if words:
            return words
        physical = self.differs[node] & {*PHYSICAL, "existence"}
        if physical:
            return f"its relation's {', '.join(sorted(physical))}"
        derived = self.differs[node] & set(DERIVED)
        return f"its {', '.join(sorted(derived))}" if derived and not self._is_below(node) else ""

    def _statements_that_differ(self, node: str) -> str:
        before = self.base.statements.get(self.heirs.get(node, node), {})
        after = self.mutated.statements.get(node, {})
        if before == after:
            return ""
        below = self._is_below(node)
        if before.get("first") == after.get("first") and below:
            return ""
        same_code = self.base.compiled.get(node) == self.mutated.compiled.get(node)
        return _INTROSPECTION if node in INTROSPECTIVE and below and not same_code else _STATEMENTS

    def is_either_way(self, node: str) -> bool:
        """Say whether nobody can know without a build that the node stays as it is."""
        if _hook_statements(self.base) != _hook_statements(self.mutated):
            return True
        return self._asks_otherwise(node) or self._reads_changed_source(node)

    def _asks_otherwise(self, node: str) -> bool:
        before, after = self.base.nodes.get(node, {}), self.mutated.nodes[node]
        return node in INTROSPECTIVE and before.get("inputs") != after.get("inputs")

    def _reads_changed_source(self, node: str) -> bool:
        for parent in self.mutated.nodes[node]["parents"]:
            facts = self.mutated.nodes.get(parent)
            if facts is None:
                continue
            if facts["type"] == "source" and self.differs[parent]:
                return True
            if facts["materialized"] in ("view", "ephemeral") and self._reads_changed_source(parent):
                return True
        return False

    def _is_below(self, node: str) -> bool:
        """Say whether the data of a parent in the project differs; through ephemeral models."""
        parents = [each for each in self.mutated.nodes[node]["parents"] if each in self.mutated.nodes]
        return any(self.data_differs(parent) for parent in parents)

    def _data_differs(self, node: str) -> bool:
        facts = self.mutated.nodes[node]
        if facts["type"] == "source":
            return False
        if facts["materialized"] == "ephemeral":
            return self._is_below(node)
        if self.differs[node] & {*DERIVED, "existence"}:
            return True
        return facts["materialized"] == "view" and self._is_below(node)
