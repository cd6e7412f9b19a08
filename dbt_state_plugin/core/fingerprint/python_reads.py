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
_BUILT_IN = frozenset("__import__ compile eval exec globals input locals open vars".split())
_OUTSIDE = re.compile(
    r"(?:read|scan|load)(?:_\w+|txt)?|from_?file|genfromtxt|memmap|open\w*|dataset|getOrCreate|"
    r"getActiveSession|sparkSession|sql\w*|"
    r"now|utcnow|today|random\w*|rand\w*|sample\w*|shuffle|uuid\w*|unix_timestamp|(?:current|local)_?(?:date|time)\w*|"
    r"monotonically_increasing_id|spark_partition_id|input_file_name|environ|getenv"
)
_SQL = re.compile(r"\b(?:from|join)\s+\S", re.IGNORECASE)


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
    return tuple(sorted({name for each in ast.walk(tree) if id(each) not in texts for name in _read(each, session)}))


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
    elif isinstance(part, ast.Constant) and isinstance(part.value, str) and _SQL.search(part.value):
        yield "SQL in a text"


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
