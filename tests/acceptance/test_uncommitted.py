"""Executions that were built from a dirty tree."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from typing import Any

from support.project import Project

ProjectFactory = Callable[[Mapping[str, str]], Project]


def git(project: Project, *arguments: str) -> str:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    command = ["git", *identity, *arguments]
    return subprocess.run(command, cwd=project.directory, check=True, capture_output=True, text=True).stdout.strip()


def newest(project: Project) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(project.plugin("history", "-o", "json", check=0).stdout)["executions"][0]
    return found


def test_an_execution_says_what_was_not_committed_when_it_was_built(dbt_project: ProjectFactory) -> None:
    project = dbt_project({"models/orders.sql": "select 1 as id"})
    project.plugin("run", check=0)
    assert (newest(project)["git_commit"], newest(project)["uncommitted_changes"]) == ("", None)

    git(project, "init", "-q")
    git(project, "add", "dbt_project.yml", "profiles.yml", "models")
    git(project, "commit", "-q", "-m", "one")
    project.plugin("run", "--force", check=0)  # what dbt has written there meanwhile is not of the project
    assert (newest(project)["git_commit"], newest(project)["uncommitted_changes"]) == (
        git(project, "rev-parse", "HEAD"),
        "",
    )
    assert "uncommitted" not in project.plugin("history", check=0).stdout

    project.write("models/orders.sql", "select 2 as id")
    project.plugin("run", check=0)

    built = newest(project)
    assert len(built["uncommitted_changes"]) == 64
    shown = project.plugin("show", built["execution_id"], check=0).stdout
    digest = built["uncommitted_changes"][:8]
    assert f"git commit {built['git_commit']}, with uncommitted changes (digest {digest})\n" in shown
    assert project.plugin("history", check=0).stdout.count("run (dirty)\n") == 1

    project.plugin("run", check=0)  # builds nothing, so it is not looked at
    assert newest(project)["uncommitted_changes"] is None
