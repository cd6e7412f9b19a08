"""What `doctor` says about the jobs of a Meltano project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from dbt_state_plugin.core.values.findings import Severity
from meltano_plugin.project import read_project
from meltano_plugin.wiring import wiring

PLUGINS: dict[str, Any] = {
    "extractors": [{"name": "tap"}],
    "loaders": [{"name": "target"}],
    "utilities": [{"name": "dbt-state-plugin"}],
}


@pytest.mark.parametrize(
    ("jobs", "severity", "what"),
    [
        ([], Severity.NOTE, "No job of meltano.yml holds dbt-state-plugin."),
        ([{"name": "shop", "tasks": ["tap target dbt-state-plugin:run"]}], Severity.OK, "the job shop loads and then"),
        ([{"name": "shop", "tasks": ["tap target dbt-state-plugin"]}], Severity.ERROR, "without a command"),
        ([{"name": "shop", "tasks": ["dbt-state-plugin:build", "tap target"]}], Severity.ERROR, "builds before it has"),
        ([{"name": "shop", "tasks": ["tap target dbt-state-plugin:plan"]}], Severity.NOTE, "but builds nothing"),
    ],
)
def test_the_jobs_are_looked_over(tmp_path: Path, jobs: list[Any], severity: Severity, what: str) -> None:
    (tmp_path / "meltano.yml").write_text(yaml.safe_dump({"plugins": PLUGINS, "jobs": jobs}), encoding="utf-8")
    project = read_project(tmp_path, tmp_path / ".meltano", "dev", {})

    first, second = wiring(project, "dbt-state-plugin", "as the Meltano environment")

    assert first.what == "environment dev, target as the Meltano environment"
    assert second.severity is severity
    assert what in second.what
    assert bool(second.do) is (severity is not Severity.OK)


def test_where_no_job_holds_the_plugin_the_command_is_told(tmp_path: Path) -> None:
    (tmp_path / "meltano.yml").write_text(yaml.safe_dump({"plugins": PLUGINS}), encoding="utf-8")

    found = wiring(read_project(tmp_path, tmp_path / ".meltano", "dev", {}), "dbt-state-plugin", "")

    assert found[1].do.startswith("Run `meltano run tap target dbt-state-plugin:run`")
