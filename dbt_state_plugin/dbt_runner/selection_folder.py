"""A plan as a folder for `--select result:error --state DIR`."""

from __future__ import annotations

from pathlib import Path

from dbt_state_plugin.core.values.plan import Plan
from dbt_state_plugin.errors import UsageError


def write_folder(plan: Plan, folder: str) -> Path:
    """Write the planned nodes to DIR/run_results.json and return the absolute path of DIR.

    Raises UsageError when the folder cannot be made or holds artifacts that are not ours.
    """
    from dbt_state_plugin.dbt_runner.selection import write_selection_folder

    path = Path(folder).resolve()
    if (path / "manifest.json").exists():
        raise UsageError(
            f"{path} holds a manifest.json, so it is dbt's own target folder.",
            "Name a separate folder for the selection.",
        )
    try:
        path.mkdir(parents=True, exist_ok=True)
        write_selection_folder(path, [entry.node.unique_id for entry in plan.to_build], command=plan.command)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.", "Give another folder.") from error
    return path
