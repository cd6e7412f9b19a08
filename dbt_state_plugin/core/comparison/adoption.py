"""Relations that may be recorded as they are, without a build."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from uuid import UUID

from dbt_state_plugin.core.values.causes import Cause, CauseCode
from dbt_state_plugin.core.values.project import Node
from dbt_state_plugin.core.values.records import Recorded, RecordedRelation
from dbt_state_plugin.core.values.relations import TABLES, Catalog, Environment, Identity, RelationKind, RelationName
from dbt_state_plugin.core.versions.counters import count_own_writes

# What each materialization of dbt leaves; a custom one may leave anything.
_KINDS: Mapping[str, frozenset[RelationKind]] = {
    "view": frozenset({RelationKind.VIEW}),
    "materialized_view": frozenset({RelationKind.MATERIALIZED_VIEW}),
    "table": TABLES,
    "incremental": TABLES,
    "seed": TABLES,
    "snapshot": TABLES,
}
_ANY = frozenset(RelationKind) - {RelationKind.OTHER}

Columns = Sequence[tuple[str, int]]  # names and numbers of their types


class Outcome(str, Enum):
    """What `adopt` does with a relation. The values are part of the JSON output."""

    ADOPT = "adopt"
    REFUSE = "refuse"
    MISSING = "missing"
    KNOWN = "known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One node with what becomes of its relation; `is_compared` says that its columns were compared."""

    node: Node
    relation: RelationName
    outcome: Outcome
    why: Cause | None = None
    identity: Identity | None = None
    columns: str | None = None
    touched: str | None = None
    shape: str | None = None
    record: RecordedRelation | None = None
    is_compared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """What `adopt` does, or did, with each node that has a relation; `untouched` counts tests and functions."""

    environment: Environment
    candidates: tuple[Candidate, ...]
    untouched: int
    execution_id: UUID | None = None

    def of(self, outcome: Outcome) -> tuple[Candidate, ...]:
        """Return the candidates with this outcome."""
        return tuple(each for each in self.candidates if each.outcome is outcome)


def candidates(
    nodes: Iterable[Node], recorded: Recorded, catalog: Catalog, here: Environment, *, again: bool
) -> tuple[Candidate, ...]:
    """Return what the catalog and the state alone say about each node that has a relation of its own."""
    return tuple(
        _candidate(node, node.relation, recorded, catalog, here, again=again)
        for node in nodes
        if node.relation is not None and node.writes_relation
    )


def _candidate(
    node: Node, relation: RelationName, recorded: Recorded, catalog: Catalog, here: Environment, *, again: bool
) -> Candidate:
    identity, record = catalog.identities.get(relation), recorded.relations.get(relation)
    outcome: Outcome = Outcome.ADOPT
    why: Cause | None = None
    if relation in recorded.intents:
        outcome, why = Outcome.REFUSE, Cause(code=CauseCode.INTERRUPTED)
    elif record is not None and record.environment != str(here) and not again:
        values = {"environment": record.environment}
        outcome, why = Outcome.REFUSE, Cause(code=CauseCode.RECORDED_ELSEWHERE, values=values)
    elif record is not None and not again:
        outcome, why = Outcome.KNOWN, Cause(code=CauseCode.RECORDED_ALREADY)
    elif identity is None:
        outcome, why = Outcome.MISSING, Cause(code=CauseCode.DOES_NOT_EXIST)
    elif why := other_kind(node, identity):
        outcome = Outcome.REFUSE
    return Candidate(
        node=node,
        relation=relation,
        outcome=outcome,
        why=why,
        identity=identity,
        columns=catalog.columns.get(relation),
        touched=catalog.touched.get(relation) if count_own_writes(node.materialized) else None,
        shape=catalog.shapes.get(relation),
        record=record,
    )


def other_kind(node: Node, identity: Identity) -> Cause | None:
    """Return that a relation is of another kind than builds of the node leave, None if it is not."""
    if identity.kind in _KINDS.get(node.materialized, _ANY):
        return None
    values = {"is_now": identity.kind.value, "materialized": node.materialized}
    return Cause(code=CauseCode.OTHER_KIND, values=values)


def other_columns(expected: Columns, actual: Columns, *, keeps_order: bool, may_have_more: bool) -> Cause | None:
    """Return how the columns of a relation differ from those that its SQL gives, None if they do not.

    With `may_have_more` only what the relation lacks counts: a snapshot has columns of dbt's own.
    """
    wanted, found = dict(expected), dict(actual)
    lacking = [name for name in wanted if name not in found]
    more = [] if may_have_more else [name for name in found if name not in wanted]
    other = [] if may_have_more else [name for name in wanted if name in found and wanted[name] != found[name]]
    if lacking or more or other:
        values = {"lacking": lacking, "added": more, "retyped": other}
        return Cause(code=CauseCode.COLUMNS_DIFFER, values=values)
    if keeps_order and not may_have_more and [name for name, _ in expected] != [name for name, _ in actual]:
        return Cause(code=CauseCode.COLUMNS_REORDERED)
    return None


def is_as_it_was(shown: Candidate, now: Candidate) -> bool:
    """Return whether nothing happened to a relation, its record or its intents since it was shown."""
    before = (shown.identity, shown.columns, shown.touched, shown.record)
    return before == (now.identity, now.columns, now.touched, now.record) and now.outcome is Outcome.ADOPT
