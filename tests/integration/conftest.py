"""The empty state in SQLite that tests copy."""

from __future__ import annotations

import fcntl
import os
from contextlib import closing
from pathlib import Path

import pytest

from dbt_state_plugin.sqlite.address import SqliteAddress
from dbt_state_plugin.sqlite.connection import connect
from dbt_state_plugin.state.schema import ensure_schema


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a file with an empty state, created once for all processes of this session: Alembic makes its statements."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "sqlite"
    folder.mkdir(exist_ok=True)
    template = folder / "template.sqlite"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not template.exists():
            made = folder / "made.sqlite"
            with closing(connect(SqliteAddress(path=made))) as opened:
                ensure_schema(opened, "dbt_state_plugin")
            assert not list(folder.glob("made.sqlite-*")), "all of it is in the one file"
            made.rename(template)
    return template
