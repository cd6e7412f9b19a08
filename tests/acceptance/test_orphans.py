"""Relations that nodes left behind, listed and dropped."""

from __future__ import annotations

import json
import os
import pty
import secrets
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest
from psycopg2 import sql
from support import forkserver
from support.database import Database, fresh_database
from support.project import SCHEMA, Project

from dbt_state_plugin.core.values.relations import Environment
from dbt_state_plugin.state.lock import lock_key
from dbt_state_plugin.testing.postgres_server import Server

ProjectFactory = Callable[[Mapping[str, str]], Project]

TABLE = "{{ config(materialized='table') }} select 1 as id"
VIEW = "select * from {{ ref('%s') }}"
HOSTILE = 'it\'s "odd" tö'
RELATIONS = "SELECT relname::text FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind IN ('r', 'v', 'm')"
RECORDED = "SELECT identifier FROM {state}.relation WHERE schema_name = %s"


def relations(database: Database) -> set[str]:
    return {row[0] for row in database.query(RELATIONS, (SCHEMA,))}


def recorded(database: Database) -> set[str]:
    return {row[0] for row in database.state(RECORDED, (SCHEMA,))}


def rename(database: Database, kind: str, before: str, after: str) -> None:
    """Rename a relation and its record, to a name under which dbt itself could not build it."""
    names = {"kind": sql.SQL(kind), "old": sql.Identifier(SCHEMA, before), "new": sql.Identifier(after)}
    database.query(sql.SQL("ALTER {kind} {old} RENAME TO {new}").format(**names))
    database.state("UPDATE {state}.relation SET identifier = %s WHERE identifier = %s", (after, before))


def actions(printed: str) -> dict[str, tuple[str, str]]:
    """Return for the name of each node in a JSON document what is done with it and why."""
    found = json.loads(printed)["orphans"]
    return {item["unique_id"].split(".")[-1]: (item.get("action") or item["outcome"], item["why"]) for item in found}


def at_a_terminal(project: Project, answer: str, *arguments: str) -> tuple[int, str, str]:
    """Run a command whose stdin and stderr are a terminal; return its exit code, its stdout and the screen."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [str(forkserver.programs() / "dbt-state-plugin"), *arguments],
        cwd=project.directory,
        env={**project.environment, "COLUMNS": "80"},
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    os.write(ours, f"{answer}\n".encode())
    shown = b""
    while True:
        try:
            shown += os.read(ours, 4096)
        except OSError:  # Linux says so when the other side is closed
            break
    stdout = process.communicate()[0]
    os.close(ours)
    return process.returncode, stdout, shown.decode().replace("\r\n", "\n")


def test_what_deleted_renamed_disabled_and_ephemeral_models_left_behind_is_listed_and_dropped(
    dbt_project: ProjectFactory, database: Database
) -> None:
    project = dbt_project(
        {
            "models/stays.sql": TABLE,
            "models/deleted.sql": TABLE,
            "models/deleted_view.sql": VIEW % "deleted",
            "models/deleted_summary.sql": "{{ config(materialized='materialized_view') }}" + VIEW % "deleted_view",
            "models/before.sql": TABLE,
            "models/off.sql": TABLE,
            "models/inlined.sql": TABLE,
            "models/moved.sql": "{{ config(materialized='table', alias='old alias') }} select 1 as id",
            "models/gone.sql": TABLE,
            "seeds/codes.csv": "id\n1\n",
        }
    )
    project.plugin("build", check=0)
    for path in ("deleted", "deleted_view", "deleted_summary", "before", "gone"):
        project.delete(f"models/{path}.sql")
    project.delete("seeds/codes.csv")
    project.write("models/after.sql", TABLE)
    project.write("models/off.sql", "{{ config(enabled=false) }} select 1 as id")
    project.write("models/inlined.sql", "{{ config(materialized='ephemeral') }} select 1 as id")
    project.write("models/moved.sql", TABLE)
    rename(database, "TABLE", "deleted", HOSTILE)
    database.query(f"DROP TABLE {SCHEMA}.gone")
    before, before_recorded = relations(database), recorded(database)
    left = {HOSTILE, "deleted_view", "deleted_summary", "before", "off", "inlined", "old alias", "codes"}
    assert before == {"stays", *left}

    removed = json.loads(project.plugin("plan", "--for", "build", "--output", "json", check=0).stdout)["removed"]
    planned = {each["unique_id"]: each["exists"] for each in removed}
    assert [unique_id for unique_id, exists in planned.items() if not exists] == ["model.shop.gone"]
    assert len(planned) == 9
    said = project.plugin("plan", check=0).stdout
    assert said.count("still exists (see `state orphans`)") == 8
    assert f'  removed model.shop.gone: relation "{database.dbname}"."analytics"."gone" no longer exists (see' in said

    listed = project.plugin("state", "orphans", check=0)
    lines = {line.split(": ")[0]: line.split("; ")[-1] for line in listed.stdout.splitlines()}
    assert lines == {
        'analytics."it\'s ""odd"" tö"': "there as recorded",
        'analytics."old alias"': "there as recorded",
        "analytics.gone": "no longer exists",
        **{
            f"analytics.{name}": "there as recorded"
            for name in ("deleted_view", "deleted_summary", "before", "off", "inlined", "codes")
        },
    }
    assert "materialized view of model.shop.deleted_summary, built 20" in listed.stdout
    assert listed.stderr.startswith("Orphans: 8 to drop, 1 to forget. `dbt-state-plugin state orphans --drop` does it.")

    refused = project.plugin("state", "orphans", "--drop", check=2)
    assert refused.stdout == ""
    assert "  drop    analytics.before: table of model.shop.before" in refused.stderr
    assert refused.stderr.endswith(
        "Error: Nothing was dropped: there is no terminal to confirm it.\n  Pass --yes to confirm the list above.\n"
    )
    code, stdout, shown = at_a_terminal(project, "y", "state", "orphans", "--drop")
    assert (code, stdout) == (2, "")
    assert "Drop them? Type yes: " in shown
    assert max(len(line) for line in shown.splitlines()) <= 80
    assert "Nothing was dropped: you did not type yes." in shown
    assert (relations(database), recorded(database)) == (before, before_recorded)

    code, stdout, shown = at_a_terminal(project, "yes", "state", "orphans", "--drop")

    assert code == 0, shown
    assert "Orphans: 8 dropped, 1 forgotten." in shown
    order = [line.removeprefix("dropped analytics.") for line in stdout.splitlines() if line.startswith("dropped")]
    assert order.index("deleted_summary") < order.index("deleted_view") < order.index('"it\'s ""odd"" tö"')
    assert "forgotten analytics.gone; no longer exists" in stdout.splitlines()
    assert relations(database) == {"stays"}
    assert recorded(database) == {"stays"}
    none = project.plugin("state", "orphans", "--drop", check=0)
    assert (none.stdout, none.stderr) == (
        "",
        f"There are no orphans in shop/dev ({database.dbname}.{SCHEMA}).\n",
    )


@pytest.fixture
def guest(database: Database) -> Iterator[tuple[str, str]]:
    """Give the name and password of a role that may do nothing yet."""
    name, password = f"guest_{secrets.token_hex(4)}", secrets.token_hex(8)
    database.query(
        sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(name), sql.Literal(password)),
    )
    yield name, password
    database.query(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(name)))


@pytest.mark.state_in_postgres("a guest is granted its tables")
def test_what_others_need_what_was_replaced_and_what_cannot_be_rebuilt_stays(
    dbt_project: ProjectFactory, database: Database, guest: tuple[str, str]
) -> None:
    names = ("needed", "needed_view", "replaced", "claimed", "free")
    project = dbt_project(
        {
            "profiles.yml": f"""\
shop:
  target: dev
  outputs:
    dev:
      type: postgres
      host: {database.host}
      port: {database.port}
      user: "{{{{ env_var('DBT_USER', '{database.user}') }}}}"
      password: "{{{{ env_var('DBT_ENV_SECRET_PASSWORD', '{database.password}') }}}}"
      dbname: {database.dbname}
      schema: {SCHEMA}
      threads: 4
""",
            "models/stays.sql": TABLE,
            **{f"models/{name}.sql": TABLE for name in names},
            "models/needed_view.sql": VIEW % "needed",
            "models/increments.sql": "{{ config(materialized='incremental') }} select 1 as id",
            "snapshots/past.sql": "{% snapshot past %}{{ config(unique_key='id', strategy='check', check_cols='all') }}"
            "select * from {{ ref('stays') }}{% endsnapshot %}",
        }
    )
    project.plugin("build", check=0)
    for name in (*names, "increments"):
        project.delete(f"models/{name}.sql")
    project.delete("snapshots/past.sql")
    database.query(f"CREATE VIEW {SCHEMA}.by_hand AS SELECT * FROM {SCHEMA}.needed_view")
    database.query(f"DROP TABLE {SCHEMA}.replaced; CREATE TABLE {SCHEMA}.replaced (precious int)")
    database.query(
        """
        SET search_path TO dbt_state_plugin;
        INSERT INTO environment (project_name, target_name) VALUES ('other', 'prod');
        INSERT INTO execution (execution_id, environment_id, command, is_exclusive, caller, tool_version)
        SELECT '11111111-1111-1111-1111-111111111111', environment_id, 'run', true, 'cli', '0'
        FROM environment WHERE project_name = 'other';
        INSERT INTO intent (database_name, schema_name, identifier, execution_id, unique_id)
        SELECT database_name, schema_name, identifier, '11111111-1111-1111-1111-111111111111', 'model.other.claimed'
        FROM relation WHERE identifier = 'claimed'
        """
    )
    before, before_recorded = relations(database), recorded(database)
    assert before == {*names, "stays", "increments", "past", "by_hand"}

    name, password = guest
    database.query(
        sql.SQL(
            "GRANT USAGE ON SCHEMA dbt_state_plugin, analytics TO {0}; "
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA dbt_state_plugin TO {0}"
        ).format(sql.Identifier(name))
    )
    as_guest = {"DBT_USER": name, "DBT_ENV_SECRET_PASSWORD": password}
    denied = project.plugin("state", "orphans", "--drop", "--yes", env=as_guest, check=1)
    assert (
        f"refused analytics.free; role {name} may not drop it, because it belongs to role {database.user}"
        in denied.stdout.splitlines()
    )
    assert (relations(database), recorded(database)) == (before, before_recorded)

    dropped = project.plugin("state", "orphans", "--drop", "--yes", "--output", "json", check=1)

    other = "execution 11111111 of other/prod (.) may have written it"
    history = "its rows cannot be rebuilt (--include-history drops it too)"
    assert actions(dropped.stdout) == {
        "free": ("dropped", ""),
        "needed_view": ("refused", "others depend on it: view analytics.by_hand"),
        "needed": ("refused", "others depend on it: view analytics.needed_view"),
        "replaced": (
            "refused",
            f"not the one that was recorded but a table of role {database.user} (`forget` takes it off this list)",
        ),
        "claimed": ("refused", other),
        "increments": ("kept", history),
        "past": ("kept", history),
    }
    assert "Orphans: 1 dropped, 2 kept, 4 refused." in dropped.stderr
    assert relations(database) == before - {"free"}
    assert recorded(database) == before_recorded - {"free"}

    project.plugin("state", "orphans", "--drop", "--yes", "--include-history", check=1)

    assert relations(database) == before - {"free", "increments", "past"}
    assert recorded(database) == before_recorded - {"free", "increments", "past"}


def test_orphans_are_dropped_where_the_state_is_kept_elsewhere_and_not_during_a_run(
    dbt_project: ProjectFactory, database: Database, postgres_server: Server
) -> None:
    project = dbt_project({"models/stays.sql": TABLE, "models/deleted.sql": TABLE})
    with fresh_database(postgres_server) as elsewhere:
        env = {"DBT_STATE_PLUGIN_DATABASE_URL": elsewhere.url}
        project.plugin("build", env=env, check=0)
        project.delete("models/deleted.sql")
        arguments = ("state", "orphans", "--drop", "--yes", "--lock-timeout", "0")

        with closing(elsewhere.connect()) as other, other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", (lock_key(environment(elsewhere), "dbt_state_plugin"),))
            busy = project.plugin(*arguments, env=env, check=3)
        assert "Another run of shop/dev" in busy.stderr
        assert relations(database) == {"stays", "deleted"}
        assert recorded(elsewhere) == {"stays", "deleted"}

        project.plugin(*arguments, env=env, check=0)

        assert relations(database) == {"stays"}
        assert recorded(elsewhere) == {"stays"}


def environment(state: Database) -> Environment:
    """Return the only environment of a state."""
    row: tuple[Any, ...]
    (row,) = state.state(
        "SELECT warehouse, project_name, target_name, database_name, schema_name FROM {state}.environment"
    )
    return Environment(warehouse=row[0], project=row[1], target=row[2], database=row[3], schema=row[4])


def test_where_nothing_is_recorded_nothing_is_left_behind(dbt_project: ProjectFactory, database: Database) -> None:
    project = dbt_project({"models/stays.sql": TABLE})

    listed = project.plugin("state", "orphans", "--drop", check=0)

    assert listed.stdout == ""
    assert listed.stderr == "Nothing is recorded for this environment yet, so there are no orphans.\n"
    assert database.has_no_state
    assert "--yes is for --drop only" in project.plugin("state", "orphans", "--yes", check=2).stderr
