"""Base project and mutations in DuckDB's SQL.

The texts are those of PostgreSQL's project, also after a mutation, with what DuckDB writes otherwise replaced.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_TEXT = (".sql", ".py", ".yml")
_RULES = (
    (r"postgres__", "duckdb__"),
    (
        r"create or replace function (\{\{ target\.schema \}\}\.doubled)\(n integer\) returns integer language sql "
        r"immutable\s+as \$body\$ select (.*?) \$body\$",
        r"create or replace macro \1(n) as \2",
    ),
    (r"materialized='materialized_view', indexes=\[\{'columns': \['month'\]\}\]", "materialized='table'"),
    (r"([lr]pad\(.*?), 12\)", r"\1, 12, ' ')"),
    (r"generate_series\((.*?)\) as (\w)\b", r"generate_series(\1) as \2_(\2)"),
    (r"\{\{ target\.connect_timeout \}\}", "'{{ target.external_root }}'"),
    # A view has no options in DuckDB: what the override puts in their place is a column.
    (r"[^\n]*with \(security_barrier = (\{\{ \w+\(\) \}\})\).*\n", ""),
    (
        r"as \((\s+)\{\{ sql \}\}(\s+)\);",
        r"as (\1select {% if config.get('security_barrier') %}'{{ barrier_value() }}' as barrier, {% endif %}*"
        r" from (\1{{ sql }}\2)\2);",
    ),
    (r"set local work_mem = 1024", "set errors_as_json = false"),
)
_PROFILE = {"connect_timeout": ("external_root", "elsewhere")}
_GRANTS = "dbt-duckdb has no grants"
_MATERIALIZED = "DuckDB has no materialized views"
# Which mutations cannot exist there, and why.
NOT_APPLICABLE: Mapping[str, str] = {
    "a materialized view's query changes": _MATERIALIZED,
    "a materialized view becomes a table": _MATERIALIZED,
    "a comment is added to a materialized view": _MATERIALIZED,
    "an index's type changes": "DuckDB has one type of index, and dbt-duckdb no key for it",
    "a grant on a table changes": _GRANTS,
    "grants of a folder change in dbt_project.yml": _GRANTS,
    "a grant is added in yml": _GRANTS,
    "an on-run-end hook grants on one table": _GRANTS,
    "a table becomes unlogged": "DuckDB has no unlogged tables",
    "an unlogged table becomes logged": "DuckDB has no unlogged tables",
    "the profile's role changes": "DuckDB has no roles",
    "the profile's keepalives change": "DuckDB has no server to be kept alive",
}


def ported(project: Path) -> None:
    """Rewrite all texts of a project."""
    for file in project.rglob("*"):
        if file.suffix in _TEXT and file.is_file():
            before = file.read_bytes().decode()
            after = ported_sql(before)
            if after != before:
                file.write_bytes(after.encode())


def ported_sql(text: str) -> str:
    """Return a text of PostgreSQL's project, or statements of a mutation, as DuckDB takes them."""
    for pattern, replacement in _RULES:
        text = re.sub(pattern, replacement, text)
    return text


def ported_profile(changed: Mapping[str, object]) -> Mapping[str, object]:
    """Return fields of a target that stand for those of PostgreSQL's."""
    return dict(_PROFILE.get(key, (key, value)) for key, value in changed.items())


def sources(text: str) -> str:
    """Return the statements that load what the base project reads."""
    return ported_sql(text.partition("-- What nobody declares as a source.")[0])
