"""Owner of the state, and whether it can be trusted.

The owner of a table can attach triggers, rules and views to it, whose code runs with the rights of whoever uses the
table: a state that someone else has planted would take over the role that dbt builds with. So would a function, an
operator or a type beside the tables: a migration resolves names there, after PostgreSQL's own.
"""

from __future__ import annotations

from typing import Any

from dbt_state_plugin.errors import StateError

# A role by this name needs somebody who may create roles, and such a one may do anything in the database anyway.
OWNER_SUFFIX = "_owner"

# Trusted are superusers, the database's owner, this role, the roles that it is a member of (a superuser counts as a
# member of all, and must not trust all of them), and the owner that `state roles` makes.
_STRANGERS = """
    SELECT DISTINCT o.rolname::text
    FROM (SELECT nspowner AS owner FROM pg_catalog.pg_namespace WHERE nspname = %(schema)s
          UNION ALL
          SELECT there.owner FROM (SELECT relnamespace AS schema, relowner AS owner FROM pg_catalog.pg_class
                UNION ALL SELECT pronamespace, proowner FROM pg_catalog.pg_proc
                UNION ALL SELECT oprnamespace, oprowner FROM pg_catalog.pg_operator
                UNION ALL SELECT typnamespace, typowner FROM pg_catalog.pg_type) there
          WHERE there.schema OPERATOR(pg_catalog.=) pg_catalog.to_regnamespace(pg_catalog.quote_ident(%(schema)s))) x
    JOIN pg_catalog.pg_roles o ON o.rolname = pg_catalog.pg_get_userbyid(x.owner)
    CROSS JOIN (SELECT coalesce(pg_catalog.bool_or(rolsuper), true) AS is_super FROM pg_catalog.pg_roles
                WHERE rolname IN (current_user, session_user)) we
    WHERE NOT (o.rolsuper OR o.rolname IN (current_user, session_user, %(owner)s)
               OR x.owner = (SELECT datdba FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
               OR (NOT we.is_super AND (pg_catalog.pg_has_role(current_user, x.owner, 'MEMBER')
                                        OR pg_catalog.pg_has_role(session_user, x.owner, 'MEMBER'))))
    ORDER BY 1
"""


def refuse_stranger(cursor: Any, schema: str) -> None:
    """Raise StateError when the state's schema, or anything in it, belongs to a role that is not to be trusted."""
    cursor.execute(_STRANGERS, {"schema": schema, "owner": f"{schema}{OWNER_SUFFIX}"})
    strangers = [row[0] for row in cursor.fetchall()]
    if strangers:
        raise StateError(
            f'The schema "{schema}" belongs to the role "{strangers[0]}", and an owner\'s triggers would run as you.',
            "Let an administrator run what `dbt-state-plugin state roles` prints, or choose another --state-schema.",
        )


_SEPARATE_OWNER = """
    SELECT pg_catalog.pg_get_userbyid(nspowner)::text, pg_catalog.pg_has_role(current_user, nspowner, 'MEMBER')
    FROM pg_catalog.pg_namespace WHERE nspname = %s AND pg_catalog.pg_get_userbyid(nspowner) = %s
"""


def separate_owner(cursor: Any, schema: str) -> tuple[str, bool] | None:
    """Return the owner that `state roles` made, and whether we may act as it; None when the state has no such owner."""
    cursor.execute(_SEPARATE_OWNER, (schema, f"{schema}{OWNER_SUFFIX}"))
    row: tuple[str, bool] | None = cursor.fetchone()
    return row


def become_owner(cursor: Any, schema: str) -> None:
    """Act as the state's separate owner for the rest of the transaction, if we may: what is created is the owner's."""
    owner = separate_owner(cursor, schema)
    if owner and owner[1]:
        cursor.execute("SELECT pg_catalog.set_config('role', %s, true)", (owner[0],))
