"""Warehouses of which only relations and columns are known."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone

import pytest

from dbt_state_plugin.core.values.findings import Severity
from dbt_state_plugin.core.values.relations import RelationKind, RelationName
from dbt_state_plugin.errors import StateError
from dbt_state_plugin.warehouse.answers import DropRefused, LastModified, QueryRefused
from dbt_state_plugin.warehouse.generic.warehouse import GenericWarehouse

ORDERS = RelationName(database="db", schema="marts", identifier="orders")
GONE = RelationName(database="db", schema="marts", identifier="gone")
PROFILE = {"account": "a1", "schema": "dev", "user": "me", "password": "s3cret", "threads": 4}


NOON = datetime(2026, 11, 29, 12, tzinfo=timezone.utc)


class Held:
    """Answers as an adapter that keeps names in capitals."""

    fails = False

    def __init__(self, *, tells_times: bool = False) -> None:
        self.tells_times = tells_times
        self.asked: list[tuple[str, tuple[tuple[str, str], ...]]] = []

    def relations(self, database: str, schema: str) -> list[tuple[str, str]]:
        found = [("ORDERS", "view"), ("other", "table"), ("Two", "view"), ("two", "table")]
        return [*found, ("LINES", "table"), ("lake", "external"), ("stream", "streaming_table"), ("new", "table")]

    def columns(self, database: str, schema: str, identifier: str) -> list[tuple[str, str]]:
        return [("ID", "number")]

    def name(self, database: str, schema: str, identifier: str) -> str:
        return f"{schema}.{identifier}"

    def quoted(self, name: str) -> str:
        return f"`{name}`"

    def content(self, sql: str) -> str:
        if self.fails:
            raise StateError("No.", "Ask somebody else.")
        return sql

    def tells_last_modified(self) -> bool:
        return self.tells_times

    def last_modified(
        self, database: str, tables: Iterable[tuple[str, str]]
    ) -> dict[tuple[str, str], tuple[datetime, datetime]]:
        self.asked.append((database, tuple(tables)))
        return {place: (NOON, NOON) for place in self.asked[-1][1] if place[1] != "new"}


def warehouse(**keys: object) -> GenericWarehouse:
    return GenericWarehouse("lake", {**PROFILE, **keys}, Held())


def named(identifier: str, database: str = "db") -> RelationName:
    return RelationName(database=database, schema="marts", identifier=identifier)


def test_a_relation_is_found_in_whichever_letter_case_and_has_its_columns() -> None:
    catalog = warehouse().catalog([ORDERS, GONE])

    assert catalog.identities.keys() == catalog.columns.keys() == {ORDERS}
    assert catalog.identities[ORDERS].kind is RelationKind.VIEW
    assert catalog.columns[ORDERS] == '[["ID", "number"]]'
    assert catalog.touched == {}
    assert warehouse().present(GONE) is None


def test_the_columns_of_a_seed_that_dbt_loaded_can_be_counted() -> None:
    columns = warehouse().columns([ORDERS, GONE])

    assert columns.keys() == {("marts", "orders")}
    assert [name for name, _ in columns["marts", "orders"]] == ["ID"]


def test_names_that_differ_in_letter_case_alone_are_two() -> None:
    two, other, first = (
        RelationName(database="db", schema="marts", identifier=each) for each in ("two", "Other", "Two")
    )

    found = warehouse().catalog([two, first, other]).identities

    assert {name.identifier: each.kind for name, each in found.items()} == {
        "two": RelationKind.TABLE,
        "Two": RelationKind.VIEW,
        "Other": RelationKind.TABLE,
    }
    assert "Other" not in {
        name.identifier
        for name in warehouse()
        .catalog([other, RelationName(database="db", schema="marts", identifier="other")])
        .identities
    }


def test_the_place_is_what_says_where_and_neither_a_secret_nor_who_asks() -> None:
    place = warehouse().server_identity()

    assert place == warehouse(password="other", user="you", threads=8, schema="prod").server_identity()
    assert place != warehouse(account="a2").server_identity()
    assert "s3cret" not in str(place)


def test_nobody_tells_whether_the_rows_of_a_source_changed() -> None:
    metadata = warehouse().source_metadata([ORDERS, GONE])

    assert (metadata[ORDERS].touched, metadata[ORDERS].columns) == ("?untold", {"ID": "number"})
    assert metadata[GONE].touched == "?absent"


def test_when_a_table_was_altered_is_asked_for_all_of_a_database_together_by_their_names_there() -> None:
    held = Held(tells_times=True)
    lines, other, away = named("lines"), named("other"), named("other", "away")

    found = GenericWarehouse("lake", PROFILE, held).last_modified([lines, other, away])

    assert found == dict.fromkeys((lines, other, away), LastModified(altered=NOON, looked_at=NOON))
    assert held.asked == [("away", (("marts", "other"),)), ("db", (("marts", "LINES"), ("marts", "other")))]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("orders", LastModified(problem="no-table")),
        ("lake", LastModified(problem="no-table")),
        ("stream", LastModified(problem="no-table")),
        ("two", LastModified(problem="twin")),
        ("new", LastModified()),
        ("gone", None),
    ],
)
def test_of_what_holds_no_rows_of_its_own_or_may_be_another_the_time_is_not_asked(
    name: str, found: LastModified | None
) -> None:
    held = Held(tells_times=True)

    assert GenericWarehouse("lake", PROFILE, held).last_modified([named(name)]).get(named(name)) == found
    assert [tables for _, tables in held.asked] == ([(("marts", "new"),)] if name == "new" else [])


def test_schemas_that_differ_in_letter_case_alone_are_not_asked_about_together() -> None:
    held = Held(tells_times=True)
    small, large = (RelationName(database="db", schema=schema, identifier="other") for schema in ("marts", "MARTS"))

    found = GenericWarehouse("lake", PROFILE, held).last_modified([small, large, named("lines")])

    assert [found[name].problem for name in (small, large, named("lines"))] == ["twin", "twin", ""]
    assert [tables for _, tables in held.asked] == [(("marts", "LINES"),)]


@pytest.mark.parametrize(
    ("kind", "tells", "why"),
    [
        ("lake", False, "is not told by dbt's adapter for lake"),
        ("redshift", True, "does not move when rows are deleted or a table is truncated in redshift"),
        ("sqlserver", True, "moves when a table is altered, not when rows are written in sqlserver"),
        ("teradata", True, "moves when a table is altered, not when rows are written in teradata"),
        ("materialize", True, "moves when a table is altered, not when rows are written in materialize"),
    ],
)
def test_a_clock_that_does_not_move_with_each_write_is_refused_with_what_works_instead(
    kind: str, tells: bool, why: str
) -> None:
    found = GenericWarehouse(kind, PROFILE, Held(tells_times=tells))

    refused = found.no_last_modified

    assert refused is not None
    assert refused.what == f"data_version is last_modified, and the time of a table's last change {why}"
    assert refused.do == "Use loaded_at_field, or data_version query, content or never."
    assert found.source_metadata([named("lines")])[named("lines")].touched == "?untold"


def test_where_a_time_can_be_asked_for_it_is_named_among_the_ways_for_tables_alone() -> None:
    found = GenericWarehouse("snowflake", PROFILE, Held(tells_times=True))

    metadata = found.source_metadata([named("lines"), ORDERS, named("stream")])

    assert found.no_last_modified is None
    assert [each.touched for each in metadata.values()] == ["?unasked", "?untold", "?untold"]


def test_rows_are_read_by_quoted_columns_and_what_is_refused_is_no_content() -> None:
    found = warehouse()

    assert found.content(ORDERS, ["ID"]) == "SELECT `ID` FROM marts.orders"
    assert found.newest_row("s", ORDERS, "at") == "SELECT count(*), max(at) FROM marts.orders"
    assert found.answer("s", ORDERS, "select max(id) from {source}") == "select max(id) from marts.orders"
    assert found.content_of_build(ORDERS)
    Held.fails = True
    try:
        assert found.content(ORDERS, ["ID"]) == "?error"
        assert found.content_of_build(ORDERS) == ""
    finally:
        Held.fails = False


def test_nothing_is_adopted_or_dropped() -> None:
    found = warehouse()

    with pytest.raises(QueryRefused):
        found.describe("select 1", of_dbt=None)
    with pytest.raises(QueryRefused):
        found.count_rows(ORDERS)
    with pytest.raises(DropRefused), found.transaction():
        found.drop(ORDERS, found.catalog([ORDERS]).identities[ORDERS])
    assert not found.drop_checks([ORDERS, GONE])[ORDERS].may_drop


@pytest.mark.parametrize(("other", "is_read"), [("db", True), ("raw", False)])
def test_a_build_reads_its_own_database_alone(other: str, is_read: bool) -> None:
    assert warehouse().reads_across("db", other) is is_read


def test_that_it_was_not_asked_whether_it_can_be_reached_is_said() -> None:
    (finding,) = warehouse().look_over("marts")

    assert (finding.check, finding.severity) == ("warehouse", Severity.NOTE)
    assert finding.do == "Run `dbt debug`."


def test_a_token_in_an_address_is_no_part_of_what_a_warehouse_is() -> None:
    path = "md:shop?attach_mode=single"
    _, expected = warehouse(path=path).server_identity()

    assert warehouse(path=f"{path}&motherduck_token=one").server_identity()[1] == expected
    assert warehouse(path=f"{path}&motherduck_token=two").server_identity()[1] == expected
    assert warehouse(path="md:other?attach_mode=single").server_identity()[1] != expected
