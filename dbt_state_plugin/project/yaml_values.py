"""Values of YAML files, rendered as dbt renders them.

The rules are those of `dbt.config.renderer`; a contract test compares both.
"""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import Any

from dbt_state_plugin.errors import ConfigurationError
from dbt_state_plugin.project.jinja import RefusedNameError, render_native
from dbt_state_plugin.project.yaml_context import SECRET_MARK, SECRET_PREFIX, YamlContext, names_of

_MARKED_SECRET = re.compile("({})".join(map(re.escape, SECRET_MARK.split("{}"))).format(SECRET_PREFIX + ".*"))

_DEEPEST = 200  # levels; the parser written in C ends the process without a word some thousand levels down


def read_yaml(path: Path) -> Any:
    """Load one YAML file as dbt does.

    Raises ConfigurationError, with the line but without the text, since the text may be an unquoted password.
    """
    import yaml

    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.", "Check the file's permissions.") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8 text.", "Save the file as UTF-8.") from None
    try:
        return load_yaml(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        raise ConfigurationError(
            f"{path} is not valid YAML{line}.",
            "Correct indentation and quotes there; a value with special characters needs quotes.",
        ) from None


def load_yaml(text: str) -> Any:
    """Load a text as dbt does; raises yaml.YAMLError, ValueError and, for what is nested too deeply, RecursionError."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    depth = 0
    for event in yaml.parse(text, Loader=loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise RecursionError
    return yaml.load(text, Loader=loader)  # noqa: S506 - a safe loader


def render_tree(value: Any, context: YamlContext, *, where: str) -> Any:
    """Render every value below `value`; keys stay as they are. `where` names the place in messages."""
    try:
        return _render_tree(value, context, where, ())
    except RecursionError:
        raise ConfigurationError(f"{where} contains an anchor that refers to itself.", "Break the circle.") from None


def render_value(value: Any, context: YamlContext, *, where: str, keypath: tuple[str, ...] = ()) -> Any:
    """Render one value; `where` names it in messages.

    A `password` (not a `pass`) that cannot be rendered is taken as it is written, as dbt does.
    """
    failure = None
    try:
        rendered = _render(value, context, where)
    except RefusedNameError:
        if context.ask_dbt is None:
            raise
        return context.ask_dbt(
            value,
            where=where,
            keypath=keypath,
            is_profile=context.secrets_allowed,
            cli_vars=context.cli_vars,
            target=context.target,
        )
    except ConfigurationError as error:
        if not (context.secrets_allowed and "password" in keypath):
            raise
        failure, rendered = error, value
    if not context.secrets_allowed or SECRET_PREFIX not in str(rendered):
        return rendered
    revealed = _reveal_secret(rendered, context, where)
    if revealed is None and failure:
        raise failure
    return revealed


def _render_tree(value: Any, context: YamlContext, where: str, keypath: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {key: _render_tree(entry, context, where, (*keypath, str(key))) for key, entry in value.items()}
    if isinstance(value, list):
        return [_render_tree(entry, context, where, (*keypath, str(i))) for i, entry in enumerate(value)]
    place = f"`{'.'.join(keypath)}` of {where}"
    if value is None or isinstance(value, (str, int, float, datetime.date)):
        return render_value(value, context, where=place, keypath=keypath)
    raise ConfigurationError(f"{place} is neither text, number, list nor mapping.", "Write it as text, in quotes.")


def _render(value: Any, context: YamlContext, where: str) -> Any:
    if isinstance(value, datetime.date):
        return value.isoformat()
    # Jinja also normalises line ends and drops the last one, so only text of one line may pass untouched.
    if not isinstance(value, str) or not re.search(r"[{\r\n]", value):
        return value
    try:
        return render_native(value, names_of(context, where=where), where=where)
    except ConfigurationError:
        raise
    except Exception as error:
        raise _not_rendered(error, where) from None


def _not_rendered(error: Exception, where: str) -> ConfigurationError:
    import jinja2

    if isinstance(error, jinja2.TemplateSyntaxError):
        return ConfigurationError(
            f"{where} is not valid Jinja.", "Correct the expression, or pass the text through env_var()."
        )
    if isinstance(error, jinja2.UndefinedError):
        problem = " ".join((error.message or "").split())  # holds names only, no values
        return ConfigurationError(
            f"{where} cannot be rendered: {problem}.", "Correct the name; env_var() and var() can be used there."
        )
    # The error's text may quote a value, hence a password: its kind has to do.
    return ConfigurationError(f"{where} cannot be rendered: {type(error).__name__}.", "Correct the Jinja expression.")


def _reveal_secret(rendered: Any, context: YamlContext, where: str) -> str | None:
    # As dbt: one mark is replaced; a text with the prefix but without a mark becomes None.
    found = _MARKED_SECRET.search(rendered) if isinstance(rendered, str) else None
    if found is None:
        return None
    name = found.group(1)
    if name not in context.environ:
        raise ConfigurationError(
            f"{where} holds two secret variables, but dbt can insert only one.", "Put the whole value in one variable."
        )
    return str(rendered).replace(SECRET_MARK.format(name), context.environ[name])
