"""Reasons for builds, as data; report/reason_words.py makes their words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

SAME_QUERY = "query"  # why a difference is none: the server reads one query in both statements
GRAPH = "graph"  # the name of an item: dbt's graph, with all nodes


class Category(str, Enum):
    """The word under which a planned node is counted; part of the JSON output."""

    NEW = "new"
    CHANGED = "changed"
    DOWNSTREAM = "downstream"
    DATA = "data"
    REPAIRED = "repaired"
    VOLATILE = "volatile"
    FORCED = "forced"


class ReasonKind(str, Enum):
    """The kind of a reason, with all that depends on it. The values are part of the JSON output.

    `category` is what the node is counted under. `is_code`: `--code-only` keeps it due. `comes_from_above`: naming a
    view on the way says it too. `redefines`: what is built may be another thing than before, so a materialized view is
    not merely refreshed. `shows_in_sql`: the compiled SQL may differ because of it. `has_rows`: the relation is there
    and may hold rows of earlier builds.
    """

    category: Category
    is_code: bool
    comes_from_above: bool
    redefines: bool
    shows_in_sql: bool
    has_rows: bool

    def __new__(
        cls,
        value: str,
        category: Category,
        is_code: bool = True,
        comes_from_above: bool = False,
        redefines: bool = True,
        shows_in_sql: bool = False,
        has_rows: bool = True,
    ) -> ReasonKind:
        """Make a member of the row that stands for it below."""
        kind = str.__new__(cls, value)
        kind._value_ = value
        kind.category = category
        kind.is_code = is_code
        kind.comes_from_above = comes_from_above
        kind.redefines = redefines
        kind.shows_in_sql = shows_in_sql
        kind.has_rows = has_rows
        return kind

    #                 value,             category            code,  above, redefines, in SQL, has rows
    NEW = ("new", Category.NEW, True, False, True, False, False)
    BODY = ("body", Category.CHANGED)
    CONFIG = ("config", Category.CHANGED)
    MACROS = ("macros", Category.CHANGED, True, False, True, True)
    VARIABLES = ("variables", Category.CHANGED, True, False, True, True)
    CONTRACT = ("contract", Category.CHANGED)
    HOOKS = ("hooks", Category.CHANGED)
    PROJECT_HOOKS = ("project_hooks", Category.CHANGED)
    MATERIALIZATION = ("materialization", Category.CHANGED)
    SESSION = ("session", Category.CHANGED)
    DOCS = ("docs", Category.CHANGED)
    RELATION = ("relation", Category.CHANGED)
    REFERENCES = ("references", Category.CHANGED, True, False, True, True)
    FLAGS = ("flags", Category.CHANGED)
    ENGINE = ("engine", Category.CHANGED, True, False, True, True)
    DEFINITION = ("definition", Category.CHANGED)
    UPSTREAM = ("upstream", Category.DOWNSTREAM, True, True, False, True)
    DATA = ("data", Category.DATA, False, True, False)
    AGE = ("age", Category.VOLATILE, False, False, False)
    MISSING = ("missing", Category.REPAIRED, True, False, True, False, False)
    DRIFTED = ("drifted", Category.REPAIRED)
    INTERRUPTED = ("interrupted", Category.REPAIRED)
    FAILED = ("failed", Category.REPAIRED)
    VOLATILE = ("volatile", Category.VOLATILE, False, False, False)
    LOGIC = ("logic", Category.CHANGED)
    FORCED = ("forced", Category.FORCED)


class ReasonCode(str, Enum):
    """What exactly happened; the `values` of each are listed behind it. Part of the JSON output, in kebab case."""

    # new
    NOT_RECORDED = "not-recorded"
    NOT_IN_BASELINE = "not-in-baseline"  # where
    # a part of the definition: `part`, and with ITEMS_CHANGED `items`; `equal` where nothing real differs,
    # `uncompared` (problem, name) where the SQL cannot be compared
    PART_CHANGED = "part-changed"
    ITEMS_CHANGED = "items-changed"
    INLINED_CHANGED = "inlined-changed"  # nodes
    RECORDED_BY_ANOTHER_VERSION = "recorded-by-another-version"
    CODE_DIFFERS = "code-differs"  # where
    DEFINITION_DIFFERS = "definition-differs"  # where, is_same_code
    SEED_TOO_LARGE = "seed-too-large"
    OTHER_VALUES = "other-values"
    # upstream
    IS_BUILT = "is-built"
    DROPPED_WITH_PARENT = "dropped-with-parent"
    FOREIGN_KEY_DROPPED = "foreign-key-dropped"
    PARENT_CHANGED = "parent-changed"  # ephemeral, and `items` where it is known what in it changed
    PARENT_IS_NEW = "parent-is-new"
    PARENT_CHANGES = "parent-changes"
    NEW_PARENT = "new-parent"
    BUILT_SINCE = "built-since"
    NOT_SEEN = "not-seen"
    WRITTEN_BY_HOOK = "written-by-hook"  # writer: a unique_id, or `on-run`
    HOOK_WRITES_INTO_IT = "hook-writes-into-it"
    # data
    NEW_SOURCE = "new-source"
    RECREATED_OR_EMPTIED = "recreated-or-emptied"
    COLUMNS_CHANGED = "columns-changed"
    SOURCE_MISSING = "source-missing"
    RECREATED = "recreated"
    REWRITTEN_SOURCE = "rewritten-source"
    ROWS_CHANGED = "rows-changed"
    FUNCTION_CHANGED = "function-changed"
    ANSWER_CHANGED = "answer-changed"
    ALTERED = "altered"  # at
    NOT_SETTLED = "not-settled"  # at
    ALWAYS_NEW = "always-new"
    QUESTION_ANSWER_CHANGED = "question-answer-changed"  # query
    QUESTION_NOT_REPEATED = "question-not-repeated"  # query, why
    NOT_COUNTED = "not-counted"  # why
    UNREADABLE = "unreadable"  # why
    # age
    TOO_OLD = "too-old"  # hours, max_age
    # missing and drifted
    RELATION_MISSING = "relation-missing"  # relation
    BUILT_ELSEWHERE = "built-elsewhere"  # environment
    REPLACED = "replaced"
    OTHER_KIND = "other-kind"  # before, now
    COLUMNS_ALTERED = "columns-altered"  # added, dropped, retyped
    ROWS_WRITTEN = "rows-written"
    VIEW_REDEFINED = "view-redefined"
    REWRITTEN = "rewritten"
    REWRITTEN_AND_ALTERED = "rewritten-and-altered"  # added, dropped, retyped
    SHAPE_CHANGED = "shape-changed"  # thing, name, change; in_place where dbt writes into the table as it stands
    # interrupted, and failed
    BUILD_FAILED = "build-failed"  # execution
    NOT_REACHED = "not-reached"  # execution
    BEING_WRITTEN = "being-written"  # execution
    MAY_BE_WRITTEN = "may-be-written"  # execution, status
    RESTORED = "restored"
    NOT_READ = "not-read"
    TEST_FAILED = "test-failed"  # execution
    # volatile
    JINJA_READS = "jinja-reads"  # name
    SQL_CALLS = "sql-calls"  # calls
    PARENT_CALLS = "parent-calls"  # calls
    # logic and forced
    EARLIER_LOGIC = "earlier-logic"  # execution
    EARLIER_COLUMNS = "earlier-columns"  # execution
    FULL_REFRESH = "full-refresh"
    FORCE = "force"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One reason for building a node: its kind, what happened, the evidence, and the node that it comes from.

    `values` are of JSON's kinds: texts, numbers, lists and mappings.
    """

    kind: ReasonKind
    code: ReasonCode
    node: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)


_KINDS = {kind.value: kind for kind in ReasonKind}


def kind_of_part(part: str) -> ReasonKind:
    """Return the kind of reason for a part of a definition that differs; a part that has none of its own is config."""
    return _KINDS.get(part, ReasonKind.CONFIG)


class OldRows(str, Enum):
    """What becomes of rows that earlier logic of an incremental model or a snapshot has built.

    Of a seed: what becomes of the columns and types with which its table was created.
    """

    KEPT = "kept"
    REBUILT = "rebuilt"
    PROTECTED = "protected"
    REFUSED = "refused"
