"""Owners of a state, and strangers' code that is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from psycopg2 import sql
from support.database import Database
from support.roles import Logins, drop_roles, execute, logins

from dbt_state_plugin.errors import StateError
from dbt_state_plugin.postgres.connection import connect, transaction
from dbt_state_plugin.postgres.settings import DatabaseSettings
from dbt_state_plugin.state import migration
from dbt_state_plugin.state.ownership import become_owner, refuse_stranger, separate_owner

HOSTILE = "we\"ird 'Sch;ema %s {x} \\ :x"


@pytest.fixture
def login(database: Database) -> Iterator[Logins]:
    with logins(database) as made:
        yield made


@pytest.fixture
def separate(database: Database) -> Iterator[str]:
    """Make the role that `state roles` makes as the owner of a state, and name the state's schema."""
    schema = f"{database.dbname} State"  # roles belong to the server, so no two tests share a name
    execute(database, "CREATE ROLE {}", sql.Identifier(f"{schema}_owner"))
    yield schema
    drop_roles(database, [f"{schema}_owner"])


def owned(database: Database, schema: str, owner: str) -> None:
    execute(database, "CREATE SCHEMA {} AUTHORIZATION {}", sql.Identifier(schema), sql.Identifier(owner))


def used_by(role: Database, schema: str, *, acting_as: str = "") -> None:
    """Look at the owners as a role does that uses the state."""
    with closing(connect(DatabaseSettings.from_url(role.url))) as opened, opened.cursor() as cursor:
        if acting_as:
            cursor.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(acting_as)))
        refuse_stranger(cursor, schema)


def refused(role: Database, schema: str, owner: str, *, acting_as: str = "") -> None:
    with pytest.raises(StateError) as caught:
        used_by(role, schema, acting_as=acting_as)
    assert caught.value.what.startswith(f'The schema "{schema}" belongs to the role "{owner}"')
    assert "state roles" in caught.value.do


def test_a_schema_that_there_is_not_belongs_to_no_stranger(database: Database, login: Logins) -> None:
    used_by(database, "state")
    used_by(login("me"), HOSTILE)


@pytest.mark.parametrize("schema", ["state", HOSTILE])
def test_the_state_of_a_stranger_is_refused_to_everybody_but_him(
    database: Database, login: Logins, schema: str
) -> None:
    me, stranger = login("me"), login("stranger")
    owned(database, schema, stranger.user)

    refused(me, schema, stranger.user)
    refused(database, schema, stranger.user)  # a superuser, who would be the best prey
    used_by(stranger, schema)


@pytest.mark.parametrize(
    "thing",
    [
        "TABLE {}.x (a int)",
        "VIEW {}.x AS SELECT 1 AS a",
        "MATERIALIZED VIEW {}.x AS SELECT 1 AS a",
        "SEQUENCE {}.x",
        "TYPE {}.x AS (a int)",
        "TYPE {}.x AS ENUM ('a')",
        "DOMAIN {}.x AS int",
        "FUNCTION {}.x() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "PROCEDURE {}.x() LANGUAGE sql AS 'SELECT 1'",
        "AGGREGATE {}.x(int) (SFUNC = int4pl, STYPE = int)",
        "OPERATOR {}.=== (FUNCTION = int4eq, LEFTARG = int, RIGHTARG = int)",
    ],
)
def test_one_thing_of_a_stranger_in_our_own_schema_is_refused(database: Database, login: Logins, thing: str) -> None:
    me, stranger = login("me"), login("stranger")
    owned(database, "state", me.user)
    execute(database, "CREATE TABLE state.ours (a int)")
    execute(database, "ALTER TABLE state.ours OWNER TO {}", sql.Identifier(me.user))
    execute(database, "GRANT USAGE, CREATE ON SCHEMA state TO {}", sql.Identifier(stranger.user))
    used_by(me, "state")

    execute(stranger, f"CREATE {thing}", sql.Identifier("state"))

    refused(me, "state", stranger.user)


TRAP = """
    CREATE FUNCTION state.trap(varchar, varchar) RETURNS boolean LANGUAGE plpgsql
        AS 'BEGIN RAISE EXCEPTION ''run as %'', current_user; END';
    CREATE OPERATOR state.= (FUNCTION = state.trap, LEFTARG = varchar, RIGHTARG = varchar)
"""


def test_an_operator_of_a_stranger_is_not_run_by_an_upgrade(database: Database, login: Logins) -> None:
    me, stranger = login("me"), login("stranger")
    owned(database, "state", me.user)
    with closing(connect(DatabaseSettings.from_url(me.url))) as opened:
        migration.upgrade(opened, "state")
        migration.downgrade(opened, "state", "0001")
        execute(database, "GRANT USAGE, CREATE ON SCHEMA state TO {}", sql.Identifier(stranger.user))
        stranger.query(TRAP)

        with pytest.raises(StateError, match=f'belongs to the role "{stranger.user}"'):
            migration.upgrade(opened, "state")


def test_what_a_stranger_has_in_another_schema_does_not_matter(database: Database, login: Logins) -> None:
    me, stranger = login("me"), login("stranger")
    owned(database, "state", me.user)
    owned(database, "State", stranger.user)
    owned(database, "state2", stranger.user)

    used_by(me, "state")


def test_of_several_strangers_the_first_is_named(database: Database, login: Logins) -> None:
    me, strangers = login("me"), sorted([login("b"), login("a")], key=lambda each: each.user)
    owned(database, "state", strangers[1].user)
    execute(database, "CREATE TABLE state.x (a int)")
    execute(database, "ALTER TABLE state.x OWNER TO {}", sql.Identifier(strangers[0].user))

    refused(me, "state", strangers[0].user)


def test_what_a_superuser_owns_is_trusted(database: Database, login: Logins) -> None:
    owned(database, "state", database.user)

    used_by(login("me"), "state")


def test_what_the_owner_of_the_database_owns_is_trusted(database: Database, login: Logins) -> None:
    me, master = login("me"), login("master")
    owned(database, "state", master.user)
    refused(me, "state", master.user)

    owner = sql.Identifier(database.user)
    execute(database, "ALTER DATABASE {} OWNER TO {}", sql.Identifier(database.dbname), sql.Identifier(master.user))
    try:
        used_by(me, "state")
        used_by(database, "state")
    finally:
        execute(database, "ALTER DATABASE {} OWNER TO {}", sql.Identifier(database.dbname), owner)


def test_what_a_role_owns_is_trusted_by_its_members(database: Database, login: Logins) -> None:
    team = login("team")
    member, other = login("member", member_of=team.user), login("other")
    owned(database, "state", team.user)

    used_by(member, "state")
    refused(other, "state", team.user)


def test_a_member_is_not_trusted_by_the_role_that_it_is_a_member_of(database: Database, login: Logins) -> None:
    team = login("team")
    member = login("member", member_of=team.user)
    owned(database, "state", member.user)

    refused(team, "state", member.user)


def test_who_acts_as_another_role_trusts_both(database: Database, login: Logins) -> None:
    team, friends = login("team"), login("friends")
    me = login("me", member_of=team.user)
    execute(database, "GRANT {} TO {}", sql.Identifier(friends.user), sql.Identifier(me.user))
    owned(database, "mine", me.user)
    owned(database, "ours", team.user)
    owned(database, "theirs", friends.user)

    for schema in ("mine", "ours", "theirs"):
        used_by(me, schema, acting_as=team.user)


def test_a_superuser_who_acts_as_another_role_trusts_that_role_and_no_stranger(
    database: Database, login: Logins
) -> None:
    dbt, stranger = login("dbt"), login("stranger")
    owned(database, "state", dbt.user)
    owned(database, "trap", stranger.user)

    used_by(database, "state", acting_as=dbt.user)
    refused(database, "trap", stranger.user, acting_as=dbt.user)


def test_the_owner_that_state_roles_makes_is_trusted_with_this_state_alone(
    database: Database, login: Logins, separate: str
) -> None:
    me = login("me")
    owned(database, separate, f"{separate}_owner")
    owned(database, "other", f"{separate}_owner")

    used_by(me, separate)
    used_by(database, separate)
    refused(me, "other", f"{separate}_owner")


def test_the_separate_owner_is_named_with_whether_we_may_act_as_it(
    database: Database, login: Logins, separate: str
) -> None:
    owner = f"{separate}_owner"
    owned(database, separate, owner)
    expected = {login("member", member_of=owner): True, login("other"): False, database: True}

    for role, may in expected.items():
        with closing(role.connect()) as opened, opened.cursor() as cursor:
            assert separate_owner(cursor, separate) == (owner, may)


def test_without_a_schema_or_with_another_owner_there_is_no_separate_owner(
    database: Database, login: Logins, separate: str
) -> None:
    with closing(database.connect()) as opened, opened.cursor() as cursor:
        assert separate_owner(cursor, separate) is None  # the role alone is not enough

        owned(database, separate, login("me").user)
        assert separate_owner(cursor, separate) is None

        owned(database, "other", f"{separate}_owner")
        assert separate_owner(cursor, "other") is None


def acting_role(role: Database, schema: str) -> tuple[str, str]:
    """Become the owner in a transaction; return who we were in it and after it."""
    with closing(connect(DatabaseSettings.from_url(role.url))) as opened:
        with transaction(opened) as cursor:
            become_owner(cursor, schema)
            cursor.execute("SELECT current_user::text")
            [(within,)] = cursor.fetchall()
        with opened.cursor() as cursor:
            cursor.execute("SELECT current_user::text")
            [(afterwards,)] = cursor.fetchall()
    return within, afterwards


def test_who_may_acts_as_the_owner_until_the_end_of_the_transaction(
    database: Database, login: Logins, separate: str
) -> None:
    owner = f"{separate}_owner"
    owned(database, separate, owner)
    member, other = login("member", member_of=owner), login("other")

    assert acting_role(member, separate) == (owner, member.user)
    assert acting_role(database, separate) == (owner, database.user)
    assert acting_role(other, separate) == (other.user, other.user)


def test_nobody_acts_as_an_owner_that_is_not_separate(database: Database, login: Logins, separate: str) -> None:
    team = login("team")
    member = login("member", member_of=team.user)
    owned(database, separate, team.user)

    assert acting_role(member, separate) == (member.user, member.user)
    assert acting_role(member, "nowhere") == (member.user, member.user)
