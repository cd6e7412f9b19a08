"""Protocol of dbt: what planning and running ask of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from dbt_state_plugin.core.changes.seed_shape import SeedColumn
    from dbt_state_plugin.core.values.project import CompiledNode
    from dbt_state_plugin.core.values.relations import RelationName
    from dbt_state_plugin.core.values.results import NodeOutcome
    from dbt_state_plugin.dbt_runner.execute import DbtOutcome
    from dbt_state_plugin.dbt_runner.invocation import Invocation
    from dbt_state_plugin.dbt_runner.parse import Parsed


class Dbt(Protocol):
    """dbt as the operations see it: parse, list, compile, execute.

    `DbtInProcess` is the real one. The fault tests hand in one that builds tables of one row, so that everything
    else runs as users run it. Every method may be called only from the thread that called `parse`.
    """

    def render_yaml_value(
        self,
        text: str,
        *,
        where: str,
        keypath: tuple[str, ...],
        is_profile: bool,
        cli_vars: Mapping[str, Any],
        target: Mapping[str, Any] | None,
    ) -> Any:
        """Return what dbt makes of one value of profiles.yml or dbt_project.yml; raises ConfigurationError."""

    def parse(self, invocation: Invocation) -> Parsed:
        """Parse the project; raises ProjectError with dbt's own message."""

    def seed_rows(self, parsed: Parsed, unique_id: str) -> str:
        """Return a hash of the rows in a seed's file as dbt reads them, or nothing if they cannot be read."""

    def seed_columns(self, parsed: Parsed, unique_id: str) -> tuple[SeedColumn, ...]:
        """Return the columns of the table that dbt would create for a seed, none if its file cannot be read."""

    def list_selected(
        self,
        parsed: Parsed,
        invocation: Invocation,
        *,
        select: Iterable[str],
        exclude: Iterable[str],
        selector: str | None,
        state: str | None,
        resource_types: Iterable[str],
    ) -> frozenset[str]:
        """Return the unique_ids that dbt's own selection leaves; raises SelectionError with dbt's message."""

    def compile(
        self,
        parsed: Parsed,
        unique_ids: Iterable[str],
        ddl_of: Collection[str] = (),
        *,
        flags: Mapping[str, Any],
        asks_database: bool = True,
    ) -> dict[str, CompiledNode]:
        """Return the SQL of nodes without running anything; of those in `ddl_of` also the DDL of their view.

        `flags` are dbt's of the command that will be run. What a node asks the database is asked, read-only; without
        `asks_database` such a node has a problem instead of SQL.
        """

    def needs_compiling(self, parsed: Parsed, unique_id: str) -> bool:
        """Return whether what dbt executes for a node shows less than all that it may execute."""

    def executed_form(self, parsed: Parsed, unique_id: str) -> CompiledNode | None:
        """Return the SQL that dbt has just executed for a node of one form without hooks."""

    def check_flags(self, invocation: Invocation, *, command: str) -> None:
        """Raise UsageError when dbt does not know one of the flags given after `--`."""

    def execute(
        self,
        parsed: Parsed,
        invocation: Invocation,
        *,
        command: str,
        unique_ids: Iterable[str],
        full_refresh: bool,
        refreshed_nodes: Iterable[str],
        on_finished: Callable[[NodeOutcome], None],
        should_stop: Callable[[], bool],
        refusal: Callable[[], str],
        on_executing: Callable[[str, str], None],
        skip: Callable[[str], str],
    ) -> DbtOutcome:
        """Run exactly these nodes of what was parsed, without any only the hooks of the project.

        The callbacks are those of `dbt_runner.execute.execute`.
        """

    def kept_manifest(self, parsed: Parsed, *values: Any) -> str:
        """Return what was parsed as JSON without these values, or nothing if it cannot be kept."""

    def write_deferral(self, folder: Path, parsed: Parsed, relations: Mapping[str, RelationName]) -> None:
        """Write the manifest.json with which dbt reads these relations where another environment has them."""
