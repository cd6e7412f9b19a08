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
    CONSTRAINT relation_check CHECK ((((relation_oid IS NULL) = (relfilenode IS NULL)) AND ((relation_oid IS NULL) = (relkind IS NULL)))),
    CONSTRAINT relation_duration_ms_check CHECK ((duration_ms >= 0)),
    CONSTRAINT relation_fingerprint_check CHECK ((jsonb_typeof(fingerprint) = 'object'::text)),
    CONSTRAINT relation_trace_check CHECK ((jsonb_typeof(trace) = 'object'::text))
);
INSERT INTO dbt_state_plugin.alembic_version VALUES ('0001');
INSERT INTO dbt_state_plugin.checksum VALUES ('d056c4eecbbaa736c1c65f740263e9135975b12a267ff2b665328768648f07ab', 'model.shop.due', '721408d1a1ca0325b81391169ae022b18fa07330e45bc12c46bc1acd3599130d');
INSERT INTO dbt_state_plugin.checksum VALUES ('d056c4eecbbaa736c1c65f740263e9135975b12a267ff2b665328768648f07ab', 'model.shop.orders', '4069ee80bbd238a130baca4a68cc30d0596adf50bea108794ef6b1b92c24707d');
INSERT INTO dbt_state_plugin.checksum VALUES ('d056c4eecbbaa736c1c65f740263e9135975b12a267ff2b665328768648f07ab', 'model.shop.report', '0c4e77d4b5d4fa836262b8330f8b8fb5ec47795d7e3740f5f79b25651f1aef73');
INSERT INTO dbt_state_plugin.checksum VALUES ('d056c4eecbbaa736c1c65f740263e9135975b12a267ff2b665328768648f07ab', 'model.shop.totals', '304069efaabecdfa5ab86bfce0a902ed0d77ae4cb05ed95ccf4d24d73665cc92');
INSERT INTO dbt_state_plugin.checksum VALUES ('d056c4eecbbaa736c1c65f740263e9135975b12a267ff2b665328768648f07ab', 'seed.shop.countries', '8fe8899e5650a69f9378ea5e6e93268db7273f3ee4c243ca7fc0a910ed4b1b18');
INSERT INTO dbt_state_plugin.checksum VALUES ('d2d601c795ae2a5eb9c3bae56e57a1a08ff387b421499fd279854e9ae6b282e8', 'model.shop.due', 'f44418eee06a7f88c9a5e04aa0e02a405ec36c94e536701e1db02f4f400bee3c');
INSERT INTO dbt_state_plugin.checksum VALUES ('d2d601c795ae2a5eb9c3bae56e57a1a08ff387b421499fd279854e9ae6b282e8', 'model.shop.orders', '4069ee80bbd238a130baca4a68cc30d0596adf50bea108794ef6b1b92c24707d');
INSERT INTO dbt_state_plugin.checksum VALUES ('d2d601c795ae2a5eb9c3bae56e57a1a08ff387b421499fd279854e9ae6b282e8', 'model.shop.report', '0c4e77d4b5d4fa836262b8330f8b8fb5ec47795d7e3740f5f79b25651f1aef73');
INSERT INTO dbt_state_plugin.checksum VALUES ('d2d601c795ae2a5eb9c3bae56e57a1a08ff387b421499fd279854e9ae6b282e8', 'model.shop.totals', '304069efaabecdfa5ab86bfce0a902ed0d77ae4cb05ed95ccf4d24d73665cc92');
INSERT INTO dbt_state_plugin.checksum VALUES ('d2d601c795ae2a5eb9c3bae56e57a1a08ff387b421499fd279854e9ae6b282e8', 'seed.shop.countries', '8fe8899e5650a69f9378ea5e6e93268db7273f3ee4c243ca7fc0a910ed4b1b18');
INSERT INTO dbt_state_plugin.checksum_set VALUES ('d056c4eecbbaa736c1c65f740263e9135975b12a267ff2b665328768648f07ab', 'fingerprint');
INSERT INTO dbt_state_plugin.checksum_set VALUES ('d2d601c795ae2a5eb9c3bae56e57a1a08ff387b421499fd279854e9ae6b282e8', 'fingerprint');
INSERT INTO dbt_state_plugin.definition VALUES ('73888d29dc89284988a1afe4924dbfca4f1e51b7f40a625017c94d66e63a420b', '{{ config(materialized=''table'') }} select 1 / {{ var(''divisor'', 1) }} as n');
INSERT INTO dbt_state_plugin.definition VALUES ('92fdf6680def6a071011930f8de4d06d688757c5cc950aac6070ad8df0f991ea', '{{ config(materialized=''table'') }} select 1 as id, ''{{ var(''currency'', ''eur'') }}'' as currency');
INSERT INTO dbt_state_plugin.definition VALUES ('ad28e011787e3ea0d6a78ec025cb2544ef4c206f189a711ee01a5acfb1b79ae6', 'select * from {{ ref(''totals'') }}');
INSERT INTO dbt_state_plugin.definition VALUES ('b5173e0ac36e7e57a85233ff9176872d5f99a117aec21e36c8c67abff3ec04bc', '{{ config(materialized=''incremental'') }} select count(*) as n from {{ ref(''orders'') }}');
INSERT INTO dbt_state_plugin.definition VALUES ('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', '');
INSERT INTO dbt_state_plugin.environment OVERRIDING SYSTEM VALUE VALUES (1, '', '', 'shop', 'dev', 'dumped_database_0001', 'analytics', '2026-11-21 18:24:26.32922+00');
INSERT INTO dbt_state_plugin.execution VALUES ('39110b30-d7d9-46ad-a019-cd0f20da3bcb', 1, 'build', true, 'succeeded', '2026-11-21 18:24:26.334489+00', '2026-11-21 18:24:33.521233+00', 'cli', 'vm', 11190, 11201, '0.1.0', '1.11.16', '1.11.0', '', '', '');
INSERT INTO dbt_state_plugin.execution VALUES ('ea295e15-46e4-42c9-86d0-c0bcf4978347', 1, 'run', true, 'failed', '2026-11-21 18:24:34.740431+00', '2026-11-21 18:24:41.385273+00', 'cli', 'vm', 11291, 11292, '0.1.0', '1.11.16', '1.11.0', '', '', '');
INSERT INTO dbt_state_plugin.execution_step VALUES ('97a4446e-40ca-4008-98c5-9cbe8fea6d42', '39110b30-d7d9-46ad-a019-cd0f20da3bcb', 'TRANSFORM', 'succeeded', '2026-11-21 18:24:31.990805+00', '2026-11-21 18:24:33.520793+00', 5, 'd056c4eecbbaa736c1c65f740263e9135975b12a267ff2b665328768648f07ab');
INSERT INTO dbt_state_plugin.execution_step VALUES ('3de5a5ab-3691-4928-9af6-dcda1084ff03', 'ea295e15-46e4-42c9-86d0-c0bcf4978347', 'TRANSFORM', 'failed', '2026-11-21 18:24:40.43516+00', '2026-11-21 18:24:41.381154+00', 0, 'd2d601c795ae2a5eb9c3bae56e57a1a08ff387b421499fd279854e9ae6b282e8');
INSERT INTO dbt_state_plugin.installation VALUES (true, '\x54b40a6989dd4314bd7e8922a255788512ab3fe6cc9444e8bb63c82954c84beb', '2026-11-21 18:24:26.326522+00');
INSERT INTO dbt_state_plugin.intent VALUES ('', 'dumped_database_0001', 'analytics', 'due', 'ea295e15-46e4-42c9-86d0-c0bcf4978347', 'model.shop.due', '2026-11-21 18:24:40.471647+00');
INSERT INTO dbt_state_plugin.node_result VALUES ('39110b30-d7d9-46ad-a019-cd0f20da3bcb', 'model.shop.due', 'model', '[{"kind": "new", "node": "", "detail": "no build of it is recorded"}]', '73888d29dc89284988a1afe4924dbfca4f1e51b7f40a625017c94d66e63a420b', 'success', 1, 298, '');
INSERT INTO dbt_state_plugin.node_result VALUES ('39110b30-d7d9-46ad-a019-cd0f20da3bcb', 'model.shop.orders', 'model', '[{"kind": "new", "node": "", "detail": "no build of it is recorded"}]', '92fdf6680def6a071011930f8de4d06d688757c5cc950aac6070ad8df0f991ea', 'success', 1, 372, '');
INSERT INTO dbt_state_plugin.node_result VALUES ('39110b30-d7d9-46ad-a019-cd0f20da3bcb', 'seed.shop.countries', 'seed', '[{"kind": "new", "node": "", "detail": "no build of it is recorded"}]', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 'success', 2, 82, '');
INSERT INTO dbt_state_plugin.node_result VALUES ('39110b30-d7d9-46ad-a019-cd0f20da3bcb', 'model.shop.totals', 'model', '[{"kind": "new", "node": "", "detail": "no build of it is recorded"}, {"kind": "upstream", "node": "model.shop.orders", "detail": "is built"}]', 'b5173e0ac36e7e57a85233ff9176872d5f99a117aec21e36c8c67abff3ec04bc', 'success', 1, 62, '');
INSERT INTO dbt_state_plugin.node_result VALUES ('39110b30-d7d9-46ad-a019-cd0f20da3bcb', 'model.shop.report', 'model', '[{"kind": "new", "node": "", "detail": "no build of it is recorded"}, {"kind": "upstream", "node": "model.shop.totals", "detail": "is built"}]', 'ad28e011787e3ea0d6a78ec025cb2544ef4c206f189a711ee01a5acfb1b79ae6', 'success', NULL, 115, '');
INSERT INTO dbt_state_plugin.node_result VALUES ('ea295e15-46e4-42c9-86d0-c0bcf4978347', 'model.shop.due', 'model', '[{"kind": "variables", "node": "", "detail": "a var, env var or target field that it reads changed"}]', '73888d29dc89284988a1afe4924dbfca4f1e51b7f40a625017c94d66e63a420b', 'error', NULL, 131, 'Database Error in model due (models/due.sql)
  division by zero
  compiled code at /tmp/tmpt5f9e60s/project/target/dbt-state-plugin/run/shop/models/due.sql');
INSERT INTO dbt_state_plugin.project_snapshot VALUES (1, '3b59488ff6b8e0e1900bc3a850f9456566aeebff9b75a1c09397bf988d83c644', '{"roots": ["/tmp/tmpt5f9e60s/project"], "folders": ["/tmp/tmpt5f9e60s/project/analyses", "/tmp/tmpt5f9e60s/project/dbt_packages", "/tmp/tmpt5f9e60s/project/functions", "/tmp/tmpt5f9e60s/project/macros", "/tmp/tmpt5f9e60s/project/models", "/tmp/tmpt5f9e60s/project/seeds", "/tmp/tmpt5f9e60s/project/snapshots", "/tmp/tmpt5f9e60s/project/tests"], "env_vars": []}', '\x7801ed58db6e5bc70efd9542cf07ce0ce7de5f098a801c9289716c2995141745d17fef9a2dd9aa911608ce491f8ac457696e1a5ed6e2e2fe6db7e747dbfdf8c3eef4e1f071f79f1f76673ebeb7f31a517b5a03ca67163e6d8bf4d3e347d377cf43ef420871ad39cd0ff6c86b13eff9e1d7f3fd3c6d5be5fceec98ea7fbc37ecdc5bb889fba6658f9e3d98e9fcd8635b93fa89db0e1eddbdd235e3edcadbbdd1dede3e1785ef3dbe07a711bbadefeed8b19d7a99f9e979fde5c46ee4e3f3facad4ff7f60bfebfddfd9d49af0cb99df6ea4ae7c3991f4e3b7cc86f3b39e8afcbc832727392c456e01c111ae2bd4ae92365b3246926e63a82681b99344c99c94d66a634bac6b62e370f7bbf7fbf4eebec6c954acd2452a4d451b54b1e5c8453e169c573e51afbe88d15f3418279520eeac568f3f5131fef591e3697ee244bce524a9eb315ebf864eb2926dc3168b449394dcf4cd2849c429c1c7232b7d626576f335faf773ef2dc9264aa0566e249ae41c78c2dfb8cf880eaae56612a49e4949a48ae31d534a6c3d638ea804b82adf33e1c0eff5df1dee12e7d062735cb337a50a6c6a150b69ae0a4885be5410c17fa149ad4541a9c021b287bea7d1da607e41ece9a03ae0e8525240f258c39ddac8c344a8da3c16fd58523a28399a0a5b656430c25c3d7b5f5b9c5e1680f7cbe262f59749d254d1eb0ce3c5aee9a9c0816f268b5daeca4a5252a89a55371531e88af799faabcee7684278fb69f975090e71cc32871c0649e110759cacc59ad37dc9ac22c55f36c6d192da196d2716d382ff48e845a27fa03bfdfcc1d863c18e4130b9c8611d998c1900eb1666b26b8a1538f5463a8a34b4f14b32822ae7d5d641d66fbf7f7fb0de732305444a3c38ee45e5b68b3f5581019e61e2a5e666a383e3a42dd7b6eb021f8eca9e4d8b7b47be4793c5cc2aa5a60e0ec83ba96dc7aa330c84a21abbd60b92113908d31814f929406fba563499c86afbafb1d405d485e48fb2b0062ea8513ae98c4d0679c7083eb65f9e9cd65e49913eef7f3688fb607a8e18e2fa486dba1af6e76382a88ef353534593c10f19d8649a5ee8913a5c62c3ab5959eaab93bf23d032ec59a8e24889c00e305f9b96274a306090e67e7314b56f0402f8095c59cd49b049d4007fca99104081225ef142897d48703a3718c75da776af81ad4d0291980af92640010082a28af0407b2a8f62433f4a171f4088eef55535605312146400c35df6ade6b6aa8d30bc843e6e0d0047fd2a8b9b561400a8a87b721023602c7b95b185e01a781e32298696062c5f61ba7862b00e188176ab80d7d460d37b83e53c365e4991a20811e56adfa4252b81db778eb260e50fe35868cb2e00180ac19e527a7980b8d96b8d4541978a7a16df61a7a9bd698428bdd5a32b5f49a019a9490a103b03a50b70949414805d4610503ac52c0d01401f027411952e80bb06d563076e1c45bde7d6780afc10012c1d6c353104675139f75a93e86021003d011ebd9114869cde240c8aad41657d813924095565c5f33c0d79042df3803e8a74d5dbec0fffafe33ecaff1a52eb685a73778fb3fa2fe7ad06bc80fb79ca03a63e26a805f84f09e403f3455e612a9049aa376d47c2f503c48870181b914bdd222f37f18f255979685a4642844a91df25cda4053024d6290158da128d01420af03276fe804fad2cd2e61b492360f43937c7bfd0004329a1588de0c2dbcdcd76b84ce9e0d243e46595d5dcd896ac9bd28b581de0863044f7b07396c6df377c87f8d7ee064a6974704f3f00999788ff60a705ec317f0fc79f0f294e3f69ce0b66551c0da737af33276374f4f7f3aea0b8bffcbf6ad5d7955ff2bd45e9fa8f0d001067dae55091d548b3656c7355209ac0902b1796eb84bf496a50e7334bb3ee4196dd787032e7d8902a45c24eceb93d1040aa105e59ad14ca0ff4da1f140f12109822e1efd664971464ad9eba612ffd1fa3f06354279c3fd4dbbe25946859c6dee094c33538953503667aa0dbf813ce6e1bd58c01312cfe098e5fb7fc5c381a401d1d140d0dfa699f18aea9438f3b0e4b180eaad1b9c8f4719b9a045989ad00ba37dc67c91ad17fb4e06ff2f19fcf4fb1f2a68e117', '2026-11-21 18:24:40.423863+00');
INSERT INTO dbt_state_plugin.relation VALUES ('', 'dumped_database_0001', 'analytics', 'due', 1, 'model.shop.due', 'model', 'table', '{"body": "9fe4339513a6e5181cc7cf0ff674a512502c968244f592126d99b56189d25e9f", "docs": "c9b3c05ab03f0509ccfee593956197e5f6fba129b9cc0d5677601054256678c7", "flags": "9e46a92fcf64f29e22e9c0e0b0164e7eb766f2812610698b83214bdec2d82f44", "hooks": "be88c0f2dee4c1f0da27a0524e633fe1b7b492a3c3fcb2c27db75b5ebe24f388", "config": "7b504ba3d7c028ecbd72f69d0ddb0dfcf6a398005b2bcefd98d5184d5565a3a0", "engine": "b9f445bd1f25f3ff6707c7815deeaa806815427e0b1f55688470f20fc8354186", "macros": "bdd52acc8928d547872092e552e685186e89075e130003b57e87b80921ceeee6", "contract": "cde0aa2ac2fd0d9c174fc1b556ffde6aa62b1a337bb4613639cfc4219695890e", "relation": "f4488cf20481510ab861e7ec7636995bc3f643265485d279d9cbc32210f89bf1", "variables": "b4b44b554cc75e8febe8313bf80d1ec243cf4a2b7b2f201ca043efe77ca6f7c4", "references": "be88c0f2dee4c1f0da27a0524e633fe1b7b492a3c3fcb2c27db75b5ebe24f388"}', '{"inlined": {}, "parents": {}}', 'ad4745e8-ec62-4ba5-873a-abaa0862a2ec', '2026-11-21 18:24:32.742009+00', '39110b30-d7d9-46ad-a019-cd0f20da3bcb', 298, 360404, 360404, 'r', '73888d29dc89284988a1afe4924dbfca4f1e51b7f40a625017c94d66e63a420b');
INSERT INTO dbt_state_plugin.relation VALUES ('', 'dumped_database_0001', 'analytics', 'orders', 1, 'model.shop.orders', 'model', 'table', '{"body": "3b3d1049d0f0f82649b9431452973a5636aeb729d7c86087ce7a20718e73ede3", "docs": "c9b3c05ab03f0509ccfee593956197e5f6fba129b9cc0d5677601054256678c7", "flags": "9e46a92fcf64f29e22e9c0e0b0164e7eb766f2812610698b83214bdec2d82f44", "hooks": "be88c0f2dee4c1f0da27a0524e633fe1b7b492a3c3fcb2c27db75b5ebe24f388", "config": "7b504ba3d7c028ecbd72f69d0ddb0dfcf6a398005b2bcefd98d5184d5565a3a0", "engine": "b9f445bd1f25f3ff6707c7815deeaa806815427e0b1f55688470f20fc8354186", "macros": "bdd52acc8928d547872092e552e685186e89075e130003b57e87b80921ceeee6", "contract": "cde0aa2ac2fd0d9c174fc1b556ffde6aa62b1a337bb4613639cfc4219695890e", "relation": "b15e79f30ba787bfc69bf8aedabea0d0f8c8a20b77e194ba6b67114523826dd2", "variables": "b4b44b554cc75e8febe8313bf80d1ec243cf4a2b7b2f201ca043efe77ca6f7c4", "references": "be88c0f2dee4c1f0da27a0524e633fe1b7b492a3c3fcb2c27db75b5ebe24f388"}', '{"inlined": {}, "parents": {}}', '22efe098-eba4-47b8-9af6-b7541d5d1f23', '2026-11-21 18:24:33.12334+00', '39110b30-d7d9-46ad-a019-cd0f20da3bcb', 372, 360407, 360407, 'r', '92fdf6680def6a071011930f8de4d06d688757c5cc950aac6070ad8df0f991ea');
INSERT INTO dbt_state_plugin.relation VALUES ('', 'dumped_database_0001', 'analytics', 'countries', 1, 'seed.shop.countries', 'seed', 'seed', '{"body": "67f08cb72b3de713d6d21f571e99f449350ad334d7f47eed1f74b69ef2c2f9be", "docs": "c9b3c05ab03f0509ccfee593956197e5f6fba129b9cc0d5677601054256678c7", "flags": "9e46a92fcf64f29e22e9c0e0b0164e7eb766f2812610698b83214bdec2d82f44", "hooks": "be88c0f2dee4c1f0da27a0524e633fe1b7b492a3c3fcb2c27db75b5ebe24f388", "config": "fb8ede3c76120ad8cae46b2732a648363c0307a98c82b0bfe7410531c1234f6c", "engine": "b9f445bd1f25f3ff6707c7815deeaa806815427e0b1f55688470f20fc8354186", "macros": "bdd52acc8928d547872092e552e685186e89075e130003b57e87b80921ceeee6", "contract": "99272dd2ef2ed8dafa607b7ff3b68c351cbe79c367c3602f149f85e03aaf412f", "relation": "3d09bed0255eed4ad0226cb1c49e3f1574ae8e10524e451f3cd328d0b19e35b9", "variables": "b4b44b554cc75e8febe8313bf80d1ec243cf4a2b7b2f201ca043efe77ca6f7c4", "references": "be88c0f2dee4c1f0da27a0524e633fe1b7b492a3c3fcb2c27db75b5ebe24f388"}', '{"inlined": {}, "parents": {}}', '8de730e9-aad7-4fb0-8506-fa740c406a81', '2026-11-21 18:24:33.211515+00', '39110b30-d7d9-46ad-a019-cd0f20da3bcb', 82, 360412, 360412, 'r', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
INSERT INTO dbt_state_plugin.relation VALUES ('', 'dumped_database_0001', 'analytics', 'totals', 1, 'model.shop.totals', 'model', 'incremental', '{"body": "7b6b58181839eb628f3a3237aabdcd75836efff52447bb5e7d93beb7bf465776", "docs": "c9b3c05ab03f0509ccfee593956197e5f6fba129b9cc0d5677601054256678c7", "flags": "9e46a92fcf64f29e22e9c0e0b0164e7eb766f2812610698b83214bdec2d82f44", "hooks": "be88c0f2dee4c1f0da27a0524e633fe1b7b492a3c3fcb2c27db75b5ebe24f388", "config": "b0f35449c54dce585c42e143df7b0dcc27130d12ba05bd2f820245389f174199", "engine": "b9f445bd1f25f3ff6707c7815deeaa806815427e0b1f55688470f20fc8354186", "macros": "bdd52acc8928d547872092e552e685186e89075e130003b57e87b80921ceeee6", "contract": "cde0aa2ac2fd0d9c174fc1b556ffde6aa62b1a337bb4613639cfc4219695890e", "relation": "823e573db3b9b1f3a3b1a50fd822683bc089d198142386d34dd05a0dc20f27f0", "variables": "b4b44b554cc75e8febe8313bf80d1ec243cf4a2b7b2f201ca043efe77ca6f7c4", "references": "6cf5a9dbc9a07b9a03964779ee89a69f79bbfdcc9bffe09f692e9c20155e9fdc"}', '{"inlined": {}, "parents": {"\"dumped_database_0001\".\"analytics\".\"orders\"": "22efe098-eba4-47b8-9af6-b7541d5d1f23/360407/360407"}}', 'a1cf34bd-939a-4ad0-aab3-526f550df1a7', '2026-11-21 18:24:33.281825+00', '39110b30-d7d9-46ad-a019-cd0f20da3bcb', 62, 360417, 360417, 'r', 'b5173e0ac36e7e57a85233ff9176872d5f99a117aec21e36c8c67abff3ec04bc');
INSERT INTO dbt_state_plugin.relation VALUES ('', 'dumped_database_0001', 'analytics', 'report', 1, 'model.shop.report', 'model', 'view', '{"body": "5947f2b3ae5001bb29bf86b58934ee3b3c3aa690bd7942d0cbc3febc42398d17", "docs": "c9b3c05ab03f0509ccfee593956197e5f6fba129b9cc0d5677601054256678c7", "flags": "9e46a92fcf64f29e22e9c0e0b0164e7eb766f2812610698b83214bdec2d82f44", "hooks": "be88c0f2dee4c1f0da27a0524e633fe1b7b492a3c3fcb2c27db75b5ebe24f388", "config": "8afae625642bb5b5696d8b49a5ba35ace5f46a618987adb560b0ef3da0df5e26", "engine": "b9f445bd1f25f3ff6707c7815deeaa806815427e0b1f55688470f20fc8354186", "macros": "bdd52acc8928d547872092e552e685186e89075e130003b57e87b80921ceeee6", "contract": "cde0aa2ac2fd0d9c174fc1b556ffde6aa62b1a337bb4613639cfc4219695890e", "relation": "2e1fdc53ca9b55ef1e48d3f22a62a9766ec82d573253ab825feda9d0cef8cdda", "variables": "b4b44b554cc75e8febe8313bf80d1ec243cf4a2b7b2f201ca043efe77ca6f7c4", "references": "2f441095190f2ac1a62e34aa4de8703f20c56d4c77492ab065585f6421088b58"}', '{"inlined": {}, "parents": {"\"dumped_database_0001\".\"analytics\".\"totals\"": "a1cf34bd-939a-4ad0-aab3-526f550df1a7/360417/360417"}}', '234601d5-8629-447d-b682-2b2c349f66c7', '2026-11-21 18:24:33.402524+00', '39110b30-d7d9-46ad-a019-cd0f20da3bcb', 115, 360420, 0, 'v', 'ad28e011787e3ea0d6a78ec025cb2544ef4c206f189a711ee01a5acfb1b79ae6');
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
