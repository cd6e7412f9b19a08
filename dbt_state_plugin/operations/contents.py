"""Contents of relations, kept in the state for warehouses that scan."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbt_state_plugin.operations.session import Session


def recall_contents(session: Session) -> None:
    """Give the warehouse what an earlier process has read; raises StateError."""
    if session.warehouse.kept_contents is not None and session.has_state:
        from dbt_state_plugin.state.contents import read_contents

        session.warehouse.kept_contents.recall(read_contents(session.state))


def record_contents(session: Session) -> None:
    """Keep what the warehouse has read for later processes, where it is not kept already; raises StateError."""
    kept = session.warehouse.kept_contents
    document = kept.document() if kept is not None else None
    if document is not None:
        from dbt_state_plugin.state.contents import read_contents, write_contents

        if document != read_contents(session.state):
            write_contents(session.state, document)
