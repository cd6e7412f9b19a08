"""The shop's warehouse, and how Meltano and dbt find it."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from production import TABLES, Production

from dbt_state_plugin.errors import PluginError
from dbt_state_plugin.testing.postgres_server import Server, connect, create_database, drop_database, start_server

PROJECT = Path(__file__).parent
_ASK = """
import sys, duckdb
with duckdb.connect(sys.argv[1]) as opened:
    for statement in sys.argv[2:]:
        opened.execute(statement)
    print(opened.fetchone()[0])
"""


def load_source(server: Server) -> None:
    """Create and fill the source tables without a loader; done again, it starts afresh."""
    with closing(connect(server)) as opened, opened.cursor() as cursor:
        cursor.execute("drop schema if exists raw cascade")
        cursor.execute("create schema raw")
        cursor.execute("set search_path to raw")
        cursor.execute(TABLES.read_text(encoding="utf-8"))


def one_value(server: Server, query: str, *values: object) -> Any:
    """Ask a server for one value."""
    with closing(connect(server)) as opened, opened.cursor() as cursor:
        cursor.execute(query, values)
        row = cursor.fetchone()
    return row[0] if row else None


def load_source_into_file(file: Path) -> None:
    """Create a DuckDB file with the source tables."""
    _asked_of_file(file, "create schema raw; use raw", TABLES.read_text(encoding="utf-8"), "select 1")


def one_value_of_file(file: Path, query: str) -> str:
    """Ask a DuckDB file for one value, as a text."""
    return _asked_of_file(file, query)


def _asked_of_file(file: Path, *statements: str) -> str:
    """Execute statements in a process of its own: what is open here would be open in forks, too."""
    command = [sys.executable, "-c", _ASK, str(file), *statements]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.rstrip("\n")


def connection_environment(server: Server) -> dict[str, str]:
    """Give the variables that meltano.yml and transform/profiles.yml read."""
    return {
        "WAREHOUSE_HOST": server.host,
        "WAREHOUSE_PORT": str(server.port),
        "WAREHOUSE_USER": server.user,
        "WAREHOUSE_PASSWORD": server.password,
        "WAREHOUSE_NAME": server.dbname,
    }


def production_on(server: Server) -> Production:
    """Create the shop's production database, empty, on the warehouse's server; done again, it starts afresh."""
    production = Production(
        kind="postgresql",
        host=server.host,
        port=server.port,
        user=server.user,
        password=server.password,
        dbname=f"{server.dbname}_production",
    )
    drop_database(server, production.dbname)
    create_database(server, production.dbname)
    return production


def main() -> int:
    """Open a shell in the Meltano project, beside a server that is removed when the shell ends."""
    try:
        with start_server() as server:
            load_source(server)
            production = production_on(server)
            print(
                f"PostgreSQL {server.version} listens on port {server.port}. Try\n"
                "  cd transform; dbt deps; dbt-state-plugin build    # the tables in the schema raw are filled\n"
                "or `python new_business.py open`, `meltano install` and `meltano run shop`, and at last `exit`."
            )
            path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
            environment = {**os.environ, **connection_environment(server), **production.environment(), "PATH": path}
            subprocess.run([os.environ.get("SHELL", "/bin/sh")], cwd=PROJECT, env=environment, check=False)
            drop_database(server, production.dbname)
    except PluginError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
