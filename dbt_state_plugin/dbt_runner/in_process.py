"""dbt in this process, imported when it is first asked for something."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.core.values.progress import Progress, Stage, Step, silent

if TYPE_CHECKING:
    from dbt_state_plugin.core.changes.seed_shape import SeedColumn
    from dbt_state_plugin.core.values.project import CompiledNode
    from dbt_state_plugin.core.values.relations import RelationName
    from dbt_state_plugin.core.values.results import NodeOutcome
    from dbt_state_plugin.dbt_runner.execute import DbtOutcome
    from dbt_state_plugin.dbt_runner.invocation import Invocation
    from dbt_state_plugin.dbt_runner.parse import Parsed


class DbtInProcess:
    """The installed dbt; see the protocol `Dbt` for what each method does.

    Each method imports what it needs: a run that finds nothing changed asks for nothing, and must not pay for dbt's
    import. `progress` is told what takes its time.
    """

    def __init__(self, progress: Progress = silent) -> None:
        """Import nothing yet."""
        self._progress = progress

    def render_yaml_value(self, text: str, **known: Any) -> Any:
        """Render one value of a YAML file."""
        from dbt_state_plugin.dbt_runner.yaml_renderer import render_yaml_value

        return render_yaml_value(text, **known)

    def parse(self, invocation: Invocation) -> Parsed:
        """Parse the project."""
        self._progress(Step(stage=Stage.PARSE))
        from dbt_state_plugin.dbt_runner.parse import parse
        from dbt_state_plugin.dbt_runner.parse_progress import counted_files

        with counted_files(self._progress):
            return parse(invocation, environ=os.environ)

    def seed_rows(self, parsed: Parsed, unique_id: str) -> str:
        """Hash the rows of a seed."""
        from dbt_state_plugin.dbt_runner.parse import seed_rows

        return seed_rows(parsed, unique_id)

    def seed_columns(self, parsed: Parsed, unique_id: str) -> tuple[SeedColumn, ...]:
        """Read the file of a seed as dbt does."""
        from dbt_state_plugin.dbt_runner.parse import seed_columns

        return seed_columns(parsed, unique_id)

    def list_selected(self, parsed: Parsed, invocation: Invocation, **selection: Any) -> frozenset[str]:
        """Apply dbt's own selection."""
        from dbt_state_plugin.dbt_runner.selection import list_selected

        return list_selected(parsed, invocation, **selection)

    def compile(
        self,
        parsed: Parsed,
        unique_ids: Iterable[str],
        ddl_of: Collection[str] = (),
        *,
        flags: Mapping[str, Any],
        asks_database: bool = True,
    ) -> dict[str, CompiledNode]:
        """Compile nodes."""
        from dbt_state_plugin.dbt_runner.compilation import compile_nodes

        return compile_nodes(
            parsed, unique_ids, ddl_of, flags=flags, asks_database=asks_database, progress=self._progress
        )

    def needs_compiling(self, parsed: Parsed, unique_id: str) -> bool:
        """Return whether a node may execute more than it just did."""
        from dbt_state_plugin.dbt_runner.compilation import needs_compiling

        return needs_compiling(parsed, unique_id)

    def executed_form(self, parsed: Parsed, unique_id: str) -> CompiledNode | None:
        """Return what was just executed."""
        from dbt_state_plugin.dbt_runner.compilation import executed_form

        return executed_form(parsed, unique_id)

    def check_flags(self, invocation: Invocation, *, command: str) -> None:
        """Check the flags after `--`."""
        from dbt_state_plugin.dbt_runner.execute import check_flags

        check_flags(invocation, command=command)

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
        """Run exactly the planned nodes."""
        from dbt_state_plugin.dbt_runner.execute import execute

        return execute(
            parsed,
            invocation,
            command=command,
            unique_ids=unique_ids,
            full_refresh=full_refresh,
            refreshed_nodes=refreshed_nodes,
            on_finished=on_finished,
            should_stop=should_stop,
            refusal=refusal,
            on_executing=on_executing,
            skip=skip,
        )

    def kept_manifest(self, parsed: Parsed, *values: Any) -> str:
        """Return what was parsed, to be stored."""
        from dbt_state_plugin.dbt_runner.kept_manifest import kept_manifest

        return kept_manifest(parsed, *values)

    def write_deferral(self, folder: Path, parsed: Parsed, relations: Mapping[str, RelationName]) -> None:
        """Write the manifest for dbt's deferral."""
        from dbt_state_plugin.dbt_runner.defer_manifest import write_deferral

        write_deferral(folder, parsed, relations)
