"""What became of a relation's indexes, constraints and the like."""

from __future__ import annotations

import json

import pytest

from dbt_state_plugin.core.versions.shape import foreign_keys, is_comparable, shape_changes

SERVER = ("server", "", "15")
OWNER = ("owner", "", "10")
INDEX = ("index", "a_hash", "i1")
KEY = ("foreign key", "orders__dbt_tmp_fkey", "f1")


def shape(*things: tuple[str, str, str], server: tuple[str, str, str] = SERVER) -> str:
    return json.dumps([server, OWNER, *things])


def changes(before: str | None, now: str | None) -> list[tuple[str, str, str]]:
    return [(thing.kind, thing.name, change.value) for thing, change in shape_changes(before, now)]


@pytest.mark.parametrize(
    ("before", "now", "found"),
    [
        (shape(INDEX), shape(INDEX), []),
        (shape(INDEX), shape(), [("index", "a_hash", "gone")]),
        (shape(), shape(INDEX), [("index", "a_hash", "added")]),
        # Names of indexes and constraints are nobody's choice.
        (shape(INDEX, KEY), shape(("index", "b_hash", "i1"), ("foreign key", "orders_fkey", "f1")), []),
        (shape(INDEX), shape(("index", "a_hash", "i2")), [("index", "a_hash", "changed")]),
        (shape(INDEX), shape(("index", "b", "i2")), [("index", "a_hash", "gone"), ("index", "b", "added")]),
        # Of two of one definition the one that was there already is not the one that was added.
        (shape(("index", "m", "i1")), shape(INDEX, ("index", "m", "i1")), [("index", "a_hash", "added")]),
        (shape(INDEX, ("index", "m", "i1")), shape(INDEX), [("index", "m", "gone")]),
        # A trigger goes by its name.
        (
            shape(("trigger", "a", "t")),
            shape(("trigger", "b", "t")),
            [("trigger", "a", "gone"), ("trigger", "b", "added")],
        ),
        # What every relation has changes, even where only one side is worth a word.
        (shape(), shape(("row security", "", "enabled")), [("row security", "", "changed")]),
        (shape(("persistence", "", "u")), shape(), [("persistence", "", "changed")]),
    ],
)
def test_what_became_of_each_thing_is_told(before: str, now: str, found: list[tuple[str, str, str]]) -> None:
    assert changes(before, now) == found


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (None, shape()),
        (shape(), None),
        (None, None),
        (shape(INDEX), shape(server=("server", "", "16"))),
        ("no JSON", shape()),
        ('[["index"]]', shape()),
        ('{"index": 1}', shape()),
        ("7", "[]"),
    ],
)
def test_what_nobody_knows_is_no_change(before: str | None, now: str | None) -> None:
    assert changes(before, now) == []
    assert not is_comparable(before, now)


def test_shapes_of_one_server_can_be_compared() -> None:
    assert is_comparable(shape(), shape(INDEX))
    assert is_comparable("[]", "[]")


def test_the_foreign_keys_are_known_by_their_keys() -> None:
    assert foreign_keys(shape(INDEX, KEY)) == {"f1"}
