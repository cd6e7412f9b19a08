"""Versions of dbt and its plugins, found without importing them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

_PREFIX = "dbt_"
_PARSING = ("dbt_core", "dbt_adapters", "dbt_common", "dbt_postgres")


def installed_parsers(path: Iterable[str] | None = None) -> list[str]:
    """Return a text for each top-level name that dbt could import as a plugin, and for each version of what parses.

    `path` is where Python looks for modules. Raises PackageNotFoundError where one that parses is not installed.
    """
    names = sorted({name for place in (sys.path if path is None else path) for name in names_in(place, _PREFIX)})
    # An installed distribution has a folder NAME-VERSION.dist-info; where it has none, only its metadata tell.
    unknown = [each for each in _PARSING if not any(_is_distribution(name, each) for name in names)]
    return [*names, *(_version(each) for each in unknown)]


def names_in(place: str, prefix: str) -> list[str]:
    """Return what of these names Python finds in a place where it looks for modules; folders of distributions, too."""
    try:
        return [name for name in os.listdir(place or ".") if name.startswith(prefix)]  # noqa: PTH208 - place may be ""
    except NotADirectoryError:  # a zip file, perhaps
        import pkgutil

        return [module.name for module in pkgutil.iter_modules([place]) if module.name.startswith(prefix)]
    except OSError:
        return []


def _is_distribution(name: str, of: str) -> bool:
    return name.startswith(f"{of}-") and name.endswith(".dist-info")


def _version(distribution: str) -> str:
    from importlib.metadata import version

    return f"{distribution} {version(distribution)}"
