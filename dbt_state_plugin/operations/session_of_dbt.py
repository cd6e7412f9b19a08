"""Effective settings of dbt's own sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbt_state_plugin.operations.session import Session


def session_of_dbt(session: Session) -> dict[str, Any]:
    """Return what the profile says of dbt's sessions, as the argument `of_dbt` of the warehouse's questions."""
    workplace = session.target.workplace
    credentials = workplace.profile.credentials if workplace is not None else {}
    return {"of_dbt": session.warehouse.session_of_dbt(credentials)}


def session_settings(session: Session) -> dict[str, str]:
    """Return the value in a session of dbt's for each setting that decides what a statement means."""
    return dict(session.warehouse.session_settings(**session_of_dbt(session)))
