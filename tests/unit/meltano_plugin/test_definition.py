"""Definition of the Meltano utility, as Meltano and Hub read it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from dbt_state_plugin.cli.entry import cli
from meltano_plugin.load_plan import load_plan

DEFINITION = Path(__file__).parents[3] / "meltano_plugin" / "dbt-state-plugin.yml"
# What the Hub requires of a utility, and all that it and Meltano's own schema both allow.
HUB_REQUIRED = {"name", "namespace", "variant", "label"}
HUB_ALLOWED = HUB_REQUIRED | set(
    "pip_url repo description executable settings docs settings_group_validation commands logo_url requires".split()
)
HUB_SETTING_KEYS = set(
    "name aliases label value placeholder kind description tooltip documentation env value_processor "
    "value_post_processor oauth options docs hidden sensitive".split()
)


def definition() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(DEFINITION.read_text(encoding="utf-8"))
    return content


def schema() -> dict[str, Any]:
    found = importlib.util.find_spec("meltano")  # not imported: that takes seconds
    assert found is not None
    assert found.submodule_search_locations
    path = Path(found.submodule_search_locations[0]) / "schemas" / "meltano.schema.json"
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def test_meltanos_own_schema_accepts_the_definition() -> None:
    jsonschema.Draft202012Validator(schema()).validate({"plugins": {"utilities": [definition()]}})


def test_the_hub_accepts_the_definition() -> None:
    content = definition()

    assert content.keys() >= HUB_REQUIRED
    assert content.keys() <= HUB_ALLOWED
    assert all(setting.keys() <= HUB_SETTING_KEYS for setting in content["settings"])


def test_each_setting_is_a_variable_that_the_command_line_reads() -> None:
    named = (cli.get_command(None, name) for name in ("run", "plan", "record"))  # type: ignore[arg-type]
    commands = [cli, *named, load_plan]
    # Read without an option, as nobody gives them on a command line.
    read = {f"DBT_STATE_PLUGIN_{name}" for name in ("DATABASE_URL", "STORE_SQL", "DATA_VERSION")}
    for command in commands:
        assert command is not None
        for parameter in command.params:
            names = getattr(parameter, "envvar", None) or []
            read.update([names] if isinstance(names, str) else names)

    for setting in definition()["settings"]:
        assert f"DBT_STATE_PLUGIN_{setting['name'].upper()}" in read


def test_no_setting_overrides_what_a_caller_sets() -> None:
    for setting in definition()["settings"]:
        assert "value" not in setting
        assert "env" not in setting
        assert setting["label"]
        assert setting["kind"]
        assert setting["description"].endswith(".")
        assert bool(setting.get("sensitive")) == (setting["name"] == "database_url")


def test_each_command_is_one_of_the_command_line_and_says_what_it_does() -> None:
    commands = definition()["commands"]

    expected = "run build seed snapshot plan select record explain history show load-plan"
    assert set(expected.split()) <= set(commands)
    for command in commands.values():
        name = command["args"].split()[0]
        assert name == load_plan.name or name in cli.list_commands(None)  # type: ignore[arg-type]
        assert command["description"]
