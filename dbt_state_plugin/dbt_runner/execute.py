"""Execution of exactly the planned nodes with dbt.

Documented by dbt: `dbtRunner`, its results, its callbacks and the manifest's schema. Not documented, and therefore kept
here: the adapter registry, which holds the runtime config with the vars of the project and its packages.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.core.values.results import NodeOutcome
from dbt_state_plugin.dbt_runner.callbacks import notice_executing, notice_finished, one_line, outcome_of
from dbt_state_plugin.dbt_runner.dropped_along import forget_what_went_down
from dbt_state_plugin.dbt_runner.hidden_variables import HIDDEN, hidden_from_dbt
from dbt_state_plugin.dbt_runner.messages import say
from dbt_state_plugin.dbt_runner.parse import Parsed
from dbt_state_plugin.dbt_runner.selection import write_selection_folder
from dbt_state_plugin.dbt_runner.tracing import Tracer, reads_of, traced, traced_macros
from dbt_state_plugin.dbt_runner.vetoing import vetoing
from dbt_state_plugin.errors import UsageError

if TYPE_CHECKING:
    from dbt_state_plugin.dbt_runner.invocation import Invocation


@dataclass(frozen=True, slots=True, kw_only=True)
class DbtOutcome:
    """How an invocation ended: per node, why it ended early if it did, and what on-run hooks have executed."""

    nodes: Mapping[str, NodeOutcome]
    was_interrupted: bool = False
    error: str = ""
    project_hook_sql: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listeners:
    """The callbacks while dbt runs, as in `execute`."""

    on_finished: Callable[[NodeOutcome], None]
    refusal: Callable[[], str]
    on_executing: Callable[[str, str], None]
    skip: Callable[[str], str]
    tracer: Tracer


def check_flags(invocation: Invocation, *, command: str) -> None:
    """Raise UsageError when dbt does not know one of the flags given after `--`, before anything is recorded."""
    import click
    from dbt.cli.main import cli

    try:
        cli.commands[command].make_context(command, [*invocation.arguments(), *invocation.extra.given])
    except click.UsageError as error:
        raise UsageError(
            f"dbt does not take the flags after `--`: {one_line(error)}", f"See `dbt {command} --help`."
        ) from error


def execute(
    parsed: Parsed,
    invocation: Invocation,
    *,
    command: str,
    unique_ids: Iterable[str],
    full_refresh: bool,
    refreshed_nodes: Iterable[str],
    on_finished: Callable[[NodeOutcome], None],
    should_stop: Callable[[], bool] = lambda: False,
    refusal: Callable[[], str] = lambda: "",
    on_executing: Callable[[str, str], None] = lambda _node, _sql: None,
    skip: Callable[[str], str] = lambda _node: "",
) -> DbtOutcome:
    """Run dbt in this process on exactly these nodes of the manifest that was parsed.

    Without any node only the on-run hooks of the project are executed.

    `on_finished` is called in dbt's worker threads after a node's commit. dbt hangs or calls a committed node failed
    when a callback raises, so it must not; whatever it raises all the same is swallowed here. `refreshed_nodes` are
    built from scratch among the others, unless their own `full_refresh: false` forbids it.

    `refusal` is asked in its thread right before a node is executed: where it says why not, the node fails before it
    writes anything. Before that `on_executing` is told which node it is, and its compiled SQL; it must not raise. Even
    before that, when all that the node reads has ended, `skip` may say why it is left out; it must not raise either.

    dbt's build runs a unit test only right before its model. Those whose model is not built are run by `dbt test`
    after the build, as a model's inputs must exist then; not when the build ended early or `should_stop` is true.
    """
    refreshed = frozenset(refreshed_nodes)
    _refresh_anyway(parsed, refreshed)

    def finished(outcome: NodeOutcome) -> None:
        if outcome.is_success and outcome.unique_id in refreshed:
            _forget_what_went_down(parsed.manifest.nodes[outcome.unique_id])
        on_finished(outcome)

    listeners = _Listeners(
        on_finished=finished,
        refusal=refusal,
        on_executing=on_executing,
        skip=skip,
        tracer=Tracer(traced_macros(parsed.definition)),
    )
    refresh = ["--full-refresh"] if full_refresh and command in ("run", "build", "seed") else []
    flags = [*invocation.extra.given, *refresh]
    if command == "build":
        return _build(parsed, invocation, flags, frozenset(unique_ids), listeners, should_stop)
    return _invoke(parsed, invocation, command, flags, frozenset(unique_ids), listeners)


def _build(
    parsed: Parsed,
    invocation: Invocation,
    flags: list[str],
    unique_ids: frozenset[str],
    listeners: _Listeners,
    should_stop: Callable[[], bool],
) -> DbtOutcome:
    """Build, and then run the unit tests whose models are not built."""
    built, tested = _divided(parsed.manifest, unique_ids)
    outcome = DbtOutcome(nodes={})
    if built or not tested:
        outcome = _invoke(parsed, invocation, "build", flags, built, listeners)
        if not tested or outcome.was_interrupted or outcome.error or should_stop():
            return outcome
        if _failed_fast(outcome):
            return replace(outcome, nodes={**outcome.nodes, **{test: _skipped_by_fail_fast(test) for test in tested}})
    after = _invoke(parsed, invocation, "test", _flags_of_test(flags), tested, listeners)
    return replace(after, nodes={**outcome.nodes, **after.nodes})


def _forget_what_went_down(node: Any) -> None:
    if node.get_materialization() == "materialized_view" and node.config.full_refresh:
        with suppress(Exception):  # never into dbt; at worst it does not find what it takes to be there
            forget_what_went_down(node)


def _refresh_anyway(parsed: Parsed, unique_ids: Iterable[str]) -> None:
    """Let these nodes be built from scratch, unless their own `full_refresh: false` forbids it."""
    for unique_id in unique_ids:
        config = parsed.manifest.nodes[unique_id].config
        config.full_refresh = True if config.full_refresh is None else config.full_refresh


def _invoke(
    parsed: Parsed,
    invocation: Invocation,
    command: str,
    flags: Iterable[str],
    unique_ids: Collection[str],
    listeners: _Listeners,
) -> DbtOutcome:
    from dbt.cli.main import dbtRunner

    # dbt would write the whole manifest again at its end, which takes longer than most runs of a few nodes.
    flags = list(flags)
    writes_results = not any("write-json" in flag for flag in flags) and "DBT_WRITE_JSON" not in os.environ
    results_file = invocation.target_path / "run_results.json"
    if writes_results:
        with suppress(OSError):  # none yet; a run that stops half-way leaves none of an earlier one
            results_file.unlink()
    arguments = [command, *invocation.arguments(), *(["--no-write-json"] if writes_results else []), *flags]
    arguments += ["--threads", str(invocation.threads)] if invocation.threads else []
    with tempfile.TemporaryDirectory(prefix="dbt-state-plugin-") as folder:
        write_selection_folder(Path(folder), unique_ids, command=command)
        arguments += ["--select", "result:error", "--state", folder]
        arguments += ["--indirect-selection", "empty"] if command in ("build", "test") else []
        reads = partial(reads_of, parsed.manifest, listeners.tracer)

        def on_executing(node: str) -> None:
            listeners.on_executing(node, _compiled(parsed, node))

        hooks_alone = nullcontext() if unique_ids else _hooks_alone()
        callbacks = [
            lambda event: notice_finished(event, listeners.on_finished, reads),
            lambda event: notice_executing(event, listeners.refusal, on_executing),
        ]
        hidden = (*HIDDEN, "DBT_RESOURCE_TYPES", "DBT_EXCLUDE_RESOURCE_TYPES")
        with hidden_from_dbt(hidden), traced(listeners.tracer), vetoing(listeners.skip), hooks_alone:
            result = dbtRunner(manifest=parsed.manifest, callbacks=callbacks).invoke(arguments)
    _let_go()
    if writes_results:
        _write_results(result.result, results_file)
    outcomes = map(outcome_of, getattr(result.result, "results", None) or ())
    nodes = {each.unique_id: replace(each, reads=reads(each.unique_id)) for each in outcomes}
    interrupted = isinstance(result.exception, (KeyboardInterrupt, SystemExit))
    error = one_line(result.exception) if result.exception is not None and not interrupted else ""
    hook_sql = listeners.tracer.project_hook_sql()
    return DbtOutcome(nodes=nodes, was_interrupted=interrupted, error=error, project_hook_sql=hook_sql)


def _let_go() -> None:
    """Close what an adapter keeps open for the next invocation: DuckDB's file is held by one process at a time."""
    from dbt.adapters.factory import FACTORY

    for adapter in FACTORY.adapters.values():
        environment = getattr(adapter.connections, "_ENV", None)
        if environment is not None:
            environment.close()
            adapter.connections.close_all_connections()


@contextmanager
def _hooks_alone() -> Iterator[None]:
    """Let dbt execute its hooks where it has no node to build; by itself it would end before them."""
    from dbt.task.runnable import GraphRunnableTask, task_contextvars

    def run(task: Any) -> Any:
        with task_contextvars(project_root=task.config.project_root):
            task.compile_manifest()
            task._flattened_nodes, task.num_nodes = [], 0
            task.execute_nodes = lambda: task.node_results
            result = task.execute_with_hooks(frozenset())
        task.task_end_messages(result.results)
        return result

    original = GraphRunnableTask.run
    GraphRunnableTask.run = run
    try:
        yield
    finally:
        GraphRunnableTask.run = original


def _compiled(parsed: Parsed, unique_id: str) -> str:
    return str(getattr(parsed.manifest.nodes.get(unique_id), "compiled_code", None) or "")


def _write_results(results: Any, file: Path) -> None:
    """Write dbt's `run_results.json`, which is as large as what was run; none if dbt stopped half-way."""
    if hasattr(results, "write"):
        try:
            results.write(str(file))
        except OSError as error:
            say(f"dbt-state-plugin: run_results.json could not be written: {error.strerror or error}.")


def _divided(manifest: Any, unique_ids: frozenset[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Return what `dbt build` runs, and the unit tests that it would leave out, as their models are not built.

    An ephemeral model is never built itself: it joins its unit tests, so that what reads it waits for them.
    """
    models = {test: manifest.unit_tests[test].depends_on.nodes[0] for test in unique_ids & manifest.unit_tests.keys()}
    built = unique_ids | {model for model in models.values() if manifest.nodes[model].is_ephemeral_model}
    tested = frozenset(test for test, model in models.items() if model not in built)
    return built - tested, tested


def _flags_of_test(flags: Iterable[str]) -> list[str]:
    """Return the flags, given to `dbt build`, without those that `dbt test` does not know."""
    from dbt.cli.main import cli

    known = {name for option in cli.commands["test"].params for name in (*option.opts, *option.secondary_opts)}
    options = {
        name: option for option in cli.commands["build"].params for name in (*option.opts, *option.secondary_opts)
    }
    kept: list[str] = []
    pieces = iter(flags)
    for piece in pieces:
        name, has_value, _ = piece.partition("=")
        takes_next = name in options and not options[name].is_flag and not has_value
        value = [next(pieces)] if takes_next else []
        kept += [piece, *value] if name in known or name not in options else []
    return kept


def _failed_fast(outcome: DbtOutcome) -> bool:
    """Return whether dbt was to stop at the first failure, by a flag, a variable or the project, and there was one."""
    from dbt.flags import get_flags

    return bool(get_flags().FAIL_FAST) and not all(node.is_success for node in outcome.nodes.values())


def _skipped_by_fail_fast(unique_id: str) -> NodeOutcome:
    return NodeOutcome(unique_id=unique_id, status="skipped", message="Skipping due to fail_fast")  # dbt's own words
