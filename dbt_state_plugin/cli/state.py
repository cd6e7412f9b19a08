"""The `state` commands: versions, migrations, roles, imports, orphans, retention."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from dbt_state_plugin import api
from dbt_state_plugin.api import Action, Orphan, Orphans, Settings, StateAddress, Target
from dbt_state_plugin.cli.events import say_wait
from dbt_state_plugin.cli.options import output_option, says, settings_of, shared_options, target_of
from dbt_state_plugin.cli.progress import reporting
from dbt_state_plugin.cli.screen import write_lines
from dbt_state_plugin.errors import EXIT_NODES_FAILED, EXIT_OK, UsageError
from dbt_state_plugin.report.administration import (
    imported_document,
    migration_document,
    pruned_document,
    rehearsal_document,
    version_document,
    versions_document,
)
from dbt_state_plugin.report.document import rendered
from dbt_state_plugin.report.findings import finding_lines, findings_document, findings_summary, rehearsal_lines
from dbt_state_plugin.report.orphans import (
    intention_lines,
    orphan_lines,
    orphans_document,
    outcome_lines,
    summary_line,
)
from dbt_state_plugin.report.printable import printable
from dbt_state_plugin.report.text import width_of
from dbt_state_plugin.report.width import wrapped

_SCHEMA_OF_A_FILE = "main"  # SQLite's own name


@click.group("state", no_args_is_help=False)
@shared_options
def state() -> None:
    """Manage the state: its version, its migrations and its size."""


@state.command("upgrade")
@click.option("--sql", is_flag=True, help="Print the SQL instead, without connecting to a database.")
@click.option("--dry-run", is_flag=True, help="Do it in a transaction that is rolled back, and compare the rows.")
@click.option("--from", "start", metavar="VERSION", help="Version that --sql starts from (default: no state yet).")
@output_option
@shared_options
@click.pass_context
def upgrade(context: click.Context, sql: bool, dry_run: bool, start: str | None, output: str) -> int:
    """Create the state or upgrade it.

    Every command that writes does this on first use.
    """
    settings = settings_of(context)
    if sql:
        _refuse_file(settings, "--sql prints SQL of PostgreSQL")
        click.echo(api.upgrade_script(settings.state_schema, start or "base"), nl=False)
        _say(context, "Run it with psql as a role that may create schemas, then grant the tables to dbt's role.")
        return EXIT_OK
    if start:
        raise UsageError("--from is for --sql only.", "Leave it out: the database knows its version.")
    address = api.resolve_state(settings)
    if dry_run:
        return _rehearse(context, address, output)
    with reporting(context, doing="Upgrading the state"):
        versions = api.upgrade_state(address)
    _say_versions(context, *versions, output)
    return EXIT_OK


def _rehearse(context: click.Context, address: StateAddress, output: str) -> int:
    with reporting(context, doing="Upgrading the state, in a transaction that is rolled back"):
        found = api.rehearse_upgrade(address)
    if output == "json":
        click.echo(rendered(rehearsal_document(found.before, found.after, found.rows, found.lost)))
    if found.before == found.after:
        _say(context, f"The state is at version {found.after}: there is nothing to upgrade.")
        return EXIT_OK
    if output == "text":
        write_lines(rehearsal_lines(found.rows), sys.stdout)
    _say(context, f"The state is at {found.before or 'no version'} and would be at {found.after}; nothing was changed.")
    if found.lost:
        write_lines(wrapped(f"Rows would be lost from: {', '.join(found.lost)}.", width_of(sys.stderr)))
        return EXIT_NODES_FAILED
    return EXIT_OK


def _refuse_file(settings: Settings, why: str) -> None:
    if api.keeps_state_in_file(settings):
        raise UsageError(
            f"The state is in an SQLite file, and {why}.",
            "Whoever may read or write the file may read or write all of the state: see chmod and chgrp.",
        )


@state.command("check")
@output_option
@shared_options
@click.pass_context
def check(context: click.Context, output: str) -> int:
    """Check the invariants of the state, and say what to do where one is violated.

    Nothing is written. Exit code 1 means that something has to be fixed.
    """
    with reporting(context, doing="Checking the invariants of the state"):
        found = api.check_state(api.resolve_state(settings_of(context)))
    if output == "json":
        click.echo(rendered(findings_document(found)))
    else:
        write_lines(finding_lines(found, width=width_of(sys.stdout)), sys.stdout)
    _say(context, findings_summary(found) if found else "The state is consistent.")
    return EXIT_NODES_FAILED if api.has_errors(found) else EXIT_OK


@state.command("downgrade")
@click.argument("revision")
@click.option("--sql", is_flag=True, help="Print the SQL instead, without connecting to a database.")
@click.option("--yes", is_flag=True, help="Confirm the downgrade.")
@output_option
@shared_options
@click.pass_context
def downgrade(context: click.Context, revision: str, sql: bool, yes: bool, output: str) -> None:
    """Bring the state back to REVISION.

    `base` removes it, except for the empty schema.
    """
    settings = settings_of(context)
    if sql:
        _refuse_file(settings, "--sql prints SQL of PostgreSQL")
        click.echo(api.downgrade_script(settings.state_schema, revision), nl=False)
        return
    if not yes:
        place = "its file" if api.keeps_state_in_file(settings) else f'schema "{settings.state_schema}"'
        raise UsageError(
            f"A downgrade to {revision} deletes history and recorded state in {place}.",
            "Pass --yes to confirm; what is no longer recorded will be built again.",
        )
    with reporting(context, doing="Bringing the state back to an earlier version"):
        versions = api.downgrade_state(api.resolve_state(settings), revision)
    _say_versions(context, *versions, output)


@state.command("roles")
@shared_options
@click.pass_context
def roles(context: click.Context) -> None:
    """Print SQL that separates owner, writers and readers.

    A database administrator runs it, before the state is created and after each upgrade.
    """
    settings = settings_of(context)
    _refuse_file(settings, "SQLite knows no roles")
    click.echo(api.roles_script(settings.state_schema), nl=False)
    _say(context, "Run it with psql as an administrator, before the state is created and after each upgrade.")


@state.command("sources")
@shared_options
@click.pass_context
def sources(context: click.Context) -> None:
    """Print a sources.yml that declares the state's views for dbt.

    The views are executions, node_history, current_nodes and savings; their names and columns stay.
    """
    settings = settings_of(context)
    is_file = api.keeps_state_in_file(settings)
    click.echo(api.sources_yaml(_SCHEMA_OF_A_FILE if is_file else settings.state_schema), nl=False)
    if is_file:
        _say(context, "The state is in an SQLite file: dbt reads the views only where its target attaches that file.")


@state.command("current")
@output_option
@shared_options
@click.pass_context
def current(context: click.Context, output: str) -> None:
    """Print the version of the state.

    The line is empty when there is none.
    """
    version = api.current_version(api.resolve_state(settings_of(context)))
    click.echo(rendered(version_document(version)) if output == "json" else printable(version or ""))
    if version is None:
        _say(context, "There is no state yet.")


@state.command("history")
@output_option
@shared_options
def history(output: str) -> None:
    """Print all known versions, oldest first."""
    versions = api.known_versions()
    if output == "json":
        click.echo(rendered(versions_document(versions)))
        return
    for version in versions:
        click.echo(f"{version.number}  {version.description}")


@state.command("prune")
@click.option(
    "--keep-days",
    type=click.IntRange(min=0, max=36500),
    default=api.DEFAULT_KEEP_DAYS,
    show_default=True,
    metavar="N",
    help="Keep executions that ended within the last N days.",
)
@click.option("--this-environment", is_flag=True, help="Prune only this target or pipeline, not the whole state.")
@click.option("--dry-run", is_flag=True, help="Show what would be removed, without removing it.")
@output_option
@shared_options
@click.pass_context
def prune(context: click.Context, keep_days: int, this_environment: bool, dry_run: bool, output: str) -> None:
    """Remove old history.

    What a decision needs stays, whatever its age.
    """
    with reporting(context, doing="Counting old history" if dry_run else "Removing old history"):
        if this_environment:
            pruned = api.prune_environment(target_of(context), keep_days=keep_days, dry_run=dry_run)
        else:
            pruned = api.prune_state(api.resolve_state(settings_of(context)), keep_days=keep_days, dry_run=dry_run)
    if output == "json":
        click.echo(rendered(pruned_document(asdict(pruned), is_done=not dry_run)))
        return
    click.echo(
        f"{'Would remove' if dry_run else 'Removed'} {_count(pruned.executions, 'execution')}, "
        f"{_count(pruned.checksum_sets, 'checksum set')}, {_count(pruned.definitions, 'definition')} "
        f"and {_count(pruned.manifests, 'manifest')}."
    )


@state.command("import-dpo")
@click.argument("url", metavar="URL")
@output_option
@shared_options
@click.pass_context
def import_dpo(context: click.Context, url: str, output: str) -> None:
    """Import what the data pipeline orchestrator (DPO) recorded in the database at URL.

    It may be done again: then only what is new is taken over. Nothing is written there. Without a dbt project the
    history goes into the pipeline `dpo`, and without a database of the state into that of URL, where
    `dbt-state-plugin-dpo` looks for it.
    """
    from dbt_state_plugin.cli.dpo import PIPELINE, URL_WARNING

    with reporting(context, doing="Taking over the recorded executions"):
        done = api.import_dpo(api.resolve_target_beside(url, PIPELINE, settings_of(context)), url)
    counts = done.counts
    if done.shows_password and says(context, "warning"):
        click.echo(URL_WARNING, err=True)
    if counts.unfinished:
        _say(context, f"Not completed, so recorded as abandoned: {_count(counts.unfinished, 'execution')}.")
    if counts.elsewhere and says(context, "warning"):
        click.echo(f"Warning: Recorded for other environments: {_count(counts.elsewhere, 'execution')}.", err=True)
    if output == "json":
        click.echo(rendered(imported_document(done.source, done.environment, asdict(counts))))
        return
    before = f"; {counts.known} recorded before" if counts.known else ""
    click.echo(
        f"Imported {_count(counts.executions, 'execution')} with {_count(counts.steps, 'step')} "
        f"from {printable(done.source)} into {printable(done.environment)}{before}."
    )


@state.command("export-manifest")
@click.argument("baseline", metavar="ENVIRONMENT|EXECUTION")
@click.option("--output-dir", metavar="DIR", help="Write DIR/manifest.json instead of printing it.")
@shared_options
@click.pass_context
def export_manifest(context: click.Context, baseline: str, output_dir: str | None) -> None:
    """Print the manifest of an environment's last complete run, or of an execution, for dbt's --state.

    It holds no compiled SQL, and *** instead of values of env vars and --vars in free text.
    """
    from dbt_state_plugin.api import exported_manifest, write_manifest_file

    text = exported_manifest(target_of(context), baseline)
    if output_dir is None:
        sys.stdout.write(f"{text}\n")
        return
    click.echo(printable(str(write_manifest_file(output_dir, text).parent)))
    _say(context, "dbt reads it with `--state` and this folder.")


@state.command("orphans")
@click.option("--drop", is_flag=True, help="Drop them: show what would be done, ask, and do it.")
@click.option("--yes", is_flag=True, help="Drop without asking.")
@click.option(
    "--include-history",
    is_flag=True,
    help="Also drop snapshots, incremental models and custom materializations, whose rows cannot be rebuilt.",
)
@output_option
@shared_options
@click.pass_context
def orphans(context: click.Context, drop: bool, yes: bool, include_history: bool, output: str) -> int:
    """List the relations of deleted, renamed and disabled nodes that still exist.

    With --drop they are dropped, one by one, each only when it is the relation that was recorded and nothing depends
    on it. Exit code 1 means that one was refused.
    """
    from dbt_state_plugin.api import find_orphans

    if yes and not drop:
        raise UsageError("--yes is for --drop only.", "Write `state orphans --drop --yes`, or leave it out.")
    with reporting(context) as progress:
        target = target_of(context)
        found = find_orphans(target, includes_history=include_history, ports=api.Ports.reporting_to(progress))
    if drop and found.orphans:
        return _drop_orphans(context, target, found, output, yes=yes, include_history=include_history)
    _show_orphans(context, found, output)
    return EXIT_OK


_NOTHING_RECORDED = "Nothing is recorded for this environment yet, so there are no orphans."


def _show_orphans(context: click.Context, found: Orphans, output: str) -> None:
    if output == "json":
        click.echo(rendered(orphans_document(found, is_done=False)))
    elif not found.orphans:
        _say(context, f"There are no orphans in {found.environment}." if found.is_recorded else _NOTHING_RECORDED)
    else:
        write_lines(orphan_lines(found, width=width_of(sys.stdout)), sys.stdout)
        does_something = found.of(Action.DROP, Action.FORGET)
        offer = " `dbt-state-plugin state orphans --drop` does it." if does_something else ""
        _say(context, summary_line(found, will=True) + offer)


def _drop_orphans(
    context: click.Context, target: Target, shown: Orphans, output: str, *, yes: bool, include_history: bool
) -> int:
    from dbt_state_plugin.api import drop_orphans

    done = shown
    width = width_of(sys.stdout)

    def on_done(orphan: Orphan) -> None:
        if output == "text":
            write_lines(outcome_lines(orphan, width=width), sys.stdout)

    if shown.of(Action.DROP, Action.FORGET):
        if not yes or says(context):
            write_lines(intention_lines(shown, width=width_of(sys.stderr)))
        if not yes:
            _ask()
        with reporting(context) as progress:
            done = drop_orphans(
                target,
                shown,
                includes_history=include_history,
                on_wait=lambda holder: say_wait(context, holder),
                on_done=on_done,
                ports=api.Ports.reporting_to(progress),
            )
    else:
        for orphan in shown.orphans:
            on_done(orphan)
    if output == "json":
        click.echo(rendered(orphans_document(done, is_done=True)))
    refused = done.of(Action.REFUSE)
    if says(context, "error" if refused else "info"):
        write_lines(wrapped(summary_line(done, will=False), width_of(sys.stderr)))
    return EXIT_NODES_FAILED if refused else EXIT_OK


def _ask() -> None:
    """Return when yes is typed at a terminal; raises UsageError otherwise."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            "Nothing was dropped: there is no terminal to confirm it.", "Pass --yes to confirm the list above."
        )
    sys.stderr.write("Drop them? Type yes: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip() != "yes":
        raise UsageError("Nothing was dropped: you did not type yes.", "Run the command again when you are ready.")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _say_versions(context: click.Context, before: str | None, after: str | None, output: str) -> None:
    if output == "json":
        click.echo(rendered(migration_document(before, after)))
    if before == after:
        _say(context, f"The state is at version {after}." if after else "There is no state.")
    else:
        _say(context, f"The state was at {before or 'no version'} and is at {after or 'no version'} now.")


def _say(context: click.Context, text: str) -> None:
    if says(context):
        click.echo(printable(text), err=True)
