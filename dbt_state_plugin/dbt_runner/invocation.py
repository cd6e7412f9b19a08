"""Flags shared by all dbt invocations of one run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.dbt_runner.arguments import ExtraArguments

if TYPE_CHECKING:
    from dbt_state_plugin.core.values.dialect import SqlDialect


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """What every invocation of dbt in one run has in common; `dialect` is that of the warehouse."""

    project_dir: Path
    profiles_dir: Path
    target_path: Path
    profile: str | None
    target: str | None
    threads: int | None
    variables: Mapping[str, Any]
    extra: ExtraArguments
    dialect: SqlDialect

    def arguments(self) -> list[str]:
        """Return dbt's flags; usage statistics stay off, as nothing may leave the machine."""
        arguments = ["--project-dir", str(self.project_dir), "--profiles-dir", str(self.profiles_dir)]
        arguments += ["--target-path", str(self.target_path), "--no-send-anonymous-usage-stats"]
        arguments += ["--profile", self.profile] if self.profile else []
        arguments += ["--target", self.target] if self.target else []
        arguments += ["--vars", _yaml(self.variables)] if self.variables else []
        return arguments


def _yaml(variables: Mapping[str, Any]) -> str:
    """Return vars as dbt reads them; unlike JSON, YAML keeps dates."""
    import yaml

    text: str = yaml.safe_dump(dict(variables), default_flow_style=True, sort_keys=False, width=1_000_000)
    return text
