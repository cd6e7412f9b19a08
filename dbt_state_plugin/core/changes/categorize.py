"""Change categories: whether a difference is real, and how far it reaches.

The second stage of the decision: where hashes differ, the SQL that dbt would execute decides. Both sides are normalized
when they are compared, from stored text, so that no release of any library can make an unchanged node look changed. Any
doubt means that the difference is real.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from dbt_state_plugin.core.changes.changed_items import changed_item, changed_items, part_difference
from dbt_state_plugin.core.changes.differences import Difference
from dbt_state_plugin.core.changes.project_hooks import (
    Names,
    ReadersOf,
    hooks_of,
    new_hooks_that_build_nothing,
    nobody_knows,
)
from dbt_state_plugin.core.changes.traced import READS, names_read, untouched_parts
from dbt_state_plugin.core.fingerprint.hashing import Digest
from dbt_state_plugin.core.values.dialect import SqlDialect
from dbt_state_plugin.core.values.plan import ChangeCategory
from dbt_state_plugin.core.values.project import CompiledNode, Node, SqlProblem
from dbt_state_plugin.core.values.reasons import SAME_QUERY, Reason, ReasonCode, ReasonKind, kind_of_part
from dbt_state_plugin.core.values.records import RecordedDefinition, TracedReads

# Parts that act through the compiled SQL of the node, and those that its hooks may show as well: a hook may hold a ref,
# or call a macro of dbt.
_THROUGH_SQL = frozenset({"body", "macros", "variables", READS})
_THROUGH_BOTH = frozenset({"references", "engine"})
_HOOKS = frozenset({"hooks", "project_hooks"})
_BY_DDL = frozenset({"materialization"})
_COMPILED = _THROUGH_SQL | _THROUGH_BOTH | _HOOKS
_WITHOUT_SQL = frozenset({"seed", "unit_test", "function"})
_HOOK_NAMES = ("pre-hook ", "post-hook ", "operation.")
# Keys of the config that change how a relation is kept, but none of its rows and columns.
_PHYSICAL_CONFIG = frozenset({"indexes", "grants", "persist_docs", "unlogged"})
# Parts that decide which rows a build gives. Hooks run again on every build, with whatever rows are there.
_LOGIC = frozenset(
    {"body", "macros", "variables", "references", "engine", "config", "contract", "materialization", "session"}
)
# Keys of the config and of the session that say how a build is carried out, but not which rows it gives.
_NO_LOGIC = _PHYSICAL_CONFIG | frozenset(
    {"full_refresh", "concurrent_batches", "lookback", "batch_size", "on_configuration_change", "role"}
)
# Materializations whose build gives the same rows again; the others add to what is there.
_REPEATED = frozenset({"table", "view", "materialized_view", "seed"})
_HASHED = "hashed"
SQL_HEADER = "sql_header"
_OF_COMMAND = "of_command"  # compiled as the command that ran renders it
_READ_INSIDE = ("var ", "env_var ", "target.", "macro.")


SameQuery = Callable[[str, str], bool]
"""Whether the server reads one query in two statements."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeInputs:
    """What is known about both sides of a difference.

    `items` are those of the definition as it is; `compiled` is None when the node was not compiled; `configured`
    names the keys of its config that the project sets, unlike those that dbt fills in. `in_view_ddl` says that what
    differs in the part `materialization` can show only in the statement that creates the view. `values_read` are
    today's hashes of what the recorded build was seen to read, `other_reads` what of it the database answers otherwise,
    and `volatile` what in it differs on every run. `is_described` says that the node or one of its columns has a
    description. `read` are the names of the relations that nodes of the project build or read, None where this one may
    read any. `untouched_by_hooks` says that on-run hooks are known to have left nothing on the node's own that a build
    would take away. `adapters` are as in ProjectDefinition.
    """

    node: Node
    difference: Difference
    recorded: RecordedDefinition
    items: Mapping[str, Mapping[str, str]]
    macro_paths: Mapping[str, str]
    dialect: SqlDialect
    compiled: CompiledNode | None = None
    configured: frozenset[str] = frozenset()
    in_view_ddl: bool = False
    values_read: Mapping[str, str] | None = None
    other_reads: tuple[Reason, ...] = ()
    volatile: tuple[str, ...] = ()
    is_described: bool = True
    read: Names | None = frozenset()
    untouched_by_hooks: bool = False
    adapters: tuple[str, ...] = ()


def wants_compiled(inputs: ChangeInputs) -> bool:
    """Return whether the compiled SQL can decide: nothing else has decided already that the node is built."""
    parts = _open_parts(inputs)
    compiled = _COMPILED if inputs.node.resource_type not in _WITHOUT_SQL else _HOOKS
    compiled |= _BY_DDL if inputs.in_view_ddl and "ddl" in inputs.recorded.compiled else frozenset()
    rest = [part for part in parts if part not in compiled]
    asked = bool(inputs.difference.inlined) or any(part in compiled for part in parts)
    return asked and all(_is_physical(part, inputs) for part in rest)


def has_view_ddl(node: Node, items: Mapping[str, Mapping[str, str]]) -> bool:
    """Return whether macros of the project take part in creating a view, so that its DDL is worth recording."""
    return node.is_view and bool(items.get("materialization"))


def wants_ddl(inputs: ChangeInputs) -> bool:
    """Return whether the statement that creates a view has to be compared, or to be kept for the next comparison."""
    return has_view_ddl(inputs.node, inputs.items) or inputs.in_view_ddl


def categorize(
    inputs: ChangeInputs, digest: Digest, same_query: SameQuery | None = None, readers_of: ReadersOf = nobody_knows
) -> ChangeCategory:
    """Return which differences are real; `digest` is the installation's hash function, for states that keep no SQL.

    The server is asked with `same_query` where the texts of two statements differ, and with `readers_of` what reads the
    relations that hooks write.
    """
    if "scheme" in inputs.difference.parts:
        reason = Reason(kind=ReasonKind.ENGINE, code=ReasonCode.RECORDED_BY_ANOTHER_VERSION)
        return ChangeCategory(reasons=(reason,))
    still_open = _open_parts(inputs)
    same = dict.fromkeys(_same_by_sql(inputs, still_open, digest), "statement")
    if same_query is not None and not _acts_on_its_session(inputs):
        same = dict.fromkeys(_same_by_sql(inputs, still_open, digest, same_query), SAME_QUERY) | same
    if "body" in still_open and _same_rows(inputs):
        same["body"] = "rows"
    new_hooks = None
    if "project_hooks" in still_open and "project_hooks" not in same:
        new_hooks = _new_hooks(inputs, digest, readers_of)
    if new_hooks is not None:
        same["project_hooks"] = "effect"
    real = [part for part in still_open if part not in same]
    settled = {part: _settled_by(part, inputs) for part in inputs.difference.parts if part not in still_open}
    inlined_is_same = "inlined" in same
    return ChangeCategory(
        reasons=_real_reasons(real, inputs),
        cosmetic=tuple(_reason(part, inputs, equal=equal) for part, equal in (settled | same).items()),
        is_physical=bool(real)
        and (inlined_is_same or not inputs.difference.inlined)
        and all(_is_physical(part, inputs) for part in real)
        and _gives_the_same_rows(inputs),
        inlined_is_same=inlined_is_same,
        new_hooks=new_hooks or (),
        is_logic=any(_is_logic(part, inputs) for part in real),
        inlined_items=() if inlined_is_same else _inlined_items(inputs),
    )


def _acts_on_its_session(inputs: ChangeInputs) -> bool:
    """Return whether code of the node may change the session in which dbt executes its SQL, so that nobody else has it.

    Hooks and headers do, and so may macros of the project that create relations.
    """
    sides = (inputs.items, inputs.recorded.items)
    return any(
        items.get("hooks") or items.get("materialization") or SQL_HEADER in items.get("config", {}) for items in sides
    )


def _inlined_items(inputs: ChangeInputs) -> tuple[Mapping[str, Any], ...]:
    """Return what the one ephemeral model that differs reads and is another now, as far as the trace says.

    What the node reads itself is left out: nobody can tell who of the two has read it.
    """
    if len(inputs.difference.inlined) != 1 or inputs.values_read is None:
        return ()
    before, now = inputs.recorded.items[READS], inputs.values_read
    own = {name for items in inputs.items.values() for name in items}
    changed = [name for name in changed_items(before, now) if name.startswith(_READ_INSIDE) and name not in own]
    package = inputs.node.package
    return tuple(
        {**changed_item(name, "#", "#", inputs.macro_paths, package=package), "part": _part_of(name)}
        for name in changed
    )


def _part_of(name: str) -> str:
    return "macros" if name.startswith("macro.") else "variables"


def _sides(part: str, inputs: ChangeInputs) -> tuple[Mapping[str, str], Mapping[str, str]]:
    return inputs.recorded.items.get(part, {}), inputs.items.get(part, {})


def _open_parts(inputs: ChangeInputs) -> tuple[str, ...]:
    """Return the parts that differ in more than Jinja comments and layout.

    A part without any differing item was edited by hand: it differs.
    """
    differing = inputs.difference.parts
    parts = tuple(part for part in differing if not _only_layout(part, inputs) and not _undescribed(part, inputs))
    unread = set(_unread(parts, inputs))
    return tuple(part for part in parts if part not in unread)


def _undescribed(part: str, inputs: ChangeInputs) -> bool:
    """Return whether all that differs is that descriptions are persisted now, where there are none."""
    if inputs.is_described or inputs.recorded.items.get("docs") or not inputs.recorded.items:
        return False
    before, after = _sides(part, inputs)
    return part == "docs" or (part == "config" and changed_items(before, after) == ("persist_docs",))


def _unread(parts: Iterable[str], inputs: ChangeInputs) -> tuple[str, ...]:
    """Return the parts in which nothing differs that rendering was seen to read."""
    if inputs.difference.inlined or inputs.values_read is None:
        return ()
    return untouched_parts(parts, inputs.recorded.items, inputs.items, inputs.values_read, adapters=inputs.adapters)


def _only_layout(part: str, inputs: ChangeInputs) -> bool:
    before, after = _sides(part, inputs)
    changed = changed_items(before, after)
    if part == "config" and "engine" in inputs.difference.parts:
        # Another version of dbt has more keys; what nobody set says nothing that was not so before.
        is_default = {name for name in changed if name not in before and name not in inputs.configured}
        return bool(before and changed) and is_default.issuperset(changed)
    if part in ("config", "references"):
        return False
    is_template = [name.startswith("macro.") or (part, name) == ("body", "code") for name in changed]
    same = [_same_template(before.get(name, ""), after.get(name, "")) for name in changed]
    return bool(changed) and all(is_template) and all(same)


def _settled_by(part: str, inputs: ChangeInputs) -> str:
    if _undescribed(part, inputs):
        return "undescribed"
    if not _only_layout(part, inputs):
        return "unread"
    return "unset" if part == "config" else "layout"


def _same_template(before: str, after: str) -> bool:
    """Return whether two recorded templates are the same except for layout: each is two hashes, one without layout."""
    _, _, one = before.partition(":")
    _, _, other = after.partition(":")
    return bool(one) and one == other


def _same_by_sql(
    inputs: ChangeInputs, parts: Iterable[str], digest: Digest, same_query: SameQuery | None = None
) -> list[str]:
    """Return the parts whose difference does not show in what dbt would execute, with `inlined` for what is inside."""
    now, before = inputs.compiled, inputs.recorded.compiled
    if now is None or not before:
        return []
    is_hashed = bool(before.get(_HASHED))
    same = _Same(digest, inputs.dialect, now.language, is_hashed=is_hashed, same_query=same_query)
    same_in_hooks = _Same(digest, inputs.dialect, "sql", is_hashed=is_hashed)  # those of a Python model are SQL too
    same_hooks = {
        part
        for part, hooks in (("hooks", now.hooks), ("project_hooks", now.project_hooks))
        if hooks is not None
        and _hook_names(inputs.recorded.items, part) == _hook_names(inputs.items, part)
        and same_in_hooks(_named(before.get(part)), _named(spelled_hooks(part, hooks)))
    }
    found: list[str] = []
    has_sql = bool(now.forms) and not now.problem
    if has_sql and before.get("language") == now.language and same(before.get("forms"), now.forms):
        found += [part for part in parts if part in _THROUGH_SQL]
        found += [part for part in parts if part in _THROUGH_BOTH and "hooks" in same_hooks]
        found += ["inlined"] if inputs.difference.inlined else []
    if inputs.in_view_ddl and now.ddl and same_in_hooks({"ddl": before.get("ddl")}, {"ddl": now.ddl}):
        found += [part for part in parts if part in _BY_DDL]
    return found + [part for part in parts if part in same_hooks]


def _new_hooks(inputs: ChangeInputs, digest: Digest, readers_of: ReadersOf) -> tuple[str, ...] | None:
    """Return the hooks of the project that are new, where that is no reason to build the node; else None."""
    now, before = inputs.compiled, inputs.recorded.compiled
    if now is None or now.project_hooks is None:
        return None
    items_before, items_now = _sides("project_hooks", inputs)
    texts = before.get("project_hooks", () if not items_before else None)
    recorded, present = hooks_of(items_before, texts), hooks_of(items_now, now.project_hooks)
    if recorded is None or present is None:
        return None
    is_same = _Same(digest, inputs.dialect, "sql", is_hashed=bool(before.get(_HASHED)))
    return new_hooks_that_build_nothing(
        recorded,
        present,
        is_same=is_same.text,
        dialect=inputs.dialect,
        read=inputs.read,
        readers_of=readers_of,
        own=inputs.node.relation.spellings if inputs.node.relation is not None else frozenset(),
        is_untouched=inputs.untouched_by_hooks,
    )


def _hook_names(items: Mapping[str, Mapping[str, str]], part: str) -> list[str]:
    """Return when each hook runs: a hook that moves to another moment keeps its text."""
    return sorted(name for name in items.get(part, {}) if name.startswith(_HOOK_NAMES))


def spelled_hooks(part: str, hooks: Iterable[str | None]) -> list[str | None]:
    """Return the texts of hooks as they are recorded: the first line, which says when dbt runs one, is no comment."""
    return [hook.removeprefix("-- ") if part == "hooks" and hook is not None else hook for hook in hooks]


def _named(texts: Any) -> dict[str, Any] | None:
    """Return texts by their places, None if one of them is not known."""
    is_known = isinstance(texts, (list, tuple)) and None not in texts
    return {str(position): text for position, text in enumerate(texts)} if is_known else None


class _Same:
    """Compare recorded statements with those of today, by name."""

    def __init__(
        self,
        digest: Digest,
        dialect: SqlDialect,
        language: str,
        *,
        is_hashed: bool,
        same_query: SameQuery | None = None,
    ) -> None:
        self._same_query = same_query
        self._digest = digest
        self._dialect = dialect
        self._is_sql = language == "sql"
        self._is_hashed = is_hashed

    def __call__(self, before: Any, now: Any) -> bool:
        if not isinstance(before, Mapping) or not isinstance(now, Mapping) or before.keys() != now.keys():
            return False
        return all(self.text(str(before[name]), str(now[name])) for name in before)

    def text(self, before: str, now: str) -> bool:
        """Return whether one recorded statement is that of today."""
        if not self._is_hashed:
            return before == now or (self._is_sql and self._is_same(before, now))
        exact, version, spelled = (*before.split(":"), "", "")[:3]
        today = hashed_statement(now, self._digest, self._dialect, is_sql=self._is_sql)
        mine, my_version, my_spelling = (*today.split(":"), "")[:3]
        return exact == mine or (bool(spelled) and (version, spelled) == (my_version, my_spelling))

    def _is_same(self, before: str, now: str) -> bool:
        if self._dialect.same_statement(before, now):
            return True
        return self._same_query is not None and self._same_query(before, now)


def hashed_statement(text: str, digest: Digest, dialect: SqlDialect, *, is_sql: bool = True) -> str:
    """Return what is kept of a statement if no SQL may be stored: its hash, and the hash of its normalized form."""
    spelling = dialect.spelling(text) if is_sql else None
    tail = f"{dialect.version}:{digest(spelling)}" if spelling is not None else ":"
    return f"{digest(text)}:{tail}"


def with_sql_of_the_command(definition: RecordedDefinition, reads: TracedReads | None) -> RecordedDefinition:
    """Return a recorded definition without SQL that may not be what was executed.

    Earlier versions compiled what has hooks or several forms without the flags of the command and without asking the
    database: what stands behind them is not in it, and would not be missed.
    """
    document = definition.compiled
    is_executed = len(document.get("forms") or ()) <= 1 and not document.get("hooks", True)
    is_executed = is_executed and not document.get("project_hooks", True)
    if document.get(_OF_COMMAND) or is_executed or reads is None or not (reads.flags or reads.questions):
        return definition
    return replace(definition, compiled={})


def compiled_document(compiled: CompiledNode, dialect: SqlDialect, digest: Digest | None = None) -> dict[str, Any]:
    """Return what is recorded about a node's SQL; with `digest` only hashes of it."""

    def kept(text: str, language: str = "sql") -> str:
        return text if digest is None else hashed_statement(text, digest, dialect, is_sql=language == "sql")

    document: dict[str, Any] = {"language": compiled.language, _OF_COMMAND: True}
    document |= {_HASHED: True} if digest is not None else {}
    document |= (
        {"forms": {name: kept(text, compiled.language) for name, text in compiled.forms.items()}}
        if compiled.forms
        else {}
    )
    document |= {"ddl": kept(compiled.ddl)} if compiled.ddl else {}
    for name, hooks in (("hooks", compiled.hooks), ("project_hooks", compiled.project_hooks)):
        texts = [None if text is None else kept(text) for text in spelled_hooks(name, hooks or ())]
        document |= {name: texts} if hooks is not None else {}
    return document


def recorded_statement(document: Mapping[str, Any]) -> str:
    """Return the SQL of a recorded build; empty if it had several forms, is not SQL, or is kept as a hash."""
    forms = document.get("forms") or {}
    is_known = document.get("language") == "sql" and not document.get(_HASHED) and list(forms) == ["sql"]
    return str(forms["sql"]) if is_known else ""


def _same_rows(inputs: ChangeInputs) -> bool:
    before, now = _sides("body", inputs)
    rows = before.get("rows")
    return inputs.node.resource_type == "seed" and bool(rows) and rows == now.get("rows")


def _is_physical(part: str, inputs: ChangeInputs) -> bool:
    if part == "docs":
        return True
    changed = changed_items(*_sides(part, inputs))
    return part == "config" and bool(changed) and _PHYSICAL_CONFIG.issuperset(changed)


def _is_logic(part: str, inputs: ChangeInputs) -> bool:
    """Return whether a part that differs may make rows differ from those that an earlier build has left."""
    if part not in _LOGIC:
        return False
    changed = changed_items(*_sides(part, inputs))
    return part not in ("config", "session") or not changed or not _NO_LOGIC.issuperset(changed)


def _gives_the_same_rows(inputs: ChangeInputs) -> bool:
    """Return whether, by its SQL, a build now gives the rows that are there."""
    return gives_the_same_rows(
        inputs.node, inputs.items, inputs.recorded.compiled, inputs.dialect, volatile=inputs.volatile
    )


def gives_the_same_rows(
    node: Node,
    items: Mapping[str, Mapping[str, str]],
    document: Mapping[str, Any],
    dialect: SqlDialect,
    *,
    volatile: tuple[str, ...],
) -> bool:
    """Return whether, by the `document` of its SQL, a build now gives the rows that are there.

    `volatile` is what its Jinja reads that differs on every run.
    """
    if node.materialized not in _REPEATED or volatile:
        return False
    if node.is_view:
        return True  # it holds no rows
    # A macro of the project that builds it, or a hook, may write what the SQL does not show.
    if items.get("materialization"):
        return False
    statements = list(document.get("hooks") or (None,)) if items.get("hooks") else []
    statements += [(document.get("forms") or {}).get("sql")] if node.resource_type != "seed" else []
    return not document.get(_HASHED) and all(
        isinstance(statement, str) and dialect.is_deterministic(statement) for statement in statements
    )


def _reason(part: str, inputs: ChangeInputs, **more: Any) -> Reason:
    """Return what differs in a part; where no items were recorded nothing can be named."""
    if part == "inlined":
        nodes = list(inputs.difference.inlined)
        return Reason(kind=ReasonKind.UPSTREAM, code=ReasonCode.INLINED_CHANGED, values={"nodes": nodes, **more})
    if part == READS:
        first = inputs.other_reads[0]
        return replace(first, values={**first.values, **more})
    code, values = ReasonCode.PART_CHANGED, {"part": part}
    if inputs.recorded.items:
        sides = _sides(part, inputs)
        code, found = part_difference(part, *sides, inputs.macro_paths, package=inputs.node.package)
        if inputs.values_read is not None and "items" in found:
            found["items"] = names_read(found["items"], inputs.recorded.items)
        values = found
    seed = {"resource_type": "seed"} if part == "body" and inputs.node.resource_type == "seed" else {}
    return Reason(kind=kind_of_part(part), code=code, values={**values, **seed, **more})


def _real_reasons(parts: Iterable[str], inputs: ChangeInputs) -> tuple[Reason, ...]:
    """Return what differs and, beside the first part that shows in the SQL, why SQL could not decide."""
    compiled = inputs.compiled
    problem = compiled.problem if compiled is not None else None
    if problem is not None and problem.problem is SqlProblem.NOTHING_TO_COMPILE:
        problem = None
    reasons: list[Reason] = []
    for part in parts:
        if part == READS:
            reasons += inputs.other_reads
            continue
        if problem is not None and part in _THROUGH_SQL | _THROUGH_BOTH:
            reasons.append(_reason(part, inputs, uncompared={"problem": problem.problem.value, "name": problem.name}))
            problem = None
        else:
            reasons.append(_reason(part, inputs))
    return tuple(reasons)
