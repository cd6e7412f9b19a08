"""A run_results.json of dbt, read without dbt."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from dbt_state_plugin.core.values.colours import without_colours
from dbt_state_plugin.core.values.invocations import DbtInvocation, DbtResult
from dbt_state_plugin.core.values.results import NodeOutcome
from dbt_state_plugin.dbt_runner.artifact_file import read_artifact_file
from dbt_state_plugin.dbt_runner.callbacks import rows_affected
from dbt_state_plugin.errors import UsageError

RUN_RESULTS = "run_results.json"
_SCHEMA = "/run-results/v6.json"  # of dbt 1.8 and later
_AGAIN = "Let dbt run to its end, then run the command again; --target-path names another folder."


def read_invocation(folder: Path) -> DbtInvocation:
    """Return what the run_results.json in a folder says; raises UsageError where it cannot be used."""
    path = folder / RUN_RESULTS
    document = read_json(path)
    try:
        return _invocation(path, document)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise UsageError(
            f"{path} is JSON, but not what dbt writes ({type(error).__name__}: {error}).", _AGAIN
        ) from error


def read_json(path: Path) -> Mapping[str, Any]:
    """Return an artifact of dbt; raises UsageError where it is not there, cut off or no object."""
    document = read_artifact_file(
        path,
        absent="Run dbt first (without --no-write-json), or name its folder with --target-path.",
        torn=_AGAIN,
    )
    if not isinstance(document, dict) or not isinstance(document.get("metadata"), dict):
        raise UsageError(f"{path} is JSON, but not what dbt writes.", _AGAIN)
    return document


def _invocation(path: Path, document: Mapping[str, Any]) -> DbtInvocation:
    metadata, arguments = document["metadata"], document["args"]
    schema = str(metadata["dbt_schema_version"])
    if not schema.endswith(_SCHEMA):
        raise UsageError(
            f"{path} has the schema {schema}, which this tool does not know.", "Use dbt-core 1.10, 1.11 or 1.12."
        )
    ended_at = _time(metadata["generated_at"])
    found = [_result(result, ended_at) for result in document["results"]]
    return DbtInvocation(
        invocation_id=_text(metadata["invocation_id"]),
        command=_text(arguments["which"]),
        dbt_version=_text(metadata["dbt_version"]),
        started_at=_started_at(document),
        arguments=dict(arguments),
        results=tuple(sorted(found, key=lambda result: result.completed_at)),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"{value!r} is not text")
    return value


def _started_at(document: Mapping[str, Any]) -> datetime:
    """Return the earliest time that says when dbt began."""
    times = [document["metadata"]["generated_at"], document["metadata"].get("invocation_started_at")]
    times += [step.get("started_at") for result in document["results"] for step in result.get("timing") or ()]
    return min(_time(time) for time in times if time)


def _result(result: Mapping[str, Any], ended_at: datetime) -> DbtResult:
    times = [step.get("completed_at") for step in result.get("timing") or ()]
    return DbtResult(
        outcome=NodeOutcome(
            unique_id=_text(result["unique_id"]),
            status=_text(result["status"]).lower(),
            message=without_colours(str(result.get("message") or "")),
            rows_affected=rows_affected(result.get("adapter_response") or {}, _text(result["unique_id"])),
            duration_ms=max(0, round(float(result.get("execution_time") or 0) * 1000)),
        ),
        completed_at=max((_time(time) for time in times if time), default=ended_at),
        code=str(result.get("compiled_code") or ""),
    )


def _time(text: str) -> datetime:
    """Return a time as dbt writes it; Python 3.10 reads no `Z`."""
    time = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return time if time.tzinfo else time.replace(tzinfo=timezone.utc)
