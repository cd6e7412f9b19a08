"""Which commands look after the state itself, and what do they print?"""

from __future__ import annotations

import click

from dbt_state_plugin.cli.options import says, settings_of, shared_options
from dbt_state_plugin.errors import UsageError
from dbt_state_plugin.execution import administration
from dbt_state_plugin.report.plain import plain


@click.group("state", no_args_is_help=False)
@shared_options
def state() -> None:
    """Look after the state: its version, its migrations and its size."""


@state.command("upgrade")
@click.option("--sql", is_flag=True, help="Print the SQL instead, without connecting to a database.")
@click.option("--from", "start", metavar="VERSION", help="Version that --sql starts from (default: no state yet).")
@shared_options
@click.pass_context
def upgrade(context: click.Context, sql: bool, start: str | None) -> None:
    """Create the state or upgrade it.

    Every command that writes does so on first use.
    """
    settings = settings_of(context)
    if sql:
        click.echo(administration.upgrade_script(settings, start or "base"), nl=False)
        _say(context, "Run it with psql as a role that may create schemas, then grant the tables to dbt's role.")
        return
    if start:
        raise UsageError("--from is for --sql only.", "Leave it out: the database knows its version.")
    _say_versions(context, *administration.upgrade_state(settings))


@state.command("downgrade")
@click.argument("revision")
@click.option("--sql", is_flag=True, help="Print the SQL instead, without connecting to a database.")
@click.option("--yes", is_flag=True, help="Really do it.")
@shared_options
@click.pass_context
def downgrade(context: click.Context, revision: str, sql: bool, yes: bool) -> None:
    """Bring the state back to REVISION.

    `base` removes it, but for the empty schema.
    """
    settings = settings_of(context)
    if sql:
        click.echo(administration.downgrade_script(settings, revision), nl=False)
        return
    if not yes:
        raise UsageError(
            f'A downgrade to {revision} deletes history and recorded state in schema "{settings.state_schema}".',
            "Pass --yes if that is wanted; everything that is no longer recorded is built again.",
        )
    _say_versions(context, *administration.downgrade_state(settings, revision))


@state.command("current")
@shared_options
@click.pass_context
def current(context: click.Context) -> None:
    """Print the version of the state.

    The line is empty when there is none.
    """
    version = administration.current_version(settings_of(context))
    click.echo(plain(version or ""))
    if version is None:
        _say(context, "There is no state yet.")


@state.command("history")
@shared_options
def history() -> None:
    """Print all known versions, oldest first."""
    for version in administration.known_versions():
        click.echo(f"{version.number}  {version.description}")


@state.command("prune")
@click.option(
    "--keep-days",
    type=click.IntRange(min=0, max=36500),
    default=administration.DEFAULT_KEEP_DAYS,
    show_default=True,
    metavar="N",
    help="Keep executions that ended within the last N days.",
)
@click.option("--this-environment", is_flag=True, help="Prune this target or pipeline only, not all in the state.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@shared_options
@click.pass_context
def prune(context: click.Context, keep_days: int, this_environment: bool, dry_run: bool) -> None:
    """Remove old history.

    What a decision needs stays, whatever its age.
    """
    pruned = administration.prune_state(
        settings_of(context), keep_days=keep_days, this_environment=this_environment, dry_run=dry_run
    )
    click.echo(
        f"{'Would remove' if dry_run else 'Removed'} {_count(pruned.executions, 'execution')}, "
        f"{_count(pruned.checksum_sets, 'checksum set')} and {_count(pruned.definitions, 'definition')}."
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _say_versions(context: click.Context, before: str | None, after: str | None) -> None:
    if before == after:
        _say(context, f"The state is at version {after}." if after else "There is no state.")
    else:
        _say(context, f"The state was at {before or 'no version'} and is at {after or 'no version'} now.")


def _say(context: click.Context, text: str) -> None:
    if says(context):
        click.echo(plain(text), err=True)
