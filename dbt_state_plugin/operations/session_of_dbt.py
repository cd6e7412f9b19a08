"""Effective settings of dbt's own sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbt_state_plugin.operations.session import Session


def session_of_dbt(session: Session) -> dict[str, str | None]:
    """Return the search_path and the role that the profile gives to dbt's sessions, None if it gives none."""
    workplace = session.target.workplace
    given = workplace.profile.target_context if workplace is not None else {}
    return {name: str(given[name]) if given.get(name) else None for name in ("search_path", "role")}


def session_settings(session: Session) -> dict[str, str]:
    """Return the value in a session of dbt's for each setting that decides what a statement means.

    The profile's own settings win over those of the role and the database.
    """
    found = dict(session.warehouse.session_settings())
    return found | {name: value for name, value in session_of_dbt(session).items() if value and found}
