"""The utility's definition, printed or written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import yaml
from click.testing import CliRunner

from dbt_state_plugin.errors import UsageError
from meltano_plugin.entry import definition


def test_the_definition_is_printed_or_written(tmp_path: Path) -> None:
    file = tmp_path / "dbt-state-plugin.yml"

    written = CliRunner().invoke(definition, ["-o", str(file)])

    assert (written.exit_code, written.output) == (0, "")
    text = file.read_text(encoding="utf-8")
    assert CliRunner().invoke(definition, []).output == text
    assert yaml.safe_load(text)["name"] == "dbt-state-plugin"


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    answer = CliRunner().invoke(definition, ["-o", str(tmp_path / "missing" / "dbt-state-plugin.yml")])

    assert isinstance(answer.exception, UsageError)
    assert answer.exception.what.endswith("cannot be written: No such file or directory.")
    assert answer.exception.do == "Give --output another file."
