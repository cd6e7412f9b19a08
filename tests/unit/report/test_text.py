"""Plans, runs and history in a terminal or a log."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from support.values import HERE, THEN, node, reason_kind, record

from dbt_state_plugin.cli.colours import coloured
from dbt_state_plugin.core.values.history import ExecutionSummary, Failure, NodeResult, StepSummary
from dbt_state_plugin.core.values.plan import Decision, Plan, PlanEntry
from dbt_state_plugin.core.values.reasons import OldRows, Reason, ReasonCode
from dbt_state_plugin.core.values.records import Trace
from dbt_state_plugin.core.values.results import NodeOutcome, RunResult
from dbt_state_plugin.core.values.things import Thing
from dbt_state_plugin.report.folding import FOLD_AFTER
from dbt_state_plugin.report.history import execution_lines, failed_lines, failure_lines, history_lines
from dbt_state_plugin.report.text import plan_lines, result_lines, timestamp, width_of, write_lines
from dbt_state_plugin.report.width import truncated

ID = UUID(int=7)


class Terminal(io.StringIO):
    """Behave like a terminal."""

    def isatty(self) -> bool:
        return True


def entry(unique_id: str, *reasons: Reason, outside: bool = False, **fields: Any) -> PlanEntry:
    item = node(unique_id, **fields)
    return PlanEntry(
        node=item,
        decision=Decision.BUILD if reasons and not outside else Decision.SKIP,
        reasons=reasons,
        outside_selection=outside,
        record=None if reasons else record(item, duration_ms=1500),
    )


def because(kind: str, of: str = "", **values: str) -> Reason:
    code = {"new": ReasonCode.NOT_RECORDED, "upstream": ReasonCode.IS_BUILT}.get(kind, ReasonCode.PART_CHANGED)
    return Reason(kind=reason_kind(kind), code=code, node=of, values={"part": kind, **values})


def plan(*entries: PlanEntry, **fields: Any) -> Plan:
    return Plan(environment=HERE, command="run", entries=entries, **fields)


def result(of: Plan, status: str = "succeeded", **fields: Any) -> RunResult:
    return RunResult(execution_id=ID, status=status, plan=of, elapsed_ms=3000, **fields)


def outcome(unique_id: str, status: str, message: str = "") -> NodeOutcome:
    return NodeOutcome(unique_id=unique_id, status=status, message=message)


def test_a_plan_has_a_line_for_each_node_and_a_summary() -> None:
    shown = plan_lines(
        plan(
            entry("model.shop.orders", because("body")),
            entry("test.shop.unique_id.5d8a", because("upstream", "model.shop.orders"), because("macros")),
            entry("seed.shop.late", because("body"), outside=True),
            entry("model.shop.same"),
            removed=(record(node("model.shop.gone")),),
        )
    )

    assert shown == [
        "  build  orders          body: its code changed",
        "  build  test unique_id  upstream: orders is built (+1 more)",
        "  later  seed late  body: its code changed",
        '  removed model.shop.gone: relation "db"."main"."gone" still exists (see `state orphans`)',
        "Plan: 2 changed, 1 unchanged, 1 not selected",
    ]


def test_a_removed_node_says_whether_its_relation_was_there_when_the_plan_looked() -> None:
    left, lost = record(node("model.shop.left")), record(node("model.shop.lost"))

    assert plan_lines(plan(entry("model.shop.same"), removed=(left, lost), gone=frozenset({lost.relation})))[:-1] == [
        '  removed model.shop.left: relation "db"."main"."left" still exists (see `state orphans`)',
        '  removed model.shop.lost: relation "db"."main"."lost" no longer exists (see `state orphans`)',
    ]


def test_where_to_look_after_a_removed_node_is_said_in_a_narrow_terminal_too() -> None:
    long = record(node("model.shop.daily_revenue_by_country_and_method"))

    shown = plan_lines(plan(entry("model.shop.same"), removed=(long,)), width=80)[:-1]

    assert max(map(len, shown)) <= 80
    assert " ".join(line.strip() for line in shown).endswith('_method" still exists (see `state orphans`)')


def test_new_says_enough() -> None:
    new = entry("model.shop.orders", because("new"), because("upstream"))

    assert plan_lines(plan(new))[0] == "  build  orders  new: no build of it is recorded"


def test_all_lists_what_is_left_alone_and_since_when() -> None:
    shown = plan_lines(plan(entry("model.shop.same")), shows_all=True)

    assert shown[0] == "  skip   same  unchanged since 2026-01-02 03:04:05+00:00"


def test_a_node_that_is_left_alone_without_a_record_is_unchanged() -> None:
    bare = PlanEntry(node=node("model.shop.same"), decision=Decision.SKIP)

    assert plan_lines(plan(bare), shows_all=True)[0] == "  skip   same  unchanged"


def test_a_long_list_is_folded_by_folders_and_the_fold_is_said() -> None:
    many = plan(
        *(entry(f"model.shop.m{number}", because("new"), path=f"models/marts/m{number}.sql") for number in range(20)),
        *(entry(f"model.shop.s{number}", because("body"), path=f"models/s{number}.sql") for number in range(3)),
        entry("model.shop.odd", because("new"), path="odd.sql"),
    )

    assert plan_lines(many)[:-1] == [
        "  build  ./             1 new",
        "  build  models/        3 changed",
        "  build  models/marts/  20 new",
        "  ...    `plan --all` shows every node",
    ]
    assert len(plan_lines(many, shows_all=True)) == 25


def test_tests_are_called_tests_in_a_folded_list() -> None:
    many = plan(
        *(entry(f"model.shop.m{number}", because("new")) for number in range(FOLD_AFTER)),
        entry("test.shop.unique.5d8a", because("new"), path="models/s.yml"),
        entry("test.shop.filled.5d8b", because("upstream"), path="models/s.yml"),
        entry("unit_test.shop.m1.adds_up", because("upstream"), path="models/s.yml"),
    )

    assert plan_lines(many)[0] == f"  build  models/  {FOLD_AFTER} new, 2 downstream tests, 1 new test"


def test_a_list_that_is_not_long_is_not_folded() -> None:
    many = plan(*(entry(f"model.shop.m{number}", because("new")) for number in range(FOLD_AFTER)))

    assert plan_lines(many) == plan_lines(many, shows_all=True)


def test_what_others_drag_in_is_folded_first() -> None:
    dragged = (entry(f"model.shop.m{number}", because("upstream")) for number in range(FOLD_AFTER))
    many = plan(entry("model.shop.cause", because("body")), *dragged)

    assert plan_lines(many)[:-1] == [
        "  build  cause  body: its code changed",
        f"  build  models/  {FOLD_AFTER} downstream",
        "  ...    `plan --all` shows every node",
    ]


def test_many_folders_are_folded_too() -> None:
    many = plan(
        *(entry(f"model.shop.m{number}", because("new"), path=f"models/{number:02}/m.sql") for number in range(25))
    )

    assert plan_lines(many)[FOLD_AFTER - 1 : -1] == [
        "  build  models/19/  1 new",
        "  build  ... and 5 more folders",
        "  ...    `plan --all` shows every node",
    ]


def test_a_node_that_differs_in_nothing_real_says_so_where_all_are_listed() -> None:
    same = replace(entry("model.shop.same"), cosmetic=(because("body", equal="layout"),))

    assert plan_lines(plan(same), shows_all=True)[0] == (
        "  skip   same  unchanged since 2026-01-02 03:04:05+00:00; "
        "body: its code changed, but only comments or layout differ"
    )


def test_what_was_added_by_hand_stands_below_its_node_where_all_are_listed() -> None:
    extra = (Thing(kind="index", name="i"),)
    due = replace(entry("model.shop.a", because("body")), extra=extra)
    left = replace(entry("model.shop.b"), extra=extra)
    words = "         extra: index i was added by hand; a rebuild would drop it"

    assert [line for line in plan_lines(plan(due, left), shows_all=True) if "extra" in line] == [words, words]
    assert not [line for line in plan_lines(plan(due, left)) if "extra" in line]


def test_what_the_graph_of_dbt_lacks_stands_below_its_node_where_all_are_listed() -> None:
    left = entry("model.shop.a")
    assert left.record is not None
    named = replace(left, record=replace(left.record, trace=Trace(named=(("raw", "h"),))))
    words = '         undeclared input: "db"."raw"."h", named in its SQL without a ref or source'

    assert plan_lines(plan(named), shows_all=True)[1] == words
    assert not [line for line in plan_lines(plan(named)) if "undeclared" in line]


def test_a_run_says_what_its_own_hooks_removed() -> None:
    of = plan(entry("seed.shop.a", because("new")))
    outcomes = {"seed.shop.a": outcome("seed.shop.a", "success")}

    lines = result_lines(result(of, outcomes=outcomes, removed_by_hooks=frozenset({"seed.shop.a"})))

    assert lines[0] == "  gone   seed a  removed by its own hook, as dbt leaves it"


def test_no_line_is_wider_than_the_terminal() -> None:
    long = plan(entry("model.shop." + "x" * 200, because("body", part="y" * 200)))

    assert {len(line) for line in plan_lines(long, width=40)[:1]} == {40}
    assert len(plan_lines(long)[0]) > 200


def test_control_characters_of_a_name_are_escaped() -> None:
    shown = plan_lines(plan(entry("model.shop.a\x1b[31m\nb", because("new"))))

    assert "\x1b" not in "".join(shown)
    assert len(shown) == 2


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (OldRows.KEPT, "warning: existing rows keep the earlier logic, unless --full-refresh-changed"),
        (OldRows.PROTECTED, "warning: existing rows keep the earlier logic, since dbt never rebuilds them"),
        (OldRows.REBUILT, "all rows are rebuilt, since their logic changed"),
        (OldRows.REFUSED, "refused by on_logic_change: fail, unless --full-refresh-changed"),
    ],
)
def test_the_plan_says_what_becomes_of_rows_of_an_older_logic(rows: OldRows, words: str) -> None:
    changed = [replace(entry(f"model.shop.m{number}", because("body")), old_rows=rows) for number in range(4)]

    assert plan_lines(plan(*changed))[-2] == f"  {words}: m0, m1, m2, ..."


def test_seeds_that_keep_earlier_columns_are_named_also_where_nothing_is_built() -> None:
    seed = replace(entry("seed.shop.fees"), old_rows=OldRows.KEPT)
    words = "  warning: tables keep their earlier columns and types, unless --full-refresh-changed: seed fees"

    assert words in plan_lines(plan(seed))
    assert words in plan_lines(replace(plan(), unlisted_outdated=("seed.shop.fees",)))


def test_what_other_commands_have_to_build_first_is_named() -> None:
    absent = ("seed.shop.fees", "snapshot.shop.old")
    words = "  run `seed` and `snapshot` first, or `build`, since these do not exist yet and are read: "

    shown = plan_lines(replace(plan(entry("model.shop.a", because("new"))), absent_above=absent))
    assert f"{words}seed fees, snapshot old" in shown


def test_without_such_rows_nothing_is_said() -> None:
    assert len(plan_lines(plan(entry("model.shop.a", because("body"), materialized="incremental")))) == 2


def test_a_line_that_fits_is_not_cut() -> None:
    assert [truncated("abcd", width) for width in (None, 4, 3)] == ["abcd", "abcd", "ab…"]


def test_only_a_terminal_has_a_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "77")

    assert (width_of(Terminal()), width_of(io.StringIO())) == (77, None)


def test_a_terminal_is_never_taken_for_narrower_than_20(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "3")

    assert width_of(Terminal()) == 20


def test_a_time_that_is_not_known_is_a_dash() -> None:
    assert timestamp(None) == "-"


def test_a_run_that_had_nothing_to_do_says_so_and_what_it_saved() -> None:
    nothing = plan(entry("model.shop.same"))

    assert result_lines(result(nothing, saved_ms=1500)) == [
        f"Nothing to build: 1 skipped (about 1.5 s saved). Took 3.0 s; execution {ID}."
    ]


def test_a_run_that_succeeded_says_what_was_built() -> None:
    one = entry("model.shop.a", because("body"))

    shown = result_lines(result(plan(one), outcomes={"model.shop.a": outcome("model.shop.a", "success")}))

    assert shown == [f"Succeeded: 1 node built in 3.0 s, 0 skipped. Execution {ID}."]


def test_a_run_that_failed_says_what_is_built_again_and_why() -> None:
    planned = plan(*(entry(f"model.shop.{name}", because("body")) for name in "abcd"))
    outcomes = [
        outcome("model.shop.a", "success"),
        outcome("model.shop.b", "error", "Database Error\n  in model b"),
        outcome("model.shop.c", "skipped"),
        outcome("model.shop.d", "success"),
    ]

    shown = result_lines(
        result(
            planned,
            "failed",
            outcomes={item.unique_id: item for item in outcomes},
            unrecorded={"model.shop.d": "its file changed\nwhile it was loaded"},
        )
    )

    assert shown == [
        "  again  b  error: Database Error in model b",
        "  again  c  skipped",
        "  again  d  not recorded: its file changed\\nwhile it was loaded",
        "Failed: 1 node built, 3 nodes to be built again next time, in 3.0 s.",
        f"  Execution {ID}.",
    ]


def test_long_messages_are_folded_in_a_pipe_and_nothing_of_them_is_lost() -> None:
    message = "Runtime Error in model b (models/b.sql)\n  " + "no room is left on the device; " * 6
    ended = result(
        plan(entry("model.shop.b", because("body"))),
        "failed",
        outcomes={"model.shop.b": outcome("model.shop.b", "error", message)},
    )
    hooked = replace(ended, failed_hooks={"operation.shop.shop-on-run-end-0": message})

    assert max(len(line) for line in result_lines(hooked)) <= 80
    assert " ".join(" ".join(result_lines(hooked)).split()).count("no room is left on the device;") == 12
    assert result_lines(ended, says_why=True)[-1].endswith("; no room is left on the device;")


def test_many_failures_are_folded() -> None:
    planned = plan(*(entry(f"model.shop.m{number}", because("body")) for number in range(FOLD_AFTER + 3)))
    failed = {e.node.unique_id: outcome(e.node.unique_id, "error", e.node.name) for e in planned.entries}

    shown = result_lines(result(planned, "failed", outcomes=failed))

    assert len(shown) == FOLD_AFTER + 3
    assert shown[-3] == f"  ...    and 3 more (`show {ID}` lists them)"
    same = {unique_id: replace(each, message="disk full") for unique_id, each in failed.items()}
    assert result_lines(result(planned, "failed", outcomes=same))[0] == (
        "  again  m0, m1, m2, m3, m4 and 18 more  error: disk full"
    )


def test_the_line_and_the_caret_of_the_database_are_kept_and_a_cause_of_many_failures_is_said_once() -> None:
    message = (
        'Database Error in model {0} (models/{0}.sql)\n  relation "raw.gone" does not exist\n'
        "  LINE 7:     select * from raw.gone as {0}\n                            ^\n"
        "  compiled code at target/run/{0}.sql"
    )
    names = ["a", "b", "c", "d", "e"]
    other = "Database Error in model z (models/z.sql)\n  division by zero"
    ended = result(
        plan(*(entry(f"model.shop.{name}", because("new")) for name in [*names, "z", "y"])),
        status="failed",
        outcomes={
            **{f"model.shop.{n}": outcome(f"model.shop.{n}", "error", message.format(n)) for n in names},
            "model.shop.z": outcome("model.shop.z", "error", other),
            "model.shop.y": outcome("model.shop.y", "error", "LINE 1: at the end"),
        },
    )

    assert result_lines(ended)[:-2] == [
        '  again  a, b, c, d, e  error: relation "raw.gone" does not exist',
        "         LINE 7:     select * from raw.gone as a",
        "                                   ^",
        "  again  z  error: division by zero",
        "  again  y  error",
        "         LINE 1: at the end",
    ]
    assert result_lines(ended, says_why=True)[-1].endswith('Why: a: error: relation "raw.gone" does not exist')


def test_a_project_without_anything_to_build_is_told_so() -> None:
    empty = plan()

    assert plan_lines(empty) == [
        "  the project has nothing that `dbt run` builds: see the paths in dbt_project.yml",
        "Plan: nothing to build, 0 unchanged",
    ]
    assert plan_lines(replace(empty, unlisted=3)) == ["Plan: nothing to build, 3 unchanged"]


def test_what_dbt_has_told_in_full_is_told_in_short() -> None:
    message = (
        "Database Error in model a (models/a.sql)\n  column state does not exist\n  LINE 7: where state\n"
        '                ^\n  HINT:  Perhaps you meant to reference the column "status".\n  compiled code at a.sql'
    )
    ended = result(
        plan(entry("model.shop.a", because("new"))),
        "failed",
        outcomes={"model.shop.a": outcome("model.shop.a", "error", message)},
    )

    assert result_lines(ended, is_told_by_dbt=True)[:-2] == ["  again  a  error: column state does not exist"]
    assert result_lines(ended)[:2] == [
        "  again  a  error: column state does not exist HINT: Perhaps you meant to",
        '    reference the column "status".',
    ]


@pytest.mark.parametrize("carets", ["^", "^^^^^"])
def test_the_carets_of_a_database_belong_to_its_line(carets: str) -> None:
    message = f"Runtime Error in model a (a.sql)\n  Binder Error: no state\n  LINE 7: where state\n{' ' * 16}{carets}"
    ended = result(
        plan(entry("model.shop.a", because("new"))),
        "failed",
        outcomes={"model.shop.a": outcome("model.shop.a", "error", message)},
    )

    shown = result_lines(ended)[:3]

    assert shown[0] == "  again  a  error: Binder Error: no state"
    assert [line.strip() for line in shown[1:]] == ["LINE 7: where state", carets]


def test_how_a_run_ended_is_wrapped_and_never_cut() -> None:
    planned = plan(entry("model.shop.m", because("body")))
    failed = {
        "model.shop.m": outcome("model.shop.m", "error", message="Database Error in model m (m.sql)\n  no such thing")
    }

    shown = result_lines(result(planned, "failed", outcomes=failed), width=60)

    assert shown[0] == "  again  m  error: no such thing"
    assert all(len(line) <= 60 for line in shown)
    assert " ".join(" ".join(shown[1:]).split()).endswith(f"Execution {ID}.")


def test_a_result_shows_itself_in_a_few_words() -> None:
    planned = plan(
        entry("model.shop.a", because("body")), entry("model.shop.b", because("body")), entry("model.shop.c")
    )
    ended = result(planned, "failed", outcomes={"model.shop.a": outcome("model.shop.a", "success")})

    assert repr(ended) == f"RunResult(execution_id='{ID}', status='failed', built=1, failed=1, skipped=1)"


def test_lines_are_written_to_stderr_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    write_lines(["a", "b"])

    assert capsys.readouterr() == ("", "a\nb\n")


def test_lines_can_be_written_elsewhere() -> None:
    stream = io.StringIO()

    write_lines(["a"], stream)

    assert stream.getvalue() == "a\n"
    assert stream is not sys.stderr


def execution(**fields: Any) -> ExecutionSummary:
    values: dict[str, Any] = {
        "execution_id": ID,
        "command": "run",
        "status": "succeeded",
        "started_at": THEN,
        "finished_at": THEN + timedelta(seconds=12),
        "caller": "cli",
        "host": "laptop",
        "git_commit": "",
        "meltano_run_id": "",
        "tool_version": "0.1.0",
        "dbt_version": "",
        "message": "",
        "planned": 3,
        "succeeded": 2,
        "cut_off": 0,
    }
    return ExecutionSummary(**(values | fields))


def test_history_has_one_line_for_each_execution() -> None:
    shown = history_lines([execution(uncommitted=""), execution(status="running", finished_at=None, uncommitted="ab")])

    assert shown == [
        "started (UTC)     execution  status     built  took  command",
        f"2026-01-02 03:04  {str(ID)[:8]}   succeeded    2/3  12 s  run",
        f"2026-01-02 03:04  {str(ID)[:8]}   running      2/3     -  run (dirty)",
    ]


def test_what_was_cut_off_was_not_built_by_history() -> None:
    cut = execution(planned=15, succeeded=15, cut_off=8, command="build", uncommitted="ab")

    assert history_lines([cut, execution(finished_at=THEN + timedelta(hours=2))]) == [
        "started (UTC)     execution  status           built       took  command",
        f"2026-01-02 03:04  {str(ID)[:8]}   succeeded  7/15, 8 cut       12 s  build (dirty)",
        f"2026-01-02 03:04  {str(ID)[:8]}   succeeded          2/3  2 h 0 min  run",
    ]


def test_history_fits_80_columns_whatever_was_run() -> None:
    finished = THEN + timedelta(hours=99, minutes=59)
    long = execution(
        command="init-execution", status="abandoned", planned=10_000, succeeded=10_000, finished_at=finished
    )

    assert [len(line) <= 80 for line in history_lines([long])] == [True, True]


def test_history_fits_the_terminal() -> None:
    assert {len(line) for line in history_lines([execution()], width=30)} == {30}


def test_an_execution_is_shown_in_a_few_lines() -> None:
    assert execution_lines(execution(host="")) == [
        f"execution {ID}",
        "  run: succeeded",
        "  started 2026-01-02 03:04:05+00:00, ended 2026-01-02 03:04:17+00:00, took 12 s",
        "  by cli on an unknown host, dbt-state-plugin 0.1.0",
    ]


def test_an_execution_is_shown_with_all_that_is_known_about_it() -> None:
    step = StepSummary(
        step_id=UUID(int=8), name="LOAD", status="succeeded", started_at=THEN, finished_at=THEN, rows_processed=5
    )
    quiet = StepSummary(
        step_id=UUID(int=9), name="T\nX", status="running", started_at=THEN, finished_at=None, rows_processed=None
    )
    results = (
        node_result("model.shop.a", "success", message="SELECT 3", rows_affected=3, duration_ms=1200),
        node_result("model.shop.b", "error", message="Database Error\n in b"),
    )

    shown = execution_lines(
        execution(
            message="stopped\nhere",
            dbt_version="1.11.16",
            git_commit="abc",
            uncommitted="0123456789" + 54 * "0",
            meltano_run_id="m-1",
            steps=(step, quiet),
            results=results,
        )
    )

    assert shown[1] == "  run: succeeded (stopped\\nhere)"
    assert shown[3:] == [
        "  by cli on laptop, dbt-state-plugin 0.1.0, dbt 1.11.16",
        "  git commit abc, with uncommitted changes (digest 01234567)",
        "  Meltano run m-1",
        f"  step LOAD: succeeded, 5 rows ({UUID(int=8)})",
        f"  step T\\nX: running ({UUID(int=9)})",
        "  model.shop.a  success in 1.2 s, 3 rows  [body, upstream]",
        "  model.shop.b  error  [body, upstream]: Database Error in b",
    ]


STORED = "\x1b[32mactual\x1b[0m differs from \x1b[31mexpected\x1b[0m\x1b]0;gone\x07\nLINE 1: \x1b[36m+++\x1b[0m \x1b[2J"


def test_what_is_stored_shows_without_the_colours_of_dbt_and_steers_no_terminal() -> None:
    failure = Failure(
        unique_id="unit_test.shop.a",
        resource_type="unit_test",
        since=THEN,
        last_at=THEN,
        times=1,
        execution_id=UUID(int=1),
        status="fail",
        message=STORED,
    )
    failed = node_result("unit_test.shop.a", "fail", message=STORED)
    named = execution(message=STORED, git_commit="\x1b[2J", dbt_version="\x1b[2J", results=(failed,))
    told = {
        "show --failures": failure_lines([failure]),
        "history --failed": failed_lines([execution(results=(failed,))]),
        "history --failed, of an execution": failed_lines([execution(message=STORED)]),
        "show": execution_lines(named),
    }

    for command, lines in told.items():
        assert all(line.isprintable() for line in lines), command
        assert r"actual differs from expected\x1b]0;gone\x07" in "".join(lines), command
    assert r"    LINE 1: +++ \x1b[2J" in told["show"]


def node_result(unique_id: str, status: str, **fields: Any) -> NodeResult:
    values: dict[str, Any] = {
        "resource_type": "model",
        "reasons": ({"kind": "body"}, {"kind": "upstream"}),
        "rows_affected": None,
        "duration_ms": None,
        "message": "",
    }
    return NodeResult(unique_id=unique_id, status=status, **(values | fields))


def test_what_may_be_cut_off_says_on_what_it_hangs() -> None:
    one = replace(entry("model.shop.b", because("upstream", "model.shop.a")), hangs_on=("model.shop.a",))
    two = replace(entry("model.shop.c", because("upstream", "model.shop.a")), hangs_on=("model.shop.a", "model.shop.b"))

    lines = plan_lines(plan(one, two))[:2]

    assert lines == ["  build? b  if a comes out different", "  build? c  if a comes out different (or 1 more)"]
    assert coloured(lines[0]) == "  \x1b[32mbuild?\x1b[0m \x1b[1mb\x1b[0m  if a comes out different"


def test_the_result_says_what_was_cut_off_and_what_that_saved() -> None:
    nodes = [entry("model.shop.a", because("body")), entry("model.shop.b", because("upstream", "model.shop.a"))]
    nodes[1] = replace(nodes[1], record=record(nodes[1].node, duration_ms=2500))
    ended = {"model.shop.a": outcome("model.shop.a", "success"), "model.shop.b": outcome("model.shop.b", "no-op")}
    found = result(plan(*nodes), outcomes=ended, cut_off={"model.shop.b": "a came out equal (3 rows)"})

    assert result_lines(found) == [
        "  cut    b  a came out equal (3 rows)",
        f"Succeeded: 1 node built in 3.0 s, 1 cut off (about 2.5 s saved), 0 skipped. Execution {ID}.",
    ]


def test_a_long_list_of_what_was_cut_off_is_folded_and_without_durations_nothing_is_said_to_be_saved() -> None:
    nodes = [entry(f"model.shop.m{number}", because("upstream")) for number in range(FOLD_AFTER + 2)]
    names = [each.node.unique_id for each in nodes]
    ended = {name: outcome(name, "no-op") for name in names}

    lines = result_lines(result(plan(*nodes), outcomes=ended, cut_off=dict.fromkeys(names, "a is unchanged")))

    assert lines[FOLD_AFTER] == f"  ...    and 2 more (`show {ID}` lists them)"
    assert lines[-1] == f"Succeeded: 0 nodes built in 3.0 s, 22 cut off, 0 skipped. Execution {ID}."
