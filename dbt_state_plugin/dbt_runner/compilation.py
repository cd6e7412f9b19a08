"""Compiled SQL of nodes, obtained without running anything.

Nodes are compiled by dbt's own compiler, from the manifest that was parsed, in this process. Whatever asks the database
meanwhile is asked in a session that may not write, or refused: then the node has no SQL to compare.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.core.changes.project_hooks import runs_at_start
from dbt_state_plugin.core.jinja.builtin_macros import VIEW_DDL
from dbt_state_plugin.core.values.progress import Progress, Stage, Step, silent
from dbt_state_plugin.core.values.project import CompiledNode, NotComparable, SqlProblem
from dbt_state_plugin.core.values.reads import RenderedReads, joined
from dbt_state_plugin.dbt_runner.tracing import Tracer, traced, traced_macros

if TYPE_CHECKING:
    from dbt_state_plugin.dbt_runner.parse import Parsed

IS_INCREMENTAL = "macro.dbt.is_incremental"
# `is_incremental()` asks the database whether the relation is there; each answer gives one form of the SQL.
_FORMS = {
    "sql": "{% macro is_incremental() %}{{ return(False) }}{% endmacro %}",
    "incremental": (
        "{% macro is_incremental() %}{{ return(model.config.materialized == 'incremental') }}{% endmacro %}"
    ),
}
# What the context's `adapter` may be asked while nothing is connected: names and spellings.
_HARMLESS_ADAPTER = frozenset({"dispatch", "quote", "quote_as_configured", "type", "Relation", "Column", "config"})
_WRITING = ("write", "submit_python_job")
_QUERYING = ("run_query", "statement", "load_result", "store_result", "store_raw_result", "write", "submit_python_job")


_NOTHING = NotComparable(SqlProblem.NOTHING_TO_COMPILE)


class _AskedDatabase(Exception):
    """What made the SQL depend on more than the project."""


class _AdapterWithoutDatabase:
    """Stand in for `adapter` in Jinja: answers about names, refuses whatever would need the database."""

    def __init__(self, adapter: Any) -> None:
        self._adapter = adapter

    def __getattr__(self, name: str) -> Any:
        if name in _HARMLESS_ADAPTER:
            return getattr(self._adapter, name)
        if name.startswith("__"):
            raise AttributeError(name)
        raise _AskedDatabase(f"adapter.{name}")


def compile_nodes(
    parsed: Parsed,
    unique_ids: Iterable[str],
    ddl_of: Collection[str] = (),
    *,
    flags: Mapping[str, Any],
    asks_database: bool = True,
    progress: Progress = silent,
) -> dict[str, CompiledNode]:
    """Return the SQL of these nodes, of views in `ddl_of` also the statement that creates them.

    A node that dbt cannot compile has a problem, not an error. `flags` are dbt's as the command that will be run has
    them: code may stand behind them. The database is asked read-only, or not at all; what is read is traced.
    """
    wanted = tuple(unique_ids)
    if not wanted:
        return {}
    tracer = Tracer(traced_macros(parsed.definition), flags=flags)
    read_only = parsed.definition.dialect.read_only_session
    asks_database = asks_database and bool(read_only)  # what a macro wants to write is refused by the server
    compilation = _Compilation(parsed.manifest, tracer, asks_database=asks_database)
    asking = _asking_read_only(tracer, read_only) if asks_database else traced(tracer)
    with redirect_stdout(sys.stderr), asking:
        project_hooks = compilation.project_hooks()
        found = {}
        for number, unique_id in enumerate(wanted):
            progress(Step(stage=Stage.COMPILE, done=number, total=len(wanted), detail=unique_id))
            found[unique_id] = compilation.compiled(unique_id, project_hooks)
        return {
            unique_id: replace(each, ddl=compilation.view_ddl(unique_id)) if unique_id in ddl_of else each
            for unique_id, each in found.items()
        }


def executed_form(parsed: Parsed, unique_id: str) -> CompiledNode | None:
    """Return the SQL that dbt has just executed for a node of one form without hooks."""
    node = parsed.manifest.nodes.get(unique_id)
    code = getattr(node, "compiled_code", None)
    if node is None or not code:
        return None
    return CompiledNode(language=_language(node), forms={"sql": code}, hooks=(), project_hooks=())


def needs_compiling(parsed: Parsed, unique_id: str) -> bool:
    """Return whether what dbt executes for a node shows less than all that it may execute."""
    node = parsed.manifest.nodes.get(unique_id)
    has_more = node is not None and (_is_incremental(node) or bool(_hooks(node)))
    return has_more or bool(parsed.definition.project_hooks)


class _Compilation:
    """Compile nodes of one manifest and leave it as it was."""

    def __init__(self, manifest: Any, tracer: Tracer, *, asks_database: bool) -> None:
        from dbt_state_plugin.dbt_runner.parse import runtime_config

        self._manifest = manifest
        self._tracer = tracer
        self._compiler = _compiler(runtime_config(), asks_database=asks_database)
        nodes = manifest.nodes.items()
        ephemeral = {unique_id: node for unique_id, node in nodes if getattr(node, "is_ephemeral_model", False)}
        # dbt compiles an ephemeral model once and keeps what it got: for each form on copies of their own.
        self._ephemeral = {form: {unique_id: _fresh(node) for unique_id, node in ephemeral.items()} for form in _FORMS}

    def compiled(self, unique_id: str, project_hooks: tuple[str | None, ...]) -> CompiledNode:
        """Return the SQL of one node in all its forms, with its hooks."""
        node = self._manifest.nodes.get(unique_id)
        if node is None:  # a unit test or a function
            return CompiledNode(project_hooks=project_hooks, problem=_NOTHING)
        hooks = self._attempt("incremental", lambda: self._rendered_hooks(node))
        forms: dict[str, str] = {}
        problem = None if getattr(node, "raw_code", "") else _NOTHING
        for name in ("sql", "incremental") if _is_incremental(node) else ("sql",):
            text = self._attempt(name, lambda: self._sql(node)) if problem is None else problem
            if isinstance(text, NotComparable):
                problem, forms = text, {}
            else:
                forms[name] = text
        return CompiledNode(
            language=_language(node),
            forms=forms,
            hooks=_texts(hooks),
            project_hooks=project_hooks,
            problem=problem,
            reads=self._reads(unique_id, forms),
        )

    def _reads(self, unique_id: str, forms: Mapping[str, str]) -> RenderedReads | None:
        """Return what the node read, with all ephemeral models that may be in it."""
        if not forms:
            return None
        found = [self._tracer.reads(each) for each in (unique_id, *self._inside(unique_id))]
        return joined(tuple(each for each in found if each is not None))

    def _inside(self, unique_id: str) -> set[str]:
        inside: set[str] = set()
        todo = [unique_id]
        while todo:
            node = self._manifest.nodes.get(todo.pop())
            parents = getattr(getattr(node, "depends_on", None), "nodes", None) or ()
            fresh = {each for each in parents if each in self._ephemeral["sql"]} - inside
            inside |= fresh
            todo.extend(fresh)
        return inside

    def view_ddl(self, unique_id: str) -> str:
        """Return the statement with which dbt's own materialization creates a view, or nothing if unknown."""
        node = self._manifest.nodes.get(unique_id)
        text = self._attempt("sql", lambda: self._view_ddl(node)) if node is not None else ""
        return text if isinstance(text, str) else ""

    def project_hooks(self) -> tuple[str | None, ...]:
        """Return the rendered on-run-start and on-run-end hooks, None for one that cannot be compared."""
        schemas = sorted({(str(node.database or ""), str(node.schema or "")) for node in self._manifest.nodes.values()})
        context = {"schemas": [schema for _, schema in schemas], "database_schemas": schemas}
        operations = sorted(_operations(self._manifest), key=lambda node: str(node.unique_id))
        return tuple(self._project_hook(operation, context) for operation in operations)

    def _project_hook(self, operation: Any, context: Mapping[str, Any]) -> str | None:
        results = {"results": _Results()} if not runs_at_start(str(operation.unique_id)) else {}
        text = self._attempt("sql", lambda: self._sql(operation, **context, **results))
        return text if isinstance(text, str) else None

    def _attempt(self, form: str, render: Callable[[], Any]) -> Any:
        from dbt_common.exceptions import DbtBaseException

        try:
            with self._untouched(form):
                return render()
        except Exception as error:  # whatever a macro may raise: the node is built, and dbt says what is wrong
            asked = _refusal_behind(error)
            if asked is not None:
                return NotComparable(SqlProblem.ASKS_DATABASE, str(asked))
            if isinstance(error, DbtBaseException):
                return NotComparable(SqlProblem.NOT_COMPILED)
            return NotComparable(SqlProblem.NOT_COMPILED_ALONE, type(error).__name__)

    def _sql(self, node: Any, **context: Any) -> str:
        return str(self._compiler.compile_node(_fresh(node), self._manifest, context, write=False).compiled_code)

    def _view_ddl(self, node: Any) -> str:
        from dbt.clients.jinja import get_rendered

        compiled = self._compiler.compile_node(_fresh(node), self._manifest, {}, write=False)
        context = self._compiler._create_node_context(compiled, self._manifest, {})
        return str(get_rendered(VIEW_DDL, context, node)) if context["sql"] else ""

    def _rendered_hooks(self, node: Any) -> list[str]:
        from dbt.clients.jinja import get_rendered

        hooks = _hooks(node)
        context = self._compiler._create_node_context(_fresh(node), self._manifest, {}) if hooks else {}
        return [f"-- {kind}\n{get_rendered(hook.sql, context, node)}" for kind, hook in hooks]

    @contextmanager
    def _untouched(self, form: str) -> Iterator[None]:
        """Answer `is_incremental()` as the form wants it, and keep dbt from writing to the manifest's own objects."""
        nodes, macro = self._manifest.nodes, self._manifest.macros.get(IS_INCREMENTAL)
        originals = {unique_id: nodes[unique_id] for unique_id in self._ephemeral[form]}
        code = macro.macro_sql if macro else ""
        try:
            nodes.update(self._ephemeral[form])
            if macro:
                macro.macro_sql = _FORMS[form]
            yield
        finally:
            nodes.update(originals)
            if macro:
                macro.macro_sql = code


def _refusal_behind(error: BaseException | None) -> _AskedDatabase | None:
    """Return the refusal that an error came from: dbt puts errors of its own around those of macros."""
    while error is not None and not isinstance(error, _AskedDatabase):
        error = error.__cause__ or error.__context__
    return error


@contextmanager
def _asking_read_only(tracer: Tracer, read_only: Iterable[str]) -> Iterator[None]:
    """Trace what is read, and let dbt's adapter ask the database in a session that may not write."""
    from dbt.adapters.contracts.connection import LazyHandle

    adapter = _adapter()

    def opened(connection: Any) -> Any:
        found = adapter.connections.open(connection)
        cursor = found.handle.cursor()
        for statement in read_only:
            cursor.execute(statement)
        found.handle.commit()
        return found

    with traced(tracer), adapter.connection_named("dbt-state-plugin"):
        adapter.connections.get_thread_connection().handle = LazyHandle(opened)
        try:
            yield
        finally:
            adapter.cleanup_connections()


def _adapter() -> Any:
    """Return the adapter of the invocation that came last."""
    from dbt.adapters.factory import FACTORY

    return next(iter(FACTORY.adapters.values()))


def _compiler(config: Any, *, asks_database: bool) -> Any:
    from dbt.compilation import Compiler

    class QuietCompiler(Compiler):  # type: ignore[misc]  # dbt is not typed for us
        """Compile as dbt does, in a context that writes nothing."""

        def _create_node_context(self, node: Any, manifest: Any, extra_context: Mapping[str, Any]) -> dict[str, Any]:
            context: dict[str, Any] = super()._create_node_context(node, manifest, dict(extra_context))
            if not asks_database:
                context["adapter"] = _AdapterWithoutDatabase(context["adapter"])
            context.update({name: _refusing(name) for name in (_WRITING if asks_database else _QUERYING)})
            context.update({"log": _silent, "print": _silent})
            return context

    return QuietCompiler(config)


def _refusing(name: str) -> Callable[..., Any]:
    def refuse(*_: Any, **__: Any) -> Any:
        raise _AskedDatabase(name)

    return refuse


class _Results:
    """The results of a run that has not been: what looks at them cannot be rendered before it."""


for _name in "getattr getitem iter len bool eq ne contains str repr html call".split():
    setattr(_Results, f"__{_name}__", _refusing("results"))


def _silent(*_: Any, **__: Any) -> str:
    return ""


def _fresh(node: Any) -> Any:
    """Return a copy on which dbt may note what it compiles: CTEs, and the relations that constraints name."""
    if not hasattr(node, "extra_ctes"):
        return node
    found = copy.copy(node)
    found.compiled, found.compiled_code, found._pre_injected_sql = False, None, None
    found.extra_ctes, found.extra_ctes_injected = [], False
    for name in ("columns", "constraints"):
        if getattr(node, name, None):
            setattr(found, name, copy.deepcopy(getattr(node, name)))
    return found


def _texts(found: Any) -> tuple[str, ...] | None:
    return None if isinstance(found, NotComparable) else tuple(found)


def _is_incremental(node: Any) -> bool:
    config = getattr(node, "config", None)
    return config is not None and config.get("materialized") == "incremental"


def _hooks(node: Any) -> list[tuple[str, Any]]:
    config = node.config
    pre, post = getattr(config, "pre_hook", None) or (), getattr(config, "post_hook", None) or ()
    found = [("pre-hook", hook) for hook in pre] + [("post-hook", hook) for hook in post]
    return [(f"{kind} {'inside' if hook.transaction else 'outside'} the transaction", hook) for kind, hook in found]


def _operations(manifest: Any) -> list[Any]:
    return [node for node in manifest.nodes.values() if str(getattr(node.resource_type, "value", "")) == "operation"]


def _language(node: Any) -> str:
    language = getattr(node, "language", "sql")
    return str(getattr(language, "value", language))
