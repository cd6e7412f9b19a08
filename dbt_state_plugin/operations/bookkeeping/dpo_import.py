"""History of the data pipeline orchestrator (DPO), taken over into the state."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

from dbt_state_plugin.errors import NotFoundError
from dbt_state_plugin.operations.session import open_session
from dbt_state_plugin.operations.target import Target
from dbt_state_plugin.postgres.connection import connect
from dbt_state_plugin.postgres.settings import DatabaseSettings
from dbt_state_plugin.state.dpo_history import opened_history
from dbt_state_plugin.state.imported_executions import Imported, import_executions

COMMAND = "import-dpo"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedHistory:
    """What was taken over, and from and to where; `shows_password` says that the URL holds one."""

    counts: Imported
    source: str
    environment: str
    shows_password: bool


def import_dpo(target: Target, url: str) -> ImportedHistory:
    """Take over what DPO recorded in the database of a URL and is not recorded yet.

    Nothing is written there, and all is recorded here in one transaction. Raises ConfigurationError, StateError, and
    NotFoundError where there are no tables of DPO.
    """
    settings = DatabaseSettings.from_url(url, named="URL")
    with closing(connect(settings, writes=False)) as source, opened_history(source) as history:
        if history is None:
            raise NotFoundError(
                f"There are no tables of the data pipeline orchestrator in {settings.display()}.",
                "Name the database that DPO used; its schema is called dpo, or data_pipeline.",
            )
        with open_session(target) as session:
            counts = import_executions(session.state, COMMAND, history.executions(), history.steps, history.checksums)
            return ImportedHistory(
                counts=counts,
                source=settings.display(),
                environment=str(session.state.environment),
                shows_password=settings.password is not None,
            )
