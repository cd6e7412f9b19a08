"""Reads observed while a node was rendered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

MOST_ROWS = 1000  # of an answer that is compared
OWN_NAMES = "relations that only its own session knows"  # recorded in `volatile`, and read out in sentences


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a node asked the database while it compiled, and a digest of the answer.

    `sql` is a query; where it is empty `relation` was looked up (database, schema, identifier), or with an empty
    identifier all relations of that schema. `problem` says why it cannot be asked again, as a word of
    report/reason_words.py; then there is no answer.
    """

    sql: str = ""
    relation: tuple[str, str, str] = ("", "", "")
    answer: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedReads:
    """What one node's Jinja read while it compiled and while dbt executed it.

    `names` are those of core/fingerprint/read_values.py: `var x`, `env_var X`, `target.name`, `model.alias`,
    `config.meta`, `dbt_version`, `graph`, or the unique_id of a macro of the project or a package. `volatile` names
    what gives another value on every run. `flags` are dbt's flags with their values, `sources` relations that
    `source()` gave, by `<source>.<table>`. `is_opaque` says that something was read that cannot be followed. `hook_sql`
    are the statements of its hooks that were executed, `asked_sql` those that were sent to the database while it
    compiled, whether there was an answer or not.
    """

    names: frozenset[str] = frozenset()
    volatile: tuple[str, ...] = ()
    flags: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    questions: tuple[Question, ...] = ()
    is_opaque: bool = False
    hook_sql: tuple[str, ...] = ()
    asked_sql: tuple[str, ...] = ()


def joined(reads: tuple[RenderedReads, ...]) -> RenderedReads:
    """Return what several texts read together."""
    return RenderedReads(
        names=frozenset().union(*(each.names for each in reads)),
        volatile=tuple(sorted({name for each in reads for name in each.volatile})),
        flags={name: value for each in reads for name, value in each.flags.items()},
        sources={name: value for each in reads for name, value in each.sources.items()},
        questions=tuple(dict.fromkeys(question for each in reads for question in each.questions)),
        is_opaque=any(each.is_opaque for each in reads),
        hook_sql=tuple(sql for each in reads for sql in each.hook_sql),
        asked_sql=tuple(sql for each in reads for sql in each.asked_sql),
    )


def answer_text(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """Return an answer as a text that differs whenever a name, a value, a type or their order does."""
    return repr((list(columns), [tuple(map(_exact, row)) for row in rows]))


def _exact(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


def relations_text(relations: Iterable[tuple[str, str]]) -> str:
    """Return names of relations with dbt's words for their types as one text, whatever their order."""
    return repr(sorted(relations))
