"""Moments and words of progress."""

from __future__ import annotations

from dataclasses import dataclass, field

from dbt_state_plugin.api import Stage, Step
from dbt_state_plugin.cli.progress import Reporter


@dataclass
class Seen:
    """A reporter whose clock stands still until it is moved."""

    now: float = 0.0
    lines: list[str] = field(default_factory=list)

    def reporter(self, *, live: bool = False) -> Reporter:
        return Reporter(
            self.lines.append if live else None, lambda _step, text: self.lines.append(text), lambda: self.now
        )


def test_a_log_gets_a_line_once_a_stage_lasts_and_again_every_ten_seconds() -> None:
    seen = Seen()
    reporter = seen.reporter()
    reporter(Step(stage=Stage.PARSE))

    for tenth in range(251):
        seen.now = tenth / 10
        reporter.show()

    assert seen.lines == [
        "dbt parses the project",
        "dbt parses the project (10 s)",
        "dbt parses the project (20 s)",
    ]


def test_a_stage_that_is_over_at_once_is_not_worth_a_line() -> None:
    seen = Seen()
    reporter = seen.reporter()
    for stage in (Stage.CONNECT, Stage.HASH, Stage.DECIDE):
        reporter(Step(stage=stage))
        seen.now += 0.4
        reporter.show()

    assert seen.lines == []


def test_a_log_says_nothing_about_a_build_that_takes_seconds_and_fits_80_columns_about_others() -> None:
    seen = Seen()
    reporter = seen.reporter()
    running = tuple(f"model.shop.monthly_recurring_revenue_by_customer_{number}" for number in range(4))
    reporter(Step(stage=Stage.BUILD, done=9, total=44, left_ms=60_000, running=running))
    for seen.now in (0.6, 5.0, 9.9):
        reporter.show()
    said_early = list(seen.lines)
    seen.now = 10.0
    reporter.show()

    assert said_early == []
    assert seen.lines == ["Building: 9 of 44 done, about 50 s left, 4 running (10 s)"]


def test_steps_of_one_stage_are_said_by_the_newest() -> None:
    seen = Seen()
    reporter = seen.reporter()
    for number in range(1, 101):
        reporter(Step(stage=Stage.COMPILE, done=number, total=100, detail=f"model.shop.m{number}"))
        seen.now += 0.25
        reporter.show()

    assert seen.lines == [
        "Compiling what may have changed: 2 of 100, m2",
        "Compiling what may have changed: 42 of 100, m42 (10 s)",
        "Compiling what may have changed: 82 of 100, m82 (20 s)",
    ]


def test_what_another_line_has_said_is_repeated_only() -> None:
    seen = Seen()
    reporter = seen.reporter()
    reporter(Step(stage=Stage.WAIT, detail="execution 1, since 12:00"))
    for seen.now in (1.0, 9.0, 10.0):
        reporter.show()

    assert seen.lines == ["Waiting for another run: execution 1, since 12:00 (10 s)"]


def test_a_live_line_moves_each_time() -> None:
    seen = Seen()
    reporter = seen.reporter(live=True)
    reporter(Step(stage=Stage.PARSE))
    for seen.now in (0.2, 0.6, 0.8, 1.2):
        reporter.show()

    assert seen.lines == [
        "|   1 s  dbt parses the project",
        "/   1 s  dbt parses the project",
        "-   1 s  dbt parses the project",
    ]


def test_the_time_left_goes_on_between_two_steps() -> None:
    seen = Seen()
    reporter = seen.reporter(live=True)
    reporter(Step(stage=Stage.BUILD, done=1, total=2, left_ms=30_000))
    for seen.now in (1.0, 11.0, 40.0):
        reporter.show()

    assert [line[2:] for line in seen.lines] == [
        "  1 s  Building: 1 of 2 done, about 29 s left",
        " 11 s  Building: 1 of 2 done, about 19 s left",
        " 40 s  Building: 1 of 2 done",
    ]


def test_nothing_is_said_before_the_first_line_of_a_log_that_is_read_by_it() -> None:
    seen = Seen()
    reporter = seen.reporter()
    reporter.is_held = True
    reporter(Step(stage=Stage.PARSE))
    seen.now = 5.0
    reporter.show()
    held = list(seen.lines)
    reporter.is_held = False
    reporter.show()

    assert (held, seen.lines) == ([], ["dbt parses the project (5 s)"])


def test_before_the_first_step_there_is_nothing_to_say() -> None:
    seen = Seen(now=3.0)
    seen.reporter().show()

    assert seen.lines == []
