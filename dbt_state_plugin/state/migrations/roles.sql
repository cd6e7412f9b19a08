-- Who may do what with the state in schema {schema}.
--
--   {owner}  owns the schema and its tables: `state upgrade`, `state downgrade`
--   {writer} `run`, `build`, `adopt`, `forget`, `state prune`, the bookkeeping of scripts
--   {reader} `plan`, `select`, `explain`, `history`, `show`; writes nothing
--
-- Run it in the database of the state, as a superuser or as a role that may create roles and schemas and is a member of the
-- owner. It may be run again at any time, and has to be after the state was created or upgraded: new tables are nobody's
-- but the owner's until then. Then give your login roles one of the three: GRANT {writer} TO ...;
--
-- Roles belong to the whole server: environments that are to be kept apart, also in two databases, need a --state-schema
-- each, and so three roles each.

BEGIN;
SET LOCAL search_path TO '';
SET LOCAL standard_conforming_strings TO on;
SELECT pg_catalog.set_config('dbt_state_plugin.schema', {schema_text}, true),
       pg_catalog.set_config('dbt_state_plugin.owner', {owner_text}, true),
       pg_catalog.set_config('dbt_state_plugin.writer', {writer_text}, true),
       pg_catalog.set_config('dbt_state_plugin.reader', {reader_text}, true);

DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['owner', 'writer', 'reader'] LOOP
        wanted := pg_catalog.current_setting('dbt_state_plugin.' || wanted);
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted) THEN
            EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', wanted);
        END IF;
    END LOOP;
END
$$;

CREATE SCHEMA IF NOT EXISTS {schema} AUTHORIZATION {owner};
ALTER SCHEMA {schema} OWNER TO {owner};

-- What is there becomes the owner's. Other views than the state's own, functions, operators, types and triggers are none of
-- the state's: they would run as its users.
DO $$
DECLARE
    state text := pg_catalog.current_setting('dbt_state_plugin.schema');
    owner text := pg_catalog.current_setting('dbt_state_plugin.owner');
    found record;
BEGIN
    FOR found IN
        SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = state
          AND (NOT (c.relkind IN ('r', 'i', 'S', 't') OR (c.relkind = 'v' AND c.relname IN
                    ('executions', 'node_history', 'current_nodes', 'savings'))) OR c.relrowsecurity OR c.relhassubclass
               OR EXISTS (SELECT FROM pg_catalog.pg_rewrite w WHERE w.ev_class = c.oid AND w.rulename <> '_RETURN')
               OR EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal))
        UNION ALL
        SELECT p.proname FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname = state
        UNION ALL
        SELECT o.oprname FROM pg_catalog.pg_operator o JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace
        WHERE n.nspname = state
        UNION ALL -- types other than those of the rows of tables, and of arrays of them
        SELECT t.typname FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
        WHERE n.nspname = state AND t.typtype <> 'c' AND t.typcategory <> 'A'
    LOOP
        RAISE EXCEPTION '%.% is no plain table, so it is none of the state', state, found.relname;
    END LOOP;
    FOR found IN
        SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = state AND c.relkind IN ('r', 'v')
    LOOP
        EXECUTE pg_catalog.format('ALTER TABLE %I.%I OWNER TO %I', state, found.relname, owner);
    END LOOP;
END
$$;

-- The state's own views are made anew where they are, since whoever made them may have put other code into them.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = pg_catalog.current_setting('dbt_state_plugin.schema') AND c.relkind = 'v') THEN
        PERFORM pg_catalog.set_config(
            'search_path', pg_catalog.quote_ident(pg_catalog.current_setting('dbt_state_plugin.schema')), true);
        EXECUTE $views$
{views}
$views$;
        PERFORM pg_catalog.set_config('search_path', '', true);
    END IF;
END
$$;

REVOKE ALL ON SCHEMA {schema} FROM PUBLIC, {writer}, {reader};
REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM PUBLIC, {writer}, {reader};
GRANT USAGE ON SCHEMA {schema} TO {writer}, {reader};
GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {writer}, {reader};
GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {writer};

-- The version and the key of the hashes are the owner's alone.
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = pg_catalog.current_setting('dbt_state_plugin.schema')
          AND c.relname IN ('alembic_version', 'installation')
    LOOP
        EXECUTE pg_catalog.format('REVOKE INSERT, UPDATE, DELETE ON %I.%I FROM %I', found.nspname, found.relname,
                                  pg_catalog.current_setting('dbt_state_plugin.writer'));
    END LOOP;
END
$$;
COMMIT;
