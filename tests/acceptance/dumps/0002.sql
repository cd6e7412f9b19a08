CREATE SCHEMA dbt_state_plugin;
CREATE TABLE dbt_state_plugin.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE dbt_state_plugin.checksum (
    checksum_set_id text NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL
);
CREATE TABLE dbt_state_plugin.checksum_set (
    checksum_set_id text NOT NULL,
    kind text NOT NULL,
    CONSTRAINT checksum_set_checksum_set_id_check CHECK ((checksum_set_id ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT checksum_set_kind_check CHECK ((kind = ANY (ARRAY['file'::text, 'manifest'::text, 'fingerprint'::text])))
);
CREATE TABLE dbt_state_plugin.definition (
    definition_id text NOT NULL,
    code text NOT NULL,
    CONSTRAINT definition_definition_id_check CHECK ((definition_id ~ '^[0-9a-f]{64}$'::text))
);
CREATE TABLE dbt_state_plugin.environment (
    environment_id bigint NOT NULL,
    warehouse text DEFAULT ''::text NOT NULL,
    pipeline text DEFAULT ''::text NOT NULL,
    project_name text DEFAULT ''::text NOT NULL,
    target_name text DEFAULT ''::text NOT NULL,
    database_name text DEFAULT ''::text NOT NULL,
    schema_name text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT environment_check CHECK (((pipeline = ''::text) <> (project_name = ''::text)))
);
ALTER TABLE dbt_state_plugin.environment ALTER COLUMN environment_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME dbt_state_plugin.environment_environment_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE dbt_state_plugin.execution (
    execution_id uuid NOT NULL,
    environment_id bigint NOT NULL,
    command text NOT NULL,
    is_exclusive boolean NOT NULL,
    status text DEFAULT 'running'::text NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    finished_at timestamp with time zone,
    caller text NOT NULL,
    host text DEFAULT ''::text NOT NULL,
    process_id integer,
    backend_pid integer,
    tool_version text NOT NULL,
    dbt_version text DEFAULT ''::text NOT NULL,
    adapter_version text DEFAULT ''::text NOT NULL,
    git_commit text DEFAULT ''::text NOT NULL,
    meltano_run_id text DEFAULT ''::text NOT NULL,
    message text DEFAULT ''::text NOT NULL,
    CONSTRAINT execution_check CHECK ((finished_at >= started_at)),
    CONSTRAINT execution_check1 CHECK (((status = 'running'::text) = (finished_at IS NULL))),
    CONSTRAINT execution_command_check CHECK ((command <> ''::text)),
    CONSTRAINT execution_status_check CHECK ((status = ANY (ARRAY['running'::text, 'succeeded'::text, 'failed'::text, 'cancelled'::text, 'abandoned'::text])))
);
CREATE TABLE dbt_state_plugin.execution_step (
    step_id uuid NOT NULL,
    execution_id uuid NOT NULL,
    name text NOT NULL,
    status text DEFAULT 'running'::text NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    finished_at timestamp with time zone,
    rows_processed bigint,
    checksum_set_id text,
    CONSTRAINT execution_step_check CHECK ((finished_at >= started_at)),
    CONSTRAINT execution_step_check1 CHECK (((status = 'running'::text) = (finished_at IS NULL))),
    CONSTRAINT execution_step_name_check CHECK ((name <> ''::text)),
    CONSTRAINT execution_step_rows_processed_check CHECK ((rows_processed >= 0)),
    CONSTRAINT execution_step_status_check CHECK ((status = ANY (ARRAY['running'::text, 'succeeded'::text, 'failed'::text, 'cancelled'::text, 'abandoned'::text])))
);
CREATE TABLE dbt_state_plugin.installation (
    only_row boolean DEFAULT true NOT NULL,
    hash_key bytea NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT installation_hash_key_check CHECK ((octet_length(hash_key) = 32)),
    CONSTRAINT installation_only_row_check CHECK (only_row)
);
CREATE TABLE dbt_state_plugin.intent (
    warehouse text DEFAULT ''::text NOT NULL,
    database_name text NOT NULL,
    schema_name text NOT NULL,
    identifier text NOT NULL,
    execution_id uuid NOT NULL,
    unique_id text NOT NULL,
    opened_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);
CREATE TABLE dbt_state_plugin.node_result (
    execution_id uuid NOT NULL,
    unique_id text NOT NULL,
    resource_type text NOT NULL,
    reasons jsonb NOT NULL,
    definition_id text,
    status text DEFAULT 'planned'::text NOT NULL,
    rows_affected bigint,
    duration_ms bigint,
    message text DEFAULT ''::text NOT NULL,
    CONSTRAINT node_result_duration_ms_check CHECK ((duration_ms >= 0)),
    CONSTRAINT node_result_reasons_check CHECK ((jsonb_typeof(reasons) = 'array'::text))
);
CREATE TABLE dbt_state_plugin.project_snapshot (
    environment_id bigint NOT NULL,
    inputs_digest text NOT NULL,
    places jsonb NOT NULL,
    project bytea NOT NULL,
    recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT project_snapshot_inputs_digest_check CHECK ((inputs_digest ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT project_snapshot_places_check CHECK ((jsonb_typeof(places) = 'object'::text))
);
CREATE TABLE dbt_state_plugin.relation (
    warehouse text DEFAULT ''::text NOT NULL,
    database_name text NOT NULL,
    schema_name text NOT NULL,
    identifier text NOT NULL,
    environment_id bigint NOT NULL,
    unique_id text NOT NULL,
    resource_type text NOT NULL,
    materialized text NOT NULL,
    fingerprint jsonb NOT NULL,
    trace jsonb NOT NULL,
    build_id uuid DEFAULT gen_random_uuid() NOT NULL,
    built_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    execution_id uuid,
    duration_ms bigint,
    relation_oid oid,
    relfilenode oid,
    relkind text,
    raw_definition_id text,
    data_id uuid DEFAULT gen_random_uuid() NOT NULL,
    items jsonb DEFAULT '{}'::jsonb NOT NULL,
    compiled jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT relation_check CHECK ((((relation_oid IS NULL) = (relfilenode IS NULL)) AND ((relation_oid IS NULL) = (relkind IS NULL)))),
    CONSTRAINT relation_compiled_check CHECK ((jsonb_typeof(compiled) = 'object'::text)),
    CONSTRAINT relation_duration_ms_check CHECK ((duration_ms >= 0)),
    CONSTRAINT relation_fingerprint_check CHECK ((jsonb_typeof(fingerprint) = 'object'::text)),
    CONSTRAINT relation_items_check CHECK ((jsonb_typeof(items) = 'object'::text)),
    CONSTRAINT relation_trace_check CHECK ((jsonb_typeof(trace) = 'object'::text))
);
INSERT INTO dbt_state_plugin.alembic_version VALUES ('0002');
INSERT INTO dbt_state_plugin.checksum VALUES ('45b351c9ef93fba3b2da21024f5beed5db6cdb36a5d191ce3140d42e37766719', 'model.shop.due', '065e8b30f47bc084d265e003398c82d2439b1359a0a309602c6a7c002ea611ae');
INSERT INTO dbt_state_plugin.checksum VALUES ('45b351c9ef93fba3b2da21024f5beed5db6cdb36a5d191ce3140d42e37766719', 'model.shop.orders', '95267e204a8c3b4e81fe414318fec1a598b226dc6b04a94cac716bb97df9b668');
INSERT INTO dbt_state_plugin.checksum VALUES ('45b351c9ef93fba3b2da21024f5beed5db6cdb36a5d191ce3140d42e37766719', 'model.shop.report', '429fdb672ae1ebead125212c070e92d8abf0e1cd41fde927df68d8465346ff1c');
INSERT INTO dbt_state_plugin.checksum VALUES ('45b351c9ef93fba3b2da21024f5beed5db6cdb36a5d191ce3140d42e37766719', 'model.shop.totals', '88091195b232beb928b109e1e604ba0fcbe75c4cf24efb1f20f2b189d95b4990');
INSERT INTO dbt_state_plugin.checksum VALUES ('45b351c9ef93fba3b2da21024f5beed5db6cdb36a5d191ce3140d42e37766719', 'seed.shop.countries', '8401345e329ed72714c1897049b90830da49e45fb7efcbc2bea070e1221de9cb');
INSERT INTO dbt_state_plugin.checksum VALUES ('0609113569ef43e5517bb28feb924b0085f68fca6199cc57036755f7f0c7c5b4', 'model.shop.due', 'e1588b92c5fdfc25e62698bfb256945586a775e44f7e9198ea9a41b47123a247');
INSERT INTO dbt_state_plugin.checksum VALUES ('0609113569ef43e5517bb28feb924b0085f68fca6199cc57036755f7f0c7c5b4', 'model.shop.orders', '95267e204a8c3b4e81fe414318fec1a598b226dc6b04a94cac716bb97df9b668');
INSERT INTO dbt_state_plugin.checksum VALUES ('0609113569ef43e5517bb28feb924b0085f68fca6199cc57036755f7f0c7c5b4', 'model.shop.report', '429fdb672ae1ebead125212c070e92d8abf0e1cd41fde927df68d8465346ff1c');
INSERT INTO dbt_state_plugin.checksum VALUES ('0609113569ef43e5517bb28feb924b0085f68fca6199cc57036755f7f0c7c5b4', 'model.shop.totals', '88091195b232beb928b109e1e604ba0fcbe75c4cf24efb1f20f2b189d95b4990');
INSERT INTO dbt_state_plugin.checksum VALUES ('0609113569ef43e5517bb28feb924b0085f68fca6199cc57036755f7f0c7c5b4', 'seed.shop.countries', '8401345e329ed72714c1897049b90830da49e45fb7efcbc2bea070e1221de9cb');
INSERT INTO dbt_state_plugin.checksum_set VALUES ('45b351c9ef93fba3b2da21024f5beed5db6cdb36a5d191ce3140d42e37766719', 'fingerprint');
INSERT INTO dbt_state_plugin.checksum_set VALUES ('0609113569ef43e5517bb28feb924b0085f68fca6199cc57036755f7f0c7c5b4', 'fingerprint');
INSERT INTO dbt_state_plugin.definition VALUES ('73888d29dc89284988a1afe4924dbfca4f1e51b7f40a625017c94d66e63a420b', '{{ config(materialized=''table'') }} select 1 / {{ var(''divisor'', 1) }} as n');
INSERT INTO dbt_state_plugin.definition VALUES ('92fdf6680def6a071011930f8de4d06d688757c5cc950aac6070ad8df0f991ea', '{{ config(materialized=''table'') }} select 1 as id, ''{{ var(''currency'', ''eur'') }}'' as currency');
INSERT INTO dbt_state_plugin.definition VALUES ('ad28e011787e3ea0d6a78ec025cb2544ef4c206f189a711ee01a5acfb1b79ae6', 'select * from {{ ref(''totals'') }}');
INSERT INTO dbt_state_plugin.definition VALUES ('b5173e0ac36e7e57a85233ff9176872d5f99a117aec21e36c8c67abff3ec04bc', '{{ config(materialized=''incremental'') }} select count(*) as n from {{ ref(''orders'') }}');
INSERT INTO dbt_state_plugin.definition VALUES ('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', '');
INSERT INTO dbt_state_plugin.environment OVERRIDING SYSTEM VALUE VALUES (1, '', '', 'shop', 'dev', 'dumped_database_0002', 'analytics', '2026-11-21 18:24:42.998709+00');
INSERT INTO dbt_state_plugin.execution VALUES ('7e6cc307-81f9-4704-9950-79995af47b22', 1, 'build', true, 'succeeded', '2026-11-21 18:24:43.009082+00', '2026-11-21 18:24:49.908137+00', 'cli', 'vm', 11387, 11388, '0.1.0', '1.11.16', '1.11.0', '', '', '');
INSERT INTO dbt_state_plugin.execution VALUES ('98c7a2cf-dcec-4431-b49f-b85aaeeeebf3', 1, 'run', true, 'failed', '2026-11-21 18:24:51.03336+00', '2026-11-21 18:24:57.243997+00', 'cli', 'vm', 11481, 11482, '0.1.0', '1.11.16', '1.11.0', '', '', '');
INSERT INTO dbt_state_plugin.execution_step VALUES ('803f54e8-7c4e-444e-85a1-e4c5837f648f', '7e6cc307-81f9-4704-9950-79995af47b22', 'TRANSFORM', 'succeeded', '2026-11-21 18:24:48.766591+00', '2026-11-21 18:24:49.907759+00', 5, '45b351c9ef93fba3b2da21024f5beed5db6cdb36a5d191ce3140d42e37766719');
INSERT INTO dbt_state_plugin.execution_step VALUES ('2733763c-43d2-42e9-88ed-7771da6657d0', '98c7a2cf-dcec-4431-b49f-b85aaeeeebf3', 'TRANSFORM', 'failed', '2026-11-21 18:24:56.77687+00', '2026-11-21 18:24:57.243776+00', 0, '0609113569ef43e5517bb28feb924b0085f68fca6199cc57036755f7f0c7c5b4');
INSERT INTO dbt_state_plugin.installation VALUES (true, '\xd429b8bd2af1458496cc0936249382477566507b3a3047fa8371589f173e9c65', '2026-11-21 18:24:42.997178+00');
INSERT INTO dbt_state_plugin.intent VALUES ('', 'dumped_database_0002', 'analytics', 'due', '98c7a2cf-dcec-4431-b49f-b85aaeeeebf3', 'model.shop.due', '2026-11-21 18:24:56.78385+00');
INSERT INTO dbt_state_plugin.node_result VALUES ('7e6cc307-81f9-4704-9950-79995af47b22', 'model.shop.due', 'model', '[{"kind": "new", "node": "", "detail": "no build of it is recorded"}]', '73888d29dc89284988a1afe4924dbfca4f1e51b7f40a625017c94d66e63a420b', 'success', 1, 145, '');
INSERT INTO dbt_state_plugin.node_result VALUES ('7e6cc307-81f9-4704-9950-79995af47b22', 'model.shop.orders', 'model', '[{"kind": "new", "node": "", "detail": "no build of it is recorded"}]', '92fdf6680def6a071011930f8de4d06d688757c5cc950aac6070ad8df0f991ea', 'success', 1, 57, '');
INSERT INTO dbt_state_plugin.node_result VALUES ('7e6cc307-81f9-4704-9950-79995af47b22', 'seed.shop.countries', 'seed', '[{"kind": "new", "node": "", "detail": "no build of it is recorded"}]', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 'success', 2, 263, '');
INSERT INTO dbt_state_plugin.node_result VALUES ('7e6cc307-81f9-4704-9950-79995af47b22', 'model.shop.totals', 'model', '[{"kind": "new", "node": "", "detail": "no build of it is recorded"}, {"kind": "upstream", "node": "model.shop.orders", "detail": "is built"}]', 'b5173e0ac36e7e57a85233ff9176872d5f99a117aec21e36c8c67abff3ec04bc', 'success', 1, 61, '');
INSERT INTO dbt_state_plugin.node_result VALUES ('7e6cc307-81f9-4704-9950-79995af47b22', 'model.shop.report', 'model', '[{"kind": "new", "node": "", "detail": "no build of it is recorded"}, {"kind": "upstream", "node": "model.shop.totals", "detail": "is built"}]', 'ad28e011787e3ea0d6a78ec025cb2544ef4c206f189a711ee01a5acfb1b79ae6', 'success', NULL, 47, '');
INSERT INTO dbt_state_plugin.node_result VALUES ('98c7a2cf-dcec-4431-b49f-b85aaeeeebf3', 'model.shop.due', 'model', '[{"kind": "variables", "node": "", "detail": "var divisor is new"}]', '73888d29dc89284988a1afe4924dbfca4f1e51b7f40a625017c94d66e63a420b', 'error', NULL, 51, 'Database Error in model due (models/due.sql)
  division by zero
  compiled code at /tmp/tmpo39p0txg/project/target/dbt-state-plugin/run/shop/models/due.sql');
INSERT INTO dbt_state_plugin.project_snapshot VALUES (1, '8961944876a3032f1842a08d48cab831ee44769109dc5fac7697fc23c4291f03', '{"roots": ["/tmp/tmpo39p0txg/project"], "folders": ["/tmp/tmpo39p0txg/project/analyses", "/tmp/tmpo39p0txg/project/dbt_packages", "/tmp/tmpo39p0txg/project/functions", "/tmp/tmpo39p0txg/project/macros", "/tmp/tmpo39p0txg/project/models", "/tmp/tmpo39p0txg/project/seeds", "/tmp/tmpo39p0txg/project/snapshots", "/tmp/tmpo39p0txg/project/tests"], "env_vars": []}', '\x7801ed98eb6e5b370cc75fa5f0e7211525eab657298a80e2a5f5e6d899ed76e88abefba8e3246ed60bbacefb50348001fb5047b22ed48f7ff2fd6a4b37bafaf5d9eaf07a77bbfae5d9ea48fb577a9c16d1b7d32074a44187e525797373ab727d6fba0e21c4f9ce815feb0dcd4eb4a5cdbbe39a0f4bd771bc7eabfbc37ab79d6d7005fe29b385846e8fbaffa435ccc6ed4ef4e01d5ebc58ddf8cfcdd59cdbd55e6f77fbe36c5f8cf3c7d97437fb170fcbb86b7a79fffae1f9c97275f86333bbbe5deb9ffefd62f5a5253d5ac879b447533aee8eb439acfc4fde9fb660d9a46547c64edecd35d7385a1e40239040adb98faab18551a0c72125240994d1728b9d53c798a2a452ad96ae592bc09c2befb6b67e3547cb94b294562b61b724857acb9d22344ca962098c39852614ab65cb718c3462e83537a35225f2b272daaf696c961d5ef5611c707003208b9a5aeb524bf52e89b065aa64211181ff5def4c496d444b75686ed562588eeb8678bf9be775a1d1dc2fd6b459ff45c73bbfb9c4247d0f8f7be2c5b12f31deebddeef78badf976bffb4df9787dd14165e797f04287b2d7cdc369a44ce21e3a4cad598d06a995de0972194d0730c0fc564b23138688ecbe8dc29cd2181ceb983eb857d3bd6ef9e484a603a55a6aeebdd20a40c496b4161e94430ba6d5c8ff63189173c3c741ae902d4a037457ac73c4831eee31d3858748b15043cb2d1bf9eb45c4424f5d02f4d0867b396609a50d501802593471426d5670f169dbd0ab65f750d268018b71895a925faa4a35e7ec4b0a23f662456a2fb515c461d21a86d2fdd248ecbd43339c73d3edabf576410368f0abaa267edb302169ea41cac01163989790298c56c147b24ecdb2c4d441b4c556a5d792571f1c59936993399f4391373dd0f18e4e73734e6c3fd3f10caed3eb87e727cb3d1dd75bdeeb8d6e1d6fbe806f84e479d04733dbedc543c05721d94263845172856489a077b4d6111b2a93f5e07c0b80d9aa132982db26e046c1110c46509d9b7c86246172a462a02631f8c96773674268dcadfa262bf849b70806eec1c8d01b410ac159c7213aab17777afb04c90b44868bf2ecc782a44948992370801060a8e3ab8e9480b4391f1314f47bef3fe200c9dd296300a5837b764f08343dfa31244b1dbd05a8c9cc1c23ec1e5c02b2b19642465539810c6c2576c052a49bfb79694e24551afd09922e21ef50f43124cfa64f207906d73d244f967b48ba2cde4cf47c231ecfc34d827f5130da802a089c316524d629e6a2941eb00d1a6810327ad09d61830d3d9288e602496a8e59062fe77c66a17ae062d77fcda39147548fd7993d203b1b9d7d0ebc62983d82e59a22aa874655230f34336e42aebc90f589854f82f1dfe6041f0bc61a35bacc4110f124c5d495183a9a388bcb4280906a3071f08d1ed1df63964e3a03b225e4c2f2290b2f711e3fbb609437cbe57e508b77cf9f5070daa7e25c5e3c3cf7c7efe4dfdd405f859f8bbe3c0a47516151d7e359dd653a42520f9f2ede5dcff913bbba8bb55b0b55389aa7c2a3bae68b8bdafe1fe1973d2de11aaa67e1ae163dc67aa2ecc232e5cc4d3c8317ee454ba5d26c46f9ee540e3d6bc819045097e93d65cbffb5def0430941d7775ea3c9e0696d72aed52ad981d7bba4d03574cf63668227dad9d39a815e4f1b35074f754b89a1f5cf64cb4ff0fbce6cf9a02aa75222efde783568edd50707db34cfefc7c67f66cce7d609c3d9e7f0fcc176c587a5547a37d4370ac287ee4b32ff354d58bce2e020b1205e32f4b29c17e102662805a306f5a049816b4201aead7176476a4dcad4735ea353eda7e53d141195b0668fc90c9918bd76d1103d850843bcfed015d14b25ad0e4f60d298550f92ea350ba4ea43f2a93ef2a4092f710d7fdefcd88bd1097a212f837b85d9bd7696e086e458da74c2da42f68a1881178492272833056a34bcaee7f59a92393f69c28b14115f7ef81b82e353ad', '2026-11-21 18:24:56.491373+00');
INSERT INTO dbt_state_plugin.relation VALUES ('', 'dumped_database_0002', 'analytics', 'due', 1, 'model.shop.due', 'model', 'table', '{"body": "8945b6c2dedcde4e85e3749413eb7bd01076941c440279f807dc2f9f3b73a524", "docs": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200", "flags": "4d3b8046fc62e63f527a755524d0b296f6d79678644bfd8840697afd299918f4", "hooks": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200", "config": "e6fcc7588991e76f725cc580a8ef47c06f456d757324e190eefa9768585157ce", "engine": "1e0843efd1af434ae390d6b4b220bc81ca0b871bfdf9a8f5d2391de8287d9765", "macros": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200", "scheme": "2", "session": "9dcbdd6f0708585fa4c76ddf0939d01908b89d45d068b1e1bd15de3c34e8f640", "contract": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200", "relation": "2b1985518613d9a77d503799d309e0927f91dede9cecab4002b750bfa662089b", "variables": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200", "references": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200", "project_hooks": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200", "materialization": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200"}', '{"inlined": {}, "parents": {}}', 'f7f1a110-fa02-4bf0-a91f-4dc8227baeb8', '2026-11-21 18:24:49.342245+00', '7e6cc307-81f9-4704-9950-79995af47b22', 145, 360635, 360635, 'r', '73888d29dc89284988a1afe4924dbfca4f1e51b7f40a625017c94d66e63a420b', 'f7f1a110-fa02-4bf0-a91f-4dc8227baeb8', '{"body": {"code": "9186374fa3d057b76450b795dabfa3775c290cbb31a625db66f216da5dc201d6:238e6368733f0c14a0f1031e611862011cef18d5be1892009d3254fca1b7b042", "language": "#4906c293cd7a3945fef216b59852e7fa0423fbbfd38cd8cfae567586bd06ad6d"}, "flags": {"flags": "#9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200"}, "config": {"lookback": "1", "materialized": "\"table\"", "on_schema_change": "\"ignore\"", "on_configuration_change": "\"apply\""}, "engine": {"dbt": "#e9a086447e156376e9ae188006ef412a425bed3032f2a3b88a26b68d87847ff1", "adapter": "#e9a086447e156376e9ae188006ef412a425bed3032f2a3b88a26b68d87847ff1"}, "session": {"role": "#8a3afd623076d7c6a886045e33cdb3b35749c8356f09663bd0a0d16324de9096", "search_path": "#8a3afd623076d7c6a886045e33cdb3b35749c8356f09663bd0a0d16324de9096"}, "relation": {"relation": "#c266d3bb6f330c1a3fcdfabcb714b7d3e7b365692ae69d3ee8c14b4dc78307a8"}}', '{"forms": {"sql": " select 1 / 1 as n"}, "hooks": [], "language": "sql", "project_hooks": []}');
INSERT INTO dbt_state_plugin.relation VALUES ('', 'dumped_database_0002', 'analytics', 'orders', 1, 'model.shop.orders', 'model', 'table', '{"body": "fb17d41c54354aceda272d69048bab4f10542f10d6bcf4fd1de5613d7525dbc7", "docs": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200", "flags": "4d3b8046fc62e63f527a755524d0b296f6d79678644bfd8840697afd299918f4", "hooks": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200", "config": "e6fcc7588991e76f725cc580a8ef47c06f456d757324e190eefa9768585157ce", "engine": "1e0843efd1af434ae390d6b4b220bc81ca0b871bfdf9a8f5d2391de8287d9765", "macros": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200", "scheme": "2", "session": "9dcbdd6f0708585fa4c76ddf0939d01908b89d45d068b1e1bd15de3c34e8f640", "contract": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200", "relation": "72e290d41dd374fedf04c36c5d4dc110370fdaa2b92490dccd9ae005af34c6cd", "variables": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200", "references": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200", "project_hooks": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200", "materialization": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200"}', '{"inlined": {}, "parents": {}}', '37aa837c-74f7-4e2d-bb9c-714af85a688a', '2026-11-21 18:24:49.405954+00', '7e6cc307-81f9-4704-9950-79995af47b22', 57, 360639, 360639, 'r', '92fdf6680def6a071011930f8de4d06d688757c5cc950aac6070ad8df0f991ea', '37aa837c-74f7-4e2d-bb9c-714af85a688a', '{"body": {"code": "5d7dd881b4a35a4369c3290f71ed483b82d2d1b8bc92f72a273d23a17eacb79a:2c8efc5fbda6e48b81a6696628725ccaa04640afdbe847edfc086d6c743d7e75", "language": "#4906c293cd7a3945fef216b59852e7fa0423fbbfd38cd8cfae567586bd06ad6d"}, "flags": {"flags": "#9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200"}, "config": {"lookback": "1", "materialized": "\"table\"", "on_schema_change": "\"ignore\"", "on_configuration_change": "\"apply\""}, "engine": {"dbt": "#e9a086447e156376e9ae188006ef412a425bed3032f2a3b88a26b68d87847ff1", "adapter": "#e9a086447e156376e9ae188006ef412a425bed3032f2a3b88a26b68d87847ff1"}, "session": {"role": "#8a3afd623076d7c6a886045e33cdb3b35749c8356f09663bd0a0d16324de9096", "search_path": "#8a3afd623076d7c6a886045e33cdb3b35749c8356f09663bd0a0d16324de9096"}, "relation": {"relation": "#3a54fc53d2dcdd4f1aa5ca72f47a5d463268ab720ded72b46cf8ffed1c959dd2"}}', '{"forms": {"sql": " select 1 as id, ''eur'' as currency"}, "hooks": [], "language": "sql", "project_hooks": []}');
INSERT INTO dbt_state_plugin.relation VALUES ('', 'dumped_database_0002', 'analytics', 'countries', 1, 'seed.shop.countries', 'seed', 'seed', '{"body": "6755095f0dbd6485fb204516642e0e490a0c734d1c788c5cab88d6e190f20ee9", "docs": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200", "flags": "4d3b8046fc62e63f527a755524d0b296f6d79678644bfd8840697afd299918f4", "hooks": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200", "config": "5ea475e29c15ac4786844afa0bdca09e44f0987b0353b62e6ad73ef4a76e1c40", "engine": "1e0843efd1af434ae390d6b4b220bc81ca0b871bfdf9a8f5d2391de8287d9765", "macros": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200", "scheme": "2", "session": "9dcbdd6f0708585fa4c76ddf0939d01908b89d45d068b1e1bd15de3c34e8f640", "contract": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200", "relation": "7d23196a619af078815debd5268dca0780520ba1713356d272d8abcbdc1965c5", "variables": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200", "references": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200", "project_hooks": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200", "materialization": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200"}', '{"inlined": {}, "parents": {}}', 'b3665a1e-f3aa-4a3c-9ad7-e56b47b6d19e', '2026-11-21 18:24:49.674897+00', '7e6cc307-81f9-4704-9950-79995af47b22', 263, 360645, 360645, 'r', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 'b3665a1e-f3aa-4a3c-9ad7-e56b47b6d19e', '{"body": {"rows": "#1ebe53e52c4be62dbc136c5a45cd6df7c418ce2df3fb75eddfbac8ed1c70ceb2", "content": "#dfb60dac5a2e8fb5e13a98b39e1d522699708f51d863033f3e20a2c789978689"}, "flags": {"flags": "#9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200"}, "config": {"lookback": "1", "delimiter": "\",\"", "materialized": "\"seed\"", "on_schema_change": "\"ignore\"", "on_configuration_change": "\"apply\""}, "engine": {"dbt": "#e9a086447e156376e9ae188006ef412a425bed3032f2a3b88a26b68d87847ff1", "adapter": "#e9a086447e156376e9ae188006ef412a425bed3032f2a3b88a26b68d87847ff1"}, "session": {"role": "#8a3afd623076d7c6a886045e33cdb3b35749c8356f09663bd0a0d16324de9096", "search_path": "#8a3afd623076d7c6a886045e33cdb3b35749c8356f09663bd0a0d16324de9096"}, "relation": {"relation": "#19a1e6f33fa35f3f09e5ac7ebb935d14e4550767e614ad5154a863630bf49a48"}}', '{}');
INSERT INTO dbt_state_plugin.relation VALUES ('', 'dumped_database_0002', 'analytics', 'totals', 1, 'model.shop.totals', 'model', 'incremental', '{"body": "808c41b65713f3a1994f894484ecaf901840145f785a21ecaa27fb64b0f1b0ee", "docs": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200", "flags": "4d3b8046fc62e63f527a755524d0b296f6d79678644bfd8840697afd299918f4", "hooks": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200", "config": "a43a5440a8d2076d5f3e7418c9f7bc8e1c34821f1fef4c198a13005a7c0285b7", "engine": "1e0843efd1af434ae390d6b4b220bc81ca0b871bfdf9a8f5d2391de8287d9765", "macros": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200", "scheme": "2", "session": "9dcbdd6f0708585fa4c76ddf0939d01908b89d45d068b1e1bd15de3c34e8f640", "contract": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200", "relation": "3fd035c21c01001be69b7b331ae81b83164d6bb832b1d594d3f11691aa29341a", "variables": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200", "references": "67b980173fff1e0c821604cfce66afa7ec31db486291466d9f1c368884eeab97", "project_hooks": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200", "materialization": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200"}', '{"inlined": {}, "parents": {"\"dumped_database_0002\".\"analytics\".\"orders\"": "37aa837c-74f7-4e2d-bb9c-714af85a688a"}}', '3ad27ea6-3a28-4ccf-8217-bca76f57eb79', '2026-11-21 18:24:49.741018+00', '7e6cc307-81f9-4704-9950-79995af47b22', 61, 360650, 360650, 'r', 'b5173e0ac36e7e57a85233ff9176872d5f99a117aec21e36c8c67abff3ec04bc', '3ad27ea6-3a28-4ccf-8217-bca76f57eb79', '{"body": {"code": "2ebaa6e5b1e1a5a1cfb71e386513a543dec45b0b35e142990a42e69b3ed68096:5612907089f39fdcf5fe21e7046a3350aaded75dec40bbe8febaaecb5582e4dd", "language": "#4906c293cd7a3945fef216b59852e7fa0423fbbfd38cd8cfae567586bd06ad6d"}, "flags": {"flags": "#9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200"}, "config": {"lookback": "1", "materialized": "\"incremental\"", "on_schema_change": "\"ignore\"", "on_configuration_change": "\"apply\""}, "engine": {"dbt": "#e9a086447e156376e9ae188006ef412a425bed3032f2a3b88a26b68d87847ff1", "adapter": "#e9a086447e156376e9ae188006ef412a425bed3032f2a3b88a26b68d87847ff1"}, "session": {"role": "#8a3afd623076d7c6a886045e33cdb3b35749c8356f09663bd0a0d16324de9096", "search_path": "#8a3afd623076d7c6a886045e33cdb3b35749c8356f09663bd0a0d16324de9096"}, "relation": {"relation": "#e68bef854560fd880be9ea1e105b1a48de8bffd20e75221bd8c6647c6c188fa0"}, "references": {"model.shop.orders": "\"\\\"dumped_database_0002\\\".\\\"analytics\\\".\\\"orders\\\"\""}}', '{"forms": {"sql": " select count(*) as n from \"dumped_database_0002\".\"analytics\".\"orders\"", "incremental": " select count(*) as n from \"dumped_database_0002\".\"analytics\".\"orders\""}, "hooks": [], "language": "sql", "project_hooks": []}');
INSERT INTO dbt_state_plugin.relation VALUES ('', 'dumped_database_0002', 'analytics', 'report', 1, 'model.shop.report', 'model', 'view', '{"body": "72b85b1ab0ad17759b7e280b6192bd603d0a54f5829c394232d367f769e5e711", "docs": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200", "flags": "4d3b8046fc62e63f527a755524d0b296f6d79678644bfd8840697afd299918f4", "hooks": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200", "config": "5a35d6877a49f3d6a9859a2184337460c45308da27f5f52bb3b209758fa67d2c", "engine": "1e0843efd1af434ae390d6b4b220bc81ca0b871bfdf9a8f5d2391de8287d9765", "macros": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200", "scheme": "2", "session": "9dcbdd6f0708585fa4c76ddf0939d01908b89d45d068b1e1bd15de3c34e8f640", "contract": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200", "relation": "35ad67fbfef8f72f138699a156b8eb1c11b8ebef3b5a4024c5824dcc33bbc27b", "variables": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200", "references": "feb4d7f38453d86112483e76cba5080fe7fa869bfaaada33b4c715f2d8147be7", "project_hooks": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200", "materialization": "9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200"}', '{"inlined": {}, "parents": {"\"dumped_database_0002\".\"analytics\".\"totals\"": "3ad27ea6-3a28-4ccf-8217-bca76f57eb79"}}', '03e07e6f-30d5-4001-868b-0f29e174ecd0', '2026-11-21 18:24:49.795809+00', '7e6cc307-81f9-4704-9950-79995af47b22', 47, 360654, 3194846011, 'v', 'ad28e011787e3ea0d6a78ec025cb2544ef4c206f189a711ee01a5acfb1b79ae6', '03e07e6f-30d5-4001-868b-0f29e174ecd0', '{"body": {"code": "aa66e1b4bbeef21735d543f37a55386a8cd5f95b258ea8b25283ace54a555be0:8b3766d1d47c031202f41f8be51d77ef57e563c023d4ed3a7d7af5705a02b120", "language": "#4906c293cd7a3945fef216b59852e7fa0423fbbfd38cd8cfae567586bd06ad6d"}, "flags": {"flags": "#9bfc04bc811af2e3889d7679753a485a7af03aa149f99ca3efb2f37be587f200"}, "config": {"lookback": "1", "materialized": "\"view\"", "on_schema_change": "\"ignore\"", "on_configuration_change": "\"apply\""}, "engine": {"dbt": "#e9a086447e156376e9ae188006ef412a425bed3032f2a3b88a26b68d87847ff1", "adapter": "#e9a086447e156376e9ae188006ef412a425bed3032f2a3b88a26b68d87847ff1"}, "session": {"role": "#8a3afd623076d7c6a886045e33cdb3b35749c8356f09663bd0a0d16324de9096", "search_path": "#8a3afd623076d7c6a886045e33cdb3b35749c8356f09663bd0a0d16324de9096"}, "relation": {"relation": "#6dd4292b3f83eaf95ccb5a3a8564705c3e2042c9d9da34ec684032d194a7fea4"}, "references": {"model.shop.totals": "\"\\\"dumped_database_0002\\\".\\\"analytics\\\".\\\"totals\\\"\""}}', '{"forms": {"sql": "select * from \"dumped_database_0002\".\"analytics\".\"totals\""}, "hooks": [], "language": "sql", "project_hooks": []}');
ALTER TABLE ONLY dbt_state_plugin.alembic_version
    ADD CONSTRAINT alembic_version_pkey PRIMARY KEY (version_num);
ALTER TABLE ONLY dbt_state_plugin.checksum
    ADD CONSTRAINT checksum_pkey PRIMARY KEY (checksum_set_id, name);
ALTER TABLE ONLY dbt_state_plugin.checksum_set
    ADD CONSTRAINT checksum_set_pkey PRIMARY KEY (checksum_set_id);
ALTER TABLE ONLY dbt_state_plugin.definition
    ADD CONSTRAINT definition_pkey PRIMARY KEY (definition_id);
ALTER TABLE ONLY dbt_state_plugin.environment
    ADD CONSTRAINT environment_pkey PRIMARY KEY (environment_id);
ALTER TABLE ONLY dbt_state_plugin.environment
    ADD CONSTRAINT environment_warehouse_pipeline_project_name_target_name_dat_key UNIQUE (warehouse, pipeline, project_name, target_name, database_name, schema_name);
ALTER TABLE ONLY dbt_state_plugin.execution
    ADD CONSTRAINT execution_pkey PRIMARY KEY (execution_id);
ALTER TABLE ONLY dbt_state_plugin.execution_step
    ADD CONSTRAINT execution_step_execution_id_name_key UNIQUE (execution_id, name);
ALTER TABLE ONLY dbt_state_plugin.execution_step
    ADD CONSTRAINT execution_step_pkey PRIMARY KEY (step_id);
ALTER TABLE ONLY dbt_state_plugin.installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (only_row);
ALTER TABLE ONLY dbt_state_plugin.intent
    ADD CONSTRAINT intent_pkey PRIMARY KEY (warehouse, database_name, schema_name, identifier, execution_id);
ALTER TABLE ONLY dbt_state_plugin.node_result
    ADD CONSTRAINT node_result_pkey PRIMARY KEY (execution_id, unique_id);
ALTER TABLE ONLY dbt_state_plugin.project_snapshot
    ADD CONSTRAINT project_snapshot_pkey PRIMARY KEY (environment_id);
ALTER TABLE ONLY dbt_state_plugin.relation
    ADD CONSTRAINT relation_build_id_key UNIQUE (build_id);
ALTER TABLE ONLY dbt_state_plugin.relation
    ADD CONSTRAINT relation_pkey PRIMARY KEY (warehouse, database_name, schema_name, identifier);
CREATE INDEX execution_by_time ON dbt_state_plugin.execution USING btree (environment_id, started_at);
CREATE UNIQUE INDEX execution_one_running ON dbt_state_plugin.execution USING btree (environment_id) WHERE ((status = 'running'::text) AND is_exclusive);
CREATE INDEX execution_step_checksum_set ON dbt_state_plugin.execution_step USING btree (checksum_set_id);
CREATE INDEX intent_execution ON dbt_state_plugin.intent USING btree (execution_id);
CREATE INDEX node_result_definition ON dbt_state_plugin.node_result USING btree (definition_id);
CREATE INDEX relation_environment ON dbt_state_plugin.relation USING btree (environment_id);
CREATE INDEX relation_execution ON dbt_state_plugin.relation USING btree (execution_id);
CREATE INDEX relation_raw_definition ON dbt_state_plugin.relation USING btree (raw_definition_id);
ALTER TABLE ONLY dbt_state_plugin.checksum
    ADD CONSTRAINT checksum_checksum_set_id_fkey FOREIGN KEY (checksum_set_id) REFERENCES dbt_state_plugin.checksum_set(checksum_set_id) ON DELETE CASCADE;
ALTER TABLE ONLY dbt_state_plugin.execution
    ADD CONSTRAINT execution_environment_id_fkey FOREIGN KEY (environment_id) REFERENCES dbt_state_plugin.environment(environment_id) ON DELETE CASCADE;
ALTER TABLE ONLY dbt_state_plugin.execution_step
    ADD CONSTRAINT execution_step_checksum_set_id_fkey FOREIGN KEY (checksum_set_id) REFERENCES dbt_state_plugin.checksum_set(checksum_set_id);
ALTER TABLE ONLY dbt_state_plugin.execution_step
    ADD CONSTRAINT execution_step_execution_id_fkey FOREIGN KEY (execution_id) REFERENCES dbt_state_plugin.execution(execution_id) ON DELETE CASCADE;
ALTER TABLE ONLY dbt_state_plugin.intent
    ADD CONSTRAINT intent_execution_id_fkey FOREIGN KEY (execution_id) REFERENCES dbt_state_plugin.execution(execution_id) ON DELETE RESTRICT;
ALTER TABLE ONLY dbt_state_plugin.node_result
    ADD CONSTRAINT node_result_definition_id_fkey FOREIGN KEY (definition_id) REFERENCES dbt_state_plugin.definition(definition_id);
ALTER TABLE ONLY dbt_state_plugin.node_result
    ADD CONSTRAINT node_result_execution_id_fkey FOREIGN KEY (execution_id) REFERENCES dbt_state_plugin.execution(execution_id) ON DELETE CASCADE;
ALTER TABLE ONLY dbt_state_plugin.project_snapshot
    ADD CONSTRAINT project_snapshot_environment_id_fkey FOREIGN KEY (environment_id) REFERENCES dbt_state_plugin.environment(environment_id) ON DELETE CASCADE;
ALTER TABLE ONLY dbt_state_plugin.relation
    ADD CONSTRAINT relation_environment_id_fkey FOREIGN KEY (environment_id) REFERENCES dbt_state_plugin.environment(environment_id) ON DELETE CASCADE;
ALTER TABLE ONLY dbt_state_plugin.relation
    ADD CONSTRAINT relation_execution_id_fkey FOREIGN KEY (execution_id) REFERENCES dbt_state_plugin.execution(execution_id) ON DELETE SET NULL;
ALTER TABLE ONLY dbt_state_plugin.relation
    ADD CONSTRAINT relation_raw_definition_id_fkey FOREIGN KEY (raw_definition_id) REFERENCES dbt_state_plugin.definition(definition_id);
