"""Queries that give the same rows again for the same input.

Asked where a table is built again for the sake of an index or a grant: its children are skipped only when its rows
cannot come out differently. Words decide, and any doubtful word means no.
"""

from __future__ import annotations

import re

from dbt_state_plugin.warehouse.postgres.same_statement import canonical

# Where rows lie, who wrote them, and what the catalog says of relations: equal rows in equal order may differ in it.
_STORAGE = re.compile(
    r"(?:ctid|[xc]m(?:in|ax)|tableoid|tablesample|(?!pg_catalog\b)pg_\w+|reg(?:class|proc|procedure|oper|operator|type|role"
    r"|namespace|config|dictionary|collation)|to_reg\w+|has_\w+_privilege|(?:obj|col|shobj)_description|ts_stat"
    r"|(?:query|table|schema|database|cursor)_to_xml\w*|information_schema|current_setting)",
    re.IGNORECASE,
)
# Their arguments decide whether the order of rows does: of floats.
SUMS = frozenset({"sum", "avg"})
_WORD = re.compile(r"[^\W\d]\w*")
# Characters of such a name stand as numbers: U&"\0063tid" is ctid.
_NAME_IN_NUMBERS = re.compile(r'\bu&"', re.IGNORECASE)
# A name behind a point is a function of another schema, whatever it is called.
_CALLED = re.compile(r'((?:\.\s*)?[^\W\d][\w$]*|")\s*\(')
_HINT = "/*+"
# The clock, the session, and what depends on the order in which rows happen to come. The aggregates are those that
# need no parenthesis: `o.array_agg` is array_agg(o).
_DOUBTFUL = frozenset(
    "current_date current_time current_timestamp localtime localtimestamp current_user current_role session_user user "
    "system_user current_catalog current_schema tablesample limit offset fetch distinct over xmin xmax ctid tableoid "
    "now today yesterday tomorrow for array_agg json_agg jsonb_agg json_agg_strict jsonb_agg_strict any_value".split()
)
# What may stand before a parenthesis: words of SQL's grammar, names of types, and functions of PostgreSQL that give the
# same answer for the same arguments. Every other function may be anything; sums of floats depend on the order of rows.
KNOWN = frozenset(
    """
    and any as between by case cast collate cross cube else every except exists filter from group grouping having in
    intersect is join lateral like materialized not nulls on or order recursive rollup row select sets similar some then
    union using values when where with within ilike all
    bit bpchar char character decimal float interval numeric time timestamp varchar varying double
    abs bool_and bool_or btrim ceil ceiling char_length character_length coalesce concat concat_ws count date
    date_part date_trunc div encode decode exp extract floor greatest hashtext initcap jsonb_build_object
    json_build_object jsonb_extract_path jsonb_extract_path_text json_extract_path_text least left length ln log lower
    lpad ltrim make_date max md5 min mod nullif octet_length overlay position power regexp_replace repeat replace
    reverse right round rpad rtrim sha256 sign split_part sqrt starts_with strpos substr substring to_char to_date
    to_number to_timestamp translate trim trunc upper unnest generate_series
    """.split()
)


def reads_storage(statement: str) -> bool:
    """Return whether a statement may tell apart two tables with equal rows in equal order."""
    is_hidden = _NAME_IN_NUMBERS.search(statement) is not None
    return is_hidden or any(_STORAGE.fullmatch(word) for word in _WORD.findall(statement))


def is_deterministic(statement: str, also: frozenset[str] = frozenset()) -> bool:
    """Return whether nothing in a statement of SQL makes its rows depend on when, how or by whom it is run.

    `also` are functions that are known to give the same answer here. No comment hides a word: they are told from texts
    that look like one, and a statement of which that is not certain is none, nor is one with a hint.
    """
    spelled = canonical(statement)
    if spelled is None or _HINT in spelled or _NAME_IN_NUMBERS.search(spelled):
        return False
    if not _DOUBTFUL.isdisjoint(word.lower() for word in _WORD.findall(spelled)):
        return False
    return {name.lower() for name in _CALLED.findall(spelled)} <= KNOWN | also
