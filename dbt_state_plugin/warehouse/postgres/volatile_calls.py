"""Calls in a statement whose answer may differ on every run.

What a function may do is taken from PostgreSQL's catalogue (`pg_proc.provolatile`): a volatile one counts, an immutable
one does not. Of the stable functions of PostgreSQL itself most depend on their arguments and on settings of the
session: `to_char`, `date_trunc`, comparisons of dates with times. Those that are given nothing have nothing else to go
by than the moment or the session. Functions of users count unless they are immutable. Any doubt counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from dbt_state_plugin.warehouse.answers import Call, Calls, Function
from dbt_state_plugin.warehouse.postgres.functions import READS_MORE
from dbt_state_plugin.warehouse.postgres.same_statement import name_of, tokens

# Words of SQL that are calls without parentheses, and reserved: without quotes they name nothing else (appendix C of
# PostgreSQL's manual). Those that say who and where (current_user, current_schema) stay the same for one profile, whose
# role and search_path are parts of their own.
_CLOCK_WORDS = frozenset("current_date current_time current_timestamp localtime localtimestamp".split())
# Strings that the input of dates and times reads as a moment relative to now (chapter 8.5.1.4 of the manual).
_CLOCK_STRINGS = frozenset("now today tomorrow yesterday".split())
_BESIDE_CLOCK_STRING = re.compile(r"[\d:.+-]+|allballs|z|utc|am|pm")
# Stable functions without arguments that say who, where or in which encoding, the same for one profile.
_SESSION = frozenset(
    "current_catalog current_database current_role current_schema current_user getdatabaseencoding getpgusername "
    "get_current_ts_config pg_client_encoding pg_my_temp_schema session_user user version pg_get_keywords pg_config "
    "pg_timezone_names pg_timezone_abbrevs json_build_array json_build_object jsonb_build_array "
    "jsonb_build_object".split()
)
_READS_MORE = re.compile(f"age|mxid_age|{READS_MORE}")  # the first two the clock
_NAME = re.compile(r'[^\W\d][\w$]*|"(?:[^"]|"")+"')
_OPENING, _CLOSING = frozenset("(["), frozenset(")]")
_COMMA = frozenset(",")
_ROUGH_WORD = re.compile(r"[^\W\d][\w$]*\s*\(?")
UNKNOWN_NAME = "a function with an escaped name"


def calls_in(statement: str) -> Calls:
    """Return what a statement may call; names may be those of types, tables or keywords too."""
    found = tokens(statement)
    if found is None:
        return _rough_calls(statement)
    functions: set[Call] = set()
    clock: set[str] = set()
    for position, token in enumerate(found):
        before = found[position - 1] if position else ""
        if found[position + 1 : position + 2] == ["("]:
            if _NAME.fullmatch(token):
                schema = found[position - 2] if before == "." and position > 1 else ""
                arguments = _arguments(found, position + 1)
                functions.add(Call(name=name_of(token), schema=name_of(schema), arguments=arguments))
            elif token[:2].lower() == "u&":
                clock.add(UNKNOWN_NAME)
        if (token in _CLOCK_WORDS and before not in (".", "as")) or (token.endswith("'") and _is_clock_string(token)):
            clock.add(token)
    return Calls(functions=frozenset(functions), clock=frozenset(clock))


def volatile_names(calls: Calls, catalogue: Iterable[Function]) -> tuple[str, ...]:
    """Return those calls that may give another answer on every run, as one writes it: `now()`, `current_date`."""
    by_name: dict[str, list[Function]] = {}
    for function in catalogue:
        by_name.setdefault(function.name, []).append(function)
    called = {f"{call.name}()" for call in calls.functions if _is_volatile(call, by_name)}
    return tuple(sorted(called | calls.clock))


def _is_volatile(call: Call, by_name: Mapping[str, list[Function]]) -> bool:
    overloads = [each for each in by_name.get(call.name, ()) if call.schema in ("", each.schema)]
    # One of them is called; which, the types of its arguments would tell.
    return any(_counts(each, call) for each in [each for each in overloads if _takes(each, call)] or overloads)


def _takes(function: Function, call: Call) -> bool:
    if call.arguments is None:
        return True
    return function.least <= call.arguments and (function.most is None or call.arguments <= function.most)


def _counts(function: Function, call: Call) -> bool:
    if function.volatility == "i":
        return False
    if function.volatility == "v" or function.schema != "pg_catalog":
        return True
    if _READS_MORE.fullmatch(function.name):
        return True
    return function.most == 0 and call.arguments in (0, None) and function.name not in _SESSION


def _arguments(found: list[str], opening: int) -> int | None:
    """Return how many arguments stand between a parenthesis and the one that closes it; None when none closes it."""
    depth, commas = 0, 0
    for position in range(opening, len(found)):
        token = found[position]
        if token in _OPENING:
            depth += 1
        elif token in _CLOSING:
            depth -= 1
            if depth == 0:
                return 0 if position == opening + 1 else commas + 1
        elif token in _COMMA and depth == 1:
            commas += 1
    return None


def _is_clock_string(token: str) -> bool:
    words = token[token.index("'") + 1 : -1].lower().split()
    return not _CLOCK_STRINGS.isdisjoint(words) and all(
        word in _CLOCK_STRINGS or _BESIDE_CLOCK_STRING.fullmatch(word) for word in words
    )


def _rough_calls(statement: str) -> Calls:
    """Return every word that could be a call, in comments and strings too: the text cannot be read with certainty."""
    words = [match.lower() for match in _ROUGH_WORD.findall(statement)]
    return Calls(
        functions=frozenset(Call(name=word[:-1].rstrip()) for word in words if word.endswith("(")),
        clock=frozenset(word.strip() for word in words if word.strip() in _CLOCK_WORDS | _CLOCK_STRINGS),
    )
