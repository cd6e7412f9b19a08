"""Functions of DuckDB whose answer may differ on every run.

What a function may do is taken from DuckDB's catalogue (`duckdb_functions()`). Of those that are consistent within one
query most depend on their arguments and on the time zone of the session; what is given nothing has nothing else to go
by than the moment or the session. A macro may do what is in its text. The defaults of its parameters are in no
catalogue, so a call that leaves one out may mean anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from dbt_state_plugin.warehouse.answers import Call, Calls, Function
from dbt_state_plugin.warehouse.duckdb.statement import functions_of_duckdb, read_statement

# They say who and where, the same for one profile, or end the statement.
_SESSION = frozenset(
    "current_catalog current_database current_role current_schema current_schemas current_user session_user user "
    "version error in_search_path".split()
)
_READS_MORE = frozenset(["getvariable"])
_CLOCK_WITH_ONE_ARGUMENT = frozenset(["age"])
# Words that DuckDB reads as calls of functions by other names, such as get_current_timestamp().
_MOMENTS = frozenset("current_time current_timestamp localtime localtimestamp".split())
_PURE_TABLE_FUNCTIONS = frozenset("range generate_series unnest repeat repeat_row json_each json_tree summary".split())
# Functions of extensions that are loaded when they are called: sqlite_scan, read_xlsx, postgres_query, http_get.
_READS_PLACES = re.compile(r"(?:^|_)(?:scan|read|query|http|metadata|snapshots|load)(?:_|$)")
_MACROS = ("macro", "table_macro")
_ROUGH_CALL = re.compile(r"([^\W\d]\w*)\s*\(")
_ROUGH_CLOCK = re.compile(
    r"\b(?:current_date|current_time|current_timestamp|localtime|localtimestamp)\b", re.IGNORECASE
)
_ROUGH_SAMPLE = re.compile(r"\b(?:table|using\s+)sample\b", re.IGNORECASE)
_ROUGH_LISTING = re.compile(r"\(\s*show\b", re.IGNORECASE)
_LISTING = "SHOW"
_SAMPLE = "a sample at random"
_SQL = """
    SELECT function_name, function_type, stability, len(parameters), varargs IS NOT NULL, macro_definition,
        CASE WHEN internal THEN NULL ELSE [database_name, schema_name] END
    FROM duckdb_functions() WHERE lower(function_name) IN (SELECT unnest(?::VARCHAR[]))
"""
_DEPTH = 20  # macros in macros


def calls_in(statement: str) -> Calls:
    """Return what a statement calls, roughly if DuckDB cannot parse it."""
    read = read_statement(statement)
    if read is not None:
        return Calls(
            functions=frozenset(Call(name=name, arguments=most) for name, most in read.functions),
            clock=frozenset(({_SAMPLE} if read.is_sampled else set()) | ({_LISTING} if read.is_listing else set())),
        )
    names = {name.lower() for name in _ROUGH_CALL.findall(statement)}
    clock = {word.lower() for word in _ROUGH_CLOCK.findall(statement)}
    clock |= {_SAMPLE} if _ROUGH_SAMPLE.search(statement) else set()
    clock |= {_LISTING} if _ROUGH_LISTING.search(statement) else set()
    return Calls(functions=frozenset(Call(name=name) for name in names), clock=frozenset(clock))


def volatile_names(calls: Calls, catalogue: Iterable[Function]) -> tuple[str, ...]:
    """Return those calls that may give another answer on every run: `now()`, `random()`."""
    volatile = [each for each in catalogue if each.volatility == "v"]
    called = {
        f"{call.name}()"
        for call in calls.functions
        if any(each.name == call.name and _takes(each, call.arguments) for each in volatile)
    }
    return tuple(sorted(called | calls.clock))


def _takes(function: Function, arguments: int | None) -> bool:
    if arguments is None:
        return True
    return function.least <= arguments and (function.most is None or arguments <= function.most)


def _unknown(names: Iterable[str], known: set[str], *, has_plugins: bool) -> Iterator[Function]:
    """Yield as volatile the moment, what plugins may define, and what reads elsewhere in dbt's session alone."""
    for name in sorted({*names} - known):
        if has_plugins or name in _MOMENTS or _READS_PLACES.search(name):
            yield Function(schema="", name=name, volatility="v", least=0, most=None)


def read_functions(
    cursor: Any, names: Iterable[str], depth: int = 0, *, has_plugins: bool = False
) -> tuple[Function, ...]:
    """Return all functions of these names in small letters, as volatile or not; raises duckdb.Error.

    `has_plugins` says that dbt's session may have functions of which this one knows nothing.
    """
    names = sorted(names)
    found: list[Function] = []
    macros: dict[tuple[str, ...], set[int]] = {}
    cursor.execute(_SQL, [names])
    for name, kind, stability, parameters, is_variadic, text, place in cursor.fetchall():
        count = int(parameters or 0)
        volatility = _volatility(cursor, name.lower(), kind, stability, count, text, depth, has_plugins)
        if place and kind in _MACROS:
            macros.setdefault((*place, name.lower()), set()).add(count)
        # Parameters with defaults may be left out, and table functions have options.
        least, most = (count, count) if kind not in ("table", *_MACROS) else (0, None)
        found.append(
            Function(
                schema="",
                name=name.lower(),
                volatility=volatility,
                least=0 if is_variadic else least,
                most=None if is_variadic else most,
            )
        )
    left_out = (each for macro, counts in macros.items() for each in _with_defaults(macro[-1], counts))
    known = {each.name for each in found}
    if has_plugins:  # the catalogue does not tell a plugin's functions from DuckDB's
        known &= functions_of_duckdb() | {macro[-1] for macro in macros}
    return (*found, *left_out, *_unknown(names, known, has_plugins=has_plugins))


def _with_defaults(name: str, counts: set[int]) -> Iterator[Function]:
    """Yield the calls of a macro of users that none of its definitions takes without a default."""
    for arguments in set(range(max(counts))) - counts:
        yield Function(schema="", name=name, volatility="v", least=arguments, most=arguments)


def _volatility(
    cursor: Any,
    name: str,
    kind: str,
    stability: str | None,
    parameters: int,
    text: str | None,
    depth: int,
    has_plugins: bool,
) -> str:
    if name in _SESSION:
        return "i"
    if kind in _MACROS:
        return "v" if text is None or depth > _DEPTH or _is_open(cursor, kind, text, depth, has_plugins) else "i"
    if kind in ("table", "pragma"):
        return "i" if name in _PURE_TABLE_FUNCTIONS else "v"
    # Not every version says so of these.
    if name in _READS_MORE or (name in _CLOCK_WITH_ONE_ARGUMENT and parameters == 1):
        return "v"
    is_of_its_arguments = stability == "CONSISTENT_WITHIN_QUERY" and parameters > 0
    return "i" if stability == "CONSISTENT" or is_of_its_arguments else "v"


def _is_open(cursor: Any, kind: str, text: str, depth: int, has_plugins: bool) -> bool:
    calls = calls_in(text if kind == "table_macro" else f"SELECT {text}")
    names = {call.name for call in calls.functions}
    known = read_functions(cursor, names, depth + 1, has_plugins=has_plugins) if names else ()
    return bool(volatile_names(calls, known))
