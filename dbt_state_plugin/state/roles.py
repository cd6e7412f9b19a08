"""SQL for roles that own, write and read a state."""

from __future__ import annotations

from importlib.resources import files

from dbt_state_plugin.errors import UsageError
from dbt_state_plugin.postgres.settings import MAX_IDENTIFIER_BYTES
from dbt_state_plugin.state.migration import quoted
from dbt_state_plugin.state.ownership import OWNER_SUFFIX


def roles_script(schema: str) -> str:
    """Return the SQL for a database administrator, who may run it again at any time; raises UsageError."""
    names = {"schema": schema, "owner": f"{schema}{OWNER_SUFFIX}", "writer": f"{schema}_writer"}
    names["reader"] = f"{schema}_reader"
    if len(names["writer"].encode()) > MAX_IDENTIFIER_BYTES or not schema.isprintable():
        raise UsageError(
            f"No role can be named after the schema {schema!r}: names end at {MAX_IDENTIFIER_BYTES} bytes.",
            "Give --state-schema a shorter name.",
        )
    words = {name: quoted(text) for name, text in names.items()}
    # No connection is there to quote a text; the script sets standard_conforming_strings first.
    words |= {f"{name}_text": "'" + text.replace("'", "''") + "'" for name, text in names.items()}
    folder = files("dbt_state_plugin.state")
    words["views"] = (folder / "views.sql").read_text(encoding="utf-8").strip()
    text = (folder / "migrations" / "roles.sql").read_text(encoding="utf-8")
    return text.format_map(words)
