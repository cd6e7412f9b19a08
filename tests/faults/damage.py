"""Damage of documents by their structure, which stay documents."""

from __future__ import annotations

import datetime
import json
import random
from collections.abc import Callable
from typing import Any

Path = tuple[Any, ...]

SCALARS: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 10**400, 0.5, -1e308, float("inf"), float("nan")),
    *("", " ", "null", "1", "\x00", "a\x00b", "\x1b[31m", "line\nbreak\r\n", "\u202eright", "\ufeff", "\ud800"),
    *("e\u0301", "\u00e9", "😀", "x" * 70_000, "'", '"', "\\", "%s", "%(x)s", "{}", "{0}", "$(id)", "../../etc/passwd"),
    *("{{", "}}", "{% raw %}", "{{ nothing }}", "{{ env_var('NOT_THERE') }}", "{{ var('x') }}", "{{ 1 / 0 }}", "{#"),
    *("*", "!x", "&a", "- a", "a: b", "a:", "*.*", "**", "[", "(?", "name.*.x", "${HOME}", "$$$DBT_SECRET_START$$$"),
    *("[" * 20_000, "{a: " * 9_000, "2001-99-99", "!!python/object/apply:os.abort []", "1e999", "0x", "1:1:1", "~"),
    *("model.shop.orders", "test.shop.x", "postgres", "0001-01-01", "dbt_state_plugin"),
)


def damaged_copy(document: Any, random: random.Random) -> Any:
    """Return a copy of a document of JSON's kind with one to four damages."""
    result = json.loads(json.dumps(document))
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        result = _damaged(result, random)
    return result


def paths_in(value: Any, path: Path = ()) -> list[Path]:
    """Return the place of every value in a document, that of the document itself first."""
    found, todo = [], [(path, value)]
    while todo:
        where, each = todo.pop()
        found.append(where)
        if isinstance(each, dict):
            todo += [((*where, key), item) for key, item in each.items()]
        elif isinstance(each, list) and len(where) < 50:
            todo += [((*where, number), item) for number, item in enumerate(each)]
    return found


def _damaged(document: Any, random: random.Random) -> Any:
    paths = paths_in(document)
    path = random.choice(paths)
    if not path:
        return random.choice(({}, [], None, "text", document, [document], {"a": document}))
    holder = _at(document, path[:-1])
    key = path[-1]
    try:
        random.choice(_DAMAGES)(document, holder, key, random)
    except (KeyError, IndexError, TypeError, RecursionError):  # an earlier damage took the place away, or nested it
        return document
    return document


def _at(document: Any, path: Path) -> Any:
    for key in path:
        document = document[key]
    return document


def _replace(_document: Any, holder: Any, key: Any, random: random.Random) -> None:
    holder[key] = random.choice(SCALARS)


def _change_type(_document: Any, holder: Any, key: Any, random: random.Random) -> None:
    value = holder[key]
    others: tuple[Any, ...] = ([], {}, [value], {"name": value}, str(value), {str(value): None}, [[]], {"": {}})
    holder[key] = random.choice(others)


def _delete(_document: Any, holder: Any, key: Any, _random: random.Random) -> None:
    del holder[key]


def _rename(_document: Any, holder: Any, key: Any, random: random.Random) -> None:
    if isinstance(holder, dict):
        holder[str(random.choice(SCALARS))] = holder.pop(key)


def _copy_from_elsewhere(document: Any, holder: Any, key: Any, random: random.Random) -> None:
    """Put what stands somewhere else here: duplicates, and circles where it is a reference."""
    holder[key] = json.loads(json.dumps(_at(document, random.choice(paths_in(document)))))


def _duplicate(_document: Any, holder: Any, key: Any, _random: random.Random) -> None:
    if isinstance(holder, list):
        holder.append(holder[key])
    else:
        holder[f"{key} "] = holder[key]


def _nest(_document: Any, holder: Any, key: Any, random: random.Random) -> None:
    value = holder[key]
    for _ in range(random.choice((3, 40, 900))):
        value = [value] if random.random() < 0.5 else {"a": value}
    holder[key] = value


def _swap_values(_document: Any, holder: Any, key: Any, random: random.Random) -> None:
    keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    other = random.choice(keys)
    holder[key], holder[other] = holder[other], holder[key]


_DAMAGES: tuple[Callable[[Any, Any, Any, random.Random], None], ...] = (
    *(_replace, _replace, _change_type, _change_type, _delete, _rename),
    *(_copy_from_elsewhere, _duplicate, _nest, _swap_values),
)

_BYTES = (
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\t",
    b"\r",
    b":",
    b"- ",
    b"&a ",
    b"*a",
    b"!!python/none ",
    b"'",
    b"{",
    b"]",
)


def as_text(document: Any, random: random.Random) -> bytes:
    """Write a document as JSON, which is YAML too, or as YAML; now and then the text itself is damaged, or cut off."""
    import yaml

    try:
        text = json.dumps(document, ensure_ascii=random.random() < 0.7)
        if random.random() < 0.5:
            text = yaml.dump(json.loads(text), Dumper=yaml.CSafeDumper, allow_unicode=True)
    except (RecursionError, ValueError, yaml.YAMLError):
        text = json.dumps({"deep": None})
    content = text.encode("utf-8", "surrogatepass")
    if random.random() < 0.15:
        at = random.randrange(len(content) + 1)
        tail = content[at:] if random.random() < 0.7 else b""
        content = content[:at] + random.choice(_BYTES) + tail
    if random.random() < 0.03:
        content = random.choice(
            (
                b"&a [*a]",
                b"&a {b: *a}",
                b"{" * 2000,
                b"[" * 100_000,
                b"- " * 30_000,
                b"a: 2001-99-99",
                b"? [a]\n: b",
                b"%YAML 9.9\n---\na",
                b"--- a\n--- b",
                b"",
            )
        )
    return content


def other_value(kind: str, value: Any, random: random.Random) -> Any:
    """Return another value of one of PostgreSQL's types, as a driver gives it."""
    moment = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
    values: dict[str, tuple[Any, ...]] = {
        "text": ("", "x", "model.shop.orders", "\u202e", "😀" * 1000, f"{value}x", str(value).upper()),
        "uuid": ("00000000-0000-0000-0000-000000000000", "11111111-1111-4111-8111-111111111111"),
        "timestamptz": (moment, moment.replace(year=1), moment.replace(year=9999)),
        "bigint": (0, 1, -(2**63), 2**63 - 1),
        "boolean": (True, False),
    }
    if kind == "json object":
        document = damaged_copy(value, random)
        return document if isinstance(document, dict) and _is_jsonb(document) else {}
    return random.choice(values[kind])


def _is_jsonb(document: Any) -> bool:
    """Return whether PostgreSQL would take a document: no NUL, no half of a pair, no infinite number."""
    try:
        text = json.dumps(document, allow_nan=False, ensure_ascii=False)
        text.encode()
    except (ValueError, RecursionError):
        return False
    return "\\u0000" not in text
