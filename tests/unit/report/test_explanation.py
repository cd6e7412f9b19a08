"""Why one node is built or left alone."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from support.values import Warehouse, edited, granted, node, project, record, relation, request

from dbt_state_plugin.core.decision.first_cause import first_cause
from dbt_state_plugin.core.decision.request import PlanRequest
from dbt_state_plugin.core.values.plan import Decision, Plan, PlanEntry
from dbt_state_plugin.core.values.project import Project
from dbt_state_plugin.core.values.reasons import OldRows, Reason, ReasonCode, ReasonKind
from dbt_state_plugin.core.values.records import Trace, TracedReads
from dbt_state_plugin.core.values.things import Thing
from dbt_state_plugin.report.explanation import explanation_lines

OF = project(
    node("model.shop.a", code="select 1"),
    node("model.shop.b", ["model.shop.a"]),
    node("model.shop.c", ["model.shop.b"]),
)


@pytest.fixture
def warehouse() -> Warehouse:
    """Give a warehouse in which everything was built."""
    warehouse = Warehouse()
    warehouse.build(OF, request("build"))
    return warehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A text as it was built and as it is now."""

    before: str | None
    now: str
    title: str = "code"


def explained(plan: Plan, unique_id: str, *texts: Code) -> list[str]:
    entry = plan.entry(unique_id)
    assert entry is not None
    return explanation_lines(entry, first_cause(plan, entry), texts)


def planned(warehouse: Warehouse, of: Project, asked: PlanRequest | None = None) -> Plan:
    return warehouse.plan(of, asked)


def test_a_node_that_is_left_alone_is_what_the_last_build_recorded(warehouse: Warehouse) -> None:
    shown = explained(planned(warehouse, OF), "model.shop.a")

    assert shown[:3] == [
        "model.shop.a (models/a.sql)",
        '  relation: "db"."main"."a"',
        "  is skipped: its definition, its parents and its relation are what the last build recorded",
    ]
    assert shown[3].startswith("  last build: 2026-01-02 03:04:05+00:00 by execution ")
    assert len(shown) == 4


def test_an_edit_is_shown_as_a_diff(warehouse: Warehouse) -> None:
    code = Code(before="select 1", now="select\t2\n\x1b")

    shown = explained(planned(warehouse, edited(OF, "model.shop.a", code.now)), "model.shop.a", code)

    assert shown[2:4] == ["  is built, because", "  - body: its code changed"]
    assert shown[-7:] == [
        "  code:",
        "    --- as built",
        "    +++ now",
        "    @@ -1 +1,2 @@",
        "    -select 1",
        "    +select 2",
        "    +\\x1b",
    ]


def test_without_the_code_of_the_last_build_there_is_no_diff(warehouse: Warehouse) -> None:
    code = Code(before=None, now="2", title="code\n")

    shown = explained(planned(warehouse, edited(OF, "model.shop.a")), "model.shop.a", code)

    assert shown[-1] == "  code\\n: no earlier text is kept to compare with"


def test_every_text_that_differs_is_shown(warehouse: Warehouse) -> None:
    texts = [Code(before="1", now="2", title=title) for title in ("code", "SQL")]

    shown = explained(planned(warehouse, edited(OF, "model.shop.a")), "model.shop.a", *texts)

    assert [line for line in shown if line in ("  code:", "  SQL:")] == ["  code:", "  SQL:"]


def test_a_cosmetic_edit_is_told_of_a_node_that_is_left_alone(warehouse: Warehouse) -> None:
    shown = explained(planned(warehouse, edited(OF, "model.shop.a", "select 1 -- one")), "model.shop.a")

    assert shown[2:5] == [
        "  is skipped: its definition, its parents and its relation are what the last build recorded",
        "  differs from the last build in nothing that dbt would execute:",
        "  - body: its code changed, but only comments, white space or letter case differ in the SQL",
    ]


def test_a_build_that_keeps_the_data_says_so(warehouse: Warehouse) -> None:
    shown = explained(planned(warehouse, granted(OF, "model.shop.a")), "model.shop.a")

    assert shown[2:5] == [
        "  is built, because",
        "  - config: grants is new",
        "  its rows and columns stay as they are: tables that read it need no build",
    ]


def test_what_was_added_by_hand_and_what_a_hook_removed_is_told() -> None:
    item = node("model.shop.a")
    built = replace(record(item), identity=None, trace=Trace(has_hooks=True))
    entry = PlanEntry(node=item, decision=Decision.SKIP, record=built, extra=(Thing(kind="index", name="i"),))

    lines = explanation_lines(entry, (entry,))

    assert "  extra: index i was added by hand; a rebuild would drop it" in lines
    assert lines[-1] == "  its relation was removed by its own hook, as dbt leaves it"


def test_inputs_that_the_graph_of_dbt_lacks_are_told() -> None:
    item = node("model.shop.a")
    reads = TracedReads(sources={"source.shop.raw.flags": '"db"."raw"."flags"'})
    built = replace(record(item), trace=Trace(named=(("raw", "h\n"), ("raw", "rated(n integer)")), reads=reads))
    entry = PlanEntry(node=item, decision=Decision.SKIP, record=built)

    lines = explanation_lines(entry, (entry,))

    assert '  undeclared input: "db"."raw"."h\\n", named in its SQL without a ref or source' in lines
    assert "  undeclared input: function raw.rated(n integer), called in its SQL" in lines
    assert "  undeclared input: source raw.flags, read by its Jinja but no parent in dbt" in lines


def test_a_long_diff_is_cut(warehouse: Warehouse) -> None:
    long = "\n".join(str(number) for number in range(100))

    shown = explained(planned(warehouse, edited(OF, "model.shop.a")), "model.shop.a", Code(before="select 1", now=long))

    assert shown[-1] == "    ..."
    assert len(shown) == 67


def test_a_node_is_followed_to_its_first_cause(warehouse: Warehouse) -> None:
    shown = explained(planned(warehouse, edited(OF, "model.shop.a")), "model.shop.c")

    assert shown[2:6] == [
        "  is built, because",
        "  - upstream: b is built",
        "  first cause: model.shop.c <- model.shop.b <- model.shop.a",
        "  - a: body: its code changed",
    ]


def test_a_node_outside_the_selection_is_not_built_now(warehouse: Warehouse) -> None:
    plan = planned(warehouse, edited(OF, "model.shop.a"), request(selected=["model.shop.c"]))

    assert explained(plan, "model.shop.a")[2] == (
        "  needs a build, but is outside the selection and not built now, because"
    )


def test_a_node_without_a_build_or_a_relation_says_so() -> None:
    plan = planned(Warehouse(), project(node("test.shop.t")), request("build"))

    shown = explained(plan, "test.shop.t")

    assert shown[1] == "  it has no relation of its own"
    assert shown[-1] == "  last build: none is recorded"


def test_the_last_build_says_how_long_it_took() -> None:
    item = node("model.shop.a")
    entry = PlanEntry(node=item, decision=Decision.SKIP, record=record(item, duration_ms=1500))

    shown = explanation_lines(entry, (entry,))

    assert shown[-1] == "  last build: 2026-01-02 03:04:05+00:00, took 1.5 s"


def because_of(name: str, *parents: str) -> PlanEntry:
    reasons = tuple(
        Reason(kind=ReasonKind.UPSTREAM, code=ReasonCode.IS_BUILT, node=f"model.shop.{parent}") for parent in parents
    )
    return PlanEntry(node=node(f"model.shop.{name}"), decision=Decision.BUILD, reasons=reasons)


def test_the_shortest_way_to_a_cause_is_told() -> None:
    cause = replace(because_of("z"), reasons=(Reason(kind=ReasonKind.NEW, code=ReasonCode.NOT_RECORDED),))
    entries = (because_of("a", "b", "c"), because_of("b", "d"), because_of("d", "z"), because_of("c", "z"), cause)
    plan = replace(planned(Warehouse(), OF), entries=entries)

    assert [step.node.name for step in first_cause(plan, entries[0])] == ["a", "c", "z"]


def test_a_parent_that_the_command_does_not_build_is_the_end_of_the_way() -> None:
    entries = (because_of("a", "b"), because_of("b", "not_in_scope"))
    plan = replace(planned(Warehouse(), OF), entries=entries)

    assert [step.node.name for step in first_cause(plan, entries[0])] == ["a", "b"]


def test_reasons_that_go_round_in_circles_end_where_they_began() -> None:
    entries = (because_of("a", "b", "b"), because_of("b", "a"))
    plan = replace(planned(Warehouse(), OF), entries=entries)

    assert first_cause(plan, entries[0]) == (entries[0],)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (OldRows.KEPT, "existing rows keep the earlier logic; --full-refresh-changed rebuilds them"),
        (OldRows.PROTECTED, "existing rows keep the earlier logic, since dbt never rebuilds them"),
        (OldRows.REBUILT, "all of its rows are rebuilt"),
        (OldRows.REFUSED, "on_logic_change: fail refuses the run; --full-refresh-changed rebuilds all rows"),
    ],
)
def test_what_becomes_of_rows_of_an_older_logic_is_told(warehouse: Warehouse, rows: OldRows, words: str) -> None:
    entry = planned(warehouse, edited(OF, "model.shop.a")).to_build[0]

    assert f"  {words}" in explanation_lines(replace(entry, old_rows=rows), (entry,))


def test_since_when_there_are_such_rows_is_told(warehouse: Warehouse) -> None:
    known = warehouse.records[relation("a")]
    warehouse.records[relation("a")] = replace(known, trace=replace(known.trace, older_logic="6a1b2c3d-1"))

    assert "  contains rows built with earlier logic (since execution 6a1b2c3d)" in explained(
        planned(warehouse, OF), "model.shop.a"
    )


def test_how_to_build_less_often_what_calls_the_clock_is_told(warehouse: Warehouse) -> None:
    of = project(replace(OF.nodes["model.shop.a"], volatile=("run_started_at",)))

    assert "  to build it less often, set meta.dbt_state_plugin.volatile to daily or never" in explained(
        planned(warehouse, of), "model.shop.a"
    )


def test_versions_of_a_model_are_told_apart_in_the_first_cause() -> None:
    first = replace(node("model.shop.dim.v1", code="select 1"), name="dim", version="1")
    versions = project(first, node("model.shop.c", ["model.shop.dim.v1"]))
    warehouse = Warehouse()
    warehouse.build(versions, request("build"))

    shown = explained(planned(warehouse, edited(versions, "model.shop.dim.v1", "select 2")), "model.shop.c")

    assert "  - dim.v1: body: its code changed" in shown
