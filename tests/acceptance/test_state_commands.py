"""Administration of the state on the real command line."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from support import forkserver
from support.database import Database
from support.project import Project, clean_environment, run_command

from dbt_state_plugin.state.version import EXPECTED_VERSION

pytestmark = pytest.mark.state_in_postgres("it is administered there")
Plugin = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def environment(tmp_path: Path, database: Database) -> Mapping[str, str]:
    """Give the variables of somebody who keeps the state in a database of its own."""
    return {
        **clean_environment(tmp_path),
        "DBT_STATE_PLUGIN_DATABASE_URL": database.url,
        "DBT_STATE_PLUGIN_PIPELINE": "nightly",
    }


@pytest.fixture
def plugin(tmp_path: Path, environment: Mapping[str, str]) -> Plugin:
    """Give a function that runs one command in a folder without a dbt project."""

    def run(*arguments: str, check: int = 0, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        where: dict[str, Any] = {"cwd": tmp_path, "environment": {**environment, **(env or {})}}
        finished = run_command("dbt-state-plugin", arguments, **where)
        assert finished.returncode == check, f"{arguments}: {finished.stdout}{finished.stderr}"
        assert "Traceback" not in finished.stderr
        return finished

    return run


def tables(database: Database, schema: str = "dbt_state_plugin") -> set[str]:
    return {row[0] for row in database.query("SELECT tablename::text FROM pg_tables WHERE schemaname = %s", (schema,))}


def test_upgrade_creates_the_state_and_current_names_its_version(plugin: Plugin, database: Database) -> None:
    assert plugin("state", "current").stdout == "\n"

    created = plugin("state", "upgrade")

    assert (created.stdout, created.stderr) == ("", f"The state was at no version and is at {EXPECTED_VERSION} now.\n")
    assert "relation" in tables(database)
    assert plugin("state", "current").stdout == f"{EXPECTED_VERSION}\n"
    assert plugin("state", "upgrade").stderr == f"The state is at version {EXPECTED_VERSION}.\n"


def test_the_state_of_a_dbt_project_is_found_through_its_profile(
    dbt_project: Callable[..., Project], database: Database
) -> None:
    project = dbt_project({})

    project.plugin("state", "upgrade", "--state-schema", "meta", check=0)

    assert "relation" in tables(database, "meta")


def test_upgrade_prints_sql_for_an_administrator_without_a_database(plugin: Plugin, database: Database) -> None:
    nowhere = {"DBT_STATE_PLUGIN_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}

    printed = plugin("state", "upgrade", "--sql", "--state-schema", "Of DBA", env=nowhere)
    database.query(printed.stdout)

    assert plugin("state", "current", "--state-schema", "Of DBA").stdout == f"{EXPECTED_VERSION}\n"
    assert plugin("init-execution", "--state-schema", "Of DBA").stderr == ""


def test_sql_from_the_newest_version_changes_nothing(plugin: Plugin) -> None:
    assert "TABLE" not in plugin("state", "upgrade", "--sql", "--from", EXPECTED_VERSION).stdout
    assert "ALTER TABLE relation" in plugin("state", "upgrade", "--sql", "--from", "0001").stdout
    assert 'There is no version "7"' in plugin("state", "upgrade", "--sql", "--from", "7", check=2).stderr
    assert "--from is for --sql only" in plugin("state", "upgrade", "--from", "0001", check=2).stderr


def test_a_downgrade_must_be_confirmed(plugin: Plugin, database: Database) -> None:
    plugin("state", "upgrade")

    refused = plugin("state", "downgrade", "base", check=2)
    assert "deletes history" in refused.stderr
    assert "Pass --yes" in refused.stderr
    assert "relation" in tables(database)

    done = plugin("state", "downgrade", "base", "--yes")
    assert done.stderr == f"The state was at {EXPECTED_VERSION} and is at no version now.\n"
    assert tables(database) == set()


def test_a_downgrade_can_be_printed(plugin: Plugin, database: Database) -> None:
    plugin("state", "upgrade")

    database.query(plugin("state", "downgrade", "base", "--sql").stdout)

    assert tables(database) == set()


def test_a_newer_state_is_named_and_not_touched(plugin: Plugin, database: Database) -> None:
    plugin("state", "upgrade")
    database.query("UPDATE dbt_state_plugin.alembic_version SET version_num = '0999'")

    assert plugin("state", "current").stdout == "0999\n"
    for command in (("upgrade",), ("downgrade", "base", "--yes"), ("prune",)):
        assert "version 0999, which is newer than this tool knows" in plugin("state", *command, check=2).stderr
    assert "version 0999" in plugin("init-execution", check=2).stderr


def test_an_older_state_is_upgraded_by_a_command_that_writes_and_named_by_one_that_reads(
    plugin: Plugin, database: Database
) -> None:
    plugin("state", "upgrade")
    assert plugin("state", "downgrade", "0001", "--yes").stderr.endswith(" is at 0001 now.\n")

    refused = plugin("get-last-successful-execution", check=2)
    assert "has version 0001, and this tool reads version" in refused.stderr
    assert "Run `dbt-state-plugin state upgrade`" in refused.stderr
    assert plugin("state", "current").stdout == "0001\n"

    plugin("init-execution")
    assert plugin("state", "current").stdout == f"{EXPECTED_VERSION}\n"


def test_history_lists_the_known_versions(plugin: Plugin) -> None:
    assert plugin("state", "history").stdout.startswith("0001  ")


def execution(
    database: Database, number: int, *, days: int, status: str = "succeeded", pipeline: str = "nightly"
) -> UUID:
    """Record an execution that ended so many days ago, with a step of its own checksums."""
    made = UUID(int=number)
    checksum_set = f"{number:064x}"
    database.query(
        """
        SET search_path TO dbt_state_plugin;
        INSERT INTO environment (pipeline) VALUES (%(pipeline)s) ON CONFLICT DO NOTHING;
        INSERT INTO checksum_set (checksum_set_id, kind) VALUES (%(set)s, 'file');
        INSERT INTO checksum (checksum_set_id, name, checksum) VALUES (%(set)s, 'model', '1');
        INSERT INTO execution (execution_id, environment_id, command, is_exclusive, status, started_at, finished_at,
                               caller, tool_version)
        SELECT %(id)s, environment_id, 'init-execution', false, %(status)s, now() - make_interval(days => %(days)s + 1),
               CASE WHEN %(status)s <> 'running' THEN now() - make_interval(days => %(days)s) END, 'script', '0'
        FROM environment WHERE pipeline = %(pipeline)s;
        INSERT INTO execution_step (step_id, execution_id, name, status, started_at, finished_at, checksum_set_id)
        SELECT %(id)s, execution_id, 'TRANSFORM', status, started_at, finished_at, %(set)s
        FROM execution WHERE execution_id = %(id)s
        """,
        {"id": str(made), "pipeline": pipeline, "set": checksum_set, "status": status, "days": days},
    )
    return made


def executions(database: Database) -> set[UUID]:
    return {UUID(row[0]) for row in database.query("SELECT execution_id::text FROM dbt_state_plugin.execution")}


def test_prune_removes_what_is_old_and_not_needed(plugin: Plugin, database: Database) -> None:
    plugin("state", "upgrade")
    execution(database, 1, days=300)
    kept = {
        execution(database, 2, days=200),  # the last successful one
        execution(database, 3, days=200, status="running"),
        execution(database, 4, days=10, status="failed"),
        execution(database, 5, days=400, pipeline="hourly"),  # the last successful one of another environment
    }
    execution(database, 6, days=100, status="failed")

    would = plugin("state", "prune", "--dry-run")
    assert would.stdout == "Would remove 2 executions, 2 checksum sets, 0 definitions and 0 manifests.\n"
    assert len(executions(database)) == 6

    assert plugin("state", "prune").stdout == "Removed 2 executions, 2 checksum sets, 0 definitions and 0 manifests.\n"
    assert executions(database) == kept
    assert database.query("SELECT count(*) FROM dbt_state_plugin.checksum") == [(4,)]
    assert plugin("state", "prune").stdout == "Removed 0 executions, 0 checksum sets, 0 definitions and 0 manifests.\n"


def test_prune_keeps_the_newest_success_of_each_step_and_a_reset_of_bookmarks_is_nobodys_baseline(
    plugin: Plugin, database: Database
) -> None:
    plugin("state", "upgrade")
    older, loaded, transformed, reset = (execution(database, number, days=400 - number) for number in range(1, 5))
    steps = {loaded: ("run", "LOAD"), transformed: ("seed", "TRANSFORM"), reset: ("load-plan", "RELOAD")}
    for number, (command, step) in steps.items():
        values = {"id": str(number), "command": command, "step": step}
        database.query(
            """
            UPDATE dbt_state_plugin.execution SET command = %(command)s WHERE execution_id = %(id)s;
            UPDATE dbt_state_plugin.execution_step SET name = %(step)s WHERE execution_id = %(id)s
            """,
            values,
        )

    assert plugin("get-last-successful-execution").stdout == f"{transformed}\n"
    plugin("state", "prune")

    assert executions(database) == {loaded, transformed, reset}
    assert older not in executions(database)


def test_prune_keeps_what_an_open_intent_needs_and_what_a_relation_refers_to(
    plugin: Plugin, database: Database
) -> None:
    plugin("state", "upgrade")
    killed = execution(database, 1, days=300, status="abandoned")
    built = execution(database, 2, days=300, status="failed")
    database.query(
        """
        SET search_path TO dbt_state_plugin;
        INSERT INTO intent (database_name, schema_name, identifier, execution_id, unique_id)
        VALUES ('db', 'analytics', 'orders', %(killed)s, 'model.shop.orders');
        INSERT INTO definition VALUES (repeat('a', 64), 'select 1'), (repeat('b', 64), 'select 2');
        INSERT INTO relation (database_name, schema_name, identifier, environment_id, unique_id, resource_type,
                              materialized, fingerprint, trace, execution_id, raw_definition_id)
        SELECT 'db', 'analytics', 'orders', environment_id, 'model.shop.orders', 'model', 'table', '{}', '{}',
               %(built)s, repeat('a', 64)
        FROM environment
        """,
        {"killed": str(killed), "built": str(built)},
    )

    assert plugin("state", "prune").stdout == "Removed 1 execution, 1 checksum set, 1 definition and 0 manifests.\n"

    assert executions(database) == {killed}
    assert database.query("SELECT execution_id, raw_definition_id FROM dbt_state_plugin.relation") == [(None, "a" * 64)]


def test_prune_can_be_told_the_days_and_the_environment(plugin: Plugin, database: Database) -> None:
    plugin("state", "upgrade")
    for number, pipeline in ((1, "nightly"), (2, "nightly"), (3, "hourly"), (4, "hourly")):
        execution(database, number, days=10 * number, status="failed", pipeline=pipeline)

    arguments = ("state", "prune", "--keep-days", "15")

    assert "Would remove 3 executions" in plugin(*arguments, "--dry-run").stdout
    assert "Removed 1 execution," in plugin(*arguments, "--this-environment").stdout
    assert executions(database) == {UUID(int=1), UUID(int=3), UUID(int=4)}
    assert (
        "Nothing is recorded for pipeline x."
        in plugin(*arguments, "--this-environment", "--pipeline", "x", check=2).stderr
    )


def test_prune_does_not_take_checksums_from_a_step_that_is_being_recorded(
    plugin: Plugin, database: Database, environment: Mapping[str, str], tmp_path: Path
) -> None:
    plugin("state", "upgrade")
    execution(database, 1, days=300, status="failed")
    running = execution(database, 2, days=0, status="running")
    recording = database.connect()
    with recording.cursor() as cursor:
        cursor.execute("BEGIN; SET search_path TO dbt_state_plugin")
        cursor.execute("INSERT INTO checksum_set VALUES (%s, 'file') ON CONFLICT DO NOTHING", (f"{1:064x}",))
        arguments = ("state", "prune")
        pruning = forkserver.Process("dbt-state-plugin", arguments, cwd=tmp_path, environment=environment)
        wait_for_a_lock_on(database, "checksum_set")
        cursor.execute(
            "INSERT INTO execution_step (step_id, execution_id, name, checksum_set_id) VALUES (%s, %s, 'LOAD', %s)",
            (str(UUID(int=9)), str(running), f"{1:064x}"),
        )
        cursor.execute("COMMIT")
    recording.close()

    assert pruning.communicate()[0] == "Removed 1 execution, 0 checksum sets, 0 definitions and 0 manifests.\n"
    assert pruning.returncode == 0
    assert database.query("SELECT count(*) FROM dbt_state_plugin.checksum") == [(2,)]


def wait_for_a_lock_on(database: Database, table: str) -> None:
    """Wait until somebody waits for a lock on a table of the state."""
    query = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = %s::regclass"
    while not database.query(query, (f"dbt_state_plugin.{table}",)):
        time.sleep(0.02)


def test_prune_has_nothing_to_do_where_nothing_is_recorded(plugin: Plugin, database: Database) -> None:
    assert plugin("state", "prune").stdout == "Removed 0 executions, 0 checksum sets, 0 definitions and 0 manifests.\n"
    assert tables(database) == set()


@pytest.mark.parametrize("days", ["-1", "many", "36501"])
def test_days_that_are_no_number_are_refused(plugin: Plugin, days: str) -> None:
    assert plugin("state", "prune", "--keep-days", days, check=2).stderr.startswith("Error: Invalid value")


def test_state_alone_is_refused_in_one_line(plugin: Plugin) -> None:
    refused = plugin("state", check=2)

    assert refused.stderr == "Error: Missing command.\n  See `dbt-state-plugin state --help`.\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(plugin: Plugin, shell: str) -> None:
    printed = plugin("completion", shell)

    assert "_DBT_STATE_PLUGIN_COMPLETE" in printed.stdout
    assert f"completion {shell}" in printed.stderr


def test_a_shell_is_told_the_commands(plugin: Plugin) -> None:
    asked = {"_DBT_STATE_PLUGIN_COMPLETE": "bash_complete", "COMP_WORDS": "dbt-state-plugin init-", "COMP_CWORD": "1"}

    assert plugin(env=asked).stdout == "plain,init-execution\nplain,init-step\n"


def test_a_shell_without_completion_is_refused(plugin: Plugin) -> None:
    assert "'tcsh' is not one of 'bash', 'zsh', 'fish'" in plugin("completion", "tcsh", check=2).stderr


def test_an_upgrade_can_be_tried_without_changing_anything(plugin: Plugin, database: Database) -> None:
    plugin("state", "upgrade")
    plugin("state", "downgrade", "0001", "--yes")

    tried = plugin("state", "upgrade", "--dry-run")

    assert "  installation      1 row -> 1 row\n" in tried.stdout
    assert "  manifest          no table -> 0 rows\n" in tried.stdout
    assert tried.stderr == f"The state is at 0001 and would be at {EXPECTED_VERSION}; nothing was changed.\n"
    assert plugin("state", "current").stdout == "0001\n"


def test_a_check_says_what_is_wrong_and_what_to_do(plugin: Plugin, database: Database) -> None:
    plugin("state", "upgrade")
    assert plugin("state", "check").stderr == "The state is consistent.\n"
    database.query("DELETE FROM dbt_state_plugin.installation")

    checked = plugin("state", "check", check=1)

    assert checked.stdout.splitlines() == [
        "  error  installation: There is not exactly one key that values are hashed with: 0 rows.",
        "         Restore the state from a backup, or run `state downgrade base --yes`: then everything is built once.",
    ]
    assert checked.stderr == "1 error, 0 notes.\n"
    answer = json.loads(plugin("state", "check", "-o", "json", check=1).stdout)
    assert (answer["ok"], [each["check"] for each in answer["findings"]]) == (False, ["installation"])
