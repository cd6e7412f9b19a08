"""Names of relations, environments and executions."""

from __future__ import annotations

import pytest

from dbt_state_plugin.core.values.history import is_execution_id
from dbt_state_plugin.core.values.relations import Environment, Identity, RelationKind, RelationName


def test_a_quotation_mark_in_a_name_is_doubled() -> None:
    assert str(RelationName(database="db", schema='a"b', identifier="c")) == '"db"."a""b"."c"'
    assert str(RelationName(database="db", schema="a.b", identifier="c")) == '"db"."a.b"."c"'


def test_a_statement_may_leave_the_schema_out() -> None:
    assert RelationName(database="db", schema="s", identifier="c").spellings == {("s", "c"), ("", "c")}


def test_an_environment_of_scripts_is_named_by_its_pipeline() -> None:
    assert str(Environment(pipeline="nightly")) == "pipeline nightly"


def test_a_kind_of_relation_that_nobody_knows_is_another_one() -> None:
    assert RelationKind("flying table") is RelationKind.OTHER
    assert [kind.word for kind in (RelationKind.OTHER, RelationKind.VIEW)] == ["relation", "view"]


@pytest.mark.parametrize("text", ["16384/16390", "view/0f3c", "16384/"])
def test_an_identity_is_kept_as_a_text_and_can_be_read_again(text: str) -> None:
    assert Identity.from_text(text, "table").text == text


@pytest.mark.parametrize(("now", "is_same"), [("1/1", True), ("1/2", True), ("2/1", False), ("11/1", False)])
def test_a_relation_that_is_rewritten_is_the_same_object(now: str, is_same: bool) -> None:
    before = Identity.from_text("1/1", "table")

    assert Identity.from_text(now, "table").is_same_object_as(before) is is_same


@pytest.mark.parametrize(
    ("text", "is_id"),
    [
        ("8b1A", True),
        ("8b1a5c9e-", True),
        ("8b1a5c9e-3f60-4d5c-9d1c-0a1b2c3d4e5f", True),
        ("8b1", False),
        ("8b1a5c9e3", False),
        ("prod", False),
        ("8b1a5c9e-3f60-4d5c-9d1c-0a1b2c3d4e5f0", False),
    ],
)
def test_an_id_of_an_execution_may_be_cut_after_four_digits(text: str, is_id: bool) -> None:
    assert is_execution_id(text) is is_id
