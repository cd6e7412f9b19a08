"""Traced reads: what is recorded, and which differences they resolve."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from dbt_state_plugin.core.changes.changed_items import changed_items
from dbt_state_plugin.core.fingerprint.hashing import Digest
from dbt_state_plugin.core.fingerprint.parts import OWN_PROPERTIES
from dbt_state_plugin.core.values.project import Node, Project
from dbt_state_plugin.core.values.reads import Question, RenderedReads
from dbt_state_plugin.core.values.reasons import GRAPH
from dbt_state_plugin.core.values.records import TracedReads

READS = "reads"  # the part of the recorded items that holds what was read, and the name of a difference in it
NOT_KEPT = "not-kept"
# Parts whose items are found by words, and which a trace may therefore narrow.
_BY_WORDS = frozenset({"macros", "variables", "materialization", "hooks"})
_VALUES = ("var ", "env_var ", "target.", "model.", "config.")
# Names of dbt's adapters that begin a macro's name; those in use are taken out, with those from which they inherit.
_OTHER_ADAPTERS = frozenset(
    "athena bigquery clickhouse databricks duckdb dremio exasol fabric firebolt glue hive impala materialize mysql "
    "oracle redshift singlestore snowflake spark sqlite sqlserver starrocks synapse teradata tidb trino vertica".split()
)
_NAMED_VALUES = frozenset({"dbt_version", GRAPH, OWN_PROPERTIES})


def traced_reads(
    reads: RenderedReads | None, node: Node, project: Project, digest: Digest, *, stores_sql: bool
) -> TracedReads | None:
    """Return what is recorded of the reads of one build, None if they say nothing for certain."""
    if reads is None or reads.is_opaque:
        return None
    return TracedReads(
        volatile=reads.volatile,
        flags=reads.flags,
        sources=_undeclared(reads.sources, node, project),
        questions=tuple(_recorded(question, digest, stores_sql=stores_sql) for question in reads.questions),
    )


def _undeclared(sources: Mapping[str, str], node: Node, project: Project) -> dict[str, str]:
    """Return the sources that the node read without declaring them, by unique_id with the name of the relation."""
    found = {}
    for name in sources:
        for each in project.nodes.values():
            is_it = each.resource_type == "source" and each.unique_id.endswith(f".{name}")
            if is_it and each.unique_id not in node.parents:
                found[each.unique_id] = str(each.relation)
    return found


def _recorded(question: Question, digest: Digest, *, stores_sql: bool) -> Question:
    answer = digest(question.answer) if question.answer else ""
    if question.sql and not stores_sql:
        return Question(sql=digest(question.sql), answer=answer, problem=NOT_KEPT)
    return replace(question, answer=answer)


def merged(before: TracedReads | None, now: TracedReads | None) -> TracedReads | None:
    """Return what is recorded where a node was compiled only: what its execution read before still counts."""
    if before is None or now is None:
        return None
    return replace(now, volatile=tuple(sorted({*before.volatile, *now.volatile})), flags={**before.flags, **now.flags})


def untouched_parts(
    parts: Iterable[str],
    before: Mapping[str, Mapping[str, str]],
    now: Mapping[str, Mapping[str, str]],
    values_now: Mapping[str, str],
    *,
    adapters: Collection[str],
) -> tuple[str, ...]:
    """Return the differing parts in which nothing differs that the recorded build was seen to read.

    `values_now` are today's hashes of what it read, `adapters` those whose macros dispatch may find (none: unknown).
    Rendering is deterministic given what it reads: if each read gives the same again, it takes the same path. A new
    macro may shadow another, and a removed one may uncover another: both count whatever was read.
    """
    parts = tuple(parts)
    if not _BY_WORDS.issuperset(parts) or dict(before[READS]) != dict(values_now):
        return ()
    foreign = _OTHER_ADAPTERS.difference(adapters) if adapters else frozenset[str]()
    return tuple(part for part in parts if _holds_values_only(before.get(part, {}), now.get(part, {}), foreign))


def names_read(items: Iterable[Mapping[str, str]], before: Mapping[str, Mapping[str, str]]) -> list[Mapping[str, str]]:
    """Return the differing items without those that a traced build has not read; all where it has read none."""
    found = list(items)
    if READS not in before:
        return found
    reads = before[READS]
    is_whole = "model.*" in reads
    read = [
        item
        for item in found
        if item["name"] in reads or not _is_value(item) or (is_whole and item["name"].startswith("model."))
    ]
    return read or found


def _is_value(item: Mapping[str, str]) -> bool:
    name = item["name"]
    return name.startswith(_VALUES) or name in _NAMED_VALUES or (name.startswith("macro.") and item["change"] != "new")


def _is_for(macro: str, adapters: Collection[str]) -> bool:
    """Return whether a macro is the implementation for one of these adapters."""
    return macro.rsplit(".", 1)[-1].partition("__")[0] in adapters


def _holds_values_only(before: Mapping[str, str], now: Mapping[str, str], foreign: Collection[str]) -> bool:
    """Return whether only values differ, and macros that dispatch never finds here (`foreign`: other adapters)."""
    changed = changed_items(before, now)
    return bool(changed) and all(
        name.startswith(_VALUES)
        or name in _NAMED_VALUES
        or (name.startswith("macro.") and (_is_for(name, foreign) or (name in before and name in now)))
        for name in changed
    )
