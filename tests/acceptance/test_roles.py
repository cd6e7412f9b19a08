"""Roles of the state: what each can do, and planted code."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest
from psycopg2 import sql
from support.database import Database
from support.pooler import transaction_pooler
from support.project import SCHEMA, Project, clean_environment, profiles, run_command
from support.roles import Logins, drop_roles, execute, logins

ProjectFactory = Callable[[Mapping[str, str]], Project]
MODELS = {
    "models/orders.sql": "{{ config(materialized='table') }} select 1 as id",
    "models/report.sql": "select * from {{ ref('orders') }}",
}
URL = "DBT_STATE_PLUGIN_DATABASE_URL"
VERSION_AND_KEY = {"alembic_version", "installation"}


@pytest.fixture
def login(database: Database) -> Iterator[Logins]:
    with logins(database) as made:
        yield made


@contextmanager
def separated_state(database: Database) -> Iterator[str]:
    """Yield the name of a state whose roles are separated; roles belong to the server, so no two tests share a name."""
    schema = f"State_{secrets.token_hex(6)}"
    try:
        separate_roles(database, schema)
        yield schema
    finally:
        drop_roles(database, [f"{schema}_{role}" for role in ("owner", "writer", "reader")])


def separate_roles(database: Database, schema: str) -> None:
    """Let an administrator run what the tool prints."""
    arguments = ("state", "roles", "--state-schema", schema)
    printed = run_command("dbt-state-plugin", arguments, cwd=Path.cwd(), environment=os.environ)
    assert printed.returncode == 0, printed.stderr
    assert "as an administrator" in printed.stderr
    database.query(printed.stdout)


def refusal(project: Project, *arguments: str, env: Mapping[str, str] | None = None) -> tuple[str, str]:
    """Return the two lines of an error: what happened and what to do."""
    refused = project.plugin(*arguments, env=env, check=2)
    what, do = refused.stderr.splitlines()
    assert what.startswith("Error: ")
    assert do.startswith("  ")
    assert refused.stdout == ""
    return what, do


def tables(database: Database, schema: str) -> set[str]:
    return {row[0] for row in database.query("SELECT tablename::text FROM pg_tables WHERE schemaname = %s", (schema,))}


def is_allowed(role: Database, statement: str, *names: str) -> bool:
    """Return whether a role may run a statement, which changes no row if it may."""
    try:
        execute(role, statement, *(sql.Identifier(name) for name in names))
    except psycopg2.errors.InsufficientPrivilege:
        return False
    return True


def writable(role: Database, schema: str, names: set[str]) -> set[str]:
    """Return the tables of which a role may delete, all of whose rows a writer could harm just as well."""
    return {name for name in names if is_allowed(role, "DELETE FROM {}.{} WHERE false", schema, name)}


def readable(role: Database, schema: str, names: set[str]) -> set[str]:
    return {name for name in names if is_allowed(role, "SELECT * FROM {}.{} LIMIT 0", schema, name)}


@pytest.mark.state_in_postgres("roles have it")
def test_owner_writer_and_reader_of_two_environments_can_do_their_work_and_nothing_else(
    dbt_project: ProjectFactory, database: Database, login: Logins
) -> None:
    with ExitStack() as stack:
        ours, theirs = (stack.enter_context(separated_state(database)) for _ in range(2))
        stack.callback(lambda: drop_roles(database, [login.made.pop() for _ in range(5)]))
        owner, writer, reader = (login(role, member_of=f"{ours}_{role}") for role in ("owner", "writer", "reader"))
        stranger, nobody = login("stranger", member_of=f"{theirs}_writer"), login("nobody")
        execute(database, "CREATE SCHEMA {} AUTHORIZATION {}", sql.Identifier(SCHEMA), sql.Identifier(writer.user))
        project = dbt_project({**MODELS, "profiles.yml": profiles(writer)})
        state = ("--state-schema", ours)

        # Nobody but the owner creates the state; until the roles are separated again its tables are the owner's alone.
        what, do = refusal(project, "run", *state)
        assert "permission denied" in what
        assert f'"{ours}_owner"' in do
        project.plugin("state", "upgrade", *state, env={URL: owner.url}, check=0)
        what, do = refusal(project, "run", *state)
        assert "permission denied" in what
        assert "state roles" in do
        separate_roles(database, ours)
        project.plugin("state", "upgrade", "--state-schema", theirs, env={URL: database.url}, check=0)
        separate_roles(database, theirs)

        # The writer builds and records, and changes neither the shape of the state nor its version and key.
        project.plugin("run", *state, check=0)
        names = tables(database, ours)
        assert readable(writer, ours, names) == names
        assert writable(writer, ours, names) == names - VERSION_AND_KEY
        for statement in (
            "DROP TABLE {}.execution",
            "TRUNCATE {}.execution CASCADE",
            "ALTER TABLE {}.execution ADD COLUMN extra int",
            "CREATE TABLE {}.extra (id int)",
            "CREATE RULE extra AS ON INSERT TO {}.execution DO NOTHING",
            "UPDATE {}.alembic_version SET version_num = '9999'",
        ):
            assert not is_allowed(writer, statement, ours), statement
        what, do = refusal(project, "state", "downgrade", "0001", "--yes", *state)
        assert "must be owner" in what
        assert f'"{ours}_owner"' in do
        project.plugin("state", "prune", *state, check=0)

        # The reader sees everything, also what an edit would do, and writes nothing.
        project.write("profiles.yml", profiles(reader))
        project.write("models/orders.sql", "{{ config(materialized='table') }} select 2 as id")
        planned = json.loads(project.plugin("plan", "--output", "json", *state, check=0).stdout)
        assert planned["summary"]["build"] == 2
        assert "succeeded" in project.plugin("history", *state, check=0).stdout
        assert readable(reader, ours, names) == names
        assert writable(reader, ours, names) == set()
        for arguments in (("run",), ("forget", "orders"), ("state", "downgrade", "base", "--yes")):
            what, do = refusal(project, *arguments, *state)
            assert "permission denied" in what or "must be owner" in what

        # Who has no role reads nothing, and the writer of one environment is nobody in the other.
        for role in (nobody, stranger):
            assert readable(role, ours, names) == set()
            assert writable(role, ours, names) == set()
        assert writable(stranger, theirs, names) == names - VERSION_AND_KEY
        assert readable(writer, theirs, names) == set()
        project.write("profiles.yml", profiles(nobody))
        assert "permission denied" in refusal(project, "history", *state)[0]

        # An upgrade by a superuser leaves everything with the owner.
        project.plugin("state", "downgrade", "0002", "--yes", *state, env={URL: owner.url}, check=0)
        project.write("profiles.yml", profiles(writer))
        what, do = refusal(project, "history", *state)
        assert "version 0002" in what
        project.plugin("state", "upgrade", *state, env={URL: database.url}, check=0)
        assert database.query("SELECT DISTINCT tableowner::text FROM pg_tables WHERE schemaname = %s", (ours,)) == [
            (f"{ours}_owner",)
        ]


@pytest.fixture
def scripts(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Give a function that runs one command for a pipeline of scripts, without dbt."""

    def run(role: Database, *arguments: str, check: int = 0) -> subprocess.CompletedProcess[str]:
        environment = {**clean_environment(tmp_path), URL: role.url, "DBT_STATE_PLUGIN_PIPELINE": "nightly"}
        finished = run_command("dbt-state-plugin", arguments, cwd=tmp_path, environment=environment)
        assert finished.returncode == check, finished.stdout + finished.stderr
        return finished

    return run


SPRUNG = """
    CREATE TABLE public.sprung (who text, what text);
    CREATE FUNCTION public.spring() RETURNS trigger LANGUAGE plpgsql SECURITY INVOKER AS
        $$ BEGIN INSERT INTO public.sprung VALUES (current_user, tg_relid::regclass); RETURN NEW; END $$;
    CREATE TRIGGER spring BEFORE INSERT ON dbt_state_plugin.environment FOR EACH ROW EXECUTE FUNCTION public.spring();
    GRANT USAGE ON SCHEMA dbt_state_plugin TO PUBLIC;
    GRANT ALL ON ALL TABLES IN SCHEMA dbt_state_plugin, public TO PUBLIC;
"""


def test_a_state_that_another_user_has_put_in_our_way_is_not_touched(
    scripts: Callable[..., subprocess.CompletedProcess[str]], database: Database, login: Logins
) -> None:
    mallory, victim = login("mallory"), login("victim")
    for statement in ("GRANT CREATE ON DATABASE {} TO {}", "GRANT CREATE ON SCHEMA public TO {1}"):
        execute(database, statement, sql.Identifier(database.dbname), sql.Identifier(mallory.user))
    scripts(mallory, "state", "upgrade")
    mallory.query(SPRUNG)

    for role in (victim, database):  # whose own rights would not save them
        for arguments in (("init-execution",), ("get-last-successful-execution",), ("state", "current")):
            refused = scripts(role, *arguments, check=2).stderr
            assert f'"{mallory.user}"' in refused
            assert "state roles" in refused
    assert database.query("SELECT * FROM public.sprung") == []

    # Nor is it made the state of anybody by the administrator's script.
    printed = scripts(database, "state", "roles").stdout
    with pytest.raises(psycopg2.errors.RaiseException, match="environment is no plain table"):
        database.query(printed)
    assert database.query("SELECT 1 FROM pg_roles WHERE rolname = 'dbt_state_plugin_owner'") == []

    # The same state is fine for who made it, and for a member of that role.
    scripts(mallory, "init-execution")
    execute(database, "GRANT {} TO {}", sql.Identifier(mallory.user), sql.Identifier(victim.user))
    scripts(victim, "init-execution")


# What fits our arguments better than, or comes before, what PostgreSQL has; and dbt may go on calling it unharmed.
TRAPS = """
    CREATE FUNCTION public.spring(what text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
        IF pg_catalog.current_setting('application_name') OPERATOR(pg_catalog.=) 'dbt-state-plugin' THEN
            RAISE EXCEPTION 'sprung: %', what;
        END IF; END $$;
    CREATE FUNCTION public.unnest(text[]) RETURNS SETOF text LANGUAGE plpgsql AS
        $$ BEGIN PERFORM public.spring('unnest'); RETURN QUERY SELECT pg_catalog.unnest($1); END $$;
    CREATE FUNCTION public.set_config(text, text, boolean) RETURNS text LANGUAGE plpgsql AS
        $$ BEGIN PERFORM public.spring('set_config'); RETURN pg_catalog.set_config($1, $2, $3); END $$;
    CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE plpgsql AS
        $$ BEGIN PERFORM public.spring('clock_timestamp'); RETURN pg_catalog.clock_timestamp(); END $$;
    CREATE FUNCTION public.gen_random_uuid() RETURNS uuid LANGUAGE plpgsql AS
        $$ BEGIN PERFORM public.spring('gen_random_uuid'); RETURN pg_catalog.gen_random_uuid(); END $$;
    CREATE FUNCTION public.starts_with(text, text) RETURNS boolean LANGUAGE plpgsql AS
        $$ BEGIN PERFORM public.spring('starts_with'); RETURN pg_catalog.starts_with($1, $2); END $$;
    CREATE FUNCTION public.md5(text) RETURNS text LANGUAGE plpgsql AS
        $$ BEGIN PERFORM public.spring('md5'); RETURN pg_catalog.md5($1); END $$;
    CREATE FUNCTION public.jsonb_set(jsonb, text[], jsonb) RETURNS jsonb LANGUAGE plpgsql AS
        $$ BEGIN PERFORM public.spring('jsonb_set'); RETURN pg_catalog.jsonb_set($1, $2, $3); END $$;
    CREATE FUNCTION public.equal(text, text) RETURNS boolean LANGUAGE plpgsql AS
        $$ BEGIN PERFORM public.spring('='); RETURN $1 OPERATOR(pg_catalog.=) $2; END $$;
    CREATE OPERATOR public.= (FUNCTION = public.equal, LEFTARG = text, RIGHTARG = text);
    CREATE FUNCTION public.equal(name, text) RETURNS boolean LANGUAGE plpgsql AS
        $$ BEGIN PERFORM public.spring('name ='); RETURN $1::pg_catalog.text OPERATOR(pg_catalog.=) $2; END $$;
    CREATE OPERATOR public.= (FUNCTION = public.equal, LEFTARG = name, RIGHTARG = text);
    CREATE FUNCTION public.joined(jsonb, jsonb) RETURNS jsonb LANGUAGE plpgsql AS
        $$ BEGIN PERFORM public.spring('||'); RETURN $1 OPERATOR(pg_catalog.||) $2; END $$;
    CREATE OPERATOR public.|| (FUNCTION = public.joined, LEFTARG = jsonb, RIGHTARG = jsonb);
    CREATE FUNCTION public.is_text(text) RETURNS boolean LANGUAGE plpgsql AS
        $$ BEGIN PERFORM public.spring('type'); RETURN true; END $$;
    CREATE DOMAIN public.uuid AS pg_catalog.uuid CHECK (public.is_text('uuid'));
    CREATE TABLE public.relation (id int);
    CREATE TABLE public.execution (id int);
    CREATE VIEW public.pg_class AS SELECT * FROM pg_catalog.pg_class
        WHERE pg_catalog.current_setting('application_name') OPERATOR(pg_catalog.<>) 'dbt-state-plugin';
    CREATE VIEW public.pg_namespace AS SELECT * FROM pg_catalog.pg_namespace
        WHERE pg_catalog.current_setting('application_name') OPERATOR(pg_catalog.<>) 'dbt-state-plugin';
    GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC;
"""


def test_no_function_operator_type_or_table_that_others_planted_is_ever_used(
    dbt_project: ProjectFactory, database: Database, login: Logins
) -> None:
    victim, mallory = login("victim"), login("mallory")
    execute(database, "ALTER ROLE {} SET search_path = public, pg_catalog", sql.Identifier(victim.user))
    execute(database, "GRANT CREATE ON DATABASE {} TO {}", *map(sql.Identifier, (database.dbname, victim.user)))
    execute(database, "GRANT CREATE ON SCHEMA public TO {}", sql.Identifier(mallory.user))
    mallory.query(TRAPS)
    project = dbt_project({**MODELS, "profiles.yml": profiles(victim)})

    # The traps are real: this is what a statement of ours would meet, were its names looked up as the role has it.
    with pytest.raises(psycopg2.errors.RaiseException, match="sprung: unnest"):
        replace(victim, url=f"{victim.url}?application_name=dbt-state-plugin").query("SELECT unnest('{a}'::text[])")

    project.plugin("run", check=0)
    project.plugin("run", check=0)
    project.plugin("forget", "report", check=0)
    assert "succeeded" in project.plugin("history", check=0).stdout
    with transaction_pooler(victim, servers=1) as port:  # where no setting of a session may stay behind
        pooled = replace(victim, host="127.0.0.1", port=port)
        project.write("profiles.yml", profiles(pooled))
        planned = json.loads(project.plugin("plan", "--output", "json", check=0).stdout)
        assert planned["summary"]["build"] == 1
        url = f"postgresql://{victim.user}@127.0.0.1:{port}/{victim.dbname}?sslmode=disable"
        assert replace(pooled, url=url).query("SELECT pg_catalog.current_setting('search_path')") == [
            ("public, pg_catalog",)
        ]
