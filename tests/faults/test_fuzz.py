"""Damaged inputs: one line of error, and no due build lost.

Inputs are damaged by structure and read by the functions that read them in a run, in this process, where 100,000 take
minutes. A few go through the command line (`test_damaged_files_and_rows_...`). Seeds are fixed; the input that fails is
printed.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from psycopg2 import Error
from support.database import Database, fresh_database
from support.project import STATE_URL, with_state_in, write_project
from support.project import Project as DbtProject

from dbt_state_plugin.cli.entry import _exit_code
from dbt_state_plugin.core.decision.rule import make_plan
from dbt_state_plugin.core.values.project import Node, Project
from dbt_state_plugin.core.values.records import Recorded
from dbt_state_plugin.core.values.relations import Catalog, RelationName
from dbt_state_plugin.dbt_runner.manifest_file import read_document
from dbt_state_plugin.errors import PluginError, SqliteError
from dbt_state_plugin.operations.bookkeeping.checksums import checksum_files
from dbt_state_plugin.operations.bookkeeping.manifest_checksums import checksum_manifest
from dbt_state_plugin.operations.parsed_project import places_from_document
from dbt_state_plugin.operations.planning.inputs import request_of, seen_now
from dbt_state_plugin.operations.planning.planning import RunOptions
from dbt_state_plugin.operations.session import open_session
from dbt_state_plugin.operations.settings import Settings, parse_variables
from dbt_state_plugin.operations.target import resolve_target
from dbt_state_plugin.postgres.connection import database_errors
from dbt_state_plugin.postgres.settings import DatabaseSettings
from dbt_state_plugin.project.profile import load_profile
from dbt_state_plugin.project.project_file import read_project_file
from dbt_state_plugin.sqlite.address import address_of_url
from dbt_state_plugin.sqlite.connection import _as_sqlite_errors
from dbt_state_plugin.sqlite.statement import read_row, stored, translated
from dbt_state_plugin.state import parsed_projects as snapshots
from dbt_state_plugin.state import relations
from dbt_state_plugin.state.connection import connect
from dbt_state_plugin.state.dialect import ByDialect, is_sqlite
from dbt_state_plugin.state.parsed_projects import ParsedProject
from dbt_state_plugin.state.state import State
from dbt_state_plugin.testing.postgres_server import Server
from faults.damage import SCALARS, as_text, damaged_copy, other_value
from faults.size import size
from meltano_plugin.load_step import load_step
from meltano_plugin.places import places_in
from meltano_plugin.project import read_project

INTEGRATION_PROJECT = Path(__file__).parents[2] / "integration_project"
CPU_SECONDS = 20  # for one input; the machine may be slow and the input 70 kB
GROWTH_KILOBYTES = 600_000  # of this process over all inputs

PROFILES = {
    "shop": {
        "target": "dev",
        "outputs": {
            "dev": {
                **{
                    "type": "postgres",
                    "host": "localhost",
                    "port": 5432,
                    "user": "me",
                    "password": "p",
                    "dbname": "shop",
                },
                **{"schema": "analytics", "threads": 4, "role": "builder", "search_path": "a, b", "keepalives_idle": 0},
                **{"connect_timeout": 10, "sslmode": "prefer", "retries": 1, "application_name": "dbt"},
            },
            "prod": {
                **{"type": "postgres", "host": "{{ env_var('HOST') }}", "port": "{{ env_var('PORT') | as_number }}"},
                **{"user": "me", "pass": "p", "database": "shop", "schema": "{{ var('schema', 'prod') }}"},
            },
        },
    }
}
PROJECT_FILE = {
    **{"name": "shop", "version": "1.0", "profile": "shop", "model-paths": ["models"], "target-path": "target"},
    **{"vars": {"days": 3, "shop": {"x": 1}}, "models": {"shop": {"+schema": "{{ target.name }}", "+tags": ["a"]}}},
    **{"on-run-start": ["select 1"], "flags": {"x": True}, "clean-targets": ["target"]},
}
MANIFEST = {
    "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json", "project_name": "shop"},
    "nodes": {
        f"model.shop.m{number}": {
            **{"resource_type": "model", "name": f"m{number}", "original_file_path": f"models/m{number}.sql"},
            **{"checksum": {"name": "sha256", "checksum": "0" * 64}, "version": None, "compiled_code": "select 1"},
            **{"depends_on": {"nodes": [f"model.shop.m{number - 1}"]}, "config": {"materialized": "table"}},
        }
        for number in range(4)
    },
}


MELTANO = {
    **yaml.safe_load((INTEGRATION_PROJECT / "meltano.yml").read_text(encoding="utf-8")),
    "include_paths": ["./more/*.meltano.yml"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the readers find files: a folder of the test's own."""

    folder: Path

    def write(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path


def read_profiles(place: Place, content: bytes) -> None:
    place.write("profiles.yml", content)
    place.write("dbt_project.yml", json.dumps(PROJECT_FILE).encode())
    places_in(place.folder, "dev", {"HOME": str(place.folder)}, ["run"])
    for target in ("dev", "prod", None):
        profile = load_profile(
            profiles_dir=place.folder,
            profile_name="shop",
            target=target,
            threads=None,
            cli_vars={},
            environ={"HOST": "x", "PORT": "1"},
        )
        if profile.settings is not None:  # of PostgreSQL
            profile.settings.connect_arguments()


def read_dbt_project(place: Place, content: bytes) -> None:
    place.write("dbt_project.yml", content)
    place.write("profiles.yml", json.dumps(PROFILES).encode())
    places_in(place.folder, "dev", {"HOME": str(place.folder)}, ["run"])
    read_project_file(place.folder, environ={}, cli_vars={}, target={"name": "dev"})


def read_manifest(place: Place, content: bytes) -> None:
    path = place.write("manifest.json", content)
    assert read_document(place.folder).project_name is not None
    for by_path in (False, True):
        checksum_manifest(str(path), by_path=by_path)


def read_meltano(place: Place, content: bytes) -> None:
    place.write("meltano.yml", content)
    environ = {"MELTANO_ENVIRONMENT": "dev", "TAP_POSTGRES__SELECT": '["*.*"]'}
    project = read_project(place.folder, place.folder / ".meltano", "dev", environ)
    load_step(project, "dbt-state-plugin")


READERS: Mapping[str, tuple[Callable[[Place, bytes], None], Any]] = {
    "profiles.yml": (read_profiles, PROFILES),
    "dbt_project.yml": (read_dbt_project, PROJECT_FILE),
    "manifest.json": (read_manifest, MANIFEST),
    "meltano.yml": (read_meltano, MELTANO),
}


@contextmanager
def bounded() -> Iterator[None]:
    """Raise when what is done takes too much of the processor."""

    def too_long(_number: int, _frame: object) -> None:
        raise AssertionError(f"more than {CPU_SECONDS} s of the processor for one input")

    previous = signal.signal(signal.SIGVTALRM, too_long)
    signal.setitimer(signal.ITIMER_VIRTUAL, CPU_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, previous)


@pytest.fixture
def bounded_memory() -> Iterator[None]:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < GROWTH_KILOBYTES


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_read_or_refused_in_one_line(name: str, tmp_path: Path, bounded_memory: None) -> None:
    read, sample = READERS[name]
    place = Place(folder=tmp_path)
    read_or_refused = {"read": 0, "refused": 0}

    for number in range(size(small=50, full=10_000 if name == "meltano.yml" else 15_000)):
        source = random.Random(f"{name} {number}")
        content = as_text(damaged_copy(sample, source), source)
        try:
            with bounded():
                read(place, content)
            read_or_refused["read"] += 1
        except PluginError as error:
            assert_one_line(error)
            read_or_refused["refused"] += 1
        except Exception as error:
            pytest.fail(f"input {number} of {name}: {repr(error)[:500]}\n{content[:3000]!r}")

    assert all(read_or_refused.values()), read_or_refused


def assert_one_line(error: PluginError) -> None:
    from dbt_state_plugin.report.printable import printable

    assert error.what
    assert error.do
    assert printable(f"{error.what} {error.do}").isprintable()


def test_hostile_values_on_the_command_line_are_refused_in_one_line(
    tmp_path: Path, bounded_memory: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith(("DBT_", "MELTANO_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "a.sql").write_text("select 1")
    texts = [value for value in SCALARS if isinstance(value, str)]
    options = ["--project-dir", "--profiles-dir", "--profile", "--target", "--vars", "--state-schema", "--lock-timeout"]
    options += ["--log-level", "--keep-days", "--output", "--limit", "--state", "--select", "-x", "--no-such-option"]
    commands = ["run", "plan", "select", "explain", "history", "show", "forget", "adopt", "init-step", "completion"]
    commands += [
        "state upgrade --sql",
        "state downgrade --sql",
        "state prune",
        "state roles",
        "complete-step",
        "nothing",
    ]

    for number in range(size(small=60, full=10_000)):
        source = random.Random(f"command {number}")
        value = source.choice(texts) + source.choice(("", "", source.choice(texts)))
        arguments = [*source.choice(commands).split(), source.choice(options), value]
        arguments += source.choices(texts, k=source.choice((0, 0, 1, 3)))
        url = f"postgresql://u:p@127.0.0.1:1/{value}" if source.random() < 0.3 else value
        attempts: list[Callable[[], object]] = [
            lambda v=value: parse_variables(v),  # type: ignore[misc]
            lambda u=url: DatabaseSettings.from_url(u).connect_arguments(),  # type: ignore[misc]
            lambda v=value: connect(address_of_url(f"sqlite:///{v}", named="URL"), writes=False).close(),  # type: ignore[misc]
            lambda v=value: checksum_files(str(tmp_path), [v[:200]]),  # type: ignore[misc]
            lambda a=arguments: _exit_code(a),  # type: ignore[misc]
        ]
        for attempt in attempts:
            try:
                with bounded():
                    attempt()
            except PluginError as error:
                assert_one_line(error)
            except Exception as error:
                pytest.fail(f"input {number} ({str(arguments)[:500]}): {str(error)[:500]!r}")
        said = capsys.readouterr().err
        assert "Traceback" not in said, arguments
        assert "Unexpected error" not in said, (arguments, said[:500])


MODELS = {
    "seeds/countries.csv": "id,name\n1,de\n",
    "models/sources.yml": "sources: [{name: raw, schema: raw, tables: [{name: events}]}]",
    "models/events.sql": "{{ config(materialized='table') }} select * from {{ source('raw', 'events') }}",
    "models/totals.sql": "{{ config(materialized='incremental') }} select count(*) as n from {{ ref('events') }}",
    "models/report.sql": "select * from {{ ref('totals') }}",
    "models/countries_there.sql": "{{ config(materialized='table') }} select * from {{ ref('countries') }}",
}
# The columns of relations.py's _RECORDED, by their types; those of the key are what finds the row, and stay.
COLUMNS: Mapping[int, tuple[str, bool]] = {
    **dict.fromkeys((3, 4, 5), ("text", False)),
    **dict.fromkeys((6, 7), ("json object", False)),
    **dict.fromkeys((8, 15), ("uuid", False)),
    9: ("timestamptz", False),
    10: ("uuid", True),
    11: ("bigint", True),
    **dict.fromkeys((14, 16, 17, 18), ("text", True)),
    19: ("boolean", False),
    **dict.fromkeys((20, 21, 22, 23, 24), ("text", False)),
}
IDENTITY = (12, 13)
# What a column of SQLite may hold besides values of its type; a column of texts makes a text of a number.
HELD: tuple[Any, ...] = (
    *(None, b"", b"\xff\x00", "", "x", "0", "-1", str(2**63), "9" * 400, "1.5", "Inf", "null", "[]", "{", "0 1"),
    *("{}", '{"parents": 7}', '"x"', "200000-01-01", "2026-01-01", "2026-01-01T00:00:00", "\x00", "\ud800"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Stand for an open state whose queries give these rows; with `names` as SQLite keeps them, to be read first."""

    environment: Any
    environment_id: int
    relation_rows: list[tuple[Any, ...]]
    intent_rows: list[tuple[Any, ...]]
    names: tuple[str, ...] = ()

    def rows(self, text: str, _values: Any = ()) -> list[tuple[Any, ...]]:
        if text is relations.INTENTS:
            return self.intent_rows
        if not self.names:
            return self.relation_rows
        with database_errors("Cannot read the state"), _as_sqlite_errors():
            return [read_row(row, self.names) for row in self.relation_rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A project that was built, with what the state and the warehouse say about it."""

    project: Project
    rows: Rows
    catalog: Catalog
    request: Any
    snapshot: ParsedProject

    def to_build(self, project: Project, recorded: Recorded, catalog: Catalog) -> set[str]:
        plan = make_plan(project, recorded, catalog, self.request)
        return {entry.node.unique_id for entry in plan.to_build}

    @property
    def keys(self) -> list[RelationName]:
        return [node.relation for node in self.project.nodes.values() if node.relation is not None]


@pytest.fixture(scope="module", params=["postgres", "sqlite"])
def kind(request: pytest.FixtureRequest) -> str:
    """Give the kind of the state."""
    return str(request.param)


@pytest.fixture(scope="module")
def database(postgres_server: Server, kind: str) -> Iterator[Database]:
    with fresh_database(postgres_server) as created:
        yield created


@pytest.fixture(scope="module")
def built(database: Database, kind: str, tmp_path_factory: pytest.TempPathFactory) -> DbtProject:
    """Give a project that was built, once for all tests here: no damage in this process reaches it."""
    database.load("CREATE SCHEMA raw; CREATE TABLE raw.events (id int); INSERT INTO raw.events VALUES (1)")
    folder = tmp_path_factory.mktemp("fuzz")
    project = with_state_in(kind, write_project(folder / "project", database, folder / "home", MODELS))
    project.plugin("build", check=0)
    return project


@pytest.fixture(scope="module")
def world(built: DbtProject) -> World:
    url = built.environment.get(STATE_URL, "")
    settings = Settings(project_dir=str(built.directory), profiles_dir=str(built.directory), database_url=url)
    with open_session(resolve_target(settings), create=False) as session:
        snapshot = snapshots.read_parsed_project(session.state)
        assert snapshot is not None
        project, options = snapshot.project(), RunOptions(command="build")
        _, catalog = seen_now(session, project, options)
        rows = recorded_rows(session.state, project)
        request = request_of(session, options, None, project)
    assert len(rows.relation_rows) == 5
    return World(project=project, rows=rows, catalog=catalog, request=request, snapshot=snapshot)


def recorded_rows(state: State, project: Project) -> Rows:
    """Return what is recorded of the project's relations, as PostgreSQL's driver gives it or as SQLite keeps it."""
    keys = [node.relation for node in project.nodes.values() if node.relation is not None]
    values = (state.environment.warehouse, state.environment_id, *relations.key_columns(keys))
    kept = Rows(environment=state.environment, environment_id=state.environment_id, relation_rows=[], intent_rows=[])
    if not is_sqlite(state.connection):
        return replace(kept, relation_rows=state.rows(relations._RECORDED, values))
    known = translated(str(relations._RECORDED.sqlite))
    with closing(state.connection._opened.execute(known.text, known.bound(values))) as cursor:  # type: ignore[attr-defined]
        names = tuple(column[0].rpartition(".")[2] for column in cursor.description)
        return replace(kept, relation_rows=cursor.fetchall(), names=names)


def with_node(project: Project, unique_id: str, **changes: Any) -> Project:
    return replace(project, nodes={**project.nodes, unique_id: replace(project.nodes[unique_id], **changes)})


def due_builds(world: World) -> Iterator[tuple[str, Project, list[tuple[Any, ...]], Catalog, set[str]]]:
    """Yield ways in which builds are due: its name, the project, the open intents, the catalog and what is due."""
    below = {"model.shop.events", "model.shop.totals", "model.shop.report"}
    events: Node = world.project.nodes["model.shop.events"]
    assert events.relation is not None
    key = events.relation
    edited = with_node(world.project, events.unique_id, fingerprint={**events.fingerprint, "body": "f" * 64})
    yield "edited", edited, [], world.catalog, below
    source = next(node for node in world.project.nodes.values() if node.resource_type == "source")
    assert source.relation is not None
    loaded = world.catalog.data[source.relation]
    moved = {**world.catalog.data, source.relation: replace(loaded, touched=loaded.touched + "0")}
    yield "new rows", world.project, [], replace(world.catalog, data=moved), below - {"model.shop.report"}
    without = {name: identity for name, identity in world.catalog.identities.items() if name != key}
    yield "missing", world.project, [], replace(world.catalog, identities=without), below - {"model.shop.report"}
    intent = (key.database, key.schema, key.identifier, "22222222-2222-4222-8222-222222222222", "abandoned", "x")
    yield (
        "interrupted",
        world.project,
        [(*intent, "", "shop", "dev", "x", "y", "error")],
        world.catalog,
        below - {"model.shop.report"},
    )
    replaced = {**world.catalog.identities, key: replace(world.catalog.identities[key], object_id="99")}
    yield "replaced", world.project, [], replace(world.catalog, identities=replaced), below - {"model.shop.report"}


def test_no_damaged_row_of_the_state_makes_a_due_build_go_away(world: World, bounded_memory: None) -> None:
    whole = relations.read_recorded(world.rows, world.keys)  # type: ignore[arg-type]
    assert world.to_build(world.project, whole, world.catalog) == set()
    cases = list(due_builds(world))
    for name, project, intents, catalog, due in cases:
        state = replace(world.rows, intent_rows=intents)
        recorded = relations.read_recorded(state, world.keys)  # type: ignore[arg-type]
        assert due <= world.to_build(project, recorded, catalog), name

    for number in range(size(small=300, full=30_000)):
        source = random.Random(f"row {number}")
        name, project, intents, catalog, due = source.choice(cases)
        rows, damage = damaged_rows(world.rows, source)
        state = replace(world.rows, relation_rows=rows, intent_rows=intents)
        try:
            with bounded():
                recorded = relations.read_recorded(state, world.keys)  # type: ignore[arg-type]
                missed = due - world.to_build(project, recorded, catalog)
        except PluginError as error:
            assert_one_line(error)
        except Exception as error:
            pytest.fail(f"input {number} ({name}): {damage}: {error!r}")
        else:
            assert not missed, f"input {number} ({name}): {damage}"


def damaged_rows(rows: Rows, source: random.Random) -> tuple[list[tuple[Any, ...]], str]:
    """Return the rows with some values replaced by others that could stand there, and say what was done."""
    result, said = [list(row) for row in rows.relation_rows], []
    for _ in range(source.choice((1, 1, 2, 5))):
        row = source.choice(result)
        if source.random() < 0.1:
            values: tuple[Any, ...] = source.choice(((None, None), ("1/2", "table"), (row[12], "view")))
            for column, value in zip(IDENTITY, values, strict=True):
                row[column] = value
            said.append(f"{row[3]}: identity {values}")
            continue
        column = source.choice(list(COLUMNS))
        row[column] = damaged_value(column, row[column], source, names=rows.names)
        said.append(f"{row[3]}: column {column} = {str(row[column])[:300]!r}")
    if source.random() < 0.1:
        gone = result.pop(source.randrange(len(result)))
        said.append(f"{gone[3]} is gone")
    return [tuple(row) for row in result], "; ".join(said)


def damaged_value(column: int, value: Any, source: random.Random, *, names: Sequence[str]) -> Any:
    """Return another value of a column's type, as the driver gives it; where there are names, as SQLite may hold it."""
    kind, may_be_null = COLUMNS[column]
    if may_be_null and source.random() < 0.3:
        return None
    if not names:
        return other_value(kind, value, source)
    if source.random() < 0.3:
        return source.choice(HELD)
    if kind != "json object":
        return stored(other_value(kind, value, source))
    try:
        return json.dumps(other_value(kind, json.loads(value), source))
    except (ValueError, TypeError):  # of an earlier damage
        return "{}"


def test_a_damaged_snapshot_of_the_project_is_not_believed(world: World, bounded_memory: None) -> None:
    import zlib

    assert set(world.snapshot.project().nodes) == set(world.project.nodes)
    document = json.loads(zlib.decompress(world.snapshot.packed))
    places = dict(world.snapshot.places)

    for number in range(size(small=80, full=10_000)):
        source = random.Random(f"snapshot {number}")
        if source.random() < 0.5:
            damaged = replace(world.snapshot, places=damaged_copy(places, source))
        else:
            damaged = replace(world.snapshot, packed=zlib.compress(as_text(damaged_copy(document, source), source)))
        if damaged == world.snapshot:
            continue
        try:
            places_from_document(damaged.places)
            nodes = damaged.project().nodes
        except (OSError, LookupError, TypeError, ValueError, AttributeError, RecursionError, zlib.error):
            continue  # those after which dbt parses (execution/snapshot.py)
        except Exception as error:
            pytest.fail(f"input {number}: {error!r}")
        assert nodes.keys() == world.project.nodes.keys(), f"input {number} was believed"


def test_a_moment_that_python_cannot_hold_is_refused_in_one_line(built: DbtProject) -> None:
    back_up(built)
    built.state(LATER)

    refused = built.plugin("history", check=2).stderr

    restore(built)
    what, do = refused.splitlines()
    assert "a value that this tool has not written" in what
    assert "restore" in do or "replace or remove what is damaged" in do


LATER = ByDialect(
    postgres="""
        UPDATE {state}.execution SET started_at = started_at + interval '198000 years',
            finished_at = finished_at + interval '198000 years'
    """,
    sqlite="UPDATE execution SET started_at = '19' || started_at, finished_at = '19' || finished_at",
)
COLUMNS_OF_TABLES = ByDialect(
    postgres="""
        SELECT c.relname::text, a.attname::text, format_type(a.atttypid, NULL)
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE c.relnamespace = 'dbt_state_plugin'::regnamespace AND c.relkind = 'r' AND a.attnum > 0
          AND NOT a.attisdropped AND c.relname NOT IN ('intent') ORDER BY 1, 2
    """,
    sqlite="""
        SELECT t.name, c.name, '' FROM sqlite_master t, pragma_table_info(t.name) c
        WHERE t.type = 'table' AND t.name <> 'intent' AND t.name NOT GLOB 'sqlite*' ORDER BY 1, 2
    """,
)
SQL_VALUES = {
    "text": ("''", "'x'", "repeat('y', 64)", "'dev'"),
    "character varying": ("'0001'", "'9999'", "''"),
    "jsonb": ("'{}'", "'[]'", """'{"a": {"b": [1, null]}}'"""),
    "uuid": ("gen_random_uuid()",),
    "bytea": ("''", "'\\x00ff'", "decode(repeat('00', 32), 'hex')"),
    "timestamp with time zone": (
        "'200000-01-01'",
        "'infinity'",
        "'-infinity'",
        "'0001-01-01'",
        "now() + interval '1 day'",
    ),
    "bigint": ("0", "9223372036854775807"),
    "integer": ("-1",),
    "oid": ("0", "1"),
    "boolean": ("true", "false"),
}
# Of SQLite any column may hold any of them.
SQLITE_VALUES = (
    *("''", "'x'", "'dev'", "hex(zeroblob(32))", "'0001'", "'9999'", "0", "1", "-1", "9223372036854775807", "1e999"),
    *("x''", "x'00ff'", "zeroblob(32)", "'{}'", "'[]'", """'{"a": {"b": [1, null]}}'""", "gen_random_uuid()"),
    *("'200000-01-01'", "'0001-01-01T00:00:00+00:00'", "'2026-01-01'", "clock_timestamp()", "CAST(x'80' AS text)"),
)


def test_damaged_files_and_rows_end_a_command_in_one_line_and_an_edit_is_still_built(built: DbtProject) -> None:
    built.write("models/events.sql", MODELS["models/events.sql"] + " where true")
    columns = built.state(COLUMNS_OF_TABLES)
    back_up(built)
    files = {"profiles.yml": yaml.safe_load(built.read("profiles.yml")), "dbt_project.yml": PROJECT_FILE}
    texts = {name: built.read(name) for name in files}

    for number in range(size(small=2, full=300)):
        source = random.Random(f"end to end {number}")
        if number % 2:
            name = source.choice(list(files))
            (built.directory / name).write_bytes(as_text(damaged_copy(files[name], source), source))
            damage = name
        else:
            damage = damage_a_row(built, columns, source)
        answer = built.plugin("plan", "--output", "json")

        assert "Traceback" not in answer.stderr, damage
        assert "Unexpected error" not in answer.stderr, damage
        if answer.returncode:
            assert answer.returncode == 2, damage
            assert answer.stderr.splitlines()[-2].startswith("Error: "), damage
        elif not number % 2:
            planned = {n["unique_id"] for n in json.loads(answer.stdout)["nodes"] if n["decision"] == "build"}
            assert "model.shop.events" in planned, damage
        for name, text in texts.items():
            built.write(name, text)
        restore(built)


def back_up(project: DbtProject) -> None:
    """Copy the state into a schema of its own, or its file."""
    if file := file_of(project):
        shutil.copy(file, f"{file}.backup")
        return
    project.state("DROP SCHEMA IF EXISTS backup CASCADE")
    project.state("CREATE SCHEMA backup")
    for table in state_tables(project):
        project.state(f"CREATE TABLE backup.{table} AS TABLE {{state}}.{table}")


def restore(project: DbtProject) -> None:
    """Make the state what it was, past its constraints."""
    if file := file_of(project):
        assert not Path(f"{file}-wal").exists()
        shutil.copy(f"{file}.backup", file)
        return
    statements = ["SET session_replication_role = replica"]
    for table in state_tables(project):
        statements += [
            f"DELETE FROM {{state}}.{table}",
            f"INSERT INTO {{state}}.{table} OVERRIDING SYSTEM VALUE TABLE backup.{table}",
        ]
    project.state("; ".join(statements))


def file_of(project: DbtProject) -> str:
    """Return the file of a state in SQLite, empty for one in PostgreSQL."""
    return project.environment.get(STATE_URL, "").removeprefix("sqlite:///")


def state_tables(project: DbtProject) -> list[str]:
    return [
        row[0] for row in project.state("SELECT tablename::text FROM pg_tables WHERE schemaname = 'dbt_state_plugin'")
    ]


def damage_a_row(project: DbtProject, columns: list[tuple[Any, ...]], source: random.Random) -> str:
    """Set a column of every row of a table to something else, as far as the constraints let it, and say which."""
    while True:
        table, column, kind = source.choice(columns)
        value = source.choice((*(SQL_VALUES[kind] if kind else SQLITE_VALUES), "NULL"))
        try:
            project.state(f"UPDATE {{state}}.{table} SET {column} = {value.replace('{', '{{').replace('}', '}}')}")
        except (Error, SqliteError):
            continue
        return f"{table}.{column} = {value}"
