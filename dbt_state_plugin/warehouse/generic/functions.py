"""Volatile functions by name, for warehouses without a known catalogue.

A function that is not known to depend on its arguments alone counts.
"""

from __future__ import annotations

import re

from dbt_state_plugin.warehouse.answers import Call, Calls

_CLOCK = frozenset(
    "current_date current_time current_timestamp localtime localtimestamp sysdate systimestamp current_datetime "
    "utc_date utc_time utc_timestamp current_utcdate current_utctime current_utctimestamp "
    # Who asks is no part of what is known of where a build went.
    "current_user session_user system_user current_role".split()
)
_PURE = frozenset(
    "abs acos any any_value approx_count_distinct array array_agg asin atan atan2 avg bit_and bit_or bit_xor "
    "bool_and bool_or bround cardinality cast ceil ceiling char_length character_length chr coalesce concat "
    "concat_ws convert corr cos count countif covar_pop covar_samp cume_dist date date_add date_diff "
    "date_format date_part date_sub date_trunc dateadd datediff datepart datetime day dayofmonth dayofweek "
    "dayofyear decode dense_rank element_at exp extract first_value floor format from_json generate_series "
    "greatest group_concat grouping hash hex hour if iff ifnull initcap instr isnull json_extract "
    "json_extract_scalar json_value lag last_day last_value lcase lead least left len length listagg ln "
    "locate log log10 log2 logical_and logical_or lower lpad ltrim make_date max md5 median min minute mod "
    "month months_between nth_value ntile nullif nvl nvl2 object_construct parse_json percent_rank "
    "percentile_cont percentile_disc position pow power quarter range rank regexp_contains regexp_extract "
    "regexp_like regexp_replace regexp_substr repeat replace reverse right round row_number rpad rtrim "
    "safe_cast safe_divide second sha1 sha2 sha256 sha512 sign sin size split split_part sqrt stddev "
    "stddev_pop stddev_samp strftime string_agg strpos struct substr substring sum tan time timestamp to_char "
    "to_date to_hex to_json to_number to_timestamp translate trim trunc truncate try_cast try_to_date "
    "try_to_number try_to_timestamp ucase unnest upper var_pop var_samp variance week weekofyear year "
    "zeroifnull".split()
)
# What stands before a parenthesis and calls nothing: words of SQL and types with a length.
_WORDS = frozenset(
    "all and as between bigint binary by case char character column cross cube decimal distinct else except "
    "exists filter float following for from full group having in inner insert int integer intersect interval "
    "is join lateral left like limit not null number numeric nvarchar of offset on or order outer over "
    "partition pivot qualify recursive return right rollup rows select set sets some string table "
    "then union unpivot using values varbinary varchar when where window with within".split()
)
# Of what is given nothing only these do not depend on the moment.
_WINDOW = frozenset("count row_number rank dense_rank percent_rank cume_dist".split())
_CLOCK_STRING = re.compile(r"'\s*(now|today|tomorrow|yesterday)\b[^']*'", re.IGNORECASE)
# How sequences, registers and chance are asked for without parentheses: in Snowflake, Oracle, Db2, SQL Server,
# Teradata and MotherDuck.
_ASKED = re.compile(
    r"\b(nextval|currval|(?:next|previous)\s+value\s+for|current\s+(?:date|time|timestamp)|dbms_random|"
    r"tablesample(?=\s+\d)|using\s+sample|sample(?=\s+[\d.]))\b",
    re.IGNORECASE,
)
_CALL_OF_NOTHING = re.compile(r"([^\W\d][\w$]*)\s*\(\s*\)")
_CALL = re.compile(r'([^\W\d][\w$]*|"[^"]+"|`[^`]+`)\s*\(')
_WORD = re.compile(r"(?<![.\w$])[^\W\d][\w$]*")


def calls_in(statement: str) -> Calls:
    """Return every name before a parenthesis and every word that reads the clock, in strings and comments too."""
    names = {name.strip('"`').lower() for name in _CALL.findall(statement)} - _WORDS
    clock = {word.lower() for word in _WORD.findall(statement)} & _CLOCK
    clock |= {f"{name.lower()}()" for name in _CALL_OF_NOTHING.findall(statement) if name.lower() not in _WINDOW}
    clock |= {" ".join(words.lower().split()) for words in _ASKED.findall(statement)}
    clock |= {word.lower() for word in _CLOCK_STRING.findall(statement)}
    return Calls(functions=frozenset(Call(name=name) for name in names), clock=frozenset(clock))


def volatile_names(calls: Calls) -> tuple[str, ...]:
    """Return those calls that are not known to give the same answer each time."""
    called = {f"{call.name}()" for call in calls.functions if call.name not in _PURE}
    return tuple(sorted(called | calls.clock))
