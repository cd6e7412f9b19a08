"""How are the names of relations and environments written?"""

from __future__ import annotations

from dbt_state_plugin.core.values.relations import Environment, RelationKind, RelationName


def test_a_quotation_mark_in_a_name_is_doubled() -> None:
    assert str(RelationName(database="db", schema='a"b', identifier="c")) == '"db"."a""b"."c"'
    assert str(RelationName(database="db", schema="a.b", identifier="c")) == '"db"."a.b"."c"'


def test_an_environment_of_scripts_is_named_by_its_pipeline() -> None:
    assert str(Environment(pipeline="nightly")) == "pipeline nightly"


def test_a_kind_of_relation_that_nobody_knows_is_another_one() -> None:
    assert RelationKind("flying table") is RelationKind.OTHER
    assert [kind.word for kind in (RelationKind.OTHER, RelationKind.VIEW)] == ["relation", "view"]
