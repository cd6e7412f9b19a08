"""Skipping of nodes when dbt hands them to a thread.

What dbt builds is decided before it starts; what turns out not to need it later is asked about here. Every runner of
dbt (models, seeds, snapshots, tests, microbatch) comes through `BaseRunner.run_with_hooks` when all that it reads has
ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def vetoing(skip: Callable[[str], str]) -> Iterator[None]:
    """Let dbt leave out each node of which `skip` says why, and print it as skipped.

    dbt calls its result `no-op`, which keeps nothing below it from being built. A node that dbt skips by itself, since
    one above it failed, is not asked about. Where dbt has no such place everything is built.
    """
    from dbt.task.base import BaseRunner

    original = getattr(BaseRunner, "run_with_hooks", None)
    if original is None or not hasattr(BaseRunner, "on_skip"):
        yield
        return

    def run_with_hooks(runner: Any, manifest: Any) -> Any:
        why = "" if runner.skip else skip(runner.node.unique_id)
        return _left_out(runner, why) if why else original(runner, manifest)

    BaseRunner.run_with_hooks = run_with_hooks
    try:
        yield
    finally:
        BaseRunner.run_with_hooks = original


def _left_out(runner: Any, why: str) -> Any:
    from dbt.artifacts.schemas.results import RunStatus
    from dbt.artifacts.schemas.run import RunResult

    runner.on_skip()  # prints the line
    return RunResult.from_node(runner.node, RunStatus.NoOp, why)
