"""Layers: imports point downwards only, and never in a circle."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_imports_point_downwards_only() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert answer.returncode == 0, answer.stdout + answer.stderr


PLANTED = (
    ("import dbt.version", "Only dbt_runner imports dbt"),
    ("from dbt_common.context import set_invocation_context", "Only dbt_runner imports dbt"),
    ("import psycopg2", "Only the rooms of servers and of the state import the driver"),
    ("import duckdb", "Only the room of DuckDB imports its driver"),
    ("import pyspark", "Only the room of Spark imports its client"),
    ("import sqlalchemy", "Alembic and SQLAlchemy are used by the migrations only"),
    ("import dbt_state_plugin.warehouse.postgres.dialect", "A warehouse is known by its interface"),
    ("import dbt_state_plugin.operations.settings", "Settings are resolved once, into a target"),
    ("import meltano_plugin.pair", "Nothing of the plugin imports Meltano's"),
)
UNSEEN = "Imports point downwards only", "Rooms of the core import downwards only", "Operations import downwards only"


def test_a_module_that_no_contract_names_may_import_neither_dbt_nor_a_driver(tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in ("dbt_state_plugin", "meltano_plugin"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "dbt_state_plugin" / "newroom.py").write_text("\n".join(line for line, _ in PLANTED))
    for room in ("core", "operations"):
        (tmp_path / "dbt_state_plugin" / room / "newroom.py").write_text("")
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]

    answer = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    broken = {line.split(" BROKEN")[0] for line in answer.stdout.splitlines() if " BROKEN" in line}
    assert broken >= {*UNSEEN, *(name for _, name in PLANTED)}, answer.stdout + answer.stderr
    assert str(ROOT / "dbt_state_plugin") not in answer.stdout


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = (
        "import sys; before = set(sys.modules); import dbt_state_plugin; "
        "print(*sorted(m for m in set(sys.modules) - before if m.split('.')[0] not in sys.stdlib_module_names))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert answer.stdout.split() == ["dbt_state_plugin"]


def test_the_package_has_no_attribute_that_dbt_would_take_for_plugins() -> None:
    import dbt_state_plugin

    assert not hasattr(dbt_state_plugin, "plugins")
    assert dbt_state_plugin.plan.__module__ == "dbt_state_plugin.api"


def test_the_wheel_carries_everything_that_is_not_python() -> None:
    from importlib.resources import files

    package = files("dbt_state_plugin")

    assert package.joinpath("py.typed").is_file()
    assert "CREATE TABLE relation" in package.joinpath("state", "schema.sql").read_text(encoding="utf-8")
    assert "CREATE ROLE" in package.joinpath("state", "migrations", "roles.sql").read_text(encoding="utf-8")


def test_a_plain_profile_is_read_without_dbt_sqlalchemy_and_jinja(tmp_path: Path) -> None:
    output = "{type: postgres, host: h, pass: s3cret, port: 1, user: u, dbname: d, schema: s}"
    (tmp_path / "profiles.yml").write_text(f"shop: {{target: d, outputs: {{d: {output}}}}}")
    script = (
        "import sys, pathlib\n"
        "from dbt_state_plugin.project.profile import load_profile\n"
        "load_profile(profiles_dir=pathlib.Path(sys.argv[1]), profile_name='shop', target=None, threads=None,"
        " cli_vars={}, environ={})\n"
        "print(*sorted({'dbt', 'sqlalchemy', 'alembic', 'jinja2', 'psycopg2'} & set(sys.modules)))\n"
    )

    finished = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True, cwd=tmp_path
    )

    assert finished.stdout.strip() == ""


def test_files_of_unit_tests_load_neither_dbt_nor_a_driver() -> None:
    code = (
        "import pathlib, sys\n"
        "from importlib.util import module_from_spec, spec_from_file_location\n"
        "tests = pathlib.Path('tests')\n"
        "for number, file in enumerate([tests / 'conftest.py', *sorted((tests / 'unit').rglob('*.py'))]):\n"
        "    spec = spec_from_file_location(f'loaded_{number}', file)\n"
        "    sys.modules[spec.name] = module_from_spec(spec)\n"
        "    spec.loader.exec_module(sys.modules[spec.name])\n"
        "    print(*(f'{file}: {name}' for name in {'dbt', 'psycopg2'} & set(sys.modules)), sep='\\n')\n"
    )

    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert answer.stdout.split() == []


def test_no_imports_go_round_in_a_circle() -> None:
    """Count imports inside functions too, and leave out those that only type checkers see.

    The facade `dbt_state_plugin/__init__.py` is left out: nothing in the package imports it.
    """
    graph = {**_imports("dbt_state_plugin"), **_imports("meltano_plugin")}
    assert "dbt_state_plugin.api" in graph["dbt_state_plugin.cli.run"]
    while ends := {module for module, imported in graph.items() if not imported & graph.keys()}:
        graph = {module: imported for module, imported in graph.items() if module not in ends}

    assert sorted(graph) == []


def _imports(package: str) -> dict[str, set[str]]:
    """Return the modules that each module of a package imports, anywhere in it but below `if TYPE_CHECKING`."""
    found: dict[str, set[str]] = {}
    for path in (ROOT / package).rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if module != "dbt_state_plugin":
            found[module] = set(_imported(ast.parse(path.read_text(encoding="utf-8"))))
    return found


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        yield from _imported(node)
