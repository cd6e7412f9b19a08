"""What happened to a relation since its last build."""

from __future__ import annotations

import json
from dataclasses import replace
from uuid import UUID

import pytest
from support.values import HERE, node, record

from dbt_state_plugin.core.decision.seen_versions import relation_version
from dbt_state_plugin.core.values.records import OpenIntent, Recorded, RecordedRelation
from dbt_state_plugin.core.values.relations import Catalog, Identity, RelationKind
from dbt_state_plugin.core.versions.drift import as_recorded, find_drift
from dbt_state_plugin.report.reason_words import detail

TABLE = Identity(object_id="1", storage_id="1", kind=RelationKind.TABLE)
VIEW = Identity(object_id="1", storage_id="1", kind=RelationKind.VIEW)
COLUMNS = '[["id", "integer"], ["name", "text"]]'
BUILT = record(node("model.shop.a"), identity=TABLE, columns=COLUMNS)


def drift_words(built: RecordedRelation, identity: Identity, columns: str | None, touched: str | None = None) -> str:
    """Return what is said about a drift, nothing where there is none."""
    drift = find_drift(built, identity, columns, touched)
    return "" if drift is None else detail(drift)


@pytest.mark.parametrize(
    ("identity", "columns", "words"),
    [
        (TABLE, COLUMNS, ""),
        (TABLE, None, ""),
        (
            replace(TABLE, object_id="2", storage_id="1"),
            COLUMNS,
            "it was replaced since we built it (by a plain dbt run?)",
        ),
        (
            Identity(object_id="2", storage_id="2", kind=RelationKind.VIEW),
            COLUMNS,
            "it was replaced since we built it: a table then, a view now",
        ),
        (
            Identity(object_id="2", storage_id="2", kind=RelationKind.OTHER),
            COLUMNS,
            "it was replaced since we built it: a table then, a relation now",
        ),
        (
            replace(TABLE, object_id="1", storage_id="2"),
            COLUMNS,
            "it was emptied or rewritten since we built it (TRUNCATE, VACUUM FULL or the like)",
        ),
        (
            replace(TABLE, object_id="1", storage_id="2"),
            '[["id", "bigint"], ["name", "text"]]',
            "it was rewritten and its columns altered since we built it (other type of id)",
        ),
        (TABLE, '[["id", "integer"]]', "its columns were altered since we built it (dropped name)"),
    ],
)
def test_what_was_done_to_a_table_is_said(identity: Identity, columns: str | None, words: str) -> None:
    assert drift_words(BUILT, identity, columns) == words


def test_a_view_that_was_redefined_in_place_is_said_to_be() -> None:
    built = replace(BUILT, identity=VIEW)

    words = drift_words(built, replace(VIEW, object_id="1", storage_id="2"), '[["id", "integer"]]')

    assert words == "its view definition was changed by hand since we built it"


def test_a_relation_that_a_build_did_not_leave_was_replaced() -> None:
    assert drift_words(replace(BUILT, identity=None), TABLE, COLUMNS).startswith("it was replaced")


def test_a_record_without_columns_says_nothing_about_them() -> None:
    assert drift_words(replace(BUILT, columns=None), TABLE, COLUMNS) == ""


@pytest.mark.parametrize(
    ("now", "words"),
    [
        ([["name", "text"], ["id", "integer"]], "in another order"),
        ([["id", "integer"], ["name", "text"], ["x", "date"]], "added x"),
        ([["key", "integer"], ["name", "text"]], "added key, dropped id"),
        ([["name", "text"], *([f"c{n}", "int"] for n in range(5))], "added c0, c1, c2 and 2 more, dropped id"),
    ],
)
def test_altered_columns_are_named(now: list[list[str]], words: str) -> None:
    assert drift_words(BUILT, TABLE, json.dumps(now)) == f"its columns were altered since we built it ({words})"


def test_columns_that_are_no_pairs_count_as_altered() -> None:
    for recorded in ('["one"]', "no JSON"):
        words = drift_words(replace(BUILT, columns=recorded), TABLE, COLUMNS)
        assert words == "its columns were altered since we built it (they cannot be compared)"


def test_altered_columns_are_another_version_for_whoever_reads_them() -> None:
    unaltered = relation_version(BUILT, TABLE)

    assert relation_version(BUILT, TABLE, COLUMNS) == unaltered
    assert relation_version(BUILT, TABLE, '[["id", "integer"]]') not in ("", unaltered)


COUNTED = replace(BUILT, touched="3.0.0:1:")


@pytest.mark.parametrize(
    ("built", "now", "is_changed"),
    [
        (COUNTED, "3.0.0:1:", False),
        (COUNTED, "3.1.0:1:", True),
        (COUNTED, "3.0.0:2:", True),
        (COUNTED, None, False),
        (BUILT, "3.1.0:1:", False),
    ],
)
def test_rows_that_were_written_in_place_show_in_the_counters_that_were_recorded(
    built: RecordedRelation, now: str | None, is_changed: bool
) -> None:
    words = drift_words(built, TABLE, COLUMNS, now)
    version = relation_version(built, TABLE, COLUMNS, now)

    assert words.startswith("its rows were changed since we built it") is is_changed
    assert bool(words) is is_changed
    assert (version != relation_version(built, TABLE)) is is_changed


def test_each_change_of_rows_or_columns_is_a_version_of_its_own() -> None:
    states = [
        (COLUMNS, "3.0.0:1:"),
        (COLUMNS, "3.1.0:1:"),
        (COLUMNS, "3.2.0:1:"),
        ("[]", "3.0.0:1:"),
        ("[]", "3.1.0:1:"),
    ]

    assert len({relation_version(COUNTED, TABLE, columns, touched) for columns, touched in states}) == len(states)


def test_what_is_written_into_a_relation_that_nobody_recorded_is_another_version() -> None:
    versions = {relation_version(None, TABLE, COLUMNS, touched) for touched in (None, "3.0.0:1:", "3.1.0:1:")}

    assert len(versions) == 3


def test_only_relations_of_the_environment_that_are_still_the_recorded_ones_are_as_recorded() -> None:
    elsewhere = replace(HERE, target="prod")
    key = BUILT.relation
    known = Recorded(relations={key: BUILT})
    written = OpenIntent(
        relation=key,
        execution_id=UUID(int=1),
        execution_status="failed",
        environment=str(HERE),
        unique_id="model.shop.a",
    )

    def found(recorded: Recorded, identity: Identity | None) -> list[object]:
        catalog = Catalog(identities={} if identity is None else {key: identity})
        return list(as_recorded(recorded, catalog, HERE))

    assert found(known, TABLE) == [(key, BUILT, TABLE)]
    assert found(known, None) == []
    assert found(known, replace(TABLE, object_id="1", storage_id="2")) == []
    assert found(replace(known, intents={key: (written,)}), TABLE) == []
    assert found(Recorded(relations={key: replace(BUILT, environment=str(elsewhere))}), TABLE) == []
