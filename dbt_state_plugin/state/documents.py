"""Documents of recorded builds, checked against what builds write."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

RECORDS = "SELECT unique_id, fingerprint, trace, items FROM {state}.relation ORDER BY 1"


def unreadable_documents(rows: Iterator[tuple[Any, ...]]) -> Iterator[str]:
    """Yield which node has a document that no build has written, and where: `model.shop.orders (trace: parents)`.

    `rows` are of `RECORDS`. An unknown key is of another version and is ignored.
    """
    for unique_id, fingerprint, trace, items in rows:
        wrong = [] if _texts(fingerprint) else ["fingerprint"]
        wrong += [] if _texts_of_parts(items) else ["items"]
        wrong += [f"trace: {key}" for key in sorted(trace) if not _TRACE.get(key, _anything)(trace[key])]
        if wrong:
            yield f"{unique_id} ({', '.join(wrong)})"


def _anything(_value: Any) -> bool:
    return True


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _texts(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))


def _texts_of_parts(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_texts, value.values()))


def _list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _names(value: Any) -> bool:
    return isinstance(value, list) and all(_list_of_texts(name) and len(name) == 2 for name in value)


def _reads(value: Any) -> bool:
    rules = {"volatile": _list_of_texts, "flags": _texts, "sources": _texts, "questions": _is_list}
    return isinstance(value, dict) and all(rules.get(key, _anything)(found) for key, found in value.items())


_TRACE: Mapping[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("parents", "inlined", "session"), _texts),
    **dict.fromkeys(("content", "older_logic", "written_by", "on_run"), _is_text),
    **dict.fromkeys(("has_hooks", "reads_order", "reads_storage"), _is_flag),
    **dict.fromkeys(("named", "writes"), _names),
    **dict.fromkeys(("rows", "columns"), _is_list),
    "volatile": _list_of_texts,
    "reads": _reads,
}
