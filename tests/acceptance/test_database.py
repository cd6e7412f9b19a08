"""Databases, roles and connections that can carry the state, or cannot."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import psycopg2
import pytest
from psycopg2 import sql
from support.database import Database, fresh_database
from support.pooler import transaction_pooler
from support.project import SCHEMA, Project, profiles
from support.roles import execute, logins

from dbt_state_plugin.testing.postgres_binaries import server_account
from dbt_state_plugin.testing.postgres_server import Server, create_database, start_server

ProjectFactory = Callable[[Mapping[str, str]], Project]

MODELS = {
    "models/orders.sql": "{{ config(materialized='table') }} select 1 as id",
    "models/report.sql": "select * from {{ ref('orders') }}",
}
STATE = "dbt_state_plugin"
URL = "DBT_STATE_PLUGIN_DATABASE_URL"
PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
POOLERS = ["stand-in", *(["pgbouncer"] if PGBOUNCER else [])]


@pytest.fixture
def role(database: Database) -> Iterator[Database]:
    """Give the database as a role sees it that was granted nothing."""
    with logins(database) as made:
        yield made("role")


def refusal(project: Project, *arguments: str, env: Mapping[str, str] | None = None) -> tuple[str, str]:
    """Return the two lines of an error: what happened and what to do, after one that says that it tries again."""
    refused = project.plugin(*arguments, env=env, check=2)
    *waits, what, do = refused.stderr.splitlines()
    assert all("Trying again in 1 s (1 of 1)." in wait for wait in waits)
    assert what.startswith("Error: ")
    assert do.startswith("  ")
    assert refused.stdout == "", "dbt was not to be started"
    return what, do


def planned(project: Project, env: Mapping[str, str] | None = None) -> set[str]:
    printed = project.plugin("plan", "--output", "json", env=env, check=0).stdout
    return {node["name"] for node in json.loads(printed)["nodes"] if node["decision"] == "build"}


def has_schema(database: Database, name: str) -> bool:
    return bool(database.query("SELECT 1 FROM pg_namespace WHERE nspname = %s", (name,)))


def test_a_role_without_create_on_the_database_works_in_schemas_made_for_it(
    dbt_project: ProjectFactory, database: Database, role: Database
) -> None:
    user = sql.Identifier(role.user)
    execute(database, "CREATE SCHEMA {} AUTHORIZATION {}", sql.Identifier(SCHEMA), user)
    execute(database, "CREATE SCHEMA {}", sql.Identifier(STATE))
    execute(database, "GRANT USAGE, CREATE ON SCHEMA {} TO {}", sql.Identifier(STATE), user)
    project = dbt_project({**MODELS, "profiles.yml": profiles(role)})

    project.plugin("run", check=0)

    assert planned(project) == set()
    assert database.query("SELECT has_database_privilege(%s, current_database(), 'CREATE')", (role.user,)) == [(False,)]
    assert project.plugin("history", check=0).stdout.count("succeeded") == 1


@pytest.mark.state_in_postgres("roles, servers that are read only and poolers have it")
def test_a_role_without_rights_is_told_what_to_grant_until_it_works(
    dbt_project: ProjectFactory, database: Database, role: Database
) -> None:
    project = dbt_project({**MODELS, "profiles.yml": profiles(role)})
    state = ("--state-schema", 'State of "us"')
    execute(database, "CREATE SCHEMA {} AUTHORIZATION {}", sql.Identifier(SCHEMA), sql.Identifier(role.user))

    what, do = refusal(project, "run", *state)
    assert "permission denied for database" in what
    assert f"GRANT CREATE ON DATABASE {database.dbname} TO {role.user};".replace('"', "") in do.replace('"', "")

    # An administrator makes the state, and then runs what the tool says, to the letter.
    environment = {URL: database.url}
    project.plugin("state", "upgrade", *state, env=environment, check=0)
    what, do = refusal(project, "run", *state)
    assert "permission denied" in what
    database.query(do.partition("Ask a database administrator to run: ")[2])

    project.plugin("run", *state, check=0)
    assert not has_schema(database, STATE)


def test_a_database_that_cannot_be_reached_or_refuses_the_login_is_named_without_the_password(
    dbt_project: ProjectFactory, database: Database, role: Database
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed_port = listener.getsockname()[1]
    project = dbt_project({**MODELS, "profiles.yml": profiles(replace(role, port=closed_port))})

    what, do = refusal(project, "run")
    assert f"{role.user}@{database.host}:{closed_port}/{database.dbname}" in what
    assert "Check that the server runs" in do

    project.write("profiles.yml", profiles(replace(role, password="hunter2-wrong")))
    debugged = project.plugin("run", "--debug", check=2)
    assert "hunter2-wrong" not in debugged.stderr
    what, do = refusal(project, "run")
    assert "password authentication failed" in what
    assert "dbt profile" in do
    assert "hunter2-wrong" not in what + do

    wrong = f"postgresql+psycopg2://{role.user}:hunter2-url@{database.host}:{database.port}/{database.dbname}"
    what, do = refusal(project, "plan", env={URL: wrong})
    assert "password authentication failed" in what
    assert URL in do
    assert "hunter2-url" not in what + do


@pytest.mark.state_in_postgres("roles, servers that are read only and poolers have it")
def test_a_read_only_role_may_plan_but_not_run(dbt_project: ProjectFactory, database: Database, role: Database) -> None:
    execute(database, "ALTER ROLE {} SET default_transaction_read_only = on", sql.Identifier(role.user))
    project = dbt_project({**MODELS, "profiles.yml": profiles(role)})

    what, do = refusal(project, "run")

    assert "read-only" in what
    assert "default_transaction_read_only" in do
    assert planned(project) == {"orders", "report"}


@contextmanager
def pooler(kind: str, database: Database, directory: Path) -> Iterator[Database]:
    """Give the database as it looks through a pooler in transaction mode."""
    with ExitStack() as stack:
        if kind == "pgbouncer":
            port = stack.enter_context(pgbouncer(database, directory))
        else:
            port = stack.enter_context(transaction_pooler(database, servers=2))
        url = f"postgresql://{database.user}:{quote(database.password)}@127.0.0.1:{port}/{database.dbname}"
        yield replace(database, host="127.0.0.1", port=port, url=url)


@contextmanager
def pgbouncer(database: Database, directory: Path) -> Iterator[int]:
    assert PGBOUNCER
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    server = f"host={database.host} port={database.port} user={database.user} password={database.password}"
    configuration = directory / "pgbouncer.ini"
    configuration.write_text(
        f"[databases]\n{database.dbname} = {server} dbname={database.dbname}\n"
        "[pgbouncer]\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 2\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        "ignore_startup_parameters = extra_float_digits\n"
    )
    account = server_account()  # pgbouncer refuses to run as root
    with configuration.open() as readable:  # by that user too, whatever the rights of the directory are
        process = subprocess.Popen(
            [PGBOUNCER, "-q", "/dev/stdin"],
            stdin=readable,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            user=account.uid,
            group=account.gid,
        )
    try:
        await_port(port, process)
        yield port
    finally:
        process.terminate()
        process.wait()


def await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        assert process.poll() is None, "pgbouncer did not start"
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("pgbouncer does not listen")


@pytest.mark.state_in_postgres("roles, servers that are read only and poolers have it")
@pytest.mark.parametrize("kind", POOLERS)
def test_a_pooler_in_transaction_mode_is_refused_for_the_state_and_fine_for_dbt(
    kind: str, dbt_project: ProjectFactory, database: Database, tmp_path: Path
) -> None:
    with pooler(kind, database, tmp_path) as pooled:
        project = dbt_project({**MODELS, "profiles.yml": profiles(pooled)})

        what, do = refusal(project, "run")
        assert "connection pooler" in what
        assert URL in do
        assert not has_schema(database, STATE)
        assert not has_schema(database, SCHEMA)

        project.plugin("run", env={URL: database.url}, check=0)
        assert planned(project) == set(), "what only looks may come through the pooler"
        assert settings_behind(pooled) == {('"$user", public', "0")}, "other clients get those connections too"


def settings_behind(pooled: Database) -> set[tuple[str, str]]:
    """Return what the pooler's server connections have as search_path and lock_timeout."""
    with ExitStack() as stack:
        opened = [stack.enter_context(closing(psycopg2.connect(pooled.url))) for _ in range(2)]
        cursors = [connection.cursor() for connection in opened]  # both are in a transaction, so these are two servers
        for cursor in cursors:
            cursor.execute("SELECT current_setting('search_path'), current_setting('lock_timeout')")
        return {cursor.fetchone() for cursor in cursors}


def test_state_kept_apart_knows_two_warehouses_with_equal_names_as_two(
    dbt_project: ProjectFactory, database: Database, postgres_server: Server
) -> None:
    with ExitStack() as stack:
        kept_apart = stack.enter_context(fresh_database(postgres_server))
        other_server = stack.enter_context(start_server(prefer="embedded"))
        create_database(other_server, database.dbname)
        other = replace(
            database,
            host=other_server.host,
            port=other_server.port,
            user=other_server.user,
            password=other_server.password,
            url=other_server.url(database.dbname),
        )
        libpq = {URL: kept_apart.url}
        sqlalchemy = {URL: kept_apart.url.replace("postgresql://", "postgresql+psycopg2://", 1)}
        project = dbt_project(MODELS)

        project.plugin("run", env=libpq, check=0)
        assert planned(project, sqlalchemy) == set()
        assert has_schema(kept_apart, STATE)
        assert not has_schema(database, STATE)

        project.write("profiles.yml", profiles(other))
        assert planned(project, libpq) == {"orders", "report"}
        project.plugin("run", env=sqlalchemy, check=0)
        assert planned(project, libpq) == set()
        other.query(sql.SQL("DROP VIEW {}").format(sql.Identifier(SCHEMA, "report")))
        assert planned(project, libpq) == {"report"}

        project.write("profiles.yml", profiles(database))
        assert planned(project, libpq) == set()
