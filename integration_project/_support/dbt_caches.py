"""Work on dbt's own files, done once before children are forked.

It depends on no project: the syntax trees and templates of dbt's own macros, the JSON schemas of its classes, the code
by which they read and write documents, and which plugins of dbt are installed. Trees and plugins stand where dbt's own
tests keep them; those of macros take nothing more after that, so that the text of a project is parsed as in any other
process. Templates stand where dbt keeps those of a process, by the text of the macro.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import dbt.contracts.graph.nodes as graph
import dbt.contracts.graph.unparsed as unparsed
import dbt_common.tests
from dbt.artifacts.resources import ModelConfig, SeedConfig, SnapshotConfig, SourceConfig, TestConfig
from dbt.clients import jinja_static
from dbt.contracts.graph.manifest import Manifest
from dbt.contracts.project import Configuration, PackageConfig, ProfileConfig, Project, ProjectFlags
from dbt.contracts.selection import SelectorFile
from dbt.include import global_project
from dbt.plugins import manager
from dbt_common.clients import jinja
from mashumaro.mixins.dict import DataClassDictMixin

import dbt_state_plugin

_VALIDATED = (
    *(Project, Configuration, ProjectFlags, PackageConfig, ProfileConfig, SelectorFile),
    *(unparsed.UnparsedModelUpdate, unparsed.UnparsedNodeUpdate, unparsed.UnparsedSourceDefinition),
    *(graph.ModelNode, graph.SeedNode, graph.SnapshotNode, graph.HookNode),
    *(graph.GenericTestNode, graph.SingularTestNode),
    *(ModelConfig, SeedConfig, SnapshotConfig, SourceConfig, TestConfig),
)
_BLOCKS_OF_MACROS = {"macro", "materialization", "test", "data_test"}
_BLOCKS_OF_TESTS = {"test", "data_test"}


class _Full(dict[Any, Any]):
    """A cache that takes nothing more."""

    def __setitem__(self, key: Any, value: Any) -> None:
        """Forget it."""


def fill(adapters: Sequence[str]) -> None:
    """Fill them, with what the adapters have; what a version of dbt does not have is left to its children."""
    credentials = [import_module(f"dbt.adapters.{adapter}").Plugin.credentials for adapter in adapters]
    for described in (*_VALIDATED, *credentials):
        described.json_schema()
    with suppress(Exception):
        Manifest.from_msgpack(b"")  # type: ignore[no-untyped-call]
    with suppress(Exception):
        object.__new__(Manifest).to_msgpack()  # a whole one would hold a lock
    _compile()
    manager._MODULES_CACHE = manager.PluginManager.get_prefixed_modules()
    _parse_macros([Path(import_module(f"dbt.include.{adapter}").PACKAGE_PATH) for adapter in adapters])
    inspect.stack()  # adapters do so when they are made, and the first time looks at all modules
    # Else it looks at all of them for each frame of these.
    inspect.modulesbyfile["<frozen runpy>"] = "runpy"
    inspect.modulesbyfile[str(Path(dbt_state_plugin.__file__).with_name("__main__.py"))] = "__main__"


def _below(parent: type) -> Iterator[Any]:
    for child in parent.__subclasses__():
        yield child
        yield from _below(child)


def _compile() -> None:
    """Have all methods compiled that wait for their first call, and those that these leave; they are called in vain."""
    called: set[tuple[type, str]] = set()
    while lazy := {(described, name) for described in _below(DataClassDictMixin) for name in _lazy(described)} - called:
        called |= lazy
        for described, name in lazy:
            with suppress(Exception):
                getattr(described, name)(*([None] if "from_dict" in name else [object.__new__(described)]))


def _lazy(described: type) -> Iterator[str]:
    return (name for name in vars(described) if name.startswith(("__mashumaro_from_dict", "__mashumaro_to_dict")))


def _parse_macros(of_adapters: Sequence[Path]) -> None:
    dbt_common.tests.enable_test_caching()
    for package in (Path(global_project.PACKAGE_PATH), *of_adapters):
        for file in package.rglob("*.sql"):
            text = file.read_text(encoding="utf-8").strip()
            jinja.extract_toplevel_blocks(text, allowed_blocks=_BLOCKS_OF_TESTS, collect_raw_data=False)
            for block in jinja.extract_toplevel_blocks(text, allowed_blocks=_BLOCKS_OF_MACROS, collect_raw_data=False):
                jinja.parse(block.full_block)
                jinja_static.statically_extract_macro_calls(block.full_block, {})
                jinja.template_cache.get_node_template(cast("Any", SimpleNamespace(macro_sql=block.full_block)))
    jinja._TESTING_PARSE_CACHE = _Full(jinja._TESTING_PARSE_CACHE)
    jinja._TESTING_BLOCKS_CACHE = _Full(jinja._TESTING_BLOCKS_CACHE)
    jinja_static._TESTING_MACRO_CACHE = _Full(jinja_static._TESTING_MACRO_CACHE)
