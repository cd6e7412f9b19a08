"""Alembic's migrations as SQL text, imported only for a migration."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from dbt_state_plugin.state.version import KNOWN_VERSIONS

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
BASE = "base"  # Alembic's word for the version before the first one


def migration_script(start: str, end: str, dialect: str) -> str:
    """Return the SQL that leads from one version to another; the dialect is named as in SQLAlchemy."""
    from alembic import command

    output = StringIO()
    order = (BASE, *KNOWN_VERSIONS)
    if start != end:
        step = command.upgrade if order.index(start) < order.index(end) else command.downgrade
        step(alembic_config(output, dialect), f"{start}:{end}", sql=True)
    return output.getvalue()


def alembic_config(output: StringIO, dialect: str = "postgresql") -> Config:
    """Return where Alembic finds the migrations, and where it writes."""
    from alembic.config import Config

    config = Config(output_buffer=output)
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("dialect", dialect)
    return config
