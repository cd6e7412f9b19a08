"""Values that have the same hash."""

from __future__ import annotations

from collections import OrderedDict
from enum import Enum
from types import MappingProxyType
from typing import Any

import pytest

from dbt_state_plugin.core.fingerprint.hashing import keyed_digest

digest = keyed_digest(b"k" * 32)


class Text(str):
    """Text of a type of its own, as dbt's YAML reader and its macros make it."""

    __slots__ = ()


class Level(str, Enum):
    """A word of dbt's own."""

    HIGH = "high"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([Text("a")], ["a"]),
        ([Level.HIGH], ["high"]),
        (MappingProxyType({"a": 1}), {"a": 1}),
        (OrderedDict(a=(1, 2)), {"a": [1, 2]}),
    ],
)
def test_the_type_that_holds_a_value_is_nothing_that_jinja_can_tell(one: Any, other: Any) -> None:
    assert digest(one) == digest(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [([1], ["1"]), ([1], [True]), ([1], [1.0]), ([None], ["None"]), ({"a": 1, "b": 2}, {"b": 2, "a": 1})],
)
def test_what_jinja_can_tell_apart_has_another_hash(one: Any, other: Any) -> None:
    assert digest(one) != digest(other)
