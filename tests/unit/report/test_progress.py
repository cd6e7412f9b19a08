"""Words of progress."""

from __future__ import annotations

import pytest

from dbt_state_plugin.core.values.progress import Stage, Step, silent
from dbt_state_plugin.report.progress import progress_line, step_document

RUNNING = tuple(f"model.shop.m{number}" for number in range(5))


@pytest.mark.parametrize(
    ("step", "line"),
    [
        (Step(stage=Stage.PARSE), "dbt parses the project"),
        (Step(stage=Stage.PARSE, done=40, total=2005), "dbt parses the project: 40 of 2005 files"),
        (Step(stage=Stage.STATE, detail="Removing old history\x1b"), "Removing old history\\x1b"),
        (Step(stage=Stage.LOOK, detail="the state"), "Checking what a run needs: the state"),
        (Step(stage=Stage.WAIT, detail="execution 1"), "Waiting for another run: execution 1"),
        (Step(stage=Stage.ROWS, detail='"raw"."orders"'), 'Comparing the rows of "raw"."orders"'),
        (Step(stage=Stage.ROWS, detail="o", rows=12_000), "Comparing the rows of o, about 12,000"),
        (
            Step(stage=Stage.COMPILE, done=3, total=40, detail="model.shop.orders"),
            "Compiling what may have changed: 3 of 40, orders",
        ),
        (Step(stage=Stage.BUILD, total=4), "Building: 0 of 4 done"),
        (
            Step(stage=Stage.BUILD, done=3, total=40, running=RUNNING, failed=1, left_ms=240_000),
            "Building: 3 of 40 done, 1 failed, about 4 min left, running m0, m1, m2 and 2 others",
        ),
        (Step(stage=Stage.COMPILE, detail="model.shop.a\x1b[31m"), "Compiling what may have changed: a\\x1b[31m"),
    ],
)
def test_a_step_is_one_line(step: Step, line: str) -> None:
    silent(step)
    assert progress_line(step) == line


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (84, "Building: 3 of 40 done, 1 failed, about 4 min left, running m0, m1, m2 and 2 others"),
        (80, "Building: 3 of 40 done, 1 failed, about 4 min left, running m0, m1 and 3 others"),
        (75, "Building: 3 of 40 done, 1 failed, about 4 min left, running m0 and 4 others"),
        (70, "Building: 3 of 40 done, 1 failed, about 4 min left, 5 running"),
        (20, "Building: 3 of 40 d…"),
    ],
)
def test_a_line_that_is_too_long_names_fewer_nodes_and_counts_them(width: int, line: str) -> None:
    step = Step(stage=Stage.BUILD, done=3, total=40, running=RUNNING, failed=1, left_ms=240_000)

    assert progress_line(step, width=width) == line


def test_a_long_name_is_cut() -> None:
    step = Step(stage=Stage.COMPILE, done=3, total=40, detail=f"model.shop.{'o' * 60}")

    assert progress_line(step, width=50) == f"Compiling what may have changed: 3 of 40, {'o' * 7}…"


@pytest.mark.parametrize("stage", list(Stage))
def test_each_stage_has_words(stage: Stage) -> None:
    assert progress_line(Step(stage=stage)).isprintable()


def test_a_machine_gets_every_part() -> None:
    step = Step(stage=Stage.BUILD, done=1, total=2, running=("model.shop.a",), failed=1, left_ms=5)

    assert step_document(step) == {
        "stage": "build",
        "done": 1,
        "total": 2,
        "detail": "",
        "rows": 0,
        "running": ["model.shop.a"],
        "failed": 1,
        "left_ms": 5,
    }
