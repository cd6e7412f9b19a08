"""Hashes of values and of whole definitions."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import date, time
from enum import Enum
from typing import Any

from dbt_state_plugin.core.values.project import Node

SCHEME = "3"  # another number where hashes of the same definition come out differently
Digest = Callable[[Any], str]


def keyed_digest(key: bytes) -> Digest:
    """Return a function from any value of YAML's kind to its keyed sha256 in hex."""

    def digest(value: Any) -> str:
        text = value if isinstance(value, str) else json.dumps(_exact(value), ensure_ascii=False)
        return hmac.digest(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hex()

    return digest


_AS_THEY_ARE = frozenset({str, bool, int, float, type(None)})


def _exact(value: Any) -> Any:
    """Return a value in JSON's terms without losing what Jinja can tell apart.

    The order of a mapping counts, since Jinja can loop over it, and so do the types of its keys. dbt holds enums and
    times after a full parse, and their texts after a partial one: they are the same.
    """
    if type(value) in _AS_THEY_ARE:  # nearly all; a subclass may mean more
        return value
    if type(value) is dict or isinstance(value, Mapping):
        return {"mapping": [[_exact(name), _exact(item)] for name, item in value.items()]}
    if isinstance(value, Enum):
        return _exact(value.value)
    if isinstance(value, (list, tuple)):
        return [_exact(item) for item in value]
    if value is None or isinstance(value, (str, int, float)):
        return value
    return value.isoformat() if isinstance(value, (date, time)) else str(value)


def definition_digest(node: Node) -> str:
    """Return one hash over all parts of a node's fingerprint."""
    return fingerprint_digest(node.fingerprint)


def fingerprint_digest(fingerprint: Mapping[str, str]) -> str:
    """Return one hash over all parts of a fingerprint, such as a recorded one."""
    return hashlib.sha256(json.dumps(sorted(fingerprint.items())).encode()).hexdigest()
