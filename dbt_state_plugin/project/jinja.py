"""dbt's Jinja for values of YAML files.

The rules are those of `dbt_common.clients.jinja`; a contract test compares both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dbt_state_plugin.errors import ConfigurationError

if TYPE_CHECKING:
    import jinja2

# dbt offers these too. Jinja would render them as nothing, hence as another value than dbt's, so they are refused.
_REFUSED_NAMES = frozenset(
    {
        "builtins",
        "context",
        "dbt_version",
        "debug",
        "diff_of_two_dicts",
        "flags",
        "fromyaml",
        "invocation_id",
        "return",
        "run_started_at",
        "set",
        "set_strict",
        "thread_id",
        "toyaml",
        "zip",
        "zip_strict",
    }
)


# What most profiles hold; it is read without Jinja, whose import takes longer than all the rest of a profile.
_ONLY_ENV_VAR = re.compile(
    r"\{\{-?\s*env_var\(\s*(?:'(?P<single>\w+)'|\"(?P<double>\w+)\")"
    r"\s*(?:,\s*(?:'(?P<text>[^'\\{}%#\r\n]*)'|\"(?P<words>[^\"\\{}%#\r\n]*)\")\s*)?\)"
    r"\s*(?:\|\s*(?P<filter>as_text|as_bool|as_native|as_number)\s*)?-?\}\}"
)


class TextMarker(str):
    """A value that passed `as_text`: it stays as it is."""

    __slots__ = ()


class NativeMarker(str):
    """A value that passed `as_native`: it becomes the Python literal that it spells, if it spells one."""

    __slots__ = ()


class BoolMarker(NativeMarker):
    """A value that passed `as_bool`: it must spell True or False."""

    __slots__ = ()


class NumberMarker(NativeMarker):
    """A value that passed `as_number`: it must spell a number."""

    __slots__ = ()


_MARKERS = {"as_text": TextMarker, "as_bool": BoolMarker, "as_native": NativeMarker, "as_number": NumberMarker}


class RefusedNameError(ConfigurationError):
    """An expression uses a name that only dbt itself can answer."""


def render_native(text: str, names: Mapping[str, Any], *, where: str) -> Any:
    """Render `text` to text, or to what its only expression gives; text that looks like a number stays text."""
    is_plain, value = _env_var_alone(text, names)
    if is_plain:
        return _revealed(value, where)
    _refuse_names(text, where)
    template = _environment(native=True).from_string(text, globals=dict(names))
    nodes: list[Any] = list(template.root_render_func(template.new_context(dict(names))))
    if len(nodes) != 1:
        return "".join(str(node) for node in nodes)
    return _revealed(nodes[0], where)


def _revealed(node: Any, where: str) -> Any:
    if isinstance(node, TextMarker):
        return str(node)
    return _literal(node, where) if isinstance(node, NativeMarker) else node


def _env_var_alone(text: str, names: Mapping[str, Any]) -> tuple[bool, Any]:
    """Return whether the text is one call of env_var() with literals and nothing else, and what that gives."""
    found = _ONLY_ENV_VAR.fullmatch(text) if "env_var" in names else None
    if found is None:
        return False, None
    given = [found["single"] or found["double"]]
    given += [default for default in (found["text"], found["words"]) if default is not None]
    value = names["env_var"](*given)
    return True, _MARKERS[found["filter"]](value) if found["filter"] else value


def render_text(text: str, names: Mapping[str, Any], *, where: str) -> str:
    """Render `text` to text; the filters for types change nothing."""
    # The pattern is dbt's: without one of these signs, line ends are left as they are, too.
    if not re.search(r"\{[{%#]|[#}%]\}", text):
        return text
    _refuse_names(text, where)
    return _environment(native=False).from_string(text, globals=dict(names)).render(dict(names))


def names_used(text: str) -> frozenset[str]:
    """Return the names that the Jinja in `text` takes from outside; none if it is no valid Jinja."""
    if "{" not in text:
        return frozenset()
    import jinja2
    from jinja2 import meta

    try:
        return frozenset(meta.find_undeclared_variables(_environment(native=True).parse(text)))
    except jinja2.TemplateError:
        return frozenset()


def _refuse_names(text: str, where: str) -> None:
    refused = sorted(names_used(text) & _REFUSED_NAMES)
    if refused:
        raise RefusedNameError(
            f"{where} uses `{refused[0]}`, which only dbt itself can evaluate.",
            "Use env_var() or var() there instead.",
        )


def _literal(marker: NativeMarker, where: str) -> Any:
    from ast import literal_eval

    result: Any
    try:
        result = literal_eval(marker)
    except (ValueError, SyntaxError, MemoryError):
        result = str(marker)
    is_bool = isinstance(result, bool)
    # The messages leave the value out: it may be a password.
    if isinstance(marker, BoolMarker) and not is_bool:
        raise ConfigurationError(
            f"as_bool cannot turn {where} into true or false.", "Give it the value True or False, or drop as_bool."
        )
    if isinstance(marker, NumberMarker) and (is_bool or not isinstance(result, (int, float))):
        raise ConfigurationError(
            f"as_number cannot turn {where} into a number.", "Give it a number, without leading zeros."
        )
    return result


def _environment(*, native: bool) -> jinja2.Environment:
    from jinja2.nativetypes import NativeCodeGenerator
    from jinja2.sandbox import SandboxedEnvironment

    environment = SandboxedEnvironment(extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"])
    if native:
        environment.code_generator_class = NativeCodeGenerator
        environment.filters.update(_MARKERS)
    else:
        environment.filters.update(dict.fromkeys(("as_text", "as_bool", "as_native", "as_number"), _unchanged))
    environment.filters["is_list"] = _is_list
    return environment


def _unchanged(value: Any) -> Any:
    return value


def _is_list(value: Any) -> bool:
    return isinstance(value, list)
