"""Documents of builds, as columns of jsonb hold them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dbt_state_plugin.core.values.records import RowsLeft, Trace, TracedReads
from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.state.intents import storable
from dbt_state_plugin.state.relations import key_columns
from dbt_state_plugin.state.state import State


def trace_document(trace: Trace) -> str:
    """Return a trace as it is stored."""
    document: dict[str, Any] = {"parents": dict(trace.parents), "inlined": dict(trace.inlined)}
    document |= {"content": trace.content} if trace.content else {}
    document |= {"volatile": list(trace.volatile)} if trace.volatile is not None else {}
    document |= {"older_logic": trace.older_logic} if trace.older_logic else {}
    document |= {"reads": reads_document(trace.reads)} if trace.reads is not None else {}
    document |= {"named": [list(name) for name in trace.named]} if trace.named is not None else {}
    document |= {"session": dict(trace.session)} if trace.session is not None else {}
    document |= {"writes": [list(name) for name in trace.writes]} if trace.writes else {}
    document |= {"has_hooks": True} if trace.has_hooks else {}
    document |= {"on_run": trace.on_run} if trace.on_run else {}
    document |= {"rows": rows_document(trace.rows)} if trace.rows is not None else {}
    document |= {"columns": [[*name, list(read)] for name, read in trace.columns.items()]} if trace.columns else {}
    document |= {"reads_order": trace.reads_order} if trace.reads_order is not None else {}
    document |= {"reads_storage": trace.reads_storage} if trace.reads_storage is not None else {}
    return json_document(document)


def rows_document(left: RowsLeft) -> list[Any]:
    """Return what a build left as it is stored."""
    return [left.columns, left.rows, left.order, [[list(names), found] for names, found in left.some.items()]]


def reads_document(reads: TracedReads) -> dict[str, Any]:
    """Return what a build read as it is stored; what is empty is left out."""
    document = {
        "volatile": list(reads.volatile),
        "flags": dict(reads.flags),
        "sources": dict(reads.sources),
        "questions": [[each.sql, list(each.relation), each.answer, each.problem] for each in reads.questions],
    }
    return {name: value for name, value in document.items() if value}


def json_document(value: Any) -> str:
    """Return a document without what PostgreSQL's jsonb cannot hold."""
    return json.dumps(_storable(value), ensure_ascii=False)


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {storable(str(name)): _storable(item) for name, item in value.items()}
    return [_storable(item) for item in value] if isinstance(value, (list, tuple)) else value


def update_each(state: State, statement: str, documents: Mapping[RelationName, Mapping[str, Any]]) -> None:
    """Update each relation with a document of its own, in one statement; none if there is no relation."""
    if documents:
        columns = (*key_columns(documents), [json_document(document) for document in documents.values()])
        state.execute(statement, (*columns, state.environment.warehouse, state.environment_id))
