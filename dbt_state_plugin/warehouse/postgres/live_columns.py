"""Columns on which the rows of a query can depend.

`select *` in a common table expression or a subquery names every column of what it reads, used further on or not. In
the tree that the server has stored a column of a subquery is *passed on* where it is a plain reference to a column of
its own FROM and nothing groups, sorts or partitions by it. Where nothing around the subquery refers to such a column,
the subquery is no part of a set operation, has no DISTINCT and is not recursive, the column decides neither which rows
there are, nor how many, nor any other value, nor an error, since nothing is worked out of it: with it or without it the
query gives the same. Everything else counts, and in a tree with anything that is not known here every column does.

What is told of a query besides is a hash of what each of its references means, by names: a star that stands for other
columns may give another meaning to a position or an alias (`with c (x, y) as (select * ...)`) and still read the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from dbt_state_plugin.warehouse.answers import value_hash
from dbt_state_plugin.warehouse.postgres.query_tree import TreeNode, UnknownTreeError, Value, parsed

_RELATION, _SUBQUERY, _JOIN, _FUNCTION, _TABLE_FUNCTION, _VALUES, _CTE = range(7)  # as in parsenodes.h
_NO_QUERIES = frozenset({_RELATION, _FUNCTION, _TABLE_FUNCTION, _VALUES})
_SELECT = 1
_APART = frozenset({"targetList", "rtable", "cteList"})  # fields of a query that are looked at one by one

Scope = tuple[TreeNode, ...]  # a query, last, and the queries in which it stands
ColumnNames = Mapping[tuple[int, int], str]  # by the oid of a relation and the number of a column


@dataclass(frozen=True, slots=True)
class LiveColumns:
    """The numbers of the columns that can decide, of each relation by its oid, and what the references mean."""

    columns: Mapping[int, frozenset[int]]
    meaning: str


def live_columns(tree: str, names: ColumnNames) -> LiveColumns | None:
    """Return what the rows of `q` can depend on in a stored `SELECT ... FROM (query) AS q`, None where nobody knows."""
    try:
        top = parsed(tree)
        [query] = [entry.node("subquery") for entry in top.nodes("rtable") if entry.number("rtekind") == _SUBQUERY]
        return _Liveness(names).of((top, query))
    except (UnknownTreeError, LookupError, ValueError, RecursionError):
        return None


class _Liveness:
    """Columns to which something refers; each one that is found in a subquery may lead to more of them."""

    def __init__(self, names: ColumnNames) -> None:
        self._names = names
        self._used: dict[TreeNode, set[int]] = defaultdict(set)  # columns of queries
        self._columns: dict[int, set[int]] = defaultdict(set)  # of relations
        self._shown: dict[TreeNode, dict[int, _Shown]] = {}
        self._meanings: list[object] | None = None
        self._is_more = True

    def of(self, scope: Scope) -> LiveColumns:
        """Look at a query of which all columns are shown until nothing more is found."""
        while self._is_more:
            self._is_more = False
            self._see_whole(scope)
        self._meanings = []
        self._see_whole(scope)
        columns = {relation: frozenset(found) for relation, found in self._columns.items()}
        return LiveColumns(columns, value_hash(self._meanings))

    def _see_whole(self, scope: Scope) -> None:
        for column in self._shown_by(scope[-1]):
            self._use(scope[-1], column)
        self._see_query(scope)

    def _shown_by(self, query: TreeNode) -> dict[int, _Shown]:
        """Return the columns of a query by their numbers."""
        if query not in self._shown:
            entries = query.nodes("targetList")
            passed = [_is_passed_on(entry, query) for entry in entries]
            self._shown[query] = {
                entry.number("resno"): _Shown(entry, passed[place], passed[:place].count(False))
                for place, entry in enumerate(entries)
            }
        return self._shown[query]

    def _use(self, query: TreeNode, column: int) -> None:
        self._is_more |= column not in self._used[query]
        self._used[query].add(column)

    def _see_query(self, scope: Scope) -> None:
        """Note what the rows of a query, and the columns that are used of it, depend on."""
        query = scope[-1]
        if query.label != "QUERY" or query.number("commandType") != _SELECT or query.one("hasRecursive") != "false":
            raise UnknownTreeError(query.label)
        is_set = query.has("setOperations")
        is_whole = is_set or query.has("distinctClause")
        for column, shown in self._shown_by(query).items():
            if is_whole or column in self._used[query] or not shown.is_passed_on:
                self._mean(shown.entry.number("ressortgroupref"))
                self._see(shown.entry.one("expr"), scope)
        for entry in query.nodes("rtable"):
            self._see_range(entry, scope, is_whole=is_set)
        for entry in query.nodes("cteList"):
            self._see_query((*scope, entry.node("ctequery")))
        for name in [name for name in query.fields if name not in _APART]:
            self._see(query.of(name), scope)

    def _see_range(self, entry: TreeNode, scope: Scope, *, is_whole: bool) -> None:
        """Note what an entry of a FROM depends on, besides the columns that are used of it."""
        kind = entry.number("rtekind")
        if kind == _SUBQUERY:
            see = self._see_whole if is_whole else self._see_query
            see((*scope, entry.node("subquery")))
        elif kind in _NO_QUERIES:
            self._see(tuple(entry.fields.values()), scope)
        elif kind not in {_JOIN, _CTE}:
            raise UnknownTreeError(str(kind))

    def _see(self, value: Value, scope: Scope) -> None:
        """Note what an expression depends on."""
        if isinstance(value, tuple):
            for each in value:
                self._see(each, scope)
        elif isinstance(value, TreeNode) and value.label == "QUERY":
            self._see_whole((*scope, value))
        elif isinstance(value, TreeNode) and value.label == "VAR":
            self._refer(value, scope)
        elif isinstance(value, TreeNode):
            self._see(tuple(value.fields.values()), scope)

    def _refer(self, variable: TreeNode, scope: Scope) -> None:
        entry, column, scope = _found(variable, scope)
        kind = entry.number("rtekind")
        if self._meanings is not None:
            self._mean(self._meaning(variable, scope, entry))
        if kind == _RELATION:
            self._columns[entry.number("relid")].add(column)
        elif kind == _JOIN:
            self._see(entry.listed("joinaliasvars")[column - 1], scope)
        elif kind in {_SUBQUERY, _CTE}:
            self._use(_query_of(entry, scope)[-1], column)
        elif kind not in _NO_QUERIES:
            raise UnknownTreeError(str(kind))

    def _mean(self, what: object) -> None:
        if self._meanings is not None:
            self._meanings.append(what)

    def _meaning(self, variable: TreeNode, scope: Scope, entry: TreeNode) -> list[object]:
        """Return by names where a column comes from; `scope` ends with the query of whose FROM it is."""
        place, column = variable.number("varno"), variable.number("varattno")
        kind = entry.number("rtekind")
        if kind == _RELATION:
            return [place, self._names[entry.number("relid"), column]]
        if kind in {_SUBQUERY, _CTE}:
            inner = _query_of(entry, scope)
            return [place, *self._meaning_within(self._shown_by(inner[-1])[column], inner)]
        alias = entry.listed("joinaliasvars")[column - 1] if kind == _JOIN else ""
        if isinstance(alias, TreeNode) and alias.label == "VAR":
            return [place, *self._meaning(alias, scope, _found(alias, scope)[0])]
        return [place, column]

    def _meaning_within(self, shown: _Shown, scope: Scope) -> list[object]:
        if not shown.is_passed_on:
            return ["worked out", shown.number]
        variable = shown.entry.node("expr")
        return self._meaning(variable, scope, _found(variable, scope)[0])


@dataclass(frozen=True, slots=True)
class _Shown:
    """A column of a query; `number` says how many stand before it that are not passed on."""

    entry: TreeNode
    is_passed_on: bool
    number: int


def _found(variable: TreeNode, scope: Scope) -> tuple[TreeNode, int, Scope]:
    """Return the entry of a FROM to which a variable refers, the number of its column, and the scope of that FROM."""
    depth = len(scope) - variable.number("varlevelsup")
    place, column = variable.number("varno"), variable.number("varattno")
    if not 1 <= depth <= len(scope) or place < 1 or column < 1:
        raise UnknownTreeError(variable.label)
    return scope[depth - 1].nodes("rtable")[place - 1], column, scope[:depth]


def _query_of(entry: TreeNode, scope: Scope) -> Scope:
    """Return the scope of a subquery, or of the common table expression for which an entry of a FROM stands."""
    if entry.number("rtekind") == _SUBQUERY:
        return (*scope, entry.node("subquery"))
    depth = len(scope) - entry.number("ctelevelsup")
    if not 1 <= depth <= len(scope):
        raise UnknownTreeError("ctelevelsup")
    owners = scope[:depth]
    [found] = [each for each in owners[-1].nodes("cteList") if each.of("ctename") == entry.of("ctename")]
    return (*owners, found.node("ctequery"))


def _is_passed_on(entry: TreeNode, query: TreeNode) -> bool:
    """Return whether a column of a query is a plain reference to one of its FROM, by which nothing else goes."""
    is_alone = entry.number("ressortgroupref") == 0 and entry.one("resjunk") == "false"
    return is_alone and _is_plain(entry.one("expr"), query)


def _is_plain(value: Value, query: TreeNode) -> bool:
    """Return whether nothing is worked out for a value: a column that joins merge may be made of two of them."""
    if not isinstance(value, TreeNode) or value.label != "VAR" or value.number("varlevelsup") != 0:
        return False
    entry, column, _ = _found(value, (query,))
    return entry.number("rtekind") != _JOIN or _is_plain(entry.listed("joinaliasvars")[column - 1], query)
