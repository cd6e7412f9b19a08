"""Words of reasons; whole plans and results are said in `text.py`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dbt_state_plugin.core.undeclared import PREFIX, UndeclaredInput, is_function
from dbt_state_plugin.core.values.capabilities import FEATURES
from dbt_state_plugin.core.values.plan import HookReason
from dbt_state_plugin.core.values.project import SqlProblem
from dbt_state_plugin.core.values.reasons import GRAPH, SAME_QUERY, Reason, ReasonCode
from dbt_state_plugin.core.values.things import Thing
from dbt_state_plugin.report.folding import listed
from dbt_state_plugin.report.printable import printable, relation_shown

Values = Mapping[str, Any]

PARTS: Mapping[str, str] = {
    "body": "its code changed",
    "config": "its configuration changed",
    "macros": "a macro that it can reach changed",
    "variables": "a var, env var or target field that it reads changed",
    "materialization": "a macro that builds it changed",
    "contract": "its contract changed",
    "hooks": "a hook changed",
    "project_hooks": "an on-run-start or on-run-end hook of the project changed",
    "docs": "a description that persist_docs writes changed",
    "relation": "the name of its relation changed",
    "references": "the name of a relation that it refers to changed",
    "session": "the profile sets another search_path or role",
    "flags": "dbt flags that change what is built differ",
    "engine": "another minor version of dbt or its adapter",
}
EQUAL: Mapping[str, str] = {
    "layout": "only comments or layout differ",
    "statement": "only comments, white space or letter case differ in the SQL",
    SAME_QUERY: "it is the same query (the server says so)",
    "rows": "it holds the same rows",
    "unset": "nobody sets it",
    "undescribed": "it has no description",
    "unread": "its build has not read it",
    "effect": "it writes nothing that the nodes of a run read",
}
PROBLEMS: Mapping[SqlProblem, str] = {
    SqlProblem.NOTHING_TO_COMPILE: "it has no SQL",
    SqlProblem.ASKS_DATABASE: "it asks the database while it compiles ({name})",
    SqlProblem.NOT_COMPILED: "dbt cannot compile it",
    SqlProblem.NOT_COMPILED_ALONE: "it cannot be compiled by itself ({name})",
}
NOT_COUNTED: Mapping[str, str] = {
    "absent": "does not exist",
    "catalogue": "shows what the catalogue holds, which cannot be told without asking",
    "foreign": "is a foreign table, whose rows are not counted",
    "policy": "has a policy of row security that asks other tables, functions or the clock",
    "function": "is computed by functions that cannot be inspected",
    "kind": "is not a table, so its rows are not counted",
    "no-table": "is no table of the warehouse itself, so the time of its last change says nothing about its rows",
    "no-time": "has no time of a last change in the warehouse",
    "place": "is not a path that can be inspected",
    "twin": "differs from another relation in letter case alone, and the time of its last change may be of that one",
    "remote": "is stored elsewhere, where its files cannot be listed",
    "unreadable": "cannot be read",
    "unasked": (
        "is in a warehouse that tells when rows change only where data_version asks, in one way for all sources of a "
        "table: last_modified, query or content (see docs/warehouses.md)"
    ),
    "untold": "is in a warehouse that does not tell when rows change (see docs/warehouses.md)",
}
UNREADABLE: Mapping[str, str] = {
    "rights": "was written, and this role may not read its rows to compare them",
    "error": "was written, and its rows could not be read to compare them",
}
NOT_REPEATED: Mapping[str, str] = {
    "error": "cannot be asked again",
    "writes": "writes",
    "large": "has too long an answer to be compared",
    "slow": "takes too long to be asked again",
    "not-kept": "is not kept, since no SQL may be stored",
}
_EVERY_RUN = "built on every run"
_SHOWN = 3
_VALUE_WIDTH = 60


def reason_words(reason: Reason) -> str:
    """Return a reason as a short phrase that starts with its kind."""
    where = f"{_where(reason.node)} " if reason.node else ""
    return printable(f"{reason.kind.value}: {where}{detail(reason)}".rstrip())


def _where(unique_id: str) -> str:
    """Return the name of the node that a reason comes from; of a relation that nothing declares, that it is none."""
    name = short_name(unique_id)
    if not unique_id.startswith(PREFIX):
        return name
    return f"{name} (called in the SQL)" if is_function(name) else f"{name} (named in the SQL, not declared)"


def detail(reason: Reason) -> str:
    """Return what happened in words, without the kind and the node."""
    return _WORDS[reason.code](reason.values)


def reason_document(reason: Reason) -> dict[str, Any]:
    """Return a reason as JSON and the state hold it; `node` is there only where the reason comes from another node."""
    document: dict[str, Any] = {"kind": reason.kind.value, "detail": detail(reason)}
    document |= {"node": reason.node} if reason.node else {}
    problem = _problem(reason.values)
    words = {"problem": problem} if problem else {}
    return document | {"code": reason.code.value, "values": {**reason.values, **words}}


def untold_words(feature: str) -> str:
    """Return what goes unnoticed if a warehouse lacks a feature, with the remedy."""
    known = FEATURES[feature]
    return f"{known.untold} ({known.way_out})"


def undeclared_words(found: UndeclaredInput) -> str:
    """Return an input that dbt's graph lacks in words."""
    if found.source:
        return printable(f"undeclared input: source {short_name(found.source)}, read by its Jinja but no parent in dbt")
    if found.is_function:
        return printable(f"undeclared input: function {relation_shown(found.relation)}, called in its SQL")
    relation = relation_shown(found.relation)
    return printable(f"undeclared input: {relation}, named in its SQL without a ref or source")


def short_name(unique_id: str) -> str:
    """Return the name at the end of a unique_id: `model.shop.orders` is `orders`."""
    parts = unique_id.split(".", 2)
    name = parts[2] if len(parts) == 3 else unique_id
    return name if not unique_id.startswith("test.") else name.rsplit(".", 1)[0]


def hook_words(why: HookReason) -> str:
    """Return why a run executes an on-run hook of the project, whatever it builds."""
    return {
        HookReason.CHANGED: "is new or changed, and is run",
        HookReason.UNFINISHED: "failed or was cut off, and is run again",
    }[why]


def _hook_of(writer: str) -> str:
    return "an on-run hook" if writer == "on-run" else f"a hook of {short_name(writer)}"


def _execution(execution: str) -> str:
    """Name an execution by the beginning of its id, which `show` takes."""
    return f"execution {execution[:8]}"


def _part(values: Values) -> str:
    part = str(values["part"])
    if values.get("resource_type") == "seed":
        return _settled("its file changed" if values.get("equal") else "its rows changed", values)
    return _settled(PARTS.get(part, part), values, is_named=part in PARTS)


def _items(values: Values) -> str:
    items = values["items"]
    if values["part"] == "engine":
        names = ("dbt" if item["name"] == "dbt" else "its adapter" for item in items)
        return _settled(f"another minor version of {' and '.join(names)}", values)
    more = f", and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    is_plain = values["part"] == "references"
    words = ", ".join(_item(item, is_plain=is_plain) for item in items[:_SHOWN]) + more
    return _settled(words, values, is_named=values["part"] in PARTS)


def _item(item: Mapping[str, Any], *, is_plain: bool) -> str:
    label = _label(item)
    if item["change"] == "set":
        before, after = (_plain(item[side]) if is_plain else item[side] for side in ("before", "after"))
        return f"{label}: {_cut(before)} -> {_cut(after)}"
    return f"{label} changed" if item["change"] == "changed" else f"{label} is {item['change']}"


def _plain(value: str) -> str:
    """Return the name of a relation as it is written, of its JSON."""
    try:
        return str(json.loads(value))
    except ValueError:  # a row that was edited by hand
        return value


def _label(item: Mapping[str, Any]) -> str:
    name, path = item["name"], item.get("path", "")
    if name.startswith("macro."):
        package = f"{item['package']}." if item.get("package") else ""
        return f"macro {package}{name.split('.')[-1]}" + (f" ({path})" if path else "")
    if name == GRAPH:
        nodes = _graph_nodes(item)
        return f"dbt's graph ({nodes})" if nodes else "dbt's graph, with the properties of all nodes,"
    return f"hook {name.split('.')[-1]}" if name.startswith("operation.") else name


def _graph_nodes(item: Mapping[str, Any]) -> str:
    """Return the nodes that differ in dbt's graph and how, where that is known."""
    nodes = item.get("nodes") or ()
    if isinstance(nodes, str):  # as it was recorded on 29 November 2026
        return nodes
    words = ", ".join(_graph_node(each) for each in nodes)
    more = item.get("node_count", len(nodes)) - len(nodes)
    return f"{words} and {more} more" if more > 0 else words


def _graph_node(node: Mapping[str, Any]) -> str:
    kind, _, rest = node["node"].partition(".")
    name = rest.partition(".")[2]
    name = name if kind in ("model", "seed", "snapshot") else f"{kind} {name}"
    return f"{name} ({', '.join(node['properties'])})" if node["change"] == "changed" else f"{name} is {node['change']}"


def _cut(value: str) -> str:
    return value if len(value) <= _VALUE_WIDTH else value[: _VALUE_WIDTH - 3] + "..."


def _settled(words: str, values: Values, *, is_named: bool = True) -> str:
    """Add why the difference is none, or why the SQL could not tell."""
    if equal := values.get("equal"):
        return f"{words}, but {EQUAL[equal]}" if is_named else EQUAL[equal]
    problem = _problem(values)
    return f"{words}; {problem}, so its SQL cannot be compared" if problem else words


def _problem(values: Values) -> str:
    """Return why there is no SQL that could be compared, or nothing; rows of the state may hold it in words."""
    found = values.get("uncompared")
    return PROBLEMS[SqlProblem(found["problem"])].format(name=found["name"]) if found else values.get("problem", "")


def _columns(values: Values) -> str:
    if not values.get("is_known", True):
        return "they cannot be compared"
    names = {"added": values["added"], "dropped": values["dropped"], "other type of": values["retyped"]}
    return ", ".join(f"{word} {listed(each)}" for word, each in names.items() if each) or "in another order"


# What is done to a thing of each kind that is not dropped, changed and added.
_DONE: Mapping[str, Mapping[str, str]] = {
    "privilege": {"gone": "revoked", "added": "granted"},
    "comment": {"gone": "removed"},
    "option": {"gone": "reset", "added": "set"},
    "default": {"added": "set"},
}
_OF_COLUMNS = frozenset({"not null", "default", "comment"})
_RESTORED_IN_PLACE = frozenset({"privilege", "privileges of the owner", "comment"})  # dbt sees to them on every build


def thing_words(kind: str, name: str) -> str:
    """Return a thing with its name, such as `index orders_id` or `comment of column id`."""
    if kind in _OF_COLUMNS and name:
        return f"{kind} of column {name}"
    kind = "storage option" if kind == "option" else kind
    return f"{kind} {name}" if name else kind


def extra_words(thing: Thing, *, in_place: bool) -> str:
    """Return that a thing was added by hand, and what removes it."""
    done = _DONE.get(thing.kind, {}).get("added", "added")
    what = "--full-refresh" if in_place else "a rebuild"
    return printable(f"extra: {thing_words(thing.kind, thing.name)} was {done} by hand; {what} would drop it")


def _shape(values: Values) -> str:
    kind, change = str(values["thing"]), str(values["change"])
    done = _DONE.get(kind, {}).get(change, "dropped" if change == "gone" else change)
    verb = "were" if kind == "privileges of the owner" else "was"
    by = " by hand" if change == "added" else ""
    words = f"its {thing_words(kind, str(values['name']))} {verb} {done}{by} since we built it"
    is_lost = values.get("in_place") and kind not in _RESTORED_IN_PLACE
    return f"{words}; dbt restores it only with --full-refresh" if is_lost else words


def _calls(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")


def _definition_differs(values: Values) -> str:
    rest = ", though its own code is the same" if values["is_same_code"] else ""
    return f"its definition differs from the one in {values['where']}{rest}"


def _parent_changed(values: Values) -> str:
    """Return that a node inside changed; of an ephemeral model, with what it reads that is another now."""
    by_part: dict[str, list[str]] = {}
    for item in values.get("items") or ():
        by_part.setdefault(item["part"], []).append(_label(item))
    causes = [f"{part}: {listed(labels)}" for part, labels in by_part.items()]
    return f"changed ({'; '.join(causes)})" if causes else "changed"


_WORDS: Mapping[ReasonCode, Callable[[Values], str]] = {
    ReasonCode.NOT_RECORDED: lambda _: "no build of it is recorded",
    ReasonCode.NOT_IN_BASELINE: lambda values: f"is not in {values['where']}",
    ReasonCode.PART_CHANGED: _part,
    ReasonCode.ITEMS_CHANGED: _items,
    ReasonCode.INLINED_CHANGED: lambda values: _settled(f"{', '.join(values['nodes'])} changed", values),
    ReasonCode.RECORDED_BY_ANOTHER_VERSION: lambda _: (
        "its last build was recorded by another version of dbt-state-plugin"
    ),
    ReasonCode.CODE_DIFFERS: lambda values: f"its code differs from the one in {values['where']}",
    ReasonCode.DEFINITION_DIFFERS: _definition_differs,
    ReasonCode.SEED_TOO_LARGE: lambda _: "dbt keeps no checksum of a seed over 1 MiB, so it counts as changed",
    ReasonCode.OTHER_VALUES: lambda _: (
        "the SQL that the manifest holds differs from today's: a var, env var or target value changed"
    ),
    ReasonCode.IS_BUILT: lambda _: "is built",
    ReasonCode.DROPPED_WITH_PARENT: lambda _: "PostgreSQL drops this view together with it",
    ReasonCode.FOREIGN_KEY_DROPPED: lambda _: "is built, and PostgreSQL drops the foreign key that points at it",
    ReasonCode.PARENT_CHANGED: _parent_changed,
    ReasonCode.PARENT_IS_NEW: lambda _: "is new",
    ReasonCode.PARENT_CHANGES: lambda _: "changes",
    ReasonCode.NEW_PARENT: lambda _: "is a new parent",
    ReasonCode.BUILT_SINCE: lambda _: "was built since",
    ReasonCode.NOT_SEEN: lambda _: "nobody had looked at it before dbt built this by itself",
    ReasonCode.WRITTEN_BY_HOOK: lambda values: f"was written since by {_hook_of(values['writer'])}",
    ReasonCode.HOOK_WRITES_INTO_IT: lambda _: "is built, whose hook writes into it",
    ReasonCode.NEW_SOURCE: lambda _: "is new here",
    ReasonCode.RECREATED_OR_EMPTIED: lambda _: "was re-created or emptied",
    ReasonCode.COLUMNS_CHANGED: lambda _: "columns changed",
    ReasonCode.SOURCE_MISSING: lambda _: "does not exist",
    ReasonCode.RECREATED: lambda _: "was re-created",
    ReasonCode.REWRITTEN_SOURCE: lambda _: "was emptied or rewritten",
    ReasonCode.ROWS_CHANGED: lambda _: "rows changed",
    ReasonCode.FUNCTION_CHANGED: lambda _: "its definition changed",
    ReasonCode.ANSWER_CHANGED: lambda _: "gives its query another answer",
    ReasonCode.ALTERED: lambda values: f"was last altered at {values['at']}, which its build did not see",
    ReasonCode.NOT_SETTLED: lambda values: (
        f"was altered so shortly before its build that more may have come at that time ({values['at']})"
    ),
    ReasonCode.ALWAYS_NEW: lambda _: f"has data_version always: {_EVERY_RUN}",
    ReasonCode.NOT_COUNTED: lambda values: f"{NOT_COUNTED.get(values['why'], 'cannot be seen into')}: {_EVERY_RUN}",
    ReasonCode.UNREADABLE: lambda values: UNREADABLE.get(values["why"], UNREADABLE["error"]),
    ReasonCode.QUESTION_ANSWER_CHANGED: lambda values: _settled(
        f"what it asks while it compiles has another answer ({_cut(values['query'])})", values
    ),
    ReasonCode.QUESTION_NOT_REPEATED: lambda values: _settled(
        f"what it asks while it compiles {NOT_REPEATED.get(values['why'], NOT_REPEATED['error'])}"
        f" ({_cut(values['query'])}): {_EVERY_RUN if values['why'] == 'writes' else 'compiled on every run'}",
        values,
    ),
    ReasonCode.TOO_OLD: lambda values: (
        f"its last build is {values['hours']:.3g} h old, max_age is {values['max_age']:g}"
    ),
    ReasonCode.RELATION_MISSING: lambda values: f"{relation_shown(values['relation'])} does not exist",
    ReasonCode.BUILT_ELSEWHERE: lambda values: f"last built by {values['environment']}",
    ReasonCode.REPLACED: lambda _: "it was replaced since we built it (by a plain dbt run?)",
    ReasonCode.OTHER_KIND: lambda values: (
        f"it was replaced since we built it: a {values['before']} then, a {values['now']} now"
    ),
    ReasonCode.COLUMNS_ALTERED: lambda values: f"its columns were altered since we built it ({_columns(values)})",
    ReasonCode.ROWS_WRITTEN: lambda _: "its rows were changed since we built it (by hand or by plain dbt)",
    ReasonCode.VIEW_REDEFINED: lambda _: "its view definition was changed by hand since we built it",
    ReasonCode.REWRITTEN: lambda _: "it was emptied or rewritten since we built it (TRUNCATE, VACUUM FULL or the like)",
    ReasonCode.REWRITTEN_AND_ALTERED: lambda values: (
        f"it was rewritten and its columns altered since we built it ({_columns(values)})"
    ),
    ReasonCode.SHAPE_CHANGED: _shape,
    ReasonCode.BUILD_FAILED: lambda values: f"its last build did not succeed ({_execution(values['execution'])})",
    ReasonCode.NOT_REACHED: lambda values: f"{_execution(values['execution'])} failed before it was built",
    ReasonCode.BEING_WRITTEN: lambda values: f"{_execution(values['execution'])} is writing it",
    ReasonCode.MAY_BE_WRITTEN: lambda values: (
        f"{_execution(values['execution'])} was killed before it ended"
        if values["status"] == "abandoned"
        else f"{_execution(values['execution'])} was {values['status']} and may have written it"
    ),
    ReasonCode.NOT_READ: lambda _: "the run that built it ended before it had read what it left",
    ReasonCode.RESTORED: lambda _: "the warehouse or the state was restored from an older copy since its last build",
    ReasonCode.TEST_FAILED: lambda values: f"it did not pass the last time ({_execution(values['execution'])})",
    ReasonCode.JINJA_READS: lambda values: f"its code reads {values['name']}",
    ReasonCode.SQL_CALLS: lambda values: f"it calls {_calls(values['calls'])}",
    ReasonCode.PARENT_CALLS: lambda values: f"calls {_calls(values['calls'])}",
    ReasonCode.EARLIER_LOGIC: lambda values: (
        f"contains rows built with earlier logic (since {_execution(values['execution'])})"
    ),
    ReasonCode.EARLIER_COLUMNS: lambda values: (
        f"its table has columns or types of an earlier file or configuration (since {_execution(values['execution'])})"
    ),
    ReasonCode.FULL_REFRESH: lambda _: "--full-refresh",
    ReasonCode.FORCE: lambda _: "--force",
}
