"""Tracing of what rendering reads, while dbt runs in this process.

Nothing of dbt is changed on disk. While `traced` is open,

- every context in which dbt renders a node names the node (`generate_runtime_model_context` and its like, which
  `dbt.compilation` calls for compiling and `dbt.task.*` for executing);
- every macro call is seen (`MacroGenerator.__call__`), and every name that a template looks up (Jinja's `Context`);
- every query with an answer is seen (`BaseAdapter.execute`, `get_result_from_cursor`), and every look into dbt's cache
  of relations.

Templates of dbt's own macros are not traced: only what the project and its packages read by themselves counts, and what
they hand to dbt's macros they have read first. Of a plain text (`invocation_id`) the lookup counts as the read, and is
made where the text is used (`late_lookups`); objects (`flags`, `target`, `model`) say exactly what is asked of them. A
name that nobody knows here makes a node opaque: words decide about it, as for a node that was never traced.
"""

from __future__ import annotations

import threading
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from jinja2.nodes import Template
from jinja2.runtime import Context

from dbt_state_plugin.core.values.reads import MOST_ROWS, Question, RenderedReads, answer_text, joined, relations_text
from dbt_state_plugin.dbt_runner.late_lookups import with_late_lookups
from dbt_state_plugin.dbt_runner.read_recorder import TEXT_NAMES, Recorder

if TYPE_CHECKING:
    from dbt_state_plugin.core.values.definition import ProjectDefinition

RUN_HOOKS = "macro.dbt.run_hooks"  # executes pre- and post-hooks; on-run hooks are nodes of their own
_GENERATORS = (
    "generate_runtime_model_context",
    "generate_runtime_unit_test_context",
    "generate_runtime_function_context",
)
_EXECUTING = ("dbt.task.run", "dbt.task.test", "dbt.task.function")


class _Here(threading.local):
    """Whose template is rendered in this thread now."""

    recorder: Recorder | None = None
    context: Mapping[str, Any] | None = None
    is_compiling: bool = False
    is_hook: bool = False
    called: str | None = None
    stack: tuple[str, ...] = ()
    sql: str | None = None


class Tracer:
    """What each node read, by unique_id; `flags` are dbt's flags as the command that will be run has them."""

    def __init__(self, macros: Mapping[str, str], *, flags: Mapping[str, Any] | None = None) -> None:
        """Record nothing yet; `macros` maps the macros of the project and its packages to their code."""
        from dbt.clients.jinja import MacroGenerator
        from jinja2.defaults import DEFAULT_NAMESPACE

        self.flags: Mapping[str, Any] = dict(flags or {})
        self.jinja_globals = frozenset(DEFAULT_NAMESPACE) - {"lipsum"}
        self._macros = macros
        self._generator = MacroGenerator
        self._recorders: dict[str, Recorder] = {}
        self._here = _Here()

    def reads(self, unique_id: str) -> RenderedReads | None:
        """Return what a node has read, None when nothing of it was rendered."""
        recorder = self._recorders.get(unique_id)
        return recorder.reads() if recorder is not None else None

    def project_hook_sql(self) -> tuple[str, ...]:
        """Return the statements of on-run-start and on-run-end that were executed."""
        hooks = [each for unique_id, each in self._recorders.items() if unique_id.startswith("operation.")]
        return tuple(sql for each in hooks for sql in each.reads().hook_sql)

    def is_macro(self, value: Any) -> bool:
        """Return whether a value of the context is a macro, or the macros of one package."""
        if isinstance(value, Mapping):
            return all(isinstance(each, self._generator) for each in value.values())
        return isinstance(value, self._generator)

    def enter(self, unique_id: str, context: Mapping[str, Any], code: str, *, is_compiling: bool) -> None:
        """Note that this thread renders a node in this context from now on; `code` is all text of its own."""
        self._here.recorder = recorder = self._recorders.setdefault(unique_id, Recorder(self))
        recorder.text(code)
        self._here.context = context
        self._here.is_hook = unique_id.startswith("operation.")
        self._here.is_compiling = is_compiling
        self._here.called, self._here.stack = None, ()

    def leave(self) -> None:
        """Note that this thread has done with its node."""
        self._here.recorder = None

    @contextmanager
    def calling(self, unique_id: str) -> Iterator[None]:
        """Note the call of a macro."""
        here = self._here
        if here.recorder is not None and unique_id in self._macros:
            here.recorder.name(unique_id)
            here.recorder.text(self._macros[unique_id])
        before, here.called = here.stack, unique_id
        here.stack = (*before, unique_id)
        try:
            yield
        finally:
            here.stack, here.called = before, None

    def recorder_of_template(self, parent: Any) -> Recorder | None:
        """Return who records what the template that begins here looks up in `parent`.

        A macro does unless it is dbt's own; other text where it is rendered in the context of the node, which the
        comment that dbt puts before a query is not.
        """
        called, self._here.called = self._here.called, None
        if called is not None:
            return self._here.recorder if called in self._macros else None
        maps = parent.maps if isinstance(parent, ChainMap) else [parent]
        return self._here.recorder if any(each is self._here.context for each in maps) else None

    def question(self, question: Question) -> None:
        """Note what is asked of the database while a node compiles.

        `is_incremental()` asks for the node's own relation: that is known by the record.
        """
        here = self._here
        if here.recorder is not None and here.is_compiling and "macro.dbt.is_incremental" not in here.stack:
            here.recorder.question(question)

    @contextmanager
    def asking(self, sql: str) -> Iterator[None]:
        """Note the query whose answer is read next; an empty one is part of a question about relations."""
        if self._here.sql == "":  # the look itself is the question, not the query with which dbt answers it
            yield
            return
        here = self._here
        if here.recorder is not None and sql and (here.is_hook or RUN_HOOKS in here.stack):
            here.recorder.hook(sql)
        if here.recorder is not None and sql and here.is_compiling:
            here.recorder.asked(sql)
        before, here.sql = here.sql, sql
        try:
            yield
        finally:
            here.sql = before

    def answered(self, columns: list[str], rows: list[Any]) -> None:
        """Note the answer to the query that is being asked."""
        if self._here.sql:
            is_large = len(rows) > MOST_ROWS
            answer = "" if is_large else answer_text(columns, rows)
            self.question(Question(sql=self._here.sql, answer=answer, problem="large" if is_large else ""))

    def is_asking_about_relations(self) -> bool:
        """Return whether dbt's cache of relations is being asked."""
        return self._here.sql == ""


def _relations(found: Iterable[Any]) -> str:
    return relations_text((str(each.identifier), str(getattr(each.type, "value", each.type))) for each in found)


def traced_macros(definition: ProjectDefinition) -> dict[str, str]:
    """Return the macros whose reads count, those of the project and its packages, with their code."""
    return {macro.unique_id: macro.code for macro in definition.macros if not macro.is_builtin}


def reads_of(manifest: Any, tracer: Tracer, unique_id: str) -> RenderedReads | None:
    """Return what a node read with the ephemeral models in it, None if not all of it was traced."""
    node = manifest.nodes.get(unique_id)
    if node is None or str(getattr(node.language, "value", node.language)) != "sql":
        return None
    inside = [each.id for each in getattr(node, "extra_ctes", None) or ()]
    found = [tracer.reads(each) for each in (unique_id, *inside)]
    return None if None in found else joined(tuple(each for each in found if each is not None))


@contextmanager
def traced(tracer: Tracer) -> Iterator[None]:
    """Let dbt's rendering in this process be seen by a tracer."""
    import dbt.compilation
    from dbt.adapters.base.impl import BaseAdapter
    from dbt.adapters.sql.connections import SQLConnectionManager
    from dbt.adapters.sql.impl import SQLAdapter
    from dbt.clients.jinja import MacroGenerator
    from dbt_common.clients.jinja import MacroFuzzEnvironment, template_cache

    replaced: list[tuple[Any, str, Any]] = []

    def replace(where: Any, name: str, made: Callable[[Callable[..., Any]], Any]) -> None:
        replaced.append((where, name, where.__dict__[name]))
        setattr(where, name, made(getattr(where, name)))

    executing = [import_module(name) for name in _EXECUTING if find_spec(name) is not None]
    try:
        for module in (dbt.compilation, *executing):
            for name in _GENERATORS:
                if name in module.__dict__:
                    replace(module, name, partial(_context_of, tracer, module is dbt.compilation))
        replace(MacroGenerator, "__call__", partial(_called, tracer))
        replace(BaseAdapter, "execute", partial(_executed, tracer))
        replace(SQLAdapter, "add_query", partial(_executed, tracer))  # goes past `execute`
        replace(BaseAdapter, "get_relation", partial(_looked_up, tracer))
        replace(BaseAdapter, "list_relations", partial(_listed, tracer))
        replace(SQLConnectionManager, "get_result_from_cursor", partial(_answered, tracer))
        replace(SQLConnectionManager, "add_select_query", partial(_selected, tracer))
        before = MacroFuzzEnvironment.context_class
        MacroFuzzEnvironment.context_class = _traced_context(tracer)
        replaced.append((MacroFuzzEnvironment, "context_class", before))
        replace(MacroFuzzEnvironment, "_parse", _parsed)
        _forget_templates(template_cache.file_cache)
        yield
    finally:
        for where, name, original in reversed(replaced):
            setattr(where, name, original)


def _traced_context(tracer: Tracer) -> type[Context]:
    class TracedContext(Context):
        """Say which names of dbt's a template looks up."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._recorder = tracer.recorder_of_template(self.parent)

        def resolve_or_missing(self, key: str) -> Any:
            found = super().resolve_or_missing(key)
            if self._recorder is None or key in self.vars or key not in self.parent:
                return found
            return self._recorder.value(key, found)

    return TracedContext


def _parsed(parse: Callable[..., Template]) -> Callable[..., Template]:
    def parsed(self: Any, source: str, *args: Any) -> Template:
        template = parse(self, source, *args)
        return with_late_lookups(template, TEXT_NAMES) if _names_a_text(source) else template

    return parsed


def _forget_templates(cache: dict[str, Any]) -> None:
    """Forget the templates that dbt has kept from before it was traced, where that makes a difference."""
    for source in [each for each in cache if _names_a_text(each)]:
        del cache[source]


def _names_a_text(source: str) -> bool:
    return any(name in source for name in TEXT_NAMES)


def _context_of(tracer: Tracer, is_compiling: bool, generate: Callable[..., Any]) -> Callable[..., Any]:
    def generated(model: Any, *args: Any, **kwargs: Any) -> Any:
        context = generate(model, *args, **kwargs)
        hooks = [getattr(getattr(model, "config", None), name, None) or () for name in ("pre_hook", "post_hook")]
        code = f"{getattr(model, 'raw_code', '')}\n{hooks}"
        tracer.enter(str(model.unique_id), context, code, is_compiling=is_compiling)
        return context

    return generated


def _called(tracer: Tracer, call: Callable[..., Any]) -> Callable[..., Any]:
    def traced_call(self: Any, *args: Any, **kwargs: Any) -> Any:
        with tracer.calling(str(self.macro.unique_id)):
            return call(self, *args, **kwargs)

    return traced_call


def _executed(tracer: Tracer, execute: Callable[..., Any]) -> Callable[..., Any]:
    def traced_execute(self: Any, sql: str, *args: Any, **kwargs: Any) -> Any:
        with tracer.asking(sql):
            return execute(self, sql, *args, **kwargs)

    return traced_execute


def _answered(tracer: Tracer, get_result: Callable[..., Any]) -> Any:
    def traced_result(_: Any, cursor: Any, limit: int | None) -> Any:
        seen = _SeenCursor(cursor)
        table = get_result(seen, limit)
        tracer.answered(seen.columns, seen.rows)
        return table

    return classmethod(traced_result)


def _selected(tracer: Tracer, add_select_query: Callable[..., Any]) -> Callable[..., Any]:
    def traced_select(self: Any, sql: str) -> tuple[Any, Any]:
        connection, cursor = add_select_query(self, sql)
        return connection, _QuestioningCursor(cursor, tracer, sql)

    return traced_select


def _looked_up(tracer: Tracer, get_relation: Callable[..., Any]) -> Callable[..., Any]:
    def traced_look(self: Any, database: str, schema: str, identifier: str) -> Any:
        with tracer.asking(""):
            found = get_relation(self, database, schema, identifier)
        answer = _relations([found] if found is not None else [])
        tracer.question(Question(relation=(str(database), str(schema), str(identifier)), answer=answer))
        return found

    return traced_look


def _listed(tracer: Tracer, list_relations: Callable[..., Any]) -> Callable[..., Any]:
    def traced_list(self: Any, database: Any, schema: Any) -> Any:
        is_part = tracer.is_asking_about_relations()
        with tracer.asking(""):
            found = list_relations(self, database, schema)
        if not is_part:
            tracer.question(Question(relation=(str(database or ""), str(schema), ""), answer=_relations(found)))
        return found

    return traced_list


class _SeenCursor:
    """A cursor that keeps what was fetched from it."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self.columns = [str(column[0]) for column in cursor.description or ()]
        self.rows: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def fetchall(self) -> Any:
        self.rows = list(self._cursor.fetchall())
        return self.rows

    def fetchmany(self, size: int) -> Any:
        self.rows = list(self._cursor.fetchmany(size))
        return self.rows


class _QuestioningCursor:
    """A cursor that an adapter reads by itself: its rows are an answer; its columns cannot be asked for again."""

    def __init__(self, cursor: Any, tracer: Tracer, sql: str) -> None:
        self._cursor = cursor
        self._tracer = tracer
        self._sql = sql

    def __getattr__(self, name: str) -> Any:
        self._tracer.question(Question(sql=self._sql, problem="error"))
        return getattr(self._cursor, name)

    def fetchall(self) -> Any:
        seen = _SeenCursor(self._cursor)
        with self._tracer.asking(self._sql):
            rows = seen.fetchall()
            self._tracer.answered(seen.columns, seen.rows)
        return rows
