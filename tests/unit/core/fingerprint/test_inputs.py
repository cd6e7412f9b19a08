"""Earlier fingerprints: taken over where nothing differs, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.size import examples
from support.values import KEY, definition, macro, project_definition

from dbt_state_plugin.core.fingerprint import inputs
from dbt_state_plugin.core.fingerprint.fingerprint import Fingerprinter
from dbt_state_plugin.core.fingerprint.parts import ProjectParts
from dbt_state_plugin.core.values.definition import NodeDefinition, ProjectDefinition
from dbt_state_plugin.core.values.fingerprinted import FingerprintedProject

CODES = (
    "select 1",
    "select 2 as _sdc_batched_at, modified",
    "select {{ var('rate') }}",
    "select {{ one() }}",
    "{{ run_query('select 1') }}",
    "{{ env_var('X') }}",
    "{{ env_var(name) }}",
    "{{ dbt_metadata_envs }} {{ env_var('Y') }}",
    "{{ graph.nodes }}",
    "{{ target.name }} {{ dbt_version }}",
    "{{ model.description }}",
    "{{ adapter.dispatch('two', 'shop')() }}",
    "{{ context['one']() }}",
)
# What a project is made of, each with the values that it may have.
CHOICES: Mapping[str, tuple[Any, ...]] = {
    "orders": CODES,
    "customers": CODES,
    "one": CODES,
    "two": CODES,
    "has_two": (True, False),
    "materialized": ("table", "view", "incremental", "own"),
    "materialization": ("", *CODES),
    "description": ("", "a"),
    "meta": ({}, {1: 1}, {"1": 1}, {1: True}, {1: 1.0}, {1: date(2026, 1, 1)}, {1: "2026-01-01"}),
    "hook": ("", "select 1", "select {{ env_var('X') }}", "{{ graph.nodes }}"),
    "project_hooks": ({}, {"operation.shop.a": "select {{ env_var('Y') }}"}),
    "variables": ({}, {"rate": [["shop", 1]]}, {"rate": [["shop", "{{ env_var('X') }}{{ one() }}"]]}),
    "environment": ({}, {"X": "1"}, {"X": "2", "Y": "2"}, {"DBT_ENV_CUSTOM_ENV_Z": "1"}, {"Q": "1"}),
    "target": ({"name": "dev"}, {"name": "prod"}, {"name": "dev", "search_path": "raw"}),
    "flags": ((), ("--empty",)),
    "dispatch": (None, [{"macro_namespace": "shop", "search_order": ["other"]}]),
    "dbt_version": ("1.11.16", "1.12.0"),
    "event_time": (None, "at"),
    "loader_columns": (None, ["modified"]),
    "reads_source": (True, False),
    "graph_extras": ({}, {"exposure.shop.a": {"name": "a"}}),
}
FIELDS = tuple(each.name for each in fields(ProjectDefinition) if each.name in CHOICES)

Choice = Mapping[str, int]


def project_of(choice: Choice) -> ProjectDefinition:
    """Return the project in which everything has the value with this position."""
    of: dict[str, Any] = {name: values[choice.get(name, 0)] for name, values in CHOICES.items()}
    macros = [macro("one", of["one"]), macro("two", of["two"]), macro("materialization_own_default", "")]
    if not of["has_two"]:
        del macros[1]
    if of["materialization"]:
        macros[-1] = macro("materialization_own_default", of["materialization"])
    said = {"dbt_state_plugin": {"loader_columns": of["loader_columns"]}} if of["loader_columns"] else {}
    source = definition("", unique_id="source.shop.raw", config={"event_time": of["event_time"], "meta": said})
    source = replace(source, resource_type="source")
    orders = definition(
        of["orders"],
        config={"materialized": of["materialized"], "meta": of["meta"], "post-hook": [of["hook"]] * bool(of["hook"])},
        description=of["description"],
        references=(("source.shop.raw", '"db"."raw"'),) if of["reads_source"] else (),
    )
    nodes = (orders, definition(of["customers"], unique_id="model.shop.customers"), source)
    return project_definition(*nodes, macros=macros, **{name: of[name] for name in FIELDS})


def kept(fingerprinter: Fingerprinter) -> FingerprintedProject:
    return FingerprintedProject(project=fingerprinter.project, inputs=fingerprinter.inputs())


def after(earlier: ProjectDefinition, now: ProjectDefinition) -> Fingerprinter:
    return Fingerprinter(now, key=KEY, earlier=kept(Fingerprinter(earlier, key=KEY)))


def hashed(
    monkeypatch: pytest.MonkeyPatch,
    before: ProjectDefinition,
    now: ProjectDefinition,
    earlier: FingerprintedProject | None = None,
) -> list[str]:
    """Return the nodes that are hashed again, by their names."""
    found: list[str] = []
    of = ProjectParts.of
    earlier = earlier or kept(Fingerprinter(before, key=KEY))

    def noting(parts: ProjectParts, node: NodeDefinition) -> Any:
        found.append(node.unique_id.rpartition(".")[2])
        return of(parts, node)

    with monkeypatch.context() as patch:
        patch.setattr(ProjectParts, "of", noting)
        Fingerprinter(now, key=KEY, earlier=earlier)
    return found


ONE_EDIT = [(name, 0, position) for name, values in CHOICES.items() for position in range(1, len(values))]
choices = st.fixed_dictionaries({name: st.integers(0, len(values) - 1) for name, values in CHOICES.items()})
edits = st.sampled_from(sorted(CHOICES)).flatmap(
    lambda name: st.tuples(st.just(name), st.integers(0, len(CHOICES[name]) - 1))
)


@settings(max_examples=examples(2_000), deadline=None)
@given(start=choices, made=st.lists(edits, min_size=1, max_size=4))
def test_after_any_edits_what_is_taken_over_is_what_hashing_gives(start: Choice, made: list[tuple[str, int]]) -> None:
    earlier = kept(Fingerprinter(project_of(start), key=KEY))
    for name, position in made:
        start = {**start, name: position}
        found = Fingerprinter(project_of(start), key=KEY, earlier=earlier)
        assert found.project == Fingerprinter(project_of(start), key=KEY).project, name
        earlier = kept(found)


@pytest.mark.parametrize("code", CODES)
def test_any_single_edit_beside_any_code_gives_what_hashing_gives(code: str) -> None:
    start = {"orders": CODES.index(code), "one": 4, "two": 6}
    for name, before, now in ONE_EDIT:
        earlier, later = project_of({**start, name: before}), project_of({**start, name: now})
        assert after(earlier, later).project == Fingerprinter(later, key=KEY).project, (name, now)


def test_without_a_change_nothing_is_hashed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert hashed(monkeypatch, project_of({}), project_of({})) == []


def test_only_the_edited_node_is_hashed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert hashed(monkeypatch, project_of({}), project_of({"orders": 1})) == ["orders"]
    assert hashed(monkeypatch, project_of({}), project_of({"description": 1})) == ["orders"]


@pytest.mark.parametrize("name", ["one", "variables", "target", "flags", "dispatch", "event_time", "loader_columns"])
def test_what_all_nodes_share_has_all_of_them_hashed_again(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert hashed(monkeypatch, project_of({}), project_of({name: 1})) == ["orders", "customers"]


def test_of_the_environment_only_what_code_reads_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    reads_nothing, reads_x = {"orders": 0}, {"orders": CODES.index("{{ env_var('X') }}")}
    others = {"environment": 4}
    assert hashed(monkeypatch, project_of(reads_nothing), project_of({**reads_nothing, "environment": 1})) == []
    assert hashed(monkeypatch, project_of(reads_x), project_of({**reads_x, **others})) == []
    assert hashed(monkeypatch, project_of(reads_x), project_of({**reads_x, "environment": 1})) == [
        "orders",
        "customers",
    ]


def test_a_variable_that_an_edit_begins_to_read_counts_from_then_on() -> None:
    reads_x = {"orders": CODES.index("{{ env_var('X') }}")}
    second = after(project_of({"environment": 1}), project_of({"environment": 1, **reads_x}))
    third = project_of({"environment": 2, **reads_x})
    assert Fingerprinter(third, key=KEY, earlier=kept(second)).project == Fingerprinter(third, key=KEY).project


def test_a_variable_counts_for_a_node_that_was_taken_over_twice() -> None:
    reads_x = {"orders": CODES.index("{{ env_var('X') }}"), "environment": 1}
    second = after(project_of(reads_x), project_of({**reads_x, "customers": 1}))
    third = project_of({**reads_x, "customers": 1, "environment": 2})
    assert Fingerprinter(third, key=KEY, earlier=kept(second)).project == Fingerprinter(third, key=KEY).project


def test_what_tells_of_all_nodes_is_always_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    reads_graph = {"orders": CODES.index("{{ graph.nodes }}")}
    assert hashed(monkeypatch, project_of(reads_graph), project_of(reads_graph)) == ["orders"]


def test_another_version_or_key_has_all_hashed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = kept(Fingerprinter(project_of({}), key=KEY))
    with_other_key = Fingerprinter(project_of({}), key=b"o" * 32, earlier=earlier)
    assert with_other_key.project == Fingerprinter(project_of({}), key=b"o" * 32).project
    for name in ("VERSION", "SCHEME"):
        with monkeypatch.context() as patch:
            patch.setattr(inputs, name, "another")
            assert hashed(monkeypatch, project_of({}), project_of({}), earlier) == ["orders", "customers"]
