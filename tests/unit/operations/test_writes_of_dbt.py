"""What an invocation of dbt can have written, in doubt anything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dbt_state_plugin.core.values.definition import MacroDefinition, NodeDefinition, ProjectDefinition
from dbt_state_plugin.core.values.reads import Question, RenderedReads
from dbt_state_plugin.core.values.relations import RelationName
from dbt_state_plugin.core.values.results import NodeOutcome
from dbt_state_plugin.dbt_runner.arguments import read_extra_arguments
from dbt_state_plugin.dbt_runner.execute import DbtOutcome
from dbt_state_plugin.dbt_runner.invocation import Invocation
from dbt_state_plugin.operations.running.writes_of_dbt import relations_written
from dbt_state_plugin.warehouse.duckdb.dialect import DUCKDB

ORDERS = RelationName(database="shop", schema="main", identifier="orders")
PLAIN: dict[str, Any] = {"materialized": "table", "pre-hook": [], "post-hook": []}
READS = RenderedReads(names=frozenset({"macro.shop.money", "var rate"}))


def macro(name: str, package: str = "shop") -> MacroDefinition:
    is_builtin = package == "dbt"
    return MacroDefinition(
        unique_id=f"macro.{package}.{name}", name=name, package=package, code="", is_builtin=is_builtin
    )


MACROS = (
    macro("money"),
    macro("generate_schema_name"),
    *(macro(name, "dbt") for name in ("default__create_table_as", "generate_schema_name", "load_csv_rows")),
)


def written(
    config: dict[str, Any] | None = None,
    reads: RenderedReads | None = READS,
    *,
    macros: tuple[MacroDefinition, ...] = MACROS,
    type: str = "model",
    flags: tuple[str, ...] = (),
    **ending: Any,
) -> frozenset[RelationName] | None:
    node = NodeDefinition(
        unique_id="orders",
        resource_type=type,
        attributes={"config": {**PLAIN, **(config or {})}},
        relation=ORDERS,
        parents=(),
    )
    definition = ProjectDefinition(
        name="shop",
        target_name="dev",
        database="shop",
        schema="main",
        dbt_version="1",
        adapter_version="1",
        macros=macros,
        nodes=(node,),
        dialect=DUCKDB,
    )
    invocation = Invocation(
        project_dir=Path(),
        profiles_dir=Path(),
        target_path=Path(),
        profile=None,
        target=None,
        threads=None,
        variables={},
        extra=read_extra_arguments(flags, {}),
        dialect=DUCKDB,
    )
    outcome = NodeOutcome(
        unique_id=ending.pop("reported", "orders"), status=ending.pop("status", "success"), reads=reads
    )
    return relations_written(definition, invocation, DbtOutcome(nodes={outcome.unique_id: outcome}, **ending))


def test_a_node_of_dbts_own_materializations_writes_its_relation() -> None:
    assert written() == {ORDERS}
    assert written(status="error") == {ORDERS}
    assert written(reads=None, status="skipped") == {ORDERS}
    assert written({"materialized": "seed"}, None, type="seed") == {ORDERS}


@pytest.mark.parametrize(
    "doubt",
    [
        {"config": {"post-hook": ["update x set n = 1"]}},
        {"config": {"sql_header": "insert into x values (1);"}},
        {"config": {"store_failures": True}},
        {"config": {"materialized": "external"}},
        {"reads": None},
        {"reads": replace(READS, is_opaque=True)},
        {"reads": replace(READS, asked_sql=("select 1",))},
        {"reads": replace(READS, questions=(Question(sql="select 1"),))},
        {"reads": replace(READS, hook_sql=("update x set n = 1",))},
        {"project_hook_sql": ("insert into x values (1)",)},
        {"was_interrupted": True},
        {"error": "it broke"},
        {"reported": "unknown"},
        {"flags": ("--store-failures",)},
        {
            "macros": (*MACROS, macro("duckdb__create_table_as")),
            "reads": replace(READS, names=frozenset({"macro.shop.duckdb__create_table_as"})),
        },
        {
            "macros": (*MACROS, macro("materialization_table_default")),
            "reads": replace(READS, names=frozenset({"macro.shop.materialization_table_default"})),
        },
        {"macros": (*MACROS, macro("duckdb__load_csv_rows")), "type": "seed", "config": {"materialized": "seed"}},
    ],
    ids=[
        "post-hook",
        "sql_header",
        "store_failures",
        "another materialization",
        "no trace",
        "opaque",
        "SQL sent while compiling",
        "question",
        "SQL of a hook",
        "project's hook",
        "interrupted",
        "error",
        "unknown outcome",
        "flag",
        "macro of tables",
        "materialization of the project",
        "macro of seeds",
    ],
)
def test_any_doubt_means_anything(doubt: dict[str, Any]) -> None:
    assert written(**doubt) is None
