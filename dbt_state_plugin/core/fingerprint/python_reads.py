"""What Python models may read besides what dbt passes to them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

# Packages that compute from what they are given, but for the names below.
_COMPUTING = frozenset(
    "__future__ abc base64 bisect calendar collections copy dataclasses datetime decimal enum fractions functools "
    "hashlib heapq itertools json math numbers numpy operator pandas polars pyarrow pyspark re statistics string "
    "textwrap types typing unicodedata zoneinfo".split()
)
# What tells texts apart by `hash()` gives other numbers in each process.
_BUILT_IN = frozenset("__import__ compile eval exec getattr globals hash input locals open vars".split())
_OUTSIDE = re.compile(
    r"(?:read|scan|load)(?:_\w+|txt)?|from_?file|genfromtxt|memmap|open\w*|dataset|getOrCreate|"
    r"getActiveSession|sparkSession|sql\w*|"
    r"now|utcnow|today|random\w*|rand\w*|sample\w*|shuffle|uuid\w*|unix_timestamp|(?:current|local)_?(?:date|time)\w*|"
    r"monotonically_increasing_id|spark_partition_id|input_file_name|environ|getenv|call_?(?:function|udf|UDF)"
)
_SQL = re.compile(r"\b(?:from|join)\s+\S", re.IGNORECASE)
# `now()` and `current_date` in a text, and what pandas and numpy take for the moment.
_MOMENT = re.compile(
    r"\b(?:now|today|random|rand|uuid\w*|gen_random_uuid|nextval|currval|getvariable|get_current_\w+|"
    r"(?:current|transaction|statement|clock)_\w+)\s*\(|"
    r"\b(?:current_(?:date|time|timestamp)|localtime|localtimestamp)\b|\A\s*(?:now|today)\s*\Z",
    re.IGNORECASE,
)
# Methods of relations and data frames that take expressions of SQL as texts.
_TAKES_SQL = frozenset("agg aggregate apply expr filter join order project query select selectExpr sort where".split())
_IN_A_TEXT = "SQL in a text"
_CALL = re.compile(r"([^\W\d]\w*)\s*\(")
_COMPUTING_IN_SQL = frozenset(
    "abs and any_value as avg bool_and bool_or by cast ceil coalesce concat count date_diff date_part date_trunc "
    "decimal dense_rank distinct exists filter first floor greatest if ifnull in isnull lag last lead least left "
    "len length list log lower lpad ltrim max md5 median min mod mode month not ntile nullif numeric on or over "
    "power quarter rank regexp_extract regexp_matches regexp_replace replace right round row_number rpad rtrim "
    "split_part sqrt stddev strftime string_agg strptime substr substring sum then trim try_cast unnest upper "
    "using values varchar variance when year".split()
)


@cache
def python_reads(code: str) -> tuple[str, ...]:
    """Return what else the code of a Python model reads, such as `session` or `now()`; nothing if it only computes.

    What a session, a package, a file or the clock returns cannot be observed: any of it may differ on every run.
    """
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        return ("what cannot be told: its Python cannot be parsed",)
    session = _session_of(tree)
    texts = {id(each.value) for each in ast.walk(tree) if isinstance(each, ast.Expr)}  # docstrings
    parts = [each for each in ast.walk(tree) if id(each) not in texts]
    found = {name for each in parts for name in _read(each, session)}
    if any(_calls_what_is_unknown(each) for each in _expressions(parts)):
        found.add(_IN_A_TEXT)
    return tuple(sorted(found))


def _expressions(parts: list[ast.AST]) -> Iterator[str]:
    """Yield the texts that may be expressions of SQL: where one is made elsewhere, any text may be one."""
    given = [each for part in parts for each in _given_as_sql(part)]
    is_made_elsewhere = any(isinstance(part, ast.Name) for each in given for part in ast.walk(each))
    for part in parts if is_made_elsewhere else (part for each in given for part in ast.walk(each)):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def _given_as_sql(part: ast.AST) -> Iterator[ast.expr]:
    """Yield the arguments of a call that takes SQL; `", ".join(names)` takes none."""
    if not isinstance(part, ast.Call) or not isinstance(part.func, ast.Attribute) or part.func.attr not in _TAKES_SQL:
        return
    if not isinstance(part.func.value, (ast.Constant, ast.JoinedStr)):
        yield from (*part.args, *(each.value for each in part.keywords))


def _calls_what_is_unknown(text: str) -> bool:
    """Return whether SQL calls what may be a macro of users, or a function of another answer on every run."""
    return any(name.lower() not in _COMPUTING_IN_SQL for name in _CALL.findall(text))


def _session_of(tree: ast.Module) -> str:
    """Return the name of the second parameter of `model(dbt, session)`."""
    found = [each.args.args for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == "model"]
    return found[0][1].arg if found and len(found[0]) > 1 else "session"


def _read(part: ast.AST, session: str) -> Iterator[str]:
    if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load):
        yield from _of_name(part.id, session)
    elif isinstance(part, ast.Attribute) and _is_outside(part.attr):
        yield f"{part.attr}()"
    elif isinstance(part, ast.Import):
        yield from (each.name for each in part.names if _package(each.name) not in _COMPUTING)
    elif isinstance(part, ast.ImportFrom):
        yield from _of_import(part)
    elif isinstance(part, ast.Constant) and isinstance(part.value, str) and _is_sql(part.value):
        yield _IN_A_TEXT


def _is_sql(text: str) -> bool:
    return bool(_SQL.search(text) or _MOMENT.search(text))


def _of_name(name: str, session: str) -> Iterator[str]:
    if name == session:
        yield "session"
    elif name in _BUILT_IN:
        yield f"{name}()"


def _of_import(part: ast.ImportFrom) -> Iterator[str]:
    if part.level or _package(part.module or "") not in _COMPUTING:
        yield "." * part.level + (part.module or "")
    else:
        yield from (f"{each.name}()" for each in part.names if _is_outside(each.name))


def _is_outside(name: str) -> bool:
    return bool(_OUTSIDE.fullmatch(name))


def _package(name: str) -> str:
    return name.partition(".")[0]
