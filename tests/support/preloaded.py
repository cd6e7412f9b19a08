"""How are dbt and dbt-state-plugin started without importing dbt anew each time?

`python -m support.preloaded FD` imports dbt once and forks a child for each request, since pytest's own process has
threads and must not fork. The child becomes the command: its folder, environment, arguments and streams are those of
the request, and it ends as an interpreter ends. A request is one byte on the socket FD with five descriptors: a file
that holds the request as JSON, stdin, stdout, stderr, and a pipe that gets the status.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import random
import runpy
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Any

TESTS = Path(__file__).resolve().parents[1]
# What the interpreter reads when it starts cannot be given to one that has started.
_READ_AT_START = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC_")


def fits(changed: Mapping[str, str]) -> bool:
    """Return whether a command with these variables set may be a fork."""
    return hasattr(os, "pidfd_open") and not any(name.startswith(_READ_AT_START) for name in changed)


def run(
    program: str, arguments: Sequence[str], *, cwd: Path, environment: Mapping[str, str], input: str
) -> subprocess.CompletedProcess[str]:
    """Run `dbt` or `dbt-state-plugin` to its end, with what it prints captured as text."""
    request = json.dumps({"program": program, "arguments": arguments, "cwd": str(cwd), "environment": {**environment}})
    with (
        _file(request) as asked,
        _file(input) as stdin,
        _file("") as stdout,
        _file("") as stderr,
    ):
        told, tells = os.pipe()
        try:
            descriptors = [asked.fileno(), stdin.fileno(), stdout.fileno(), stderr.fileno(), tells]
            socket.send_fds(_preloaded(), [b"r"], descriptors)
        finally:
            os.close(tells)
        with os.fdopen(told) as pipe:
            status = pipe.read()
        assert status, "the process that forks is gone; see its stderr"
        return subprocess.CompletedProcess(
            [program, *arguments], os.waitstatus_to_exitcode(int(status)), _text(stdout), _text(stderr)
        )


def _file(text: str) -> IO[bytes]:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    file.write(text.encode())
    file.seek(0)
    return file


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode().replace("\r\n", "\n")  # as subprocess does with text=True


@cache
def _preloaded() -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, "-m", "support.preloaded", str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        cwd=TESTS,
        env={name: value for name, value in os.environ.items() if not name.startswith(("DBT_", "PG", "MELTANO_"))},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    theirs.close()
    atexit.register(lambda: (ours.close(), process.wait()))
    return ours


def _import() -> None:
    import agate  # type: ignore[import-untyped]  # noqa: F401
    import dbt.adapters.postgres
    import dbt.cli.main
    import dbt.task.build
    import dbt.task.list  # noqa: F401

    from dbt_state_plugin.cli.entry import GARBAGE_THRESHOLDS

    gc.set_threshold(*GARBAGE_THRESHOLDS)  # plain dbt is faster for it, too
    gc.collect()
    gc.freeze()


def _serve(control: socket.socket) -> dict[str, Any] | None:
    """Fork for each request until the other end is closed; return the request in a child, None in the parent."""
    with selectors.DefaultSelector() as waiting:
        waiting.register(control, selectors.EVENT_READ)
        while True:
            for key, _ in waiting.select():
                if key.data is not None:
                    waiting.unregister(key.fd)
                    _tell_status(key.fd, *key.data)
                    continue
                received, descriptors, _, _ = socket.recv_fds(control, 1, 5)
                if not received:
                    return None
                child = os.fork()
                if child == 0:
                    return _become(descriptors)
                for descriptor in descriptors[:-1]:
                    os.close(descriptor)
                waiting.register(os.pidfd_open(child), selectors.EVENT_READ, (child, descriptors[-1]))


def _tell_status(watched: int, child: int, answer: int) -> None:
    _, status = os.waitpid(child, 0)
    os.write(answer, str(status).encode())
    os.close(answer)
    os.close(watched)


def _become(descriptors: Sequence[int]) -> dict[str, Any]:
    asked, *streams, _ = descriptors
    with os.fdopen(os.dup(asked)) as file:
        request: dict[str, Any] = json.load(file)
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
    os.closerange(3, max(descriptors) + 1)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    random.seed()
    return request


def main() -> None:
    """Serve; in a child, be the command that was asked for until the interpreter ends."""
    control = socket.socket(fileno=int(sys.argv[1]))
    _import()
    request = _serve(control)
    control.detach()
    if request is None:
        return
    if request["program"] == "dbt":
        from dbt.cli.main import cli

        sys.argv = [str(Path(sys.executable).with_name("dbt")), *request["arguments"]]
        sys.exit(cli())
    sys.argv = ["dbt-state-plugin", *request["arguments"]]
    sys.path[0] = request["cwd"]
    runpy.run_module("dbt_state_plugin", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
