"""Options shared by all commands, and where they may stand.

Every shared option may stand before or after the command's name, as in dbt; the one on the command line wins over the
environment. Each is read from `DBT_STATE_PLUGIN_<NAME>` first and then from dbt's own variable, where dbt has one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from dbt_state_plugin.api import DEFAULT_LOCK_TIMEOUT
from dbt_state_plugin.cli.screen import SCREEN, talk_json
from dbt_state_plugin.errors import UsageError

if TYPE_CHECKING:
    from dbt_state_plugin.api import Settings, Target

Command = TypeVar("Command", bound=Callable[..., Any])
LOG_FORMATS = ("text", "json", "debug", "default")  # dbt's; all but json are text here
LOG_LEVELS = ("debug", "info", "warning", "error")

_OF_THE_SCREEN = {"use_colors": "colours", "progress": "progress", "log_format": "log_format"}


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    """Remember the value for the whole invocation: the command line wins, then the first value given."""
    values: dict[str, Any] = context.find_root().ensure_object(dict)
    name = str(parameter.name)
    given_here = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    if given_here or values.get(name) is None:
        values[name] = value
    if name in _OF_THE_SCREEN and values.get(name) is not None:
        setattr(SCREEN, _OF_THE_SCREEN[name], values[name])
        if SCREEN.is_json:
            talk_json()
    return value


def _shared(*names: str, variables: tuple[str, ...] = (), **attributes: Any) -> Callable[[Command], Command]:
    return click.option(
        *names, envvar=list(variables) or None, callback=_keep, expose_value=False, default=None, **attributes
    )


def _variables(name: str, *, of_dbt: bool = True) -> tuple[str, ...]:
    return (f"DBT_STATE_PLUGIN_{name}", *((f"DBT_ENGINE_{name}", f"DBT_{name}") if of_dbt else ()))


_CONNECTION_OPTIONS = (
    _shared(
        "--project-dir",
        variables=_variables("PROJECT_DIR"),
        metavar="DIR",
        help="Folder of dbt_project.yml (default: this folder or one above it).",
    ),
    _shared(
        "--profiles-dir",
        variables=_variables("PROFILES_DIR"),
        metavar="DIR",
        help="Folder of profiles.yml (default: this folder, else ~/.dbt).",
    ),
    _shared("--profile", variables=_variables("PROFILE"), metavar="NAME", help="Profile (default: the project's)."),
    _shared(
        "--target",
        "-t",
        variables=_variables("TARGET"),
        metavar="NAME",
        help="Target of the profile (default: what the profile says).",
    ),
    _shared(
        "--vars",
        variables=_variables("VARS", of_dbt=False),
        metavar="YAML",
        help="Values for dbt's vars as a YAML mapping, such as '{min_amount: 5}'.",
    ),
    _shared(
        "--pipeline",
        variables=_variables("PIPELINE", of_dbt=False),
        metavar="NAME",
        help="Name of the pipeline, for scripts without a dbt project.",
    ),
    _shared(
        "--state-schema",
        variables=_variables("SCHEMA", of_dbt=False),
        metavar="NAME",
        help="Schema that holds the state (default: dbt_state_plugin).",
    ),
    _shared(
        "--use-colors/--no-use-colors",
        is_flag=True,
        help="Colour the output (default: in a terminal, unless NO_COLOR, DBT_USE_COLORS or CI says otherwise).",
    ),
    _shared(
        "--progress/--no-progress",
        variables=_variables("PROGRESS", of_dbt=False),
        is_flag=True,
        help="Show progress on stderr (default: --progress).",
    ),
    _shared(
        "--log-format",
        type=click.Choice(LOG_FORMATS, case_sensitive=False),
        variables=_variables("LOG_FORMAT"),
        help="Format of stderr: text, or json for one event per line, as in dbt (default: text).",
    ),
    _shared("--debug/--no-debug", "-d", variables=_variables("DEBUG"), help="Show tracebacks of errors.", is_flag=True),
    _shared(
        "--log-level",
        "-l",
        type=click.Choice(LOG_LEVELS, case_sensitive=False),
        variables=_variables("LOG_LEVEL", of_dbt=False),
        help="Lowest level of messages on stderr (default: info).",
    ),
    _shared(
        "--lock-timeout",
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        variables=_variables("LOCK_TIMEOUT", of_dbt=False),
        help=f"Seconds to wait for another run to end (default: {DEFAULT_LOCK_TIMEOUT:g}).",
    ),
)


def text_or_json(help_text: str) -> Callable[[Command], Command]:
    """Return the option `--output` of a command that prints text or one JSON document."""
    return click.option(
        "--output",
        "-o",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help=help_text,
    )


output_option = text_or_json("Text for people, or a JSON document for programs.")


def shared_options(command: Command) -> Command:
    """Add the options that every command takes; `settings_of(context)` returns their values."""
    for option in reversed(_CONNECTION_OPTIONS):
        command = option(command)
    return command


def settings_of(context: click.Context, **changes: Any) -> Settings:
    """Return the settings of this invocation; `changes` are fields that the command itself sets."""
    from dbt_state_plugin.api import Settings, parse_variables

    show_log(context.find_root().ensure_object(dict).get("log_level") or "info")
    values: dict[str, Any] = context.find_root().ensure_object(dict)
    fields: dict[str, Any] = {
        "project_dir": values.get("project_dir"),
        "profiles_dir": values.get("profiles_dir"),
        "profile": values.get("profile"),
        "target": values.get("target"),
        "variables": parse_variables(values.get("vars")),
        "pipeline": values.get("pipeline") or "",
        "database_url": os.environ.get("DBT_STATE_PLUGIN_DATABASE_URL", ""),
        "store_sql": os.environ.get("DBT_STATE_PLUGIN_STORE_SQL") or "text",
        "data_version": os.environ.get("DBT_STATE_PLUGIN_DATA_VERSION", ""),
        "target_path": os.environ.get("DBT_ENGINE_TARGET_PATH") or os.environ.get("DBT_TARGET_PATH") or None,
        "caller": "meltano" if os.environ.get("MELTANO_PROJECT_ROOT") else "cli",
        "meltano_run_id": _meltano_run(os.environ),
    }
    if values.get("state_schema"):
        fields["state_schema"] = schema_name(values["state_schema"])
    if values.get("lock_timeout") is not None:
        fields["lock_timeout"] = values["lock_timeout"]
    return Settings(**(fields | changes))


def target_of(context: click.Context, **changes: Any) -> Target:
    """Return the target that the settings of this invocation name, resolved once; raises ConfigurationError."""
    from dbt_state_plugin.api import resolve_target

    return resolve_target(settings_of(context, **changes))


def _meltano_run(environ: Mapping[str, str]) -> str:
    """Return the id that the caller gave the Meltano run, and the one that Meltano gives all plugins of one run."""
    given, context = environ.get("MELTANO_RUN_ID", ""), environ.get("MELTANO_PARENT_CONTEXT_UUID", "")
    return f"{given} (context {context})" if given and context and given != context else given or context


def schema_name(name: str) -> str:
    """Return the name of a schema for the state; raises UsageError for one that PostgreSQL would truncate."""
    from dbt_state_plugin.api import MAX_IDENTIFIER_BYTES

    if len(name.encode()) > MAX_IDENTIFIER_BYTES:
        raise UsageError(
            f"The schema name {name!r} is longer than {MAX_IDENTIFIER_BYTES} bytes, so PostgreSQL would truncate it.",
            "Give --state-schema a shorter name.",
        )
    return name


def show_log(level: str) -> None:
    """Show what the package logs on stderr, from the level of --log-level upwards."""
    import logging

    logging.raiseExceptions = False  # else each line that dbt logs to a closed pipe becomes a traceback
    log = logging.getLogger("dbt_state_plugin")
    log.setLevel(level.upper())
    if not log.handlers:
        from dbt_state_plugin.cli.log_handler import StderrHandler

        log.addHandler(StderrHandler())
        log.propagate = False


def says(context: click.Context, level: str = "info") -> bool:
    """Return whether a message of this level is wanted on stderr."""
    wanted = context.find_root().ensure_object(dict).get("log_level") or "info"
    return LOG_LEVELS.index(level) >= LOG_LEVELS.index(wanted)
