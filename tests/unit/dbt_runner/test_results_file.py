"""Files run_results.json that can be recorded."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from dbt_state_plugin.dbt_runner.results_file import read_invocation
from dbt_state_plugin.errors import UsageError

RESULT = {
    "status": "success",
    "timing": [
        {"name": "compile", "started_at": "2026-11-28T13:11:24.1Z", "completed_at": "2026-11-28T13:11:24.200000Z"},
        {"name": "execute", "started_at": "2026-11-28T13:11:24.300000Z", "completed_at": "2026-11-28T13:11:24.4Z"},
    ],
    "execution_time": 0.1566,
    "adapter_response": {"rows_affected": 3},
    "message": "SELECT 3",
    "unique_id": "model.shop.a",
    "compiled_code": "select 1",
}


def document(**changes: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "dbt_schema_version": "https://schemas.getdbt.com/dbt/run-results/v6.json",
            "dbt_version": "1.11.16",
            "generated_at": "2026-11-28T13:11:25.500000Z",
            "invocation_id": "i-1",
            "invocation_started_at": "2026-11-28T13:11:22Z",
        },
        "args": {"which": "run", "vars": {"n": 3}},
        "results": [RESULT],
        **changes,
    }


def at(second: int, microsecond: int = 0) -> datetime:
    return datetime(2026, 11, 28, 13, 11, second, microsecond, tzinfo=timezone.utc)


def written(folder: Path, content: Any) -> Path:
    folder.joinpath("run_results.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def test_the_results_of_an_invocation_are_read(tmp_path: Path) -> None:
    skipped = {"status": "Skipped", "unique_id": "model.shop.b", "timing": [], "execution_time": 0, "message": None}
    result = {
        **RESULT,
        "timing": [
            {
                **step,
                "started_at": step["started_at"].replace(".1Z", ".100000Z"),
                "completed_at": step["completed_at"].replace(".4Z", ".400000Z"),
            }
            for step in RESULT["timing"]
        ],
    }  # type: ignore[attr-defined]

    found = read_invocation(written(tmp_path, document(results=[skipped, result])))

    assert (found.invocation_id, found.command, found.dbt_version) == ("i-1", "run", "1.11.16")
    assert (found.started_at, found.variables) == (at(22), {"n": 3})
    first, second = found.results
    assert (first.outcome.unique_id, first.outcome.status, first.completed_at) == (
        "model.shop.a",
        "success",
        at(24, 400000),
    )
    assert (first.outcome.rows_affected, first.outcome.duration_ms, first.code) == (3, 157, "select 1")
    assert (second.outcome.status, second.outcome.message, second.completed_at) == ("skipped", "", at(25, 500000))


def test_the_colours_of_a_message_are_not_recorded(tmp_path: Path) -> None:
    coloured = {**RESULT, "message": "\x1b[32mactual\x1b[0m differs from \x1b[1;31mexpected\x1b[m:\n\n@@"}

    [found] = read_invocation(written(tmp_path, document(results=[coloured]))).results

    assert found.outcome.message == "actual differs from expected:\n\n@@"


def test_without_a_time_of_its_own_an_invocation_began_with_its_first_node(tmp_path: Path) -> None:
    content = document(results=[{**RESULT, "timing": [{"started_at": "2026-11-28T13:11:23", "completed_at": None}]}])
    del content["metadata"]["invocation_started_at"]

    assert read_invocation(written(tmp_path, content)).started_at == at(23)


def _torn(folder: Path) -> None:
    folder.joinpath("run_results.json").write_text(json.dumps(document())[:300], encoding="utf-8")


@pytest.mark.parametrize(
    ("prepare", "what"),
    [
        (lambda folder: None, "There is no"),
        (lambda folder: folder.joinpath("run_results.json").touch(), "is not JSON, or it is cut off"),
        (_torn, "is not JSON, or it is cut off"),
        (lambda folder: folder.joinpath("run_results.json").mkdir(), "cannot be read"),
        (lambda folder: written(folder, []), "not what dbt writes"),
        (lambda folder: written(folder, {"metadata": {}}), "not what dbt writes"),
        (lambda folder: written(folder, document(results=None)), "not what dbt writes"),
        (lambda folder: written(folder, document(args={"which": 3})), "not what dbt writes"),
        (lambda folder: written(folder, document(results=[{**RESULT, "status": None}])), "not what dbt writes"),
        (lambda folder: written(folder, document(metadata={"dbt_schema_version": "x/v5.json"})), "has the schema x/v5"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_path(
    tmp_path: Path, prepare: Callable[[Path], Any], what: str
) -> None:
    prepare(tmp_path)

    with pytest.raises(UsageError) as refused:
        read_invocation(tmp_path)

    assert what in refused.value.what
    assert str(tmp_path / "run_results.json") in refused.value.what
