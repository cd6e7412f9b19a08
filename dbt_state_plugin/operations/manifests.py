"""Manifests kept with executions, and written back as files."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from dbt_state_plugin.errors import NotFoundError, UsageError
from dbt_state_plugin.operations.parsed_project import places_of
from dbt_state_plugin.operations.session import open_session
from dbt_state_plugin.project.inputs import scan_places, watched_environment
from dbt_state_plugin.state.manifests import link_manifest, parsed_project_manifest, read_manifest, write_manifest

if TYPE_CHECKING:
    from dbt_state_plugin.dbt_runner.parse import Parsed
    from dbt_state_plugin.operations.planning.inputs import Planned
    from dbt_state_plugin.operations.session import Session
    from dbt_state_plugin.operations.target import Target

_COVERING = frozenset({"run", "build", "adopt"})  # the commands after which the environment holds the whole project


def keep_manifest(session: Session, planned: Planned, execution_id: UUID, *, command: str) -> None:
    """Keep what was parsed; nothing is written when it is there, and none is kept where no SQL may be stored.

    Call it before dbt executes anything. An execution of only some nodes has no manifest of its own.
    """
    if not session.target.stores_sql:
        return
    covers = command in _COVERING and not planned.plan.is_narrowed
    is_of_snapshot = planned.parsed is None or planned.is_recorded
    known = parsed_project_manifest(session.state) if is_of_snapshot else None
    if known is not None:
        if covers:
            link_manifest(session.state, known, execution_id)
        return
    if planned.parsed is None or not (covers or is_of_snapshot):
        return
    text = session.ports.dbt.kept_manifest(planned.parsed, session.target.variables, _environment_read(planned.parsed))
    if text:
        write_manifest(
            session.state, text, is_of_snapshot=is_of_snapshot, execution_id=execution_id if covers else None
        )


def _environment_read(parsed: Parsed) -> list[str]:
    """Return the values of the env vars that the project's files read; of all, where the names cannot be known."""
    try:
        scanned = scan_places(places_of(parsed))
    except OSError:
        scanned = None
    return list(os.environ.values() if scanned is None else watched_environment(scanned, os.environ).values())


def exported_manifest(target: Target, name: str) -> str:
    """Return the manifest of an environment or an execution as dbt writes it; raises NotFoundError."""
    from dbt_state_plugin.operations.comparing.environment import find_baseline
    from dbt_state_plugin.state.baselines import state_of

    with open_session(target, create=False) as session:
        other, execution = find_baseline(session, name, option="")
        kept = read_manifest(state_of(session.state, other), execution.execution_id if execution else None)
    if kept is None:
        what = f"execution {execution.execution_id[:8]}" if execution else str(other.environment)
        raise NotFoundError(
            f"No manifest is kept for {what}.",
            "One is kept by each `run` and `build` of everything, unless DBT_STATE_PLUGIN_STORE_SQL=hash; run it once.",
        )
    document = json.loads(kept.text)
    document["metadata"]["generated_at"] = kept.recorded_at.isoformat().replace("+00:00", "Z")
    return json.dumps(document, ensure_ascii=False)


def write_manifest_file(folder: str, text: str) -> Path:
    """Write DIR/manifest.json in one step, so that nobody reads half of it; return its path. Raises UsageError."""
    path = Path(folder).absolute() / "manifest.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=".manifest-", delete=False
        ) as file:
            file.write(text)
        os.chmod(file.name, 0o644)  # noqa: PTH101 - like any file that dbt writes
        os.replace(file.name, path)  # noqa: PTH105
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.", "Give another folder.") from error
    return path
