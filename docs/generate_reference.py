"""Reference pages, generated from the code: `uv run python docs/generate_reference.py` writes docs/reference/*.md.

A test fails while what is committed is not what the code gives.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import yaml

from dbt_state_plugin.cli.entry import cli
from dbt_state_plugin.core.config import node_config, source_config
from meltano_plugin.entry import definition, load_plan

DOCS = Path(__file__).parent
ROOT = DOCS.parent
REFERENCE = DOCS / "reference"
PROGRAM = "dbt-state-plugin"
SOURCES = ROOT / "dbt_state_plugin" / "state" / "sources.yml"
SCHEMAS = ROOT / "dbt_state_plugin" / "schemas" / "v1"
MELTANO_DEFINITION = ROOT / "meltano_plugin" / "dbt-state-plugin.yml"
MELTANO_COMMANDS = (load_plan, definition)
HOW = "uv run python docs/generate_reference.py"

JSON_WORDS = (
    "Every command that says something takes `--output json`. Those that do not: `state roles`, `state sources`,",
    "`state export-manifest` and `completion` print what another program reads, and `report` writes a page. For `run`,",
    "`build`, `seed` and `snapshot` it moves what dbt prints to stderr, so that stdout holds the document alone. A",
    "command that ends with an error (exit code 2 or 3) prints none; stderr says why. Each document has a `version`:",
    "version 1 only gains keys, so ignore those that you do not know. Times are ISO 8601 with a time zone.",
)
SCHEMA_EXAMPLE = (
    "import json",
    "from importlib.resources import files",
    "",
    'schema = json.loads((files("dbt_state_plugin") / "schemas" / "v1" / "plan.json").read_text(encoding="utf-8"))',
    'assert schema["properties"]["version"]["const"] == 1',
)
# Variables that no option reads. A test finds all that the code names.
VARIABLES = {
    "DBT_STATE_PLUGIN_DATABASE_URL": "Where the state is, when it is not in the target's database: `postgresql://...`, "
    "libpq's `host=... dbname=...` or `postgresql+psycopg2://...`. No option, since it may hold a password. Neither "
    "dbt nor the code of the project gets to see it.",
    "DBT_STATE_PLUGIN_STORE_SQL": "`text` (default) keeps raw and compiled code of models in the state, `hash` keeps "
    "none, at the price of diffs.",
    "DBT_STATE_PLUGIN_DATA_VERSION": "How sources are looked at that say nothing themselves: "
    f"{', '.join(f'`{kind}`' for kind in source_config.PROJECT_KINDS)}.",
    "DBT_STATE_PLUGIN_TEST_DATABASE_URL": "PostgreSQL server of the [fixtures for tests](../testing.md), "
    "instead of one that they start.",
    "DBT_STATE_PLUGIN_USE_COLORS": "`true` or `false`: colours, as [in the terminal](../terminal.md).",
    "DBT_STATE_PLUGIN_COMPLETE": "Set by the scripts of `completion`.",
}
VARIABLES_OF_OTHERS = {
    "DBT_ENGINE_TARGET_PATH": "dbt's target folder; then `DBT_TARGET_PATH`.",
    "MELTANO_PROJECT_ROOT": "Set by Meltano: executions say that it was the caller.",
    "MELTANO_RUN_ID": "Recorded beside the execution; so is `MELTANO_PARENT_CONTEXT_UUID`.",
    "NO_COLOR": "No colours, as everywhere.",
}
CONFIGURATION = {
    "data_version": "How it is noticed that there are new data ([what each word means](../data-versions.md)).",
    "data_version_query": "SQL whose answer is another one when there are new data; `{source}` stands for the table.",
    "loader_columns": "Names of columns that a loader moves although the row is the same; `*` stands for anything. "
    "Given, it replaces the [known ones](../data-versions.md).",
    "content_max_rows": "Up to how many rows the table of a known loader is compared by `content`; above it is "
    "`touched`.",
    "on_logic_change": "What happens to an incremental model, or a seed, whose rows were built with earlier logic "
    "([rules](../rules.md#incremental-models-whose-logic-changed)).",
    "volatile": "How often a model is built that calls the clock or chance "
    "([rules](../rules.md#models-that-call-the-clock)).",
    "drift": "`strict`: what was added to the relation by hand, such as an index, is drift, too.",
    "cutoff": "Whether a model is left out of a run in which all that it reads comes out equal "
    "([cutoff](../cutoff.md)).",
    "cutoff_max_rows": "Above how many rows a relation is not compared with what it was.",
    "max_age": "After how many hours a build is too old, whatever else holds.",
}
CHOICES = {
    ("source", "data_version"): source_config.KINDS,
    ("node", "data_version"): source_config.NODE_KINDS,
    ("node", "on_logic_change"): node_config.ON_LOGIC_CHANGE,
    ("node", "volatile"): node_config.VOLATILE,
    ("node", "drift"): node_config.DRIFT,
    ("node", "cutoff"): node_config.CUTOFF,
}
VALUES = {
    "data_version_query": "a statement of SQL",
    "loader_columns": "a list of names",
    "content_max_rows": f"a number of rows ({source_config.CONTENT_MAX_ROWS:,})",
    "cutoff_max_rows": f"a number of rows ({node_config.CUTOFF_MAX_ROWS:,})",
    "max_age": "a number of hours",
}


def pages() -> dict[str, str]:
    """Return the text of each page by its name."""
    made = {
        "commands.md": commands_page(),
        "environment.md": environment_page(),
        "configuration.md": configuration_page(),
        "json.md": json_page(),
        "meltano.md": meltano_page(),
        "views.md": views_page(),
    }
    return {name: "\n".join(lines).rstrip() + "\n" for name, lines in made.items()}


def commands_page() -> Iterator[str]:
    """Yield the lines of the page of commands and options."""
    context = click.Context(cli, info_name=PROGRAM)
    yield from title("Commands and options", "the command line")
    yield "Options are spelled as in dbt and may stand before or after the command. Each is read from its environment"
    yield "variables, in this order, where the command line does not give it. Flags for dbt itself go after `--`."
    yield ""
    yield f"{cli.epilog}"
    yield from ["", "## Options of every command", ""]
    yield from option_table(cli)
    shared = {parameter.name for parameter in cli.params}
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        yield from command_section(name, command, shared, level=2)


def command_section(
    name: str, command: click.Command, shared: set[str | None], *, level: int, program: str = PROGRAM
) -> Iterator[str]:
    """Yield what the code says of one command and of those below it."""
    context = click.Context(command, info_name=f"{program} {name}")
    yield from ["", f"{'#' * level} `{name}`", "", *paragraphs(command.help or "")]
    if not isinstance(command, click.Group):
        yield from ["", "```text", " ".join([context.command_path, *command.collect_usage_pieces(context)]), "```"]
    own = [parameter for parameter in command.params if parameter.name not in shared]
    if any(isinstance(parameter, click.Option) for parameter in own):
        yield ""
        yield from option_table(command, own)
    if example := example_of(command):
        yield from ["", f"Example: `{example}`"]
    if isinstance(command, click.Group):
        for inner, subcommand in command.commands.items():
            yield from command_section(f"{name} {inner}", subcommand, shared, level=level + 1)


def option_table(command: click.Command, parameters: Iterable[click.Parameter] | None = None) -> Iterator[str]:
    """Yield a row for each option: its names, what it means, its default and its environment variables."""
    context = click.Context(command)
    yield "| option | meaning | variables |"
    yield "|---|---|---|"
    for parameter in command.get_params(context) if parameters is None else parameters:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            yield f"| {names_of(parameter, context)} | {meaning_of(parameter)} | {variables_cell(parameter)} |"


def names_of(option: click.Option, context: click.Context) -> str:
    """Return the spellings of an option with what it takes."""
    value = "" if option.is_flag or option.count else f" {option.make_metavar(context)}"
    names = [*option.opts, *option.secondary_opts]
    return ", ".join(f"`{cell(name + (value if name.startswith('--') else ''))}`" for name in names)


def meaning_of(option: click.Option) -> str:
    """Return an option's help with its default."""
    text = cell(option.help or ("What is printed." if option.name == "output" else ""))
    shows_default = option.show_default and option.default not in (None, False, ())
    return f"{text} Default: `{option.default}`." if shows_default else text


def variables_cell(option: click.Option) -> str:
    """Return an option's environment variables in the order in which they are asked."""
    return ", ".join(f"`{name}`" for name in variables_of(option))


def variables_of(parameter: click.Parameter) -> list[str]:
    """Return the names of a parameter's environment variables."""
    found = parameter.envvar or ()
    return [found] if isinstance(found, str) else list(found)


def example_of(command: click.Command) -> str:
    """Return the example that ends a command's help."""
    return (command.epilog or "").rpartition("Example:\n")[2].strip() if "Example:" in (command.epilog or "") else ""


def all_commands() -> Iterator[click.Command]:
    """Yield the program, its commands, those below them, and those of Meltano."""
    context = click.Context(cli)
    yield cli
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        yield command
        if isinstance(command, click.Group):
            yield from command.commands.values()
    yield from MELTANO_COMMANDS


def environment_page() -> Iterator[str]:
    """Yield the lines of the page of environment variables."""
    yield from title("Environment variables", "the command line and the list of other variables")
    yield "The command line wins over them. A setting `x` of the Meltano utility is `DBT_STATE_PLUGIN_X`."
    yield from ["", "| variable | what it gives |", "|---|---|"]
    rows = {
        variable: f"[`{parameter.opts[0]}`]({page_of(command)}): {meaning_of(parameter)}"
        for command in all_commands()
        for parameter in command.params
        for variable in variables_of(parameter)
        if isinstance(parameter, click.Option) and variable.startswith("DBT_STATE_PLUGIN_")
    } | VARIABLES
    yield from (f"| `{variable}` | {rows[variable]} |" for variable in sorted(rows))
    yield from ["", "Variables of others that are read:", "", "| variable | what it gives |", "|---|---|"]
    yield from (f"| `{variable}` | {meaning} |" for variable, meaning in sorted(VARIABLES_OF_OTHERS.items()))
    yield from ["", "dbt's own variables (`DBT_...`, `DBT_ENGINE_...`) of the options above are read after ours."]


def page_of(command: click.Command) -> str:
    """Return the page that lists a command."""
    return "meltano.md" if command in MELTANO_COMMANDS else "commands.md"


def configuration_page() -> Iterator[str]:
    """Yield the lines of the page of `meta.dbt_state_plugin`."""
    yield from title("Configuration", "the settings that the code checks")
    yield "Everything may be left out. What is configured stands in `meta`, which dbt merges from `dbt_project.yml`,"
    yield "the folder and the node, by its first level: a node that sets one of these repeats the others."
    yield from [
        "",
        "```yaml",
        "models:",
        "  my_project:",
        "    +meta: {dbt_state_plugin: {on_logic_change: fail}}",
        "```",
    ]
    for kind, head, names in (
        ("node", "Models, seeds and snapshots", source_config.NODE_SETTINGS),
        ("source", "Sources and their tables", source_config.SOURCE_SETTINGS),
    ):
        yield from ["", f"## {head}", "", "| setting | value | meaning |", "|---|---|---|"]
        yield from (f"| `{name}` | {values_of(kind, name)} | {CONFIGURATION[name]} |" for name in names)
    yield ""
    yield "dbt's own `loaded_at_field` and `loaded_at_query` of a source serve `data_version: query`. A setting that is"
    yield "misspelled, stands where it means nothing or has a value that it cannot have is an error."


def values_of(kind: str, name: str) -> str:
    """Return what a setting takes, the default first where there is one."""
    choices = CHOICES.get((kind, name))
    return ", ".join(f"`{choice}`" for choice in choices) if choices else VALUES[name]


def meltano_page() -> Iterator[str]:
    """Yield the lines of the page of the Meltano utility."""
    definition = yaml.safe_load(MELTANO_DEFINITION.read_text(encoding="utf-8"))
    yield from title("Meltano utility", "`meltano_plugin/dbt-state-plugin.yml` and the command line")
    yield from [cell(definition["description"]), "", "## Settings", "", "| setting | kind | meaning |", "|---|---|---|"]
    for setting in definition["settings"]:
        yield f"| `{setting['name']}` | {setting.get('kind', 'string')} | {cell(setting['description'])} |"
    yield from ["", "## Commands", "", "| `dbt-state-plugin:...` | runs | meaning |", "|---|---|---|"]
    for name, command in definition["commands"].items():
        said: Mapping[str, Any] = command if isinstance(command, Mapping) else {"args": command}
        yield f"| `{name}` | `{cell(said['args'])}` | {cell(said.get('description', ''))} |"
    yield from [
        "",
        "Besides the [commands](commands.md) of `dbt-state-plugin`, its program `dbt-state-plugin-meltano` has:",
    ]
    shared = {parameter.name for parameter in cli.params}
    for command in MELTANO_COMMANDS:
        yield from command_section(str(command.name), command, shared, level=2, program="dbt-state-plugin-meltano")


def json_page() -> Iterator[str]:
    """Yield the lines of the page of JSON documents."""
    yield from title("JSON documents", "dbt_state_plugin/schemas")
    yield from JSON_WORDS
    yield ""
    yield "Each has a JSON Schema (2020-12), which is part of the package:"
    yield from ["", "```python", *SCHEMA_EXAMPLE, "```"]
    for path in sorted(SCHEMAS.glob("*.json")):
        schema = json.loads(path.read_text(encoding="utf-8"))
        yield from ["", f"## {schema['title']}", "", f"{schema['description']} Schema: `{path.stem}`. Printed by"]
        yield f"{', '.join(f'`{each}`' for each in schema['x-command'].split(', '))}."
        yield from ["", "| key | type | meaning |", "|---|---|---|"]
        yield from key_rows(schema, schema)


def key_rows(part: Mapping[str, Any], root: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield a row for each key of a schema, with those of what stands below it."""
    for key, inner in part.get("properties", {}).items():
        below = resolved(inner, root)
        yield f"| `{path}{key}` | {type_of(below)} | {cell(inner.get('description', below.get('description', '')))} |"
        yield from key_rows(below, root, f"{path}{key}.")
        for branch in below.get("oneOf", []):
            yield from key_rows(branch, root, f"{path}{key}.")
        yield from key_rows(resolved(below.get("items", {}), root), root, f"{path}{key}[].")


def resolved(part: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a reference names."""
    return root["$defs"][part["$ref"].rpartition("/")[2]] if "$ref" in part else part


def type_of(part: Mapping[str, Any]) -> str:
    """Return the type of a key in words."""
    if "enum" in part:
        return ", ".join("null" if each is None else f"`{each}`" for each in part["enum"])
    if "const" in part:
        return f"`{part['const']}`"
    if "oneOf" in part:
        return "object or null" if {"type": "null"} in part["oneOf"] else "object"
    kinds = part.get("type", "object")
    words = " or ".join([kinds] if isinstance(kinds, str) else kinds)
    return words.replace("string", "time") if part.get("format") == "date-time" else words


def views_page() -> Iterator[str]:
    """Yield the lines of the page of the views for reports."""
    (source,) = yaml.safe_load(SOURCES.read_text(encoding="utf-8"))["sources"]
    yield from title("Views for reports", "dbt_state_plugin/state/sources.yml")
    yield "In the schema of the state, `dbt_state_plugin` unless `--state-schema` names another."
    yield "How to use them: [views for reports](../views.md)."
    for table in source["tables"]:
        yield from ["", f"## `{table['name']}`", "", table["description"], "", "| column | meaning |", "|---|---|"]
        yield from (f"| `{column['name']}` | {cell(column['description'])} |" for column in table["columns"])


def title(text: str, source: str) -> list[str]:
    """Return the first lines of a page."""
    return [f"<!-- Generated from {source} by `{HOW}`. -->", "", f"# {text}", ""]


def paragraphs(text: str) -> list[str]:
    """Return help as Markdown."""
    return [cell_free(line) for line in inspect.cleandoc(text).replace("\b\n", "").splitlines()]


def cell_free(text: str) -> str:
    """Return text in which nothing is taken for HTML."""
    return re.sub(r"<(?=\w)", r"\\<", text)


def cell(text: object) -> str:
    """Return text for a cell of a table."""
    return " ".join(str(text).split()).replace("|", "\\|")


def main() -> None:
    """Write all pages."""
    REFERENCE.mkdir(exist_ok=True)
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
