"""Names that expressions in profiles.yml and dbt_project.yml can use.

The rules are those of `dbt.context.base` and `dbt.context.secret`; a contract test compares both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from dbt_state_plugin.errors import ConfigurationError
from dbt_state_plugin.project.jinja import render_text

SECRET_PREFIX = "DBT_ENV_SECRET"  # noqa: S105 - how the names of secret variables begin
# Stands for a secret while Jinja runs, so that no filter can change it or take it apart.
SECRET_MARK = "$$$DBT_SECRET_START$$${}$$$DBT_SECRET_END$$$"  # noqa: S105 - a mark, not a secret
_PRIVATE_PREFIX = "DBT_ENV_PRIVATE"
_UNSET = object()


class AskDbt(Protocol):
    """Render one value with dbt itself, which takes its import; raises ConfigurationError."""

    def __call__(
        self,
        text: str,
        *,
        where: str,
        keypath: tuple[str, ...],
        is_profile: bool,
        cli_vars: Mapping[str, Any],
        target: Mapping[str, Any] | None,
    ) -> Any:
        """Return what dbt makes of the text; `where` names the value in messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlContext:
    """The names that expressions of one file may use; `ask_dbt` renders those that only dbt knows."""

    file_name: str
    environ: Mapping[str, str] = field(repr=False)
    cli_vars: Mapping[str, Any] = field(repr=False)
    secrets_allowed: bool
    target: Mapping[str, Any] | None = None
    ask_dbt: AskDbt | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLineVars:
    """The function `var`: the values of --vars, whose text is rendered once more."""

    cli_vars: Mapping[str, Any] = field(repr=False)
    names: Mapping[str, Any] = field(repr=False)
    where: str

    def __call__(self, name: str, default: Any = _UNSET) -> Any:
        """Return the value of --vars or the default; raise ConfigurationError when there is neither."""
        if name in self.cli_vars:
            value = self.cli_vars[name]
            return render_text(value, self.names, where=self.where) if isinstance(value, str) else value
        if default is not _UNSET:
            return default
        raise ConfigurationError(
            f"The variable {name} is not set, but {self.where} needs it.",
            f"Pass it with --vars '{name}: value', or write a default: var('{name}', 'value').",
        )

    def has_var(self, name: str) -> bool:
        """Return whether --vars sets the variable."""
        return name in self.cli_vars


def names_of(context: YamlContext, *, where: str) -> dict[str, Any]:
    """Return the names for one value; `where` is the place of the value, for messages."""
    names: dict[str, Any] = {
        "fromjson": _from_json,
        "tojson": _to_json,
        "local_md5": _local_md5,
        "log": _silent,
        "print": _silent,
        "modules": {"re": {name: getattr(re, name) for name in re.__all__}},
    }

    def env_var(var: str, default: Any = None) -> Any:
        return _env_var(var, default, context, where)

    names["env_var"] = env_var
    names["var"] = CommandLineVars(cli_vars=context.cli_vars, names=names, where=where)
    if context.target is not None:
        names["target"] = dict(context.target)
    return names


def _env_var(name: str, default: Any, context: YamlContext, where: str) -> Any:
    is_secret = name.startswith(SECRET_PREFIX)
    if is_secret and not context.secrets_allowed:
        raise ConfigurationError(
            f"{where} reads {name}, but secret variables can only be read in profiles.yml and packages.yml.",
            f"Use a variable whose name does not start with {SECRET_PREFIX}.",
        )
    # dbt hides DBT_ENV_PRIVATE_* from expressions.
    if name in context.environ and not name.startswith(_PRIVATE_PREFIX):
        return SECRET_MARK.format(name) if is_secret else context.environ[name]
    if default is not None:
        return default
    raise ConfigurationError(
        f"The environment variable {name} is not set, but {where} needs it.",
        f"Set {name}, or write a default in {context.file_name}: env_var('{name}', 'value').",
    )


def _from_json(string: str, default: Any = None) -> Any:
    import json

    try:
        return json.loads(string)
    except ValueError:
        return default


def _to_json(value: Any, default: Any = None, sort_keys: bool = False) -> Any:
    import json

    try:
        return json.dumps(value, sort_keys=sort_keys)
    except ValueError:
        return default


def _local_md5(value: str) -> str:
    import hashlib

    return hashlib.md5(value.encode(), usedforsecurity=False).hexdigest()


def _silent(msg: str, info: bool = False) -> str:  # noqa: ARG001 - dbt's signature
    return ""
