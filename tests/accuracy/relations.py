"""Relations of a database: kinds, columns, rights, definitions and rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import psycopg2
from psycopg2 import sql

Relation = dict[str, Any]

# What never derives from a parent's rows or columns: it is the node's own, whatever changed above it.
PHYSICAL = ("name", "kind", "persistence", "owner", "grants", "indexes", "constraints", "comments", "options")
# What may differ because a parent differs.
DERIVED = ("columns", "definition", "rows")

_RELATIONS = """
select n.nspname, c.relname, c.oid::int8, c.relkind::text, c.relpersistence::text, pg_get_userbyid(c.relowner),
    array(select case when g.grantee = 0 then 'public' else pg_get_userbyid(g.grantee) end || ' ' || g.privilege_type
          from aclexplode(c.relacl) as g where g.grantee <> c.relowner order by 1),
    array(select a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
          from pg_attribute as a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attnum),
    array(select pg_get_indexdef(i.indexrelid) from pg_index as i where i.indrelid = c.oid),
    array(select k.contype::text || ' ' || pg_get_constraintdef(k.oid) from pg_constraint as k where k.conrelid = c.oid)
        || array(select 'not null ' || a.attname from pg_attribute as a
                 where a.attrelid = c.oid and a.attnum > 0 and a.attnotnull and not a.attisdropped),
    array(select coalesce(a.attname, '') || ': ' || d.description
          from pg_description as d
          left join pg_attribute as a on a.attrelid = d.objoid and a.attnum = d.objsubid and d.objsubid > 0
          where d.objoid = c.oid and d.classoid = 'pg_class'::regclass order by d.objsubid),
    c.reloptions,
    case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'v', 'm', 'p') and n.nspname not in ('information_schema', 'dbt_state_plugin', 'audit')
    and n.nspname not like 'pg\\_%'
"""
_FIELDS = "kind persistence owner grants columns indexes constraints comments options definition".split()
SNAPSHOT_CLOCK = ["dbt_valid_from", "dbt_valid_to", "dbt_updated_at", "dbt_scd_id"]


def observed(url: str) -> dict[str, Relation]:
    """Return all relations of a database by `schema.name`; the rows of a table are a count and a sum of hashes."""
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(_RELATIONS)
        found = {}
        for schema, name, _, *fields in cursor.fetchall():
            relation = dict(zip(_FIELDS, fields, strict=True))
            relation["name"] = f"{schema}.{name}"
            relation["indexes"] = sorted(re.sub(r"INDEX \S+ ON", "INDEX ON", text) for text in relation["indexes"])
            relation["constraints"] = sorted(relation["constraints"])
            relation["options"] = sorted(relation["options"] or [])
            relation["rows"] = None if relation["kind"] == "v" else _rows(cursor, schema, name, relation["columns"])
            found[relation["name"]] = relation
        return found


def _rows(cursor: Any, schema: str, name: str, columns: list[str]) -> list[str]:
    """Return the count and the sum of hashes of the rows, in any order; without a snapshot's clock."""
    row: sql.Composable = sql.SQL("t::text")
    if any(column.startswith("dbt_scd_id ") for column in columns):
        row = sql.SQL("((to_jsonb(t) - {}::text[]) || jsonb_build_object('open', dbt_valid_to is null))::text").format(
            sql.Literal(SNAPSHOT_CLOCK)
        )
    query = sql.SQL("select count(*), sum(hashtextextended({}, 0)::numeric) from {} as t")
    cursor.execute(query.format(row, sql.Identifier(schema, name)))
    return [str(value) for value in cursor.fetchone()]


def differing_names(left: Mapping[str, Relation], right: Mapping[str, Relation]) -> set[str]:
    """Return the names of the relations that are not the same in two databases."""
    return {name for name in left.keys() | right.keys() if differing(left.get(name), right.get(name))}


def differing(left: Relation | None, right: Relation | None) -> set[str]:
    """Return the names of what differs between two relations; `existence` when only one is there."""
    if left is None or right is None:
        return set() if left is right else {"existence"}
    return {key for key in (*PHYSICAL, *DERIVED) if left[key] != right[key]}
