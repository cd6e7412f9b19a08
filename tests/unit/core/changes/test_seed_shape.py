"""Seeds whose table lacks the columns that dbt would create."""

from __future__ import annotations

import json

import pytest

from dbt_state_plugin.core.changes.seed_shape import SeedColumn, fits_its_table
from dbt_state_plugin.core.values.reasons import Reason, ReasonCode, ReasonKind
from dbt_state_plugin.warehouse.generic.dialect import GENERIC
from dbt_state_plugin.warehouse.postgres.dialect import POSTGRES

THERE = {"id": "integer", "amount": "double precision"}
BODY = Reason(kind=ReasonKind.BODY, code=ReasonCode.PART_CHANGED, values={"part": "body"})
UNNAMED = Reason(kind=ReasonKind.CONFIG, code=ReasonCode.PART_CHANGED, values={"part": "config"})


def config(**item: str) -> Reason:
    values = {"part": "config", "items": [item]}
    return Reason(kind=ReasonKind.CONFIG, code=ReasonCode.ITEMS_CHANGED, values=values)


def fits(
    wanted: dict[str, str], *reasons: Reason, there: dict[str, str] | None = THERE, has_hooks: bool = False
) -> bool | None:
    columns = [SeedColumn(name=name.lower(), kind=kind, header=name) for name, kind in wanted.items()]
    known = None if there is None else json.dumps(list(there.items()))
    return fits_its_table(columns, known, reasons, POSTGRES, has_hooks=has_hooks)


@pytest.mark.parametrize(
    ("wanted", "is_fit"),
    [
        ({"id": "integer", "amount": "float8"}, True),
        ({"ID": "INT", "Amount": "double  precision"}, True),
        ({"id": "integer", "amount": "numeric"}, False),
        ({"id": "integer"}, False),
        ({"amount": "float8", "id": "integer"}, False),
        ({"id": "integer", "amount": "float8", "note": "text"}, False),
        ({"id": "integer", "price": "float8"}, False),
        ({"id": "integer", "amount": "public.money"}, None),
        ({"id": "text", "amount": "public.money"}, False),
        ({}, None),
    ],
)
def test_names_order_and_types_are_compared_with_those_of_the_table(
    wanted: dict[str, str], is_fit: bool | None
) -> None:
    assert fits(wanted, BODY) is is_fit


def test_columns_that_a_hook_may_have_added_do_not_count() -> None:
    assert fits({"id": "integer"}, has_hooks=True) is True
    assert fits({"id": "integer", "note": "text"}, has_hooks=True) is False


@pytest.mark.parametrize("there", [None, {}])
def test_what_cannot_be_seen_is_told_by_the_configuration(there: dict[str, str] | None) -> None:
    wanted = {"id": "integer"} if there is None else {}

    assert fits(wanted, BODY, there=there) is None
    assert fits(wanted, config(name="grants", change="new"), there=there) is None
    assert fits(wanted, config(name="quote_columns", change="new"), there=there) is False
    assert fits(wanted, UNNAMED, there=there) is False


@pytest.mark.parametrize(
    ("item", "is_fit"),
    [
        ({"name": "column_types", "change": "set", "before": '{"Amount": "a"}', "after": '{"Amount": "x.y"}'}, False),
        ({"name": "column_types", "change": "set", "before": '{"Amount": "x.y"}', "after": '{"Amount": "x.y"}'}, None),
        ({"name": "column_types", "change": "set", "before": "edited", "after": '{"Amount": "x.y"}'}, False),
        ({"name": "column_types", "change": "new"}, False),
        ({"name": "delimiter", "change": "set", "before": '","', "after": '";"'}, None),
    ],
)
def test_a_type_of_the_users_own_differs_where_its_configuration_does(
    item: dict[str, str], is_fit: bool | None
) -> None:
    assert fits({"id": "integer", "Amount": "x.y"}, config(**item)) is is_fit


def test_columns_that_were_recorded_in_another_form_say_nothing() -> None:
    column = SeedColumn(name="id", kind="integer", header="id")

    assert fits_its_table([column], "[1]", (), POSTGRES, has_hooks=False) is None


@pytest.mark.parametrize(
    ("header", "reasons", "is_fit"),
    [("id", (), None), ("no", (), False), ("id", (config(name="column_types", change="new"),), False)],
)
def test_where_neither_types_nor_letter_case_are_known_names_and_the_configuration_tell(
    header: str, reasons: tuple[Reason, ...], is_fit: bool | None
) -> None:
    column = SeedColumn(name=None, kind="integer", header=header)

    assert fits_its_table([column], '[["ID", "NUMBER(38,0)"]]', reasons, GENERIC, has_hooks=False) is is_fit
