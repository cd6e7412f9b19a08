"""Values of profiles.yml and dbt_project.yml, rendered by dbt itself."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from dbt_state_plugin.errors import ConfigurationError


def render_yaml_value(
    text: str,
    *,
    where: str,
    keypath: tuple[str, ...],
    is_profile: bool,
    cli_vars: Mapping[str, Any],
    target: Mapping[str, Any] | None,
) -> Any:
    """Return what dbt makes of one value; raises ConfigurationError, without dbt's message, which may hold a secret.

    It takes dbt's import, so it is asked only for what project/jinja.py cannot answer. `keypath` tells dbt a password,
    which it takes as it is written where it cannot be rendered.
    """
    from dbt.config.renderer import BaseRenderer, ProfileRenderer
    from dbt.context.base import BaseContext
    from dbt.context.target import TargetContext
    from dbt.flags import set_from_args
    from dbt_common.context import set_invocation_context

    set_from_args(Namespace(), None)
    set_invocation_context(dict(os.environ))
    variables = dict(cli_vars)
    try:
        if is_profile:
            return ProfileRenderer(variables).render_value(text, keypath)
        context = BaseContext(variables) if target is None else TargetContext(dict(target), variables)
        return BaseRenderer(context.to_dict()).render_value(text)
    except Exception as error:
        raise ConfigurationError(
            f"dbt cannot render {where} ({type(error).__name__}).", "Correct it; `dbt debug` shows dbt's own message."
        ) from None
