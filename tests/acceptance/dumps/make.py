"""Maker of dumps: a state as an earlier commit wrote it.

`uv run python tests/acceptance/dumps/make.py COMMIT URL > tests/acceptance/dumps/VERSION.sql`, where COMMIT is the last
one that wrote that version, and URL is an empty database called `dumped_database_VERSION`: hashes cover its name. The
code of that commit runs, not this one's. With a third argument `sqlite` the state is in a file, and
its dump is for `tests/acceptance/dumps/sqlite`.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import psycopg2

ROOT = Path(__file__).parents[3]
FILES = {
    "dbt_project.yml": "name: shop\nversion: '1.0'\nprofile: shop\nseed-paths: [seeds]\nmodel-paths: [models]\n",
    "seeds/countries.csv": "id,name\n1,de\n2,fr\n",
    "models/orders.sql": (
        "{{ config(materialized='table') }} select 1 as id, '{{ var('currency', 'eur') }}' as currency"
    ),
    "models/totals.sql": "{{ config(materialized='incremental') }} select count(*) as n from {{ ref('orders') }}",
    "models/report.sql": "select * from {{ ref('totals') }}",
    "models/due.sql": "{{ config(materialized='table') }} select 1 / {{ var('divisor', 1) }} as n",
}
# What is done to each project: a whole build; a build of one model that fails, which leaves it interrupted.
HISTORY = ((("build",), 0), (("run", "--vars", "{divisor: 0}"), 1))


def write_project(folder: Path, files: Mapping[str, str]) -> None:
    """Write the files of a project."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def profiles(url: str) -> str:
    """Write the profile for a database."""
    parsed = psycopg2.extensions.parse_dsn(url)
    return (
        "shop: {target: dev, outputs: {dev: {type: postgres, schema: analytics, threads: 1, "
        f"host: '{parsed['host']}', port: {parsed['port']}, user: '{parsed['user']}', "
        f"password: '{parsed.get('password', '')}', dbname: '{parsed['dbname']}'}}}}}}\n"
    )


def main(commit: str, url: str, kind: str = "postgres") -> None:
    """Print the dump."""
    with tempfile.TemporaryDirectory() as temporary:
        code, project, file = Path(temporary, "code"), Path(temporary, "project"), Path(temporary, "state.sqlite")
        elsewhere = {"DBT_STATE_PLUGIN_DATABASE_URL": f"sqlite:///{file}"} if kind == "sqlite" else {}
        subprocess.run(["git", "worktree", "add", "--detach", str(code), commit], cwd=ROOT, check=True, stdout=2)
        try:
            write_project(project, {**FILES, "profiles.yml": profiles(url)})
            for arguments, exit_code in HISTORY:
                ended = subprocess.run(
                    [sys.executable, "-m", "dbt_state_plugin", *arguments],
                    cwd=project,
                    env={**os.environ, **elsewhere, "PYTHONPATH": str(code)},
                    stdout=sys.stderr,
                    check=False,
                )
                assert ended.returncode == exit_code, arguments
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(code)], cwd=ROOT, check=True)
        if kind == "sqlite":
            with closing(sqlite3.connect(file)) as state:
                print("\n".join(state.iterdump()))
            return
        command = ["pg_dump", "--schema=dbt_state_plugin", "--inserts", "--no-owner", "--no-privileges", url]
        dumped = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = [line for line in dumped.splitlines() if line and not line.startswith(("--", "\\", "SET ", "SELECT pg_"))]
    print("\n".join(lines))


if __name__ == "__main__":
    main(*sys.argv[1:])
