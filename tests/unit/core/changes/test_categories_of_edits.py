"""Edits of layout, which decisions overlook, and others.

Whole definitions are fingerprinted and judged as in a plan; in the place of dbt's compiler stands Jinja itself.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import Environment
from support.size import examples
from support.sql_pairs import STATEMENTS, changed, decorated
from support.values import KEY, definition, project_definition

from dbt_state_plugin.core.changes.categorize import ChangeInputs, categorize, compiled_document, wants_compiled
from dbt_state_plugin.core.changes.differences import Difference
from dbt_state_plugin.core.fingerprint.fingerprint import Fingerprinter
from dbt_state_plugin.core.fingerprint.hashing import keyed_digest
from dbt_state_plugin.core.values.project import CompiledNode, NotComparable, SqlProblem
from dbt_state_plugin.core.values.records import RecordedDefinition
from dbt_state_plugin.warehouse.postgres.dialect import POSTGRES

DIGEST = keyed_digest(KEY)
FRAMES = st.sampled_from(
    [
        "{}",
        "{{{{ '' }}}}\n{}",
        "{{# a note #}}{}",
        "{{% if true %}}{}\n{{% else %}}select 0{{% endif %}}",
        "{}\n{{{{ x }}}}",
    ]
)


def compiled(code: str) -> CompiledNode:
    return CompiledNode(forms={"sql": Environment(autoescape=False).from_string(code).render()})


def reasons(before: str, after: str, *, can_compile: bool = True, is_hashed: bool = False) -> list[str]:
    """Return the kinds of the real reasons to build a model whose code was one text and is another."""
    old, new = (Fingerprinter(project_definition(definition(code)), key=KEY) for code in (before, after))
    (was,), (node,) = (each.project.nodes.values() for each in (old, new))
    parts = tuple(part for part in node.fingerprint if node.fingerprint[part] != was.fingerprint[part])
    document = compiled_document(compiled(before), POSTGRES, DIGEST if is_hashed else None)
    inputs = ChangeInputs(
        dialect=POSTGRES,
        node=node,
        difference=Difference(parts=parts),
        recorded=RecordedDefinition(items=old.items(was.unique_id), compiled=document),
        items=new.items(node.unique_id),
        macro_paths={},
        compiled=None,
    )
    now = compiled(after) if can_compile else CompiledNode(problem=NotComparable(SqlProblem.ASKS_DATABASE))
    if wants_compiled(inputs):
        inputs = ChangeInputs(**{name: getattr(inputs, name) for name in ChangeInputs.__slots__} | {"compiled": now})
    return [reason.kind.value for reason in categorize(inputs, DIGEST).reasons]


@settings(max_examples=examples(300))
@given(st.data(), st.booleans())
def test_comments_white_space_and_keyword_case_never_ask_for_a_build(data: st.DataObject, is_hashed: bool) -> None:
    tokens, frame = data.draw(st.sampled_from(STATEMENTS)), data.draw(FRAMES)
    before, after = (frame.format(data.draw(decorated(tokens))) for _ in range(2))

    assert reasons(before, after, is_hashed=is_hashed) == []


@settings(max_examples=examples(300))
@given(st.data(), st.booleans(), st.booleans())
def test_one_other_literal_name_or_operator_always_asks_for_a_build(
    data: st.DataObject, can_compile: bool, is_hashed: bool
) -> None:
    tokens, frame = data.draw(st.sampled_from(STATEMENTS)), data.draw(FRAMES)
    other = data.draw(changed(tokens))
    before, after = (frame.format(data.draw(decorated(each))) for each in (tokens, other))

    assert reasons(before, after, can_compile=can_compile, is_hashed=is_hashed) == ["body"]


@given(st.data())
def test_layout_of_plain_sql_needs_no_compiler(data: st.DataObject) -> None:
    tokens = data.draw(st.sampled_from(STATEMENTS))
    before, after = (data.draw(decorated(tokens)) for _ in range(2))

    assert reasons(before, after, can_compile=False) == []
