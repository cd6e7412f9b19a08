"""How is dbt run in this process: parse, list, execute? The only module that touches dbt's Python internals.

Documented by dbt: `dbtRunner`, its results, its callbacks and the manifest's schema. Not documented, and therefore kept
here: the adapter registry, which holds the runtime config with the vars of the project and its packages.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.core.values.definition import ProjectDefinition
from dbt_state_plugin.core.values.plan import NodeOutcome
from dbt_state_plugin.dbt_runner.manifest import (
    graph_extras,
    macro_definitions,
    microbatch_models,
    node_definitions,
    project_hooks,
    seed_files,
)
from dbt_state_plugin.dbt_runner.seed_file import seed_rows_digest
from dbt_state_plugin.errors import EngineError, ProjectError, SelectionError, UsageError

if TYPE_CHECKING:
    from dbt_state_plugin.dbt_runner.invocation import Invocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """Hold the parsed project: its definition in plain values, and the manifest that `execute` runs."""

    definition: ProjectDefinition
    manifest: Any = field(repr=False)
    microbatch: frozenset[str] = frozenset()
    seed_files: Mapping[str, Path] = field(default_factory=dict)
    input_folders: tuple[str, ...] = ()
    input_roots: tuple[str, ...] = ()
    has_plugins: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOutcome:
    """Say how an invocation ended: per node, and why it ended early if it did."""

    nodes: Mapping[str, NodeOutcome]
    was_interrupted: bool = False
    error: str = ""


def parse(invocation: Invocation, *, environ: Mapping[str, str]) -> Parsed:
    """Parse the project with dbt and return its definition; raises ProjectError with dbt's own message."""
    from dbt.cli.main import dbtRunner

    arguments = ["parse", "--no-write-json", "--log-level", "none", *invocation.arguments()]
    with redirect_stdout(sys.stderr), _without(_OURS):
        result = dbtRunner(callbacks=[_repeat_warnings]).invoke([*arguments, *invocation.extra.for_parsing])
    if not result.success or result.result is None:
        raise ProjectError(
            f"dbt cannot read the project: {_one_line(result.exception)}",
            "Correct the project (`dbt parse` shows the same error), then run the command again.",
        )
    config = runtime_config()
    return Parsed(
        definition=_definition(result.result, config, invocation, environ),
        manifest=result.result,
        microbatch=frozenset(microbatch_models(result.result)),
        seed_files=seed_files(result.result, invocation.project_dir),
        input_folders=_input_folders(config),
        input_roots=tuple(sorted(project.project_root for project in _projects(config).values())),
        has_plugins=_has_plugins(config),
    )


def parsed_again(manifest: Any, invocation: Invocation, environ: Mapping[str, str]) -> Parsed:
    """Return a manifest that was read from a file as if it had been parsed just now, but for the files of its seeds.

    The project itself must have been parsed in this process before.
    """
    return Parsed(
        definition=_definition(manifest, runtime_config(), invocation, environ, reads_seeds=False), manifest=manifest
    )


def seed_rows(parsed: Parsed, unique_id: str) -> str:
    """Return a hash of the rows in a seed's file as dbt reads them, or nothing where they cannot be read."""
    config = parsed.manifest.nodes[unique_id].config
    return seed_rows_digest(parsed.seed_files[unique_id], str(config.get("delimiter") or ","))


_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def _repeat_warnings(event: Any) -> None:
    """Show what dbt warns about while it parses, on stderr, since the answer goes to stdout."""
    if str(event.info.level).lower().endswith("warn"):
        # Without dbt's colours, and without control characters that come from names in the project.
        for line in _COLOUR.sub("", event.info.msg).splitlines():
            text = "".join(character if character.isprintable() else ascii(character)[1:-1] for character in line)
            sys.stderr.write(f"dbt: {text}\n")


def runtime_config() -> Any:
    """Return the configuration of the invocation that came last, with its profile, project and packages."""
    from dbt.adapters.factory import FACTORY

    return next(iter(FACTORY.adapters.values())).config


def _definition(
    manifest: Any, config: Any, invocation: Invocation, environ: Mapping[str, str], *, reads_seeds: bool = True
) -> ProjectDefinition:
    from dbt.adapters.factory import get_adapter_package_names
    from dbt.version import __version__ as dbt_version

    adapter_type = config.credentials.type
    return ProjectDefinition(
        name=config.project_name,
        target_name=config.target_name,
        database=config.credentials.database,
        schema=config.credentials.schema,
        dbt_version=str(dbt_version),
        adapter_version=_adapter_version(adapter_type),
        macros=macro_definitions(manifest, get_adapter_package_names(adapter_type)),
        nodes=node_definitions(manifest, invocation.project_dir if reads_seeds else None),
        variables=_variables(config, invocation.variables),
        environment=dict(environ),
        target=dict(config.to_target_dict()),
        project_hooks=project_hooks(manifest),
        flags=invocation.extra.powerful,
        dispatch=config.dispatch,
        graph_extras=graph_extras(manifest),
    )


_PATH_SETTINGS = (
    *("model_paths", "macro_paths", "seed_paths", "test_paths", "analysis_paths", "docs_paths", "asset_paths"),
    *("snapshot_paths", "function_paths"),
)


def _projects(config: Any) -> dict[str, Any]:
    """Return the project and its packages by name, without those that ship with dbt."""
    from dbt.adapters.factory import get_adapter_package_names

    builtin = set(get_adapter_package_names(config.credentials.type))
    return {name: project for name, project in config.load_dependencies().items() if name not in builtin}


def _has_plugins(config: Any) -> bool:
    """Tell whether plugins of dbt may add nodes from elsewhere, which no file of the project shows."""
    from dbt.plugins import get_plugin_manager

    return bool(get_plugin_manager(config.project_name).hooks)


def _input_folders(config: Any) -> tuple[str, ...]:
    """Return every folder that dbt reads: those of the project, of its packages, and where packages lie."""
    folders = {Path(config.project_root, config.packages_install_path)}
    for project in _projects(config).values():
        for setting in _PATH_SETTINGS:
            folders |= {Path(project.project_root, path) for path in getattr(project, setting, None) or ()}
    return tuple(sorted(str(folder) for folder in folders))


def _adapter_version(adapter_type: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(f"dbt-{adapter_type}")
    except PackageNotFoundError:
        return ""


def _variables(config: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return for each var everything that defines it; whichever wins for a node, a change of any is a difference.

    `vars:` of a project maps names to values, and names of packages to such mappings.
    """
    found: dict[str, Any] = {name: [["command line", value]] for name, value in given.items()}
    for package, project in sorted(config.load_dependencies().items()):
        for name, value in sorted(project.vars.to_dict().items()):
            found.setdefault(name, []).append([package, value])
            if isinstance(value, dict):
                for inner, inner_value in value.items():
                    found.setdefault(str(inner), []).append([package, name, inner_value])
    return found


def list_selected(
    parsed: Parsed,
    invocation: Invocation,
    *,
    select: Iterable[str],
    exclude: Iterable[str],
    selector: str | None,
    state: str | None,
    resource_types: Iterable[str],
) -> frozenset[str]:
    """Return the unique_ids that dbt's own selection leaves; raises SelectionError with dbt's message."""
    from dbt.cli.main import dbtRunner

    arguments = ["ls", "--output", "json", "--output-keys", "unique_id", "--log-level", "none", *invocation.arguments()]
    for resource_type in resource_types:
        arguments += ["--resource-type", resource_type]
    for name, values in (("--select", tuple(select)), ("--exclude", tuple(exclude))):
        arguments += [name, *values] if values else []
    arguments += ["--selector", selector] if selector else []
    arguments += ["--state", state] if state else []
    with tempfile.TemporaryFile("w") as nowhere, redirect_stdout(nowhere), _without(_OURS):
        result = dbtRunner(manifest=parsed.manifest).invoke(arguments)
    if not result.success:
        raise SelectionError(
            f"dbt cannot apply the selection: {_one_line(result.exception)}",
            "Check --select, --exclude and --selector; `dbt ls` takes the same ones.",
        )
    return frozenset(json.loads(line)["unique_id"] for line in result.result or ())


def check_flags(invocation: Invocation, *, command: str) -> None:
    """Raise UsageError when dbt does not know one of the flags given after `--`, before anything is recorded."""
    import click
    from dbt.cli.main import cli

    try:
        cli.commands[command].make_context(command, [*invocation.arguments(), *invocation.extra.given])
    except click.UsageError as error:
        raise UsageError(
            f"dbt does not take the flags after `--`: {_one_line(error)}", f"See `dbt {command} --help`."
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
) -> EngineOutcome:
    """Run dbt in this process on exactly these nodes of the manifest that was parsed.

    `on_finished` is called in dbt's worker threads after a node's commit. dbt hangs or calls a committed node failed
    when a callback raises, so it must not; whatever it raises all the same is swallowed here. `refreshed_nodes` are
    built from scratch among the others, unless their own `full_refresh: false` forbids it.

    `refusal` is asked in its thread right before a node is executed: where it says why not, the node fails before it
    writes anything.

    dbt's build runs a unit test only right before its model. Those whose model is not built are run by `dbt test`
    after the build, as a model's inputs must exist then; not when the build ended early or `should_stop` is true.
    """
    for unique_id in refreshed_nodes:
        config = parsed.manifest.nodes[unique_id].config
        config.full_refresh = True if config.full_refresh is None else config.full_refresh
    flags = invocation.extra.given
    built, tested = frozenset(unique_ids), frozenset[str]()
    if command == "build":
        built, tested = _divided(parsed.manifest, built)
    outcome = EngineOutcome(nodes={})
    if built or not tested:
        refresh = ["--full-refresh"] if full_refresh and command in ("run", "build", "seed") else []
        outcome = _invoke(parsed, invocation, command, [*flags, *refresh], built, on_finished, refusal)
        if not tested or outcome.was_interrupted or outcome.error or should_stop():
            return outcome
        if _failed_fast(outcome):
            return replace(outcome, nodes={**outcome.nodes, **{test: _skipped_by_fail_fast(test) for test in tested}})
    after = _invoke(parsed, invocation, "test", _flags_of_test(flags), tested, on_finished, refusal)
    return replace(after, nodes={**outcome.nodes, **after.nodes})


def _invoke(
    parsed: Parsed,
    invocation: Invocation,
    command: str,
    flags: Iterable[str],
    unique_ids: Iterable[str],
    on_finished: Callable[[NodeOutcome], None],
    refusal: Callable[[], str],
) -> EngineOutcome:
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
        callbacks = [
            lambda event: _notice_finished(event, on_finished),
            lambda event: _notice_executing(event, refusal),
        ]
        with _without((*_OURS, "DBT_RESOURCE_TYPES", "DBT_EXCLUDE_RESOURCE_TYPES")):
            result = dbtRunner(manifest=parsed.manifest, callbacks=callbacks).invoke(arguments)
    if writes_results:
        _write_results(result.result, results_file)
    nodes = {outcome.unique_id: outcome for outcome in map(_outcome, getattr(result.result, "results", None) or ())}
    interrupted = isinstance(result.exception, (KeyboardInterrupt, SystemExit))
    error = _one_line(result.exception) if result.exception is not None and not interrupted else ""
    return EngineOutcome(nodes=nodes, was_interrupted=interrupted, error=error)


def _write_results(results: Any, file: Path) -> None:
    """Write dbt's `run_results.json`, which is as large as what was run; none where dbt stopped half-way."""
    if hasattr(results, "write"):
        try:
            results.write(str(file))
        except OSError as error:
            sys.stderr.write(f"dbt-state-plugin: run_results.json could not be written: {error.strerror or error}.\n")


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


def _failed_fast(outcome: EngineOutcome) -> bool:
    """Tell whether dbt was to stop at the first failure, by a flag, a variable or the project, and there was one."""
    from dbt.flags import get_flags

    return bool(get_flags().FAIL_FAST) and not all(node.is_success for node in outcome.nodes.values())


def _skipped_by_fail_fast(unique_id: str) -> NodeOutcome:
    return NodeOutcome(unique_id=unique_id, status="skipped", message="Skipping due to fail_fast")  # dbt's own words


def write_selection_folder(folder: Path, unique_ids: Iterable[str], *, command: str) -> None:
    """Write a `run_results.json` for `--select result:error --state FOLDER`.

    This names nodes by unique_id, exactly and in linear time, where dbt's selectors match names. The file is of the
    documented schema, version 6.
    """
    from dbt.version import __version__ as dbt_version

    results: list[dict[str, Any]] = [
        {
            "status": "error",
            "timing": [],
            "thread_id": "",
            "execution_time": 0.0,
            "adapter_response": {},
            "message": None,
            "failures": None,
            "unique_id": unique_id,
            "compiled": None,
            "compiled_code": None,
            "relation_name": None,
            "batch_results": None,
        }
        for unique_id in sorted(unique_ids)
    ]
    document = {
        "metadata": {
            "dbt_schema_version": "https://schemas.getdbt.com/dbt/run-results/v6.json",
            "dbt_version": str(dbt_version),
            "generated_at": "2000-01-01T00:00:00Z",
            "invocation_id": "00000000-0000-0000-0000-000000000000",
            "env": {},
        },
        "results": results,
        "elapsed_time": 0.0,
        "args": {"which": command},
    }
    folder.joinpath("run_results.json").write_text(json.dumps(document), encoding="utf-8")


def _notice_finished(event: Any, on_finished: Callable[[NodeOutcome], None]) -> None:
    if event.info.name != "NodeFinished":
        return
    try:
        result = event.data.run_result
        response = dict(result.adapter_response)
        on_finished(
            NodeOutcome(
                unique_id=event.data.node_info.unique_id,
                status=str(event.data.node_info.node_status).lower(),
                message=str(result.message or ""),
                rows_affected=_rows(response),
                duration_ms=round(float(result.execution_time) * 1000),
            )
        )
    except Exception as error:  # see the docstring of execute: never into dbt
        sys.stderr.write(
            f"dbt-state-plugin: a node could not be recorded ({type(error).__name__}); it is built again.\n"
        )


def _notice_executing(event: Any, refusal: Callable[[], str]) -> None:
    if event.info.name != "NodeExecuting":
        return
    if problem := refusal():
        from dbt_common.exceptions import DbtRuntimeError

        raise DbtRuntimeError(problem)  # here, unlike at NodeStart, dbt takes it for a failure of the node


def _outcome(result: Any) -> NodeOutcome:
    return NodeOutcome(
        unique_id=result.node.unique_id if getattr(result, "node", None) is not None else result.unique_id,
        status=str(getattr(result.status, "value", result.status)).lower(),
        message=str(result.message or ""),
        rows_affected=_rows(result.adapter_response or {}),
        duration_ms=round(float(result.execution_time or 0) * 1000),
    )


def _rows(response: Mapping[str, Any]) -> int | None:
    rows = response.get("rows_affected")
    return int(rows) if isinstance(rows, (int, float)) and rows >= 0 else None


def _one_line(error: BaseException | None) -> str:
    """Return dbt's message on one line."""
    text = str(error) if error is not None else "no message"
    return " ".join(text.split()) or type(error).__name__


# What code of the project and its packages could read with env_var() and render into SQL is none of theirs.
_OURS = ("DBT_STATE_PLUGIN_DATABASE_URL",)


class _without:
    """Hide environment variables: those that would narrow dbt's selection behind the plan's back, and our password."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(names)
        self._hidden: dict[str, str] = {}

    def __enter__(self) -> None:
        self._hidden = {name: os.environ.pop(name) for name in self._names if name in os.environ}

    def __exit__(self, *error: object) -> None:
        os.environ.update(self._hidden)


def engine_error(outcome: EngineOutcome) -> EngineError:
    """Return the error for an invocation that ended before it could run its nodes."""
    return EngineError(
        f"dbt ended with an error: {outcome.error}",
        "See dbt's output above and logs/dbt.log; nothing was marked as built.",
    )
