"""Usage errors: where dbt's own flags go, and the closest match."""

from __future__ import annotations

from collections.abc import Iterable

import click

from dbt_state_plugin.errors import UsageError, did_you_mean

PROGRAM = "dbt-state-plugin"
# Commands of dbt that are none here, and what stands nearest to them.
_COMMANDS_OF_DBT = {
    **dict.fromkeys(("ls", "list"), "`dbt ls` lists nodes; `dbt-state-plugin plan --all` also says what is due."),
    "test": "`dbt-state-plugin build` runs the tests that are due, `dbt test` all of them.",
    "retry": "`dbt-state-plugin run` builds again what has failed.",
    "compile": "Use `dbt compile`; `dbt-state-plugin explain NODE` shows how its SQL differs.",
    **{name: f"Use `dbt {name}`." for name in "clean clone debug deps docs init parse run-operation source".split()},
}


def usage_error_lines(error: click.ClickException) -> tuple[str, str]:
    """Return the lines that say what was wrong on the command line, and what to do."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    see = f"See `{context.command_path if context else PROGRAM} --help`."
    if isinstance(error, click.NoSuchOption) and context is not None:
        return _unknown_option(error.option_name, context, see)
    return error.format_message(), see


def _unknown_option(name: str, context: click.Context, see: str) -> tuple[str, str]:
    from dbt_state_plugin.api import DECIDED, FLAGS_OF_DBT

    command = context.command
    if name in DECIDED:
        return f"{name} is a flag of dbt that {PROGRAM} sets itself.", DECIDED[name]
    if name in FLAGS_OF_DBT:
        return f"{name} is a flag of dbt's own.", _where_to_put(name, context)
    if owners := _commands_with(name, context):
        return f"`{command.name}` has no option {name}.", f"Only {_listed(owners)} {_have(owners)} it. {see}"
    own = [option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)]
    meant = did_you_mean(name, [each for each in (*own, *FLAGS_OF_DBT) if each.startswith("--")])
    is_of_dbt = bool(meant) and not any(f" {option}?" in meant for option in own)
    return f"No such option {name!r}.", meant + ("It is a flag of dbt's own. " if is_of_dbt else "") + see


def _where_to_put(name: str, context: click.Context) -> str:
    from dbt_state_plugin.api import FLAGS_OF_DBT

    if not takes_flags_of_dbt(context.command):
        return "Leave it out: only run, build, seed and snapshot take flags of dbt, after `--`."
    return f"Put it after `--`: {context.command_path} -- {name}{' ...' if FLAGS_OF_DBT[name] else ''}"


def takes_flags_of_dbt(command: click.Command) -> bool:
    """Return whether a command passes what follows `--` to dbt."""
    return any(parameter.name == "dbt_flags" for parameter in command.params)


def _commands_with(option: str, context: click.Context) -> list[str]:
    """Return the commands of this program that have an option."""
    root = context.find_root()
    group = root.command
    names = group.list_commands(root) if isinstance(group, click.Group) else []
    found = [(name, group.get_command(root, name)) for name in names if isinstance(group, click.Group)]
    return [name for name, each in found if each and any(option in parameter.opts for parameter in each.params)]


def _have(names: Iterable[str]) -> str:
    return "have" if len(list(names)) > 1 else "has"


def _listed(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def unknown_command(name: str, names: Iterable[str]) -> UsageError:
    """Return the error for an unknown command, with the closest match, or with what to use for dbt's own command."""
    if name in _COMMANDS_OF_DBT:
        return UsageError(f"`{name}` is a command of dbt, not of {PROGRAM}.", _COMMANDS_OF_DBT[name])
    return UsageError(f"No such command {name!r}.", f"{did_you_mean(name, names)}See `{PROGRAM} --help`.")
