"""Steps in processes of their own, by the fork server."""

from __future__ import annotations

import gc
import pickle
import resource
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from support import forkserver

from accuracy.workspace import Workspace

_used_by_steps = [0.0]


class StepError(Exception):
    """A step did not end as it must."""


def cpu_seconds() -> float:
    """Return the time of the processor that this process and its steps have used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime + sum(_used_by_steps)


def in_own_process(workspace: Workspace, log: Path, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call the function in a child whose folder and environment are the workspace's; return what it returns.

    The arguments are values of JSON. What the child prints goes to `log` (stdout) and `log` with `.err`. Raises
    StepError when it fails.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    answer = log.with_suffix(".pickle")
    answer.unlink(missing_ok=True)
    ended = forkserver.run(
        "accuracy.process:answer",
        [str(answer), function.__module__, function.__name__, *arguments],
        cwd=workspace.directory,
        environment=workspace.environment,
    )
    _used_by_steps.append(ended.cpu_seconds)
    log.write_text(ended.stdout)
    log.with_suffix(".err").write_text(ended.stderr)
    if not answer.exists():
        raise StepError(f"{function.__name__} ended with {ended.code}, see {log}")
    succeeded, value = pickle.loads(answer.read_bytes())
    if not succeeded:
        raise StepError(f"{function.__name__}: {value}")
    return value


def answer(path: str, module: str, name: str, *arguments: Any) -> int:
    """Call a function and write what it returns, or its error, into a file; this is the child's side."""
    gc.disable()  # a step is short
    try:
        value = (True, getattr(import_module(module), name)(*arguments))
    except BaseException as error:
        traceback.print_exc()
        value = (False, f"{type(error).__name__}: {error}")
    Path(path).write_bytes(pickle.dumps(value))
    return 0
