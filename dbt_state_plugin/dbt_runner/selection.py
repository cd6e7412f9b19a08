"""dbt's selection: what it leaves, and exact selection by unique_id."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.dbt_runner.callbacks import one_line
from dbt_state_plugin.dbt_runner.hidden_variables import HIDDEN, hidden_from_dbt
from dbt_state_plugin.dbt_runner.messages import repeat_warning
from dbt_state_plugin.dbt_runner.parse import Parsed
from dbt_state_plugin.errors import SelectionError, did_you_mean

if TYPE_CHECKING:
    from dbt_state_plugin.dbt_runner.invocation import Invocation


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
    with tempfile.TemporaryFile("w") as nowhere, redirect_stdout(nowhere), hidden_from_dbt(HIDDEN):
        result = dbtRunner(manifest=parsed.manifest, callbacks=[_repeats_unmatched(parsed)]).invoke(arguments)
    if not result.success:
        raise SelectionError(
            f"dbt cannot apply the selection: {one_line(result.exception)}",
            "Check --select, --exclude and --selector; `dbt ls` takes the same ones.",
        )
    return frozenset(json.loads(line)["unique_id"] for line in result.result or ())


def _repeats_unmatched(parsed: Parsed) -> Callable[[Any], None]:
    """Show which criterion matches nothing, on stderr, as dbt itself does when it runs, and the nearest name."""

    def repeat(event: Any) -> None:
        if event.info.name == "NoNodesForSelectionCriteria":
            spec = event.data.spec_raw.strip("+@0123456789")
            meant = did_you_mean(spec, _spellings(parsed.manifest, spec.partition(":")[0] if ":" in spec else ""))
            repeat_warning(event, after=f". {meant.strip()}" if meant else "")

    return repeat


def _spellings(manifest: Any, method: str) -> set[str]:
    """Return what there is to select by a method of dbt's selection, by names where none is given."""
    nodes = list(manifest.nodes.values())
    if method == "source":
        sources = manifest.sources.values()
        names = {each.source_name for each in sources} | {f"{each.source_name}.{each.name}" for each in sources}
    elif method == "path":
        files = {Path(node.original_file_path) for node in nodes}
        names = {path.as_posix() for file in files for path in (file, *file.parents)}
    else:
        attributes = {"": "name", "resource_type": "resource_type", "package": "package_name", "tag": "tags"}
        found = [getattr(node, attributes[method]) for node in nodes] if method in attributes else []
        names = {str(name) for each in found for name in (each if isinstance(each, list) else [each])}
    return {f"{method}:{name}" if method else name for name in names}


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
