"""How is a step run in a process of its own without importing dbt anew for each?

The parent imports dbt, starts no thread and opens no connection that it keeps; each step is a fork of it.
"""

from __future__ import annotations

import gc
import os
import pickle
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from accuracy.workspace import Workspace


class StepError(Exception):
    """A step did not end as it must."""


def import_dbt() -> None:
    """Import what each step needs, once."""
    import dbt.adapters.postgres
    import dbt.cli.main
    import dbt.task.build
    import dbt.task.list  # noqa: F401

    import dbt_state_plugin.cli.entry  # noqa: F401

    gc.collect()
    gc.freeze()


def in_own_process(workspace: Workspace, log: Path, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call the function in a child whose folder and environment are the workspace's; return what it returns.

    What the child prints goes to `log` (stdout) and `log` with `.err`. Raises StepError when it fails.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    answer = log.with_suffix(".pickle")
    answer.unlink(missing_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        _become(workspace, log, answer, function, arguments)
    _, status = os.waitpid(child, 0)
    if not answer.exists():
        raise StepError(f"{function.__name__} ended with status {status}, see {log}")
    succeeded, value = pickle.loads(answer.read_bytes())
    if not succeeded:
        raise StepError(f"{function.__name__}: {value}")
    return value


def _become(workspace: Workspace, log: Path, answer: Path, function: Callable[..., Any], arguments: Any) -> None:
    try:
        for descriptor, name in ((1, log), (2, log.with_suffix(".err"))):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), descriptor)
        gc.disable()  # a step is short
        os.chdir(workspace.directory)
        os.environ.clear()
        os.environ.update(workspace.environment)
        try:
            value = (True, function(*arguments))
        except BaseException as error:
            traceback.print_exc()
            value = (False, f"{type(error).__name__}: {error}")
        sys.stdout.flush()
        sys.stderr.flush()
        answer.write_bytes(pickle.dumps(value))
    finally:
        os._exit(0)  # without the parent's own ends
