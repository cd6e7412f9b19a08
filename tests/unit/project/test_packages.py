"""Packages that a project names and has not installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbt_state_plugin.project.packages import missing_packages

TWO = "packages: [{local: a}, {package: dbt-labs/dbt_utils, version: 1.0.0}]"


@pytest.mark.parametrize(
    ("files", "missing"),
    [
        ({}, 0),
        ({"packages.yml": TWO}, 2),
        ({"dependencies.yml": TWO, "dbt_packages/a/dbt_project.yml": "", "dbt_packages/__old/x": ""}, 1),
        ({"packages.yml": TWO, "dbt_packages/a/x": "", "dbt_packages/b/x": "", "dbt_packages/c/x": ""}, 0),
        ({"packages.yml": TWO, "dbt_project.yml": "packages-install-path: lib", "lib/a/x": ""}, 1),
        ({"packages.yml": TWO, "dbt_project.yml": "packages-install-path: \"{{ env_var('X') }}\""}, 0),
        ({"packages.yml": "packages: ["}, 0),
        ({"packages.yml": "packages: {a: 1}"}, 0),
        ({"dependencies.yml": "- a"}, 0),
    ],
)
def test_packages_are_counted_by_their_folders(tmp_path: Path, files: dict[str, str], missing: int) -> None:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    assert missing_packages(tmp_path) == missing
