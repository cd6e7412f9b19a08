"""Relations that a statement names, by Spark's own parser."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dbt_state_plugin.warehouse.answers import QueryRefused
from dbt_state_plugin.warehouse.spark.catalog import Held, read_relation
from dbt_state_plugin.warehouse.spark.dialect import SPARK

PATHS = "external file"  # stands for the schema of files that SQL names by their path
_RELATION = "UnresolvedRelation"
# What else may stand where rows come from, and reads no relation.
_WITHOUT_NAMES = frozenset(
    "OneRowRelation LocalRelation UnresolvedInlineTable UnresolvedTableValuedFunction Range".split()
)
_STATEMENT_TABLES = "UnresolvedWith"
_FORMATS = frozenset("avro binaryfile csv delta json orc parquet text xml".split())
_OWN_CATALOG = "spark_catalog"


def named_relations(spark: Any, query: str) -> tuple[tuple[str, str], ...] | None:
    """Return schema and name of each relation or path that a query names, None if Spark cannot parse it.

    Raises QueryRefused for what is in no metastore, such as a temporary view of dbt's own session.
    """
    from pyspark.errors import ParseException

    try:
        plan = spark._jsparkSession.sessionState().sqlParser().parsePlan(query)
    except ParseException:
        return None
    names: set[tuple[str, ...]] = set()
    own: set[str] = set()
    if not _collect(plan, names, own):
        return None
    found = {_resolved(spark, parts, own) for parts in names}
    return tuple(sorted(each for each in found if each is not None))


def _collect(node: Any, names: set[tuple[str, ...]], own: set[str]) -> bool:
    """Note the names below a node of a plan, and those of the statement's own tables; return whether all was read."""
    kind = str(node.getClass().getSimpleName())
    children = list(_items(node.children()))
    if kind == _RELATION:
        names.add(tuple(str(part) for part in _items(node.multipartIdentifier())))
    elif not children and kind not in _WITHOUT_NAMES:
        return False
    if kind == _STATEMENT_TABLES:
        tables = list(_items(node.innerChildren()))
        own |= {SPARK.stored_name(name, name) for name in (str(each.alias()) for each in tables)}
        children += tables
    children += list(_items(node.subqueries()))
    read = [_collect(child, names, own) for child in children]  # all of them, to the end
    return all(read)


def _resolved(spark: Any, parts: tuple[str, ...], own: set[str]) -> tuple[str, str] | None:
    """Return schema and identifier of what a name means, None for a table of the statement itself."""
    *before, name = (SPARK.stored_name(part, part) for part in parts)
    if before and before[0] == _OWN_CATALOG:
        before = before[1:]
    state = spark._jsparkSession.sessionState().catalog()
    if not before:
        if name in own:
            return None
        if state.getTempView(name).isDefined():
            raise QueryRefused(f"{name} is a temporary view", is_certain=True)
        before = [str(state.getCurrentDatabase())]
    if len(before) == 1 and read_relation(spark, before[0], name) is not None:
        return before[0], name
    if len(before) == 1 and before[0] in _FORMATS:
        return PATHS, f"{before[0]}.{parts[-1]}"
    raise QueryRefused(f"there is no {'.'.join(parts)}", is_certain=True)


def relations_below(spark: Any, view: Held) -> tuple[tuple[str, str], ...] | None:
    """Return schema and identifier of each table whose rows a view gives, None if anything else is read."""
    plan = spark.table(view.quoted)._jdf.queryExecution().analyzed()
    found: set[tuple[str, str]] = set()
    for each in _plans(plan):
        for leaf in _items(each.collectLeaves()):
            name = _table_of(leaf)
            if name is None:
                return None
            found |= {name} if name != ("", "") else set()
    return tuple(sorted(found))


def _plans(plan: Any) -> Iterator[Any]:
    yield plan
    yield from _items(plan.subqueriesAll())


def _table_of(leaf: Any) -> tuple[str, str] | None:
    kind = str(leaf.getClass().getSimpleName())
    if kind in ("OneRowRelation", "LocalRelation", "Range", "CTERelationRef"):
        return "", ""
    if kind == "LogicalRelation" and leaf.catalogTable().isDefined():
        table = leaf.catalogTable().get()
    elif kind == "HiveTableRelation":
        table = leaf.tableMeta()
    else:
        return None
    return str(table.identifier().database().get()), str(table.identifier().table())


def texts_of_view(spark: Any, view: Held) -> tuple[str, ...]:
    """Return the SQL of a view and of all views that it reads."""
    found: dict[tuple[str, str], str] = {}
    todo = [view]
    while todo:
        each = todo.pop()
        found[each.schema, each.identifier] = each.text
        try:
            names = named_relations(spark, each.text) or ()
        except QueryRefused:
            names = ()
        below: Mapping[tuple[str, str], Held | None] = {name: read_relation(spark, *name) for name in names}
        todo += [one for name, one in below.items() if one is not None and one.is_view and name not in found]
    return tuple(found.values())


def _items(sequence: Any) -> Iterator[Any]:
    items = sequence.iterator()
    while items.hasNext():
        yield items.next()
