"""Shapes of relations beside rows and columns, as parts of queries.

A shape is a list of things in a fixed order, each with its kind, its name, and a key that differs when the thing does.
It goes by what the server makes of each definition, never by text that dbt wrote: indexes and constraints without their
names, which dbt makes of hashes and times; privileges by grantee, whoever granted them and whether by default. What
nearly every relation lacks is left out (persistence other than permanent, row security). Another major version of the
server spells definitions in other words, so it comes first.
"""

from __future__ import annotations

# Without the name, which stands first, and with the marks that no definition shows.
_INDEX = """
    pg_catalog.concat_ws(' ', CASE WHEN i.indisunique THEN 'unique' END, CASE WHEN NOT i.indisvalid THEN 'invalid' END,
        pg_catalog.substr(pg_catalog.pg_get_indexdef(i.indexrelid), pg_catalog.length(pg_catalog.concat(
            CASE WHEN i.indisunique THEN 'CREATE UNIQUE INDEX ' ELSE 'CREATE INDEX ' END,
            pg_catalog.quote_ident(x.relname))) + 1))
"""
_POLICY = """
    pg_catalog.concat_ws(' ', p.polcmd, p.polpermissive, p.polroles::oid[],
        pg_catalog.pg_get_expr(p.polqual, p.polrelid), '/', pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid))
"""
_GRANTEE = """
    CASE WHEN p.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(p.grantee)::text END
"""


# Of the relation `c`, a row of pg_class, as jsonb.
_SHAPE = """
    (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_array(t.kind, t.name, t.key)
            ORDER BY t.kind = 'server' DESC, t.kind COLLATE pg_catalog."C", t.name COLLATE pg_catalog."C",
                t.key COLLATE pg_catalog."C")
    FROM (
        SELECT 'server' AS kind, '' AS name,
            (pg_catalog.current_setting('server_version_num')::int / 10000)::text AS key
        UNION ALL SELECT 'owner', '', c.relowner::text
        UNION ALL SELECT 'persistence', '', c.relpersistence::text WHERE c.relpersistence <> 'p'
        UNION ALL SELECT 'row security', '', CASE WHEN c.relforcerowsecurity THEN 'forced' ELSE 'enabled' END
            WHERE c.relrowsecurity
        UNION ALL SELECT 'option', pg_catalog.split_part(o.o, '=', 1), <option>
            FROM pg_catalog.unnest(c.reloptions) AS o (o)
        UNION ALL SELECT 'option', 'replica identity', c.relreplident::text
            WHERE c.relkind IN ('r', 'p', 'm') AND c.relreplident <> 'd'
        UNION ALL SELECT 'index', x.relname::text, <index>
            FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
            WHERE c.relhasindex AND i.indrelid = c.oid AND NOT EXISTS (
                SELECT 1 FROM pg_catalog.pg_constraint k
                WHERE k.conrelid = c.oid AND k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))
        UNION ALL SELECT CASE k.contype WHEN 'p' THEN 'primary key' WHEN 'u' THEN 'unique constraint'
                WHEN 'c' THEN 'check constraint' WHEN 'f' THEN 'foreign key' ELSE 'exclusion constraint' END,
                k.conname::text, <constraint>
            FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid AND k.contype IN ('p', 'u', 'c', 'f', 'x')
        UNION ALL SELECT x.kind, x.name, x.key
            FROM pg_catalog.pg_attribute a CROSS JOIN LATERAL (
                SELECT 'not null' AS kind, a.attname::text AS name, '' AS key WHERE a.attnotnull
                UNION ALL SELECT 'default', a.attname::text, <default> FROM pg_catalog.pg_attrdef d
                    WHERE a.atthasdef AND d.adrelid = a.attrelid AND d.adnum = a.attnum
                UNION ALL SELECT 'privilege', pg_catalog.concat(p.privilege_type, ' (', a.attname, ') to ', <grantee>),
                        pg_catalog.concat_ws(' ', p.grantee, pg_catalog.bool_or(p.is_grantable))
                    FROM pg_catalog.aclexplode(a.attacl) p WHERE p.grantee <> c.relowner
                    GROUP BY p.privilege_type, p.grantee) AS x
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
                AND (a.attnotnull OR a.atthasdef OR a.attacl IS NOT NULL)
        UNION ALL SELECT 'privilege', pg_catalog.concat(p.privilege_type, ' to ', <grantee>),
                pg_catalog.concat_ws(' ', p.grantee, pg_catalog.bool_or(p.is_grantable))
            FROM pg_catalog.aclexplode(c.relacl) p WHERE p.grantee <> c.relowner GROUP BY p.privilege_type, p.grantee
        UNION ALL SELECT 'privileges of the owner', '',
                pg_catalog.string_agg(p.privilege_type, ' ' ORDER BY p.privilege_type COLLATE pg_catalog."C")
            FROM pg_catalog.aclexplode(pg_catalog.acldefault('r', c.relowner)) p
            WHERE c.relacl IS NOT NULL AND NOT EXISTS (
                SELECT 1 FROM pg_catalog.aclexplode(c.relacl) own
                WHERE own.grantee = c.relowner AND own.privilege_type = p.privilege_type)
            HAVING count(*) > 0
        UNION ALL SELECT 'comment', coalesce(a.attname::text, ''), <comment>
            FROM pg_catalog.pg_description d LEFT JOIN pg_catalog.pg_attribute a
                ON a.attrelid = d.objoid AND a.attnum = d.objsubid AND d.objsubid <> 0
            WHERE d.objoid = c.oid AND d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
        UNION ALL SELECT 'trigger', t.tgname::text, <trigger>
            FROM pg_catalog.pg_trigger t WHERE c.relhastriggers AND t.tgrelid = c.oid AND NOT t.tgisinternal
        UNION ALL SELECT 'policy', p.polname::text, <policy>
            FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid
    ) AS t)
"""
_HASHED = {
    "option": "o.o",
    "index": _INDEX,
    "constraint": "pg_catalog.pg_get_constraintdef(k.oid)",
    "default": "pg_catalog.pg_get_expr(d.adbin, d.adrelid)",
    "comment": "d.description",
    "trigger": "pg_catalog.concat_ws(' ', t.tgenabled, pg_catalog.pg_get_triggerdef(t.oid))",
    "policy": _POLICY,
}


def _hash(name: str) -> str:
    return f"pg_catalog.to_hex(pg_catalog.hashtextextended({_HASHED[name]}, 0))"


def _sql(text: str) -> str:
    for name in _HASHED:
        text = text.replace(f"<{name}>", _hash(name))
    return text.replace("<grantee>", _GRANTEE)


SHAPE = _sql(_SHAPE)
FOREIGN_KEY = _hash("constraint")  # of `k`, a row of pg_constraint, as it stands in the shape of its table
# All that a shape is made of, as cheap as can be: rows of the catalog by their versions. `here` holds the relations.
PIECES = """
        SELECT pg_catalog.concat_ws(' ', i.indexrelid, i.indrelid, i.xmin)
        FROM here JOIN pg_catalog.pg_index i ON i.indrelid = here.oid WHERE here.relhasindex
        UNION ALL
        SELECT pg_catalog.concat_ws(' ', k.oid, k.conrelid, k.xmin)
        FROM here JOIN pg_catalog.pg_constraint k ON k.conrelid = here.oid
        UNION ALL
        SELECT pg_catalog.concat_ws(' ', d.adrelid, d.adnum, d.xmin)
        FROM here JOIN pg_catalog.pg_attrdef d ON d.adrelid = here.oid
        UNION ALL
        SELECT pg_catalog.concat_ws(' ', d.objoid, d.objsubid, d.xmin)
        FROM here JOIN pg_catalog.pg_description d
            ON d.objoid = here.oid AND d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
        UNION ALL
        SELECT pg_catalog.concat_ws(' ', t.oid, t.tgrelid, t.xmin)
        FROM here JOIN pg_catalog.pg_trigger t ON t.tgrelid = here.oid
        WHERE here.relhastriggers AND NOT t.tgisinternal
        UNION ALL
        SELECT pg_catalog.concat_ws(' ', p.oid, p.polrelid, p.xmin)
        FROM here JOIN pg_catalog.pg_policy p ON p.polrelid = here.oid
"""
