"""The replay of commits, on a tiny history."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from real_projects.replay import main
from real_projects.test_real_projects import FILES

PROJECT = {
    "dbt_project.yml": FILES["dbt_project.yml"],
    "models/sources.yml": "sources: [{name: raw, tables: [{name: animals}]}]\n",
    "models/weighed.sql": "select id, weight from {{ source('raw', 'animals') }}\n",
    "models/heavy.sql": "select * from {{ ref('weighed') }} where weight > 100\n",
    "models/light.sql": "select * from {{ ref('weighed') }} where weight <= 100\n",
}
OVERLAY = {
    "profiles.yml": FILES["profiles.yml"],
    "data.sql": "create schema raw; create table raw.animals as select 1 as id, 600 as weight union all select 2, 40",
}
# What each commit does to a file, after the one that creates the project.
COMMITS = {
    "weigh again": ("models/weighed.sql", "select id, weight * 1 as weight from {{ source('raw', 'animals') }}\n"),
    "break": ("models/heavy.sql", "select * from nowhere\n"),
    "mend": ("models/heavy.sql", "select * from {{ ref('weighed') }} where weight > 500\n"),
    "say so": ("models/light.sql", "-- ours\nselect * from {{ ref('weighed') }} where weight <= 100\n"),
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    work = tmp_path / "work"
    written(work, PROJECT)
    git(work, "init", "-q")
    committed(work, "begin")
    for subject, (path, text) in COMMITS.items():
        written(work, {path: text})
        committed(work, subject)
    return work / ".git"


def written(folder: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True)


def committed(folder: Path, subject: str) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", subject)


@pytest.mark.full("DBT_STATE_PLUGIN_ACCURACY")
def test_each_commit_is_built_by_both_and_what_was_saved_is_told(
    repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overlay = tmp_path / "overlay"
    written(overlay, OVERLAY)

    code = main(["--repository", str(repository), "--overlay", str(overlay), "--cutoff", "always"])

    told = capsys.readouterr()
    assert code == 0, told.out + told.err
    _, _, again, mended, _, sums = told.out.splitlines()
    assert again.endswith(" weigh again | 3 | 1 | 2 |  |")
    assert mended.endswith(" mend | 3 | 1 | 0 |  |")
    assert sums == (
        "3 commits after the first: 2 of 9 nodes built, 77.8% of the builds saved;"
        " 1 commits that dbt cannot build left out"
    )
