"""Secrets as canaries, looked for in every output."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import signal
import socket
import stat
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from psycopg2 import sql
from support.database import Database
from support.project import NAME, SCHEMA, Project
from support.roles import Logins, execute, logins

from dbt_state_plugin.state.version import EXPECTED_VERSION

ProjectFactory = Callable[[Mapping[str, str]], Project]
URL = "DBT_STATE_PLUGIN_DATABASE_URL"
# Passwords have every character that a form of writing them could get wrong.
SPECIAL = " p@ss/w:r%d?#&'\"\\ü"
CANARIES = {
    name: f"canary{number:02}{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    for number, name in enumerate(
        (
            "password in profiles.yml",
            "password by env_var",
            "password by DBT_ENV_SECRET",
            "password of the state",
            "wrong password",
            "wrong password of the state",
            "unused DBT_ENV_SECRET",
            "env var",
            "var",
            "var in the environment",
        )
    )
}
# dbt itself writes values of vars and env vars into its own log and target folder, never a secret.
OF_DBT = ("logs", "target")
KNOWN_TO_DBT = ("env var", "var", "var in the environment")

FILES = {
    "models/orders.sql": "{{ config(materialized='table') }} select 1 as id {{ of_macro() }}",
    "models/report.sql": (
        "{% if var('quiet', '') == 'loud' or env_var('QUIET', '') == 'loud' %} select 0 {% endif %} "
        "select *, '{{ env_var('DBT_STATE_PLUGIN_DATABASE_URL', 'hidden') }}' as url from {{ ref('orders') }}"
    ),
    "models/models.yml": json.dumps(
        {"models": [{"name": "report", "description": "of {{ var('quiet', '') }} and {{ env_var('QUIET', '') }}"}]}
    ),
    "macros/of_macro.sql": "{% macro of_macro() %}{% if var('quiet', '') %}{% endif %}{% endmacro %}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """A project whose every secret is a canary, and what was printed about it."""

    project: Project
    state: Database
    temporary: Path
    printed: list[str] = field(default_factory=list)

    def plugin(self, *arguments: str, check: int, env: Mapping[str, str] | None = None) -> str:
        """Run a command with all secrets in its environment, keep what it prints, and return it."""
        answer = self.project.plugin(*arguments, check=check, env=self.environment(env))
        self.printed.append(answer.stdout + answer.stderr)
        return self.printed[-1]

    def environment(self, env: Mapping[str, str] | None = None) -> dict[str, str]:
        return {
            "TMPDIR": str(self.temporary),
            "PASSWORD": CANARIES["password by env_var"] + SPECIAL,
            "DBT_ENV_SECRET_PASSWORD": CANARIES["password by DBT_ENV_SECRET"] + SPECIAL,
            "DBT_ENV_SECRET_TOKEN": CANARIES["unused DBT_ENV_SECRET"],
            "QUIET": CANARIES["env var"],
            URL: url_forms(self.state)[0],
            **(env or {}),
        }


def url_forms(database: Database) -> list[str]:
    """Write where the state is in each form that is understood."""
    user, password = database.user, database.password
    at, quoted = f"{database.host}:{database.port}/{database.dbname}", quote(password, safe="")
    libpq = password.replace("\\", "\\\\").replace("'", "\\'")
    return [
        f"postgresql://{user}:{quoted}@{at}",
        f"host={database.host} port={database.port} user={user} password='{libpq}' dbname={database.dbname}",
        f"postgresql+psycopg2://{user}:{quoted}@{at}",
        f"postgresql://{at}?user={user}&password={quoted}",
    ]


def profile(outputs: Mapping[str, tuple[Database, str]]) -> str:
    """Write a profiles.yml: for each target who logs in, and what stands for the password."""
    return json.dumps(
        {
            NAME: {
                "target": "dev",
                "outputs": {
                    target: {
                        "type": "postgres",
                        "host": role.host,
                        "port": role.port,
                        "user": role.user,
                        "password": password,
                        "dbname": role.dbname,
                        "schema": SCHEMA if target == "dev" else f"of_{target}",
                        "threads": 2,
                    }
                    for target, (role, password) in outputs.items()
                },
            }
        }
    )


@pytest.fixture
def login(database: Database) -> Iterator[Logins]:
    with logins(database) as made:
        yield made


@pytest.fixture
def secrets(dbt_project: ProjectFactory, database: Database, login: Logins, tmp_path: Path) -> Secrets:
    roles = {
        target: login(target, password=CANARIES[name] + SPECIAL)
        for target, name in (
            ("dev", "password in profiles.yml"),
            ("var", "password by env_var"),
            ("secret", "password by DBT_ENV_SECRET"),
            ("state", "password of the state"),
        )
    }
    execute(database, "CREATE SCHEMA {}", sql.Identifier(SCHEMA))
    for role in roles.values():
        execute(database, "GRANT ALL ON SCHEMA {} TO {}", *map(sql.Identifier, (SCHEMA, role.user)))
        execute(database, "GRANT CREATE ON DATABASE {} TO {}", *map(sql.Identifier, (database.dbname, role.user)))
    passwords = {
        "dev": roles["dev"].password,
        "var": "{{ env_var('PASSWORD') }}",
        "secret": "{{ env_var('DBT_ENV_SECRET_PASSWORD') }}",
    }
    text = profile({target: (roles[target], password) for target, password in passwords.items()})
    project = dbt_project({**FILES, "profiles.yml": text})
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    return Secrets(project=project, state=roles["state"], temporary=temporary)


def found_in(text: str, names: Iterable[str] = tuple(CANARIES)) -> set[str]:
    """Return the names of the secrets that stand in a text, as they are or in a form that gives them away."""
    return {name for name in names if any(form in text for form in forms(CANARIES[name]))}


def forms(canary: str) -> list[str]:
    """Write a secret in all ways; one that is followed by more is found by its beginning, but for its hashes."""
    whole = (canary, canary + SPECIAL)
    hashes = [hashlib.new(name, each.encode()).hexdigest() for name in ("md5", "sha1", "sha256") for each in whole]
    encoded = [base64.b64encode(canary.encode()).decode()[:-4], canary.encode().hex(), canary[::-1]]
    return [canary, quote(canary), quote_plus(canary), *hashes, *encoded]


def dump(database: Database) -> str:
    """Write every value of every table outside of the catalog, unpacked where it is packed."""
    names = database.query(
        "SELECT schemaname::text, tablename::text FROM pg_tables "
        "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    )
    values = [
        unpacked(value)
        for name in names
        for row in database.query(sql.SQL("SELECT * FROM {}").format(sql.Identifier(*name)))
        for value in row
    ]
    assert len(values) > 50
    return "\n".join(values)


def unpacked(value: object) -> str:
    if not isinstance(value, memoryview):
        return repr(value)
    for unpack in (zlib.decompress, gzip.decompress):
        with suppress(zlib.error, OSError):
            return unpack(bytes(value)).decode()
    return bytes(value).hex()


def files_of(folder: Path) -> dict[Path, str]:
    return {path: path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file()}


def test_no_secret_stands_in_the_state_in_what_is_printed_or_in_a_file(secrets: Secrets, database: Database) -> None:
    variables = ("--vars", json.dumps({"quiet": CANARIES["var"]}))
    secrets.plugin("run", *variables, check=0)
    for form in url_forms(secrets.state):
        assert "nothing to build" in secrets.plugin("plan", *variables, check=0, env={URL: form})
    for arguments in (
        ("plan", "--all", "--output", "json", *variables),
        ("history",),
        ("report", "--output", "-", *variables),
        ("state", "export-manifest", "shop/dev"),
        ("state", "roles"),
        ("plan", "--debug", "--log-level", "debug", *variables),
    ):
        secrets.plugin(*arguments, check=0)
    # Values that the SQL does not show are other ones: which they were and are is said by their names.
    changed = {
        "QUIET": f"{CANARIES['env var']}2",
        "DBT_STATE_PLUGIN_VARS": f"{{quiet: {CANARIES['var in the environment']}}}",
    }
    assert "QUIET" in secrets.plugin("explain", "report", check=0, env=changed)
    assert "QUIET" in secrets.plugin("report", "--output", "-", check=0, env=changed)
    apart = ("--state-schema", "of_secret")
    secrets.plugin("run", "--target", "secret", "--select", "orders", *apart, check=0, env={URL: ""})
    assert EXPECTED_VERSION in secrets.plugin(
        "state", "upgrade", "--target", "var", "--state-schema", "of_var", check=0, env={URL: ""}
    )

    assert database.query(f"SELECT DISTINCT url FROM {SCHEMA}.report") == [("hidden",)]
    assert found_in(dump(database)) == set()
    assert found_in("\n".join(secrets.printed)) == set()
    profiles_file = secrets.project.directory / "profiles.yml"
    for path, text in files_of(secrets.project.directory).items():
        is_of_dbt = path.relative_to(secrets.project.directory).parts[0] in OF_DBT
        allowed = set(KNOWN_TO_DBT) if is_of_dbt else set()
        assert path == profiles_file or found_in(text) <= allowed, path
    assert list(secrets.temporary.iterdir()) == []


def test_no_secret_stands_in_an_error(secrets: Secrets, database: Database) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        nowhere = replace(secrets.state, port=listener.getsockname()[1])
    mistaken = replace(secrets.state, password=CANARIES["wrong password of the state"] + SPECIAL)
    broken_urls = [
        f"postgresql://{mistaken.user}:{mistaken.password}@host/name",
        f"postgresql://{mistaken.user}:{CANARIES['wrong password']}@host:port/name",
        f"postgres:{mistaken.password}",
        f"password={mistaken.password}",
        f"host=x password='{CANARIES['wrong password']}",
        f"postgresql+psycopg2://u:{CANARIES['wrong password']}@[::1/name?a=1&a=2",
    ]
    for database_url in [*url_forms(mistaken), *url_forms(nowhere)[:2], *broken_urls]:
        secrets.plugin("plan", "--debug", check=2, env={URL: database_url})

    good = secrets.project.read("profiles.yml")
    wrong = CANARIES["wrong password"]
    for text in (
        good.replace(CANARIES["password in profiles.yml"], wrong),
        good + f"\n  password: {wrong}: [",
        good.replace('"port": ', '"port": "' + wrong + '", "port2": '),
        good.replace('"password": ', '"pass": "' + wrong + '", "password": '),
        good.replace("{{ env_var('PASSWORD') }}", "{{ env_var('PASSWORD') + }} " + wrong),
    ):
        assert text != good
        secrets.project.write("profiles.yml", text)
        target = "var" if "+ }}" in text else "dev"
        secrets.plugin("plan", "--debug", "--target", target, check=2, env={URL: ""})
    secrets.project.write("profiles.yml", good)
    secrets.project.write(
        "macros/of_macro.sql",
        "{% macro of_macro() %}{% if execute %}{{ exceptions.raise_compiler_error('no') }}{% endif %}{% endmacro %}",
    )
    secrets.plugin("run", "--debug", check=1)
    secrets.project.write("macros/of_macro.sql", "{% macro of_macro() %}{{ 1 / ")
    secrets.plugin("run", "--debug", check=2)

    printed = "\n".join(secrets.printed)
    assert found_in(printed) == set()
    assert found_in(dump(database)) == set()
    assert list(secrets.temporary.iterdir()) == []


def test_no_secret_stands_in_a_command_line_and_nothing_is_left_behind_by_sigterm(
    secrets: Secrets, database: Database
) -> None:
    secrets.project.write("models/orders.sql", "{{ config(materialized='table') }} select pg_sleep(600)::text as id")
    environment = secrets.environment({"DBT_STATE_PLUGIN_VARS": f"{{quiet: {CANARIES['var in the environment']}}}"})

    process = subprocess.Popen(  # a fork has the command line of the process that forks
        [sys.executable, "-m", "dbt_state_plugin", "run"],
        cwd=secrets.project.directory,
        env={**secrets.project.environment, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not database.query(
        "SELECT 1 FROM pg_stat_activity "
        "WHERE state = 'active' AND query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()"
    ):
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    command_lines = "".join(
        text for path in Path("/proc").glob("[0-9]*/cmdline") if (text := read_if_there(path)) and "dbt" in text
    )
    assert "dbt_state_plugin" in command_lines
    assert found_in(command_lines) == set()
    left = list(secrets.temporary.rglob("*"))
    assert left
    for path in left:
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077 or path.parent != secrets.temporary, path
        assert path.is_dir() or found_in(path.read_text()) == set()
    visible = database.query("SELECT query, application_name FROM pg_stat_activity")
    assert found_in(repr(visible)) == set()

    process.send_signal(signal.SIGTERM)
    stdout, stderr = process.communicate(timeout=60)

    assert process.returncode == 143
    assert found_in(stdout + stderr) == set()
    assert list(secrets.temporary.iterdir()) == []
    assert found_in(dump(database)) == set()


def read_if_there(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
