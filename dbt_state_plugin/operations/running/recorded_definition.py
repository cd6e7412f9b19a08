"""Definitions recorded with each build."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.core.changes.categorize import SQL_HEADER, compiled_document, has_view_ddl
from dbt_state_plugin.core.changes.traced import READS
from dbt_state_plugin.core.values.project import CompiledNode
from dbt_state_plugin.core.values.reads import Question, RenderedReads
from dbt_state_plugin.core.values.records import RecordedDefinition

if TYPE_CHECKING:
    from dbt_state_plugin.core.fingerprint.hashing import Digest
    from dbt_state_plugin.dbt_runner.interface import Dbt
    from dbt_state_plugin.dbt_runner.parse import Parsed
    from dbt_state_plugin.operations.planning.inputs import Planned


class DefinitionRecorder:
    """The items and the SQL of each planned node.

    Where dbt executes only one of several forms, or hooks besides, all of them are compiled before dbt starts: in its
    threads the manifest must not be touched. They are recorded only where dbt has executed one of them: what a node
    asks the database may have another answer once its parents are built. Of all others dbt's own compiled code is
    taken, and what remains to be compiled when dbt has ended is `unsettled`.
    """

    def __init__(
        self,
        dbt: Dbt,
        planned: Planned,
        parsed: Parsed,
        unique_ids: Iterable[str],
        digest: Digest | None,
        *,
        flags: Mapping[str, Any],
    ) -> None:
        """Compile what has to be compiled; `digest` is given where no SQL may be stored."""
        self._dbt = dbt
        self._parsed = parsed
        self._digest = digest
        self._flags = flags
        self._unsettled: set[str] = set()
        self._partly_read: dict[str, RenderedReads] = {}
        self._fingerprinter = planned.fingerprinter
        wanted = tuple(unique_ids)
        self._incremental = {node for node in wanted if planned.project.nodes[node].materialized == "incremental"}
        self._items = {node: planned.fingerprinter.items(node) for node in wanted} if planned.fingerprinter else {}
        self._ddl_of = {node for node in self._items if has_view_ddl(planned.project.nodes[node], self._items[node])}
        kept = [node for node in wanted if node in self._ddl_of or dbt.needs_compiling(parsed, node)]
        compiled = dict(planned.categorized.compiled)
        compiled |= dbt.compile(parsed, [node for node in kept if node not in compiled], self._ddl_of, flags=flags)
        self._compiled = {node: compiled[node] for node in kept if node in compiled}

    def of(self, unique_id: str, reads: RenderedReads | None) -> RecordedDefinition:
        """Return the definition to record, with the values that were read; called when dbt has executed the node."""
        compiled = self._found(unique_id)
        if compiled is not None and reads is not None and reads.questions:  # dbt may have got other answers
            forms = {} if unique_id in self._parsed.microbatch else compiled.forms
            compiled = replace(compiled, forms=forms, hooks=None if compiled.hooks else compiled.hooks)
        items = dict(self._items.get(unique_id, {}))
        reads = self.in_all_forms(unique_id, reads)
        if reads is not None and not reads.is_opaque and self._fingerprinter is not None:
            items[READS] = self._fingerprinter.read_values(unique_id, reads.names)
        return RecordedDefinition(items=items, compiled=self._document(compiled) if compiled else {})

    def in_all_forms(self, unique_id: str, reads: RenderedReads | None) -> RenderedReads | None:
        """Return what a node reads in the form that dbt executed and in those that it may execute the next time.

        None if nobody knows what the others read; `settled_reads` tells when dbt has ended.
        """
        compiled = self._compiled.get(unique_id)
        if reads is None or unique_id not in self._incremental:
            return reads
        if compiled is None or compiled.reads is None:
            self._partly_read[unique_id] = reads
            return None
        asked = {_what(each) for each in reads.questions}
        return replace(
            reads,
            names=reads.names | compiled.reads.names,
            volatile=tuple(sorted({*reads.volatile, *compiled.reads.volatile})),
            is_opaque=reads.is_opaque or compiled.reads.is_opaque,
            questions=(*reads.questions, *(each for each in compiled.reads.questions if _what(each) not in asked)),
            sources={**compiled.reads.sources, **reads.sources},
            flags={**compiled.reads.flags, **reads.flags},
        )

    def has_hooks(self, unique_id: str) -> bool:
        """Return whether a node has hooks of its own."""
        return bool(self._items.get(unique_id, {}).get("hooks"))

    def has_header(self, unique_id: str) -> bool:
        """Return whether statements of a node's own stand before those with which dbt writes it."""
        return SQL_HEADER in self._items.get(unique_id, {}).get("config", {})

    def settled(self) -> dict[str, Mapping[str, Any]]:
        """Return the SQL of nodes for which dbt executed other SQL than had been compiled; called when dbt has ended.

        Compiled once more it may be the one that was executed, and then the forms that were not executed are known too.
        """
        unsettled = self._unsettled | self._partly_read.keys()
        compiled = self._dbt.compile(self._parsed, sorted(unsettled), self._ddl_of & unsettled, flags=self._flags)
        self._compiled |= {node: compiled[node] for node in self._partly_read if node in compiled}
        executed = {node: self._dbt.executed_form(self._parsed, node) for node in compiled}
        return {
            node: self._document(replace(each, hooks=None, project_hooks=None))
            for node, each in compiled.items()
            if (found := executed[node]) is not None and _is_one_of(found, each)
        }

    def settled_reads(self) -> dict[str, tuple[RenderedReads, Mapping[str, str]]]:
        """Return the reads and their values of nodes whose other forms could be compiled only now, see `settled`."""
        found = {node: self.in_all_forms(node, reads) for node, reads in self._partly_read.items()}
        return {
            node: (reads, self._fingerprinter.read_values(node, reads.names))
            for node, reads in found.items()
            if reads is not None and not reads.is_opaque and self._fingerprinter is not None
        }

    def _document(self, compiled: CompiledNode) -> dict[str, Any]:
        return compiled_document(compiled, self._parsed.definition.dialect, self._digest)

    def other_forms(self, unique_id: str) -> tuple[str, ...]:
        """Return the SQL of a node in the forms of which dbt has executed one, nothing if there is but one form."""
        compiled = self._compiled.get(unique_id)
        return tuple(compiled.forms.values()) if compiled and len(compiled.forms) > 1 else ()

    def statements(self, unique_id: str) -> tuple[str, ...]:
        """Return the SQL of a node in all its forms, empty if it is not SQL; called when dbt has executed it."""
        compiled = self._found(unique_id)
        return tuple(compiled.forms.values()) if compiled and compiled.language == "sql" else ()

    def _found(self, unique_id: str) -> CompiledNode | None:
        compiled = self._compiled.get(unique_id)
        executed = self._dbt.executed_form(self._parsed, unique_id)
        if compiled is None or executed is None:
            return executed or compiled
        # Each batch of a microbatch model is executed with bounds of its own, so that no text is as compiled.
        if unique_id in self._parsed.microbatch or _is_one_of(executed, compiled):
            return compiled
        self._unsettled.add(unique_id)
        return replace(executed, hooks=compiled.hooks, project_hooks=compiled.project_hooks)


def _what(question: Question) -> tuple[str, tuple[str, str, str]]:
    """Return what was asked, whatever the answer is."""
    return question.sql, question.relation


def _is_one_of(executed: CompiledNode, compiled: CompiledNode) -> bool:
    return set(executed.forms.values()) <= set(compiled.forms.values())
