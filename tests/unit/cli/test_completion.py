"""What `completion --install` writes, and leaves alone."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from dbt_state_plugin.cli.completion_files import MARK, Installed, install, own_shell, said
from dbt_state_plugin.cli.entry import cli
from dbt_state_plugin.errors import UsageError

SCRIPT = "complete -W 'plan run' dbt-state-plugin\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def installed(shell: str, home: Path, source: str = SCRIPT, **environ: str) -> Installed:
    return install(shell, source, {"HOME": str(home), **environ})


def test_bash_reads_the_script_from_its_startup_file(home: Path) -> None:
    (home / ".bashrc").write_text("alias ll='ls -l'")

    found = installed("bash", home)

    assert found.script == home / ".local/share/dbt-state-plugin/completion.bash"
    first, second = (home / ".bashrc").read_text().splitlines()
    assert first == "alias ll='ls -l'"
    assert second.endswith(MARK)


def test_zsh_makes_its_completion_ready_first(home: Path) -> None:
    found = installed("zsh", home, ZDOTDIR=str(home / "zsh dots"), XDG_DATA_HOME=str(home / "my data"))

    assert found.startup == home / "zsh dots" / ".zshrc"
    assert "compinit" in found.line
    assert f"'{home}/my data/dbt-state-plugin/completion.zsh'" in found.line


def test_fish_looks_into_a_folder(home: Path) -> None:
    found = installed("fish", home)

    assert found.script == home / ".config/fish/completions/dbt-state-plugin.fish"
    assert found.startup is None
    assert [path for path in home.rglob("*") if path.is_file()] == [found.script]


def test_a_second_installation_changes_nothing_and_a_newer_script_replaces_ours(home: Path) -> None:
    installed("bash", home)
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}

    again = installed("bash", home)
    assert not again.is_new
    assert said(again) == [f"Completion is installed already: {again.script}."]
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before

    assert installed("bash", home, "newer\n").is_new
    assert again.script.read_text().endswith("\nnewer\n")
    assert (home / ".bashrc").read_bytes() == before[home / ".bashrc"]


def test_what_somebody_else_wrote_is_not_overwritten(home: Path) -> None:
    script = home / ".config/fish/completions/dbt-state-plugin.fish"
    script.parent.mkdir(parents=True)
    script.write_text("mine")

    with pytest.raises(UsageError, match="was not written by dbt-state-plugin"):
        installed("fish", home)
    assert script.read_text() == "mine"


def test_a_folder_that_cannot_be_written_is_said(home: Path) -> None:
    (home / ".local").write_text("a file")

    with pytest.raises(UsageError, match="cannot be installed"):
        installed("bash", home)
    assert not (home / ".bashrc").exists()


def test_what_was_written_and_how_to_undo_it_is_said(home: Path) -> None:
    bash, fish = installed("bash", home), installed("fish", home)

    assert said(bash)[0] == f"Wrote {bash.script}."
    assert f"delete {bash.script} and that line of {home}/.bashrc" in said(bash)[2]
    assert said(fish)[1] == f"To undo it, delete {fish.script}."


def test_the_shell_is_that_of_the_user(home: Path) -> None:
    assert own_shell({"SHELL": "/usr/bin/fish"}) == "fish"
    assert own_shell({}) == ""

    environ = {"HOME": str(home), "SHELL": "/usr/bin/fish", "XDG_CONFIG_HOME": ""}
    ended = CliRunner(env=environ).invoke(cli, ["completion", "--install"])

    assert ended.exit_code == 0, ended.output
    script = (home / ".config/fish/completions/dbt-state-plugin.fish").read_text()
    assert "_DBT_STATE_PLUGIN_COMPLETE" in script


def test_without_a_shell_that_is_known_one_has_to_be_named(home: Path) -> None:
    ended = CliRunner(env={"HOME": str(home), "SHELL": "/bin/tcsh"}).invoke(cli, ["completion", "--install"])

    assert isinstance(ended.exception, UsageError)
    assert isinstance(cli, click.Group)
