"""Steps of dbt's own commands in one project.

Each step runs in a process of its own, with the project as its folder. The project is parsed from its files once,
without dbt's cache; the manifest goes from step to step in a file, since dbt writes into the one that it runs.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import pickle
import re
from pathlib import Path
from typing import Any

RELATIONS = ("model", "seed", "snapshot")
SCORED = (*RELATIONS, "test")  # of tests those with `is_scored` in their meta; a result stands for the relation
_FLAGS = "  state_modified_compare_more_unrendered_values: true\n  state_modified_compare_vars: true\n"


MANIFEST = Path("manifest.pickle")
_QUIET = ("--quiet", "--log-level-file", "none")


def parsed(arguments: list[str], *options: str) -> Any:
    """Parse the project from its files and return the manifest."""
    from dbt.cli.main import dbtRunner

    result = dbtRunner().invoke([*_QUIET, "--no-partial-parse", *options, "parse", *arguments])
    if result.exception or not result.success:
        raise RuntimeError(f"dbt parse failed: {result.exception}")
    return result.result


def built_from_scratch(arguments: list[str], left_out: tuple[str, ...] = ()) -> dict[str, Any]:
    """Build everything twice, the second time what is built on what is there; return what was executed per node.

    The types `left_out` are not built.
    """
    manifest = parsed(arguments, "--no-write-json")
    MANIFEST.write_bytes(pickle.dumps(manifest))
    answer = {"nodes": described(manifest), "compiled": {}, "statements": {}, "failed": [], "tests": {}}
    options = [*arguments, *(word for each in left_out for word in ("--exclude-resource-type", each))]
    _build(manifest, options, answer, "first")
    if any(facts["materialized"] in ("incremental", "snapshot") for facts in answer["nodes"].values()):
        in_place = ["--select", "config.materialized:incremental", "resource_type:snapshot"]
        _build(_manifest(), [*options, *in_place], answer, "second")
    return answer


def _manifest() -> Any:
    manifest = pickle.loads(MANIFEST.read_bytes())
    for name in [name for name in vars(manifest) if name.endswith("_lookup")]:
        setattr(
            manifest, name, None
        )  # dbt forgets a field when it pickles, which shifts the others; it builds these anew
    manifest.fixtures = {}
    return manifest


def built_over(arguments: list[str]) -> list[str]:
    """Run a plain `dbt build` over what is there; return what failed."""
    answer: dict[str, Any] = {"compiled": {}, "statements": {}, "failed": [], "tests": {}}
    _build(_manifest(), arguments, answer, "first")
    failed: list[str] = answer["failed"]
    return failed


def _build(manifest: Any, arguments: list[str], answer: dict[str, Any], which: str) -> None:
    from dbt.cli.main import dbtRunner

    def listen(event: Any) -> None:
        if event.info.name == "SQLQuery" and event.data.node_info.unique_id:
            builds = answer["statements"].setdefault(event.data.node_info.unique_id, {"first": [], "second": []})
            builds[which].append(event.data.sql)

    # Tests change no relation; where none is scored they cost time only.
    is_scored = any(node.resource_type == "test" and _is_scored(node) for node in manifest.nodes.values())
    exclude = ["--exclude-resource-type", "unit_test", *([] if is_scored else ["--exclude-resource-type", "test"])]
    command = [*_QUIET, "--no-write-json", "build", *arguments, *exclude]
    result = dbtRunner(manifest=manifest, callbacks=[listen]).invoke(command)
    if result.exception:
        raise RuntimeError(f"dbt build failed: {result.exception}")
    for each in result.result.results:
        if each.node.resource_type == "test":
            answer["tests"][each.node.unique_id] = f"{each.status} {each.failures}"
        elif str(each.status) not in ("success", "no-op"):
            answer["failed"].append(f"{each.node.unique_id}: {each.status}: {each.message}")
        answer["compiled"].setdefault(each.node.unique_id, getattr(each.node, "compiled_code", None))


def described(manifest: Any) -> dict[str, dict[str, Any]]:
    """Return what the judge needs to know of each node and source: where its relation is, and what it reads.

    What SQL names without a source is said by `reads` in the node's `meta`, for the judge alone.
    """
    nodes = {}
    for node in [*manifest.nodes.values(), *manifest.sources.values()]:
        if _is_scored(node) or node.resource_type == "source":
            named = {f"undeclared.{name}": name for name in node.config.get("meta", {}).get("reads", [])}
            nodes |= {unique_id: _undeclared(name) for unique_id, name in named.items()}
            nodes[node.unique_id] = {
                "type": str(node.resource_type),
                "materialized": node.config.get("materialized") if node.resource_type != "source" else "source",
                "relation": f"{node.schema}.{getattr(node, 'alias', None) or node.identifier}",
                "parents": [*getattr(getattr(node, "depends_on", None), "nodes", []), *named],
                "file": _file_checksum(node, manifest),
                "inputs": _inputs(node, manifest),
            }
    return nodes


def _is_scored(node: Any) -> bool:
    return node.resource_type in RELATIONS or (node.resource_type == "test" and "is_scored" in node.config.meta)


def _undeclared(relation: str) -> dict[str, Any]:
    return {"type": "source", "materialized": "source", "relation": relation, "parents": [], "file": "", "inputs": []}


def _inputs(node: Any, manifest: Any) -> list[str]:
    """Return the code of a node and of the macros that it calls, without comments and layout."""
    todo, macros = [node], {}
    while todo:
        names = getattr(getattr(todo.pop(), "depends_on", None), "macros", [])
        fresh = [name for name in names if name not in macros and name in manifest.macros]
        macros |= {name: manifest.macros[name].macro_sql for name in fresh if not name.startswith("macro.dbt")}
        todo += [manifest.macros[name] for name in fresh if name in macros]
    codes = [getattr(node, "raw_code", ""), *(code for _, code in sorted(macros.items()))]
    return [re.sub(r"\{#.*?#\}|/\*.*?\*/|--[^\n]*|\s+", "", code, flags=re.DOTALL) for code in codes]


def _file_checksum(node: Any, manifest: Any) -> str:
    root = Path.cwd() if node.package_name == manifest.metadata.project_name else _package(node.package_name)
    return hashlib.sha256((root / node.original_file_path).read_bytes()).hexdigest()


def _package(name: str) -> Path:
    return Path.cwd() / "dbt_packages" / name


def answers_of_others(arguments: list[str], state: str, state_with_flags: str) -> dict[str, Any]:
    """Return what `state:modified` selects, without and with the behaviour flags, and the compiled SQL's checksums."""
    manifest = _manifest()
    answer: dict[str, Any] = {"nodes": described(manifest)}
    answer["modified"] = _modified(manifest, arguments, state)
    answer["compiled"] = compiled(_manifest(), arguments)
    with behaviour_flags():
        with_flags = parsed(arguments, "--no-write-json")
        answer["modified_with_flags"] = _modified(with_flags, arguments, state_with_flags)
    return answer


def _modified(manifest: Any, arguments: list[str], state: str) -> list[str]:
    from dbt.cli.main import dbtRunner

    types = [word for each in SCORED for word in ("--resource-type", each)]
    output = ["--output", "json", "--output-keys", "unique_id"]
    result = dbtRunner(manifest=manifest).invoke(
        [*_QUIET, "--no-write-json", "ls", *arguments, "--select", "state:modified", "--state", state, *types, *output]
    )
    if result.exception:
        raise RuntimeError(f"dbt ls failed: {result.exception}")
    return [json.loads(line)["unique_id"] for line in result.result or []]


def compiled(manifest: Any, arguments: list[str]) -> dict[str, str]:
    """Return a checksum of each node's compiled SQL, white space normalised; a seed's is that of its file."""
    from dbt.cli.main import dbtRunner

    nodes = described(manifest)
    result = dbtRunner(manifest=manifest).invoke([*_QUIET, "--no-write-json", "compile", *arguments])
    codes = {each.node.unique_id: getattr(each.node, "compiled_code", None) for each in result.result or []}
    sums = {}
    for unique_id, node in nodes.items():
        if node["type"] in SCORED:
            code = node["file"] if node["type"] == "seed" else codes.get(unique_id) or "does not compile"
            sums[unique_id] = hashlib.sha256(re.sub(r"\s+", " ", code).strip().encode()).hexdigest()
    return sums


@contextlib.contextmanager
def behaviour_flags() -> Any:
    """Set both flags that make `state:modified` compare more, for as long as the block lasts."""
    file = Path("dbt_project.yml")
    before = file.read_bytes()
    text = before.decode().replace("\r\n", "\n")
    assert text.count("\nflags:\n") == 1
    file.write_text(text.replace("\nflags:\n", f"\nflags:\n{_FLAGS}"))
    try:
        yield
    finally:
        file.write_bytes(before)


def prepared_state(arguments: list[str], state: str, state_with_flags: str) -> dict[str, str]:
    """Write the manifests of the base project for `--state`; return the compiled SQL's checksums."""
    manifest = parsed([*arguments, "--target-path", state])
    with behaviour_flags():
        parsed([*arguments, "--target-path", state_with_flags])
    return compiled(manifest, arguments)


def plugin(arguments: list[str]) -> int:
    """Run a command of dbt-state-plugin as from the command line; return its exit code."""
    import sys

    from dbt_state_plugin.cli.entry import main

    sys.argv = ["dbt-state-plugin", *arguments]
    try:
        main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 2
