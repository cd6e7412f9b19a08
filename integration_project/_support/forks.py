"""Commands in forks of a process that has imported dbt.

Most of the time of a short command goes into imports. Where a system forks safely, a story imports them once.
"""

from __future__ import annotations

import atexit
import gc
import multiprocessing.util
import os
import pkgutil
import platform
import random
import runpy
import signal
import sys
import threading
import time
import typing
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from multiprocessing import resource_tracker
from pathlib import Path
from subprocess import PIPE, TimeoutExpired
from typing import IO, Any, NoReturn

IS_POSSIBLE = sys.platform == "linux"
# What no command needs: the program itself, what Alembic runs, and what pytest loads.
_NOT_IMPORTED = ("__main__", "state.migration", "testing")
_STEP = 0.02  # seconds between two looks at a process that is waited for


def import_commands(*adapters: str, left_out: Sequence[str] = ("warehouse", "postgres")) -> None:
    """Import what the commands need; `adapters` are the names of dbt's packages for warehouses.

    `left_out` names packages of the plugin that are imported by the commands themselves, as each needs one warehouse
    only. What depends on dbt's own files only is worked out, too. The collector of garbage leaves alone what is there
    then: it would copy each page of it in each fork.
    """
    import dbt_state_plugin
    from dbt_state_plugin.cli.entry import GARBAGE_THRESHOLDS

    for name in (
        *(f"dbt.adapters.{adapter}" for adapter in adapters),
        "dbt.cli.main",
        "dbt.task.build",
        "dbt.task.list",
        "dbt_common.clients.agate_helper",
        *("multiprocessing.dummy", "_strptime", "netrc"),  # which dbt imports when it runs
        *("alembic.command", "alembic.config", "sqlalchemy.dialects.sqlite"),
        *(["psycopg2.sql"] if "postgres" not in left_out else []),
        *(["postgast"] if "postgres" not in left_out and find_spec("postgast") else []),  # an extra
    ):
        import_module(name)
    not_imported = tuple(f"dbt_state_plugin.{name}" for name in (*_NOT_IMPORTED, *left_out))
    for module in pkgutil.walk_packages(dbt_state_plugin.__path__, "dbt_state_plugin."):
        if not module.name.startswith(not_imported):
            import_module(module.name)
    with suppress(ImportError, AttributeError):  # of another version of dbt
        import_module("_support.dbt_caches").fill(adapters)
    platform.processor()  # what dbt imports asks for it, and it starts a program the first time
    resource_tracker.ensure_running()  # dbt's locks would start an interpreter for it in each fork
    gc.set_threshold(*GARBAGE_THRESHOLDS)  # plain dbt is faster for it, too
    gc.collect()
    gc.freeze()


def _dbt(arguments: Sequence[str]) -> None:
    from dbt.cli.main import cli

    sys.argv = [str(Path(sys.executable).with_name("dbt")), *arguments]
    sys.exit(cli())


def _plugin(arguments: Sequence[str]) -> None:
    sys.argv = ["dbt-state-plugin", *arguments]
    runpy.run_module("dbt_state_plugin", run_name="__main__", alter_sys=True)


COMMANDS: Mapping[str, Callable[[Sequence[str]], None]] = {"dbt": _dbt, "dbt-state-plugin": _plugin}


class Fork:
    """A command in a session of its own, with what a story uses of `subprocess.Popen`."""

    def __init__(
        self,
        program: str,
        arguments: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str],
        stdout: int | None,
        stderr: Any,
    ) -> None:
        """Start `program`; `stdout` is PIPE or None, `stderr` a file of this process."""
        self.args = [program, *arguments]
        self.returncode: int | None = None
        self.stdout: IO[str] | None = None
        streams = (os.open(os.devnull, os.O_RDONLY), sys.stdout.fileno(), stderr.fileno())
        read, write = os.pipe() if stdout == PIPE else (-1, -1)
        self.pid = os.fork()
        if self.pid == 0:
            _become(cwd, env, (streams[0], write if stdout == PIPE else streams[1], streams[2]))
            _run(COMMANDS[program], arguments)
        os.close(streams[0])
        if stdout == PIPE:
            os.close(write)
            self.stdout = os.fdopen(read, encoding="utf-8")

    def poll(self) -> int | None:
        """Return the exit code, or None as long as it runs."""
        if self.returncode is None:
            found, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if found else None
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; raises TimeoutExpired after so many seconds."""
        until = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if until is not None and time.monotonic() > until:
                raise TimeoutExpired(self.args, timeout or 0)
            time.sleep(_STEP)
        return code

    def communicate(self) -> tuple[str | None, None]:
        """Return what it wrote to a pipe, when it has ended."""
        written = None
        if self.stdout is not None:
            with self.stdout:
                written = self.stdout.read()
        self.wait()
        return written, None


def _become(cwd: Path, env: Mapping[str, str], streams: Sequence[int]) -> None:
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, stream in enumerate([os.dup(stream) for stream in streams]):  # one may be the number of another
        os.dup2(stream, number)
    close_all_but_streams()
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False, buffering=1)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    atexit._clear()  # what this process cleans up at its end is not the fork's
    atexit.register(multiprocessing.util._exit_function)  # type: ignore[attr-defined]
    random.seed()


def close_all_but_streams() -> None:
    """Close what this process has inherited, but for its streams and the pipe on which it tells of its locks."""
    tracker = getattr(resource_tracker._resource_tracker, "_fd", None) or 2
    os.closerange(3, tracker)
    os.closerange(tracker + 1, os.sysconf("SC_OPEN_MAX"))


def _run(call: Callable[[Sequence[str]], None], arguments: Sequence[str]) -> None:
    """Call, and end as an interpreter ends."""
    code: Any = 1
    try:
        call(arguments)
        code = 0
    except SystemExit as ended:
        code = ended.code or 0
    except BaseException:
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
    finally:
        with suppress(BaseException):
            end(code)
        os._exit(1)


def end(code: Any) -> NoReturn:
    """End this process as an interpreter does: wait for threads, run exit functions, flush streams.

    Only its memory is left to the system, which saves a tenth of a second.
    """
    if not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    typing._cleanups.clear()  # type: ignore[attr-defined] - caches that libraries would empty now, page by page
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code & 0xFF)
