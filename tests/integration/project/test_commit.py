"""The checked-out commit, read without git and held to git."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from dbt_state_plugin.project.commit import checked_out_commit, uncommitted_changes


def git(directory: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    command = ["git", *identity, *arguments]
    return subprocess.run(command, cwd=directory, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize("form", ["a branch", "packed", "detached", "a worktree", "a folder below"])
def test_the_commit_is_the_one_that_git_names(tmp_path: Path, form: str) -> None:
    place = tmp_path / "project"
    place.mkdir()
    git(place, "init", "-q")
    git(place, "commit", "-q", "--allow-empty", "-m", "one")
    if form == "packed":
        git(place, "pack-refs", "--all")
    elif form == "detached":
        git(place, "checkout", "-q", "--detach")
    elif form == "a worktree":
        git(place, "worktree", "add", "-q", str(tmp_path / "tree"))
        place = tmp_path / "tree"
    elif form == "a folder below":
        place = place / "dbt"
        place.mkdir()

    assert checked_out_commit(place, {}) == git(place, "rev-parse", "HEAD") != ""


def test_where_there_is_no_git_or_no_commit_none_is_named(tmp_path: Path) -> None:
    assert checked_out_commit(tmp_path, {}) == ""

    git(tmp_path, "init", "-q")
    assert checked_out_commit(tmp_path, {}) == ""


def test_only_variables_of_git_that_lead_elsewhere_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for place in (here, there):
        place.mkdir()
        git(place, "init", "-q")
        git(place, "commit", "-q", "--allow-empty", "-m", place.name)
    commits = [git(place, "rev-parse", "HEAD") for place in (here, there)]
    assert commits[0] != commits[1]

    monkeypatch.setenv("PATH", str(tmp_path))  # no git can be started
    monkeypatch.setenv("GIT_AUTHOR_NAME", "A")
    assert checked_out_commit(here, os.environ) == commits[0]

    monkeypatch.undo()
    monkeypatch.setenv("GIT_DIR", str(there / ".git"))
    assert checked_out_commit(here, os.environ) == commits[1]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Give a project in a folder of a repository in which all is committed."""
    git(tmp_path, "init", "-q")
    project = tmp_path / "dbt"
    project.mkdir()
    (project / "orders.sql").write_text("select 1")
    (project / ".gitignore").write_text("ignored\n")
    (tmp_path / "README").write_text("of the repository")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "one")
    return project


def test_where_all_is_committed_nothing_is_digested(place: Path) -> None:
    (place / "ignored").write_text("not of the project")
    (place.parent / "README").write_text("edited, and not of the project")
    (place / "target").mkdir()
    (place / "target" / "run_results.json").write_text("{}")

    assert uncommitted_changes(place, [place / "target", place.parent / "elsewhere"]) == ""
    assert uncommitted_changes(place) != ""


@pytest.mark.parametrize("change", ["edit", "staged", "add", "delete", "link", "hostile"])
def test_what_is_not_committed_has_a_digest_of_its_content(place: Path, change: str) -> None:
    file = place / {"add": "new.sql", "hostile": 'größe "x"\n*.sql'}.get(change, "orders.sql")
    if change in ("delete", "link"):
        file.unlink()
    if change == "link":
        file.symlink_to("somewhere")
    elif change != "delete":
        file.write_text("select 2")
    if change == "staged":
        git(place, "add", ".")

    found = uncommitted_changes(place)

    assert found is not None
    assert len(found) == 64
    assert uncommitted_changes(place) == found
    file.unlink(missing_ok=True)
    file.write_text("select 3")
    assert uncommitted_changes(place) not in ("", found)
    file.unlink()
    git(place, "checkout", "-q", "HEAD", "--", ".")
    assert uncommitted_changes(place) == ""


def test_where_there_is_no_repository_nobody_can_tell_what_is_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert uncommitted_changes(tmp_path) is None

    git(tmp_path, "init", "-q")
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert uncommitted_changes(tmp_path) is None


def test_git_is_not_started_where_no_folder_above_has_a_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "git"
    program.write_text(f"#!/bin/sh\necho started > {tmp_path / 'started'}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")

    assert uncommitted_changes(tmp_path) is None
    assert not (tmp_path / "started").exists()

    (tmp_path / ".git").mkdir()
    assert uncommitted_changes(tmp_path) == ""
    assert (tmp_path / "started").exists()
