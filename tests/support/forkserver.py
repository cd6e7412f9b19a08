"""Fork server: commands as children of one process that has imported dbt.

`python -m support.forkserver FD NAME` is that process, since pytest's own has threads and must not fork. It forks a
child for each request, which becomes what is asked for: its folder, environment, arguments and streams are those of
the request, and it ends as an interpreter ends. What is forked and how it ends is shared with the demo (its
`_support/forks.py`), which has no threads, so that it forks itself and needs no server. A request is one byte with five
descriptors: a file that holds the request as JSON, stdin, stdout, stderr, and a pipe. The pipe gets one line of JSON
with the child's pid as soon as it is there (and stands still, where that is asked for), and one with its end.

FD is a socket that listens in a folder, which the variable TESTS_FORKSERVER names, so that all processes of a session
share one server: who needs it first starts it. It ends when nobody is connected any more. Meltano has a server of its
own, since it changes what a process logs when it is imported. `programs()` is a folder for PATH, whose commands are
forks, too (`support/forked_program.py`).
"""

from __future__ import annotations

import atexit
import ctypes
import fcntl
import gc
import json
import os
import pkgutil
import random
import runpy
import select
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

TESTS = Path(__file__).resolve().parents[1]
INTEGRATION_PROJECT = str(TESTS.parent / "integration_project")
FOLDER = "TESTS_FORKSERVER"
_BEGAN_SESSION = FOLDER not in os.environ  # what is inherited is of a process that ends later
DBT, MELTANO = "dbt", "meltano"  # the names of the servers
COMMANDS = ("dbt", "dbt-state-plugin", "dbt-state-plugin-meltano")
SCRIPT = "python-script"  # a program of `programs()`: the file of Python that is its first argument
# What the interpreter reads when it starts cannot be given to one that has started, but for two.
_READ_AT_START = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC_")
_PLACES, _WARNINGS = _GIVEN_TO_FORKS = ("PYTHONPATH", "PYTHONWARNINGS")
_HUGE, _MADV_COLLAPSE = 2 << 20, 25  # of the kernel
# What Meltano imports when it runs a pipeline.
_OF_MELTANO = (
    *("meltano.cli", "meltano.core.block.block_parser", "meltano.core.migration_service", "meltano.migrations.utils"),
    *("alembic.command", "sqlalchemy.dialects.sqlite", "sqlite3", "anyio._backends._asyncio"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The end of a child: its exit code (negative: the signal that killed it), what it printed and what it used."""

    code: int
    stdout: str
    stderr: str
    mebibytes: int
    cpu_seconds: float


class Child:
    """A command that was started."""

    def __init__(self, stdout: IO[bytes], stderr: IO[bytes], told: int) -> None:
        """Wait until it is there."""
        self._stdout, self._stderr, self._told = stdout, stderr, os.fdopen(told)
        self.pid = int(self._heard()["pid"])

    def resume(self) -> Child:
        """Let it go on, from the start or from where it was stopped, unless it has ended."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGCONT)
        return self

    def wait(self) -> Ended:
        """Wait for its end."""
        with self._told, self._stdout, self._stderr:
            return Ended(**self._heard(), stdout=_text(self._stdout), stderr=_text(self._stderr))

    def _heard(self) -> dict[str, Any]:
        line = self._told.readline()
        assert line, "the process that forks is gone; see its stderr"
        answer: dict[str, Any] = json.loads(line)
        return answer


def fits(changed: Mapping[str, str]) -> bool:
    """Tell whether a command with these variables set may be a fork."""
    return hasattr(os, "pidfd_open") and not any(map(_is_read_at_start, changed))


def _is_read_at_start(name: str) -> bool:
    return name.startswith(_READ_AT_START) and name not in _GIVEN_TO_FORKS


def start(
    program: str,
    arguments: Sequence[Any],
    *,
    cwd: Path,
    environment: Mapping[str, str],
    input: str = "",
    is_stopped: bool = False,
) -> Child:
    """Start a command, or a function `module:name` whose answer is the exit code.

    With `is_stopped` the child has its own session and stands still before it does anything, until `resume`.
    """
    stdout, stderr = _file(""), _file("")
    request = {
        "program": program,
        "arguments": [*arguments],
        "cwd": str(cwd),
        "environment": {**environment},
        "is_stopped": is_stopped,
    }
    with _file(input) as stdin:
        told = _asked(request, [stdin.fileno(), stdout.fileno(), stderr.fileno()])
    return Child(stdout, stderr, told)


def _asked(request: Mapping[str, Any], streams: Sequence[int]) -> int:
    """Ask the server for a child with these streams; return the pipe on which it tells."""
    told, tells = os.pipe()
    with _file(json.dumps(request)) as asked:
        try:
            server = _server(MELTANO if request["program"] == MELTANO else DBT)
            socket.send_fds(server, [b"r"], [asked.fileno(), *streams, tells])
        finally:
            os.close(tells)
    return told


class Process:
    """A command in a session of its own, with pipes, and with what tests use of `subprocess.Popen`."""

    def __init__(self, program: str, arguments: Sequence[str], *, cwd: Path, environment: Mapping[str, str]) -> None:
        """Start it."""
        pipes = [os.pipe(), os.pipe()]
        request = {
            "program": program,
            "arguments": [*arguments],
            "cwd": str(cwd),
            "environment": {**environment},
            "is_stopped": True,
        }
        with open(os.devnull) as stdin:  # noqa: PTH123
            self._told = os.fdopen(_asked(request, [stdin.fileno(), *(write for _, write in pipes)]))
        for _, write in pipes:
            os.close(write)
        self.stdout, self.stderr = (os.fdopen(read, encoding="utf-8", errors="replace") for read, _ in pipes)
        self.pid = int(json.loads(self._told.readline())["pid"])
        self.returncode: int | None = None
        os.kill(self.pid, signal.SIGCONT)

    def poll(self) -> int | None:
        """Return the exit code, or None as long as it runs."""
        return self._waited(0)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; raises TimeoutExpired after so many seconds."""
        code = self._waited(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return code

    def _waited(self, timeout: float | None) -> int | None:
        if self.returncode is None and select.select([self._told], [], [], timeout)[0]:
            self.returncode = int(json.loads(self._told.readline())["code"])
            self._told.close()
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Return what it has printed, when it has ended."""
        if self.stdout.closed:
            return "", ""
        with ThreadPoolExecutor(2) as pool, self.stdout, self.stderr:
            stdout, stderr = (pool.submit(stream.read) for stream in (self.stdout, self.stderr))
            try:
                self.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
            return stdout.result(), stderr.result()

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it, unless it has ended."""
        self.send_signal(signal.SIGKILL)


def run(program: str, arguments: Sequence[Any], *, cwd: Path, environment: Mapping[str, str], input: str = "") -> Ended:
    """Run a program to its end."""
    return start(program, arguments, cwd=cwd, environment=environment, input=input).wait()


def _file(text: str) -> IO[bytes]:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    file.write(text.encode())
    file.seek(0)
    return file


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace").replace("\r\n", "\n")  # as subprocess does with text=True


def programs() -> Path:
    """Return a folder for PATH with commands that are forks; the server runs until this process has ended."""
    return _programs(DBT, {name: [_real(name)] for name in COMMANDS} | {SCRIPT: [sys.executable]})


def meltano_programs() -> Path:
    """Return a folder for PATH with a Meltano that is a fork; its server runs until this process has ended."""
    return _programs(MELTANO, {MELTANO: [_real(MELTANO)]})


def _real(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _programs(server: str, commands: Mapping[str, Sequence[str]]) -> Path:
    _server(server)
    place = folder() / f"{server}-bin"
    with _locked(folder()):
        if not place.exists():
            place.mkdir()
            _write_programs(place, server, commands)
    return place


def _write_programs(place: Path, server: str, commands: Mapping[str, Sequence[str]]) -> None:
    at_start = {name: value for name, value in os.environ.items() if _is_read_at_start(name)}
    text = Path(__file__).with_name("forked_program.py").read_text(encoding="utf-8")
    head = f"#!{sys.executable} -IS\n"
    told = {
        "SERVER": _address(server),
        "READ_AT_START": _READ_AT_START,
        "GIVEN_TO_FORKS": _GIVEN_TO_FORKS,
        "AT_START": at_start,
    }
    values = "".join(f"\n{name} = {value!r}" for name, value in told.items())
    for name, real in commands.items():
        program = place / name
        program.write_text(head + text.replace("\n# VALUES", f"{values}\nREAL = {[*real]!r}", 1), encoding="utf-8")
        program.chmod(0o755)


@cache
def folder() -> Path:
    """Return the folder of the session's server; whoever begins the session makes it, and removes it."""
    if FOLDER not in os.environ:
        made = tempfile.TemporaryDirectory(prefix="forks-")
        os.environ[FOLDER] = made.name
        atexit.register(made.cleanup)
    return Path(os.environ[FOLDER])


def _address(server: str) -> str:
    return str(folder() / f"{server}-socket")


@cache
def _server(name: str) -> socket.socket:
    path = _address(name)
    with _locked(folder()):
        ours = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            ours.connect(path)
        except OSError:
            _start_server(name, path)
            ours.connect(path)
    return ours


@contextmanager
def _locked(place: Path) -> Iterator[None]:
    with (place / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _start_server(name: str, path: str) -> None:
    with suppress(FileNotFoundError):
        Path(path).unlink()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(path)
        listening.listen()
        process = subprocess.Popen(
            [sys.executable, "-m", "support.forkserver", str(listening.fileno()), name],
            pass_fds=[listening.fileno()],
            cwd=TESTS,
            env={name: value for name, value in os.environ.items() if not name.startswith(("DBT_", "PG", "MELTANO_"))},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
    # It ends when nobody is connected any more: only who outlives all others may wait for that.
    atexit.register(lambda: (_server(name).close(), _BEGAN_SESSION and process.wait()))


def _import(server: str) -> None:
    sys.path.insert(1, INTEGRATION_PROJECT)
    from _support import forks

    if server == DBT:
        forks.import_commands("postgres", *(["duckdb"] if find_spec("dbt.adapters.duckdb") else []), left_out=())
        import_module("meltano_plugin.entry")
    else:
        for name in _OF_MELTANO:
            import_module(name)
        gc.collect()
        gc.freeze()
    sys.path.remove(INTEGRATION_PROJECT)  # nobody's commands find its modules
    _gather_memory()


def _gather_memory() -> None:
    """Put memory into pages of 2 MiB, where the kernel can: each fork makes an entry for every page and drops it again.

    A child that writes to one gets 4 KiB of its own, as before.
    """
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        addresses, rights, _, _, _, *file = line.split()
        begin, end = (int(address, 16) for address in addresses.split("-"))
        if rights == "rw-p" and file in ([], ["[heap]"]):
            for place in range(-(-begin // _HUGE) * _HUGE, end - _HUGE + 1, _HUGE):
                madvise(place, _HUGE, _MADV_COLLAPSE)


def _serve(listening: socket.socket) -> dict[str, Any] | None:
    """Fork for each request until nobody is connected; return the request in a child, None in the parent."""
    with selectors.DefaultSelector() as waiting:
        waiting.register(listening, selectors.EVENT_READ, _accept)
        while True:
            for key, _ in waiting.select():
                request: dict[str, Any] | None = key.data(waiting, key.fileobj)
                if request is not None:
                    return request
            if not any(key.data is _answer for key in waiting.get_map().values()) and not waiting.select(0):
                return None


def _accept(waiting: selectors.BaseSelector, listening: socket.socket) -> None:
    client, _ = listening.accept()
    waiting.register(client, selectors.EVENT_READ, _answer)


def _answer(waiting: selectors.BaseSelector, client: socket.socket) -> dict[str, Any] | None:
    received, descriptors, _, _ = socket.recv_fds(client, 1, 5)
    if not received:
        waiting.unregister(client)
        client.close()
        return None
    with os.fdopen(descriptors[0]) as asked:
        request: dict[str, Any] = json.load(asked)
    child = os.fork()
    if child == 0:
        for key in waiting.get_map().values():
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.detach()
        _become(request, descriptors[1:])
        return request
    for descriptor in descriptors[1:-1]:
        os.close(descriptor)
    if request["is_stopped"]:
        os.waitid(os.P_PID, child, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    _tell(descriptors[-1], pid=child)
    waiting.register(os.pidfd_open(child), selectors.EVENT_READ, partial(_tell_end, child, descriptors[-1]))
    return None


def _tell_end(child: int, answer: int, waiting: selectors.BaseSelector, watched: int) -> None:
    waiting.unregister(watched)
    _, status, used = os.wait4(child, 0)
    _tell(
        answer,
        code=os.waitstatus_to_exitcode(status),
        mebibytes=used.ru_maxrss // 1024,
        cpu_seconds=used.ru_utime + used.ru_stime,
    )
    os.close(answer)
    os.close(watched)


def _tell(answer: int, **values: Any) -> None:
    with suppress(BrokenPipeError):  # nobody waits for it any more
        os.write(answer, json.dumps(values).encode() + b"\n")


def _become(request: Mapping[str, Any], descriptors: Sequence[int]) -> None:
    for number, descriptor in enumerate(descriptors[:3]):
        os.dup2(descriptor, number)
    is_buffered = not os.environ.get("PYTHONUNBUFFERED")  # what this process was started with
    for stream in (sys.stdin, sys.stdout):  # as an interpreter begins
        stream.reconfigure(line_buffering=is_buffered and stream.isatty())  # type: ignore[union-attr]
    from _support.forks import close_all_but_streams

    close_all_but_streams()
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    random.seed()
    _find_modules_in([place for place in request["environment"].get(_PLACES, "").split(os.pathsep) if place])
    if asked := request["environment"].get(_WARNINGS):
        warnings._processoptions(asked.split(","))  # type: ignore[attr-defined]
    if request["is_stopped"]:
        os.setsid()
        os.kill(os.getpid(), signal.SIGSTOP)


def _find_modules_in(places: Sequence[str]) -> None:
    """Find modules there as an interpreter does that has just started, and packages of dbt that spread over places."""
    added = [place for place in places if place not in sys.path]
    if added:
        sys.path[1:1] = added
        for name in ("dbt", "dbt.adapters", "dbt.include"):
            if name in sys.modules:
                package = sys.modules[name]
                package.__path__ = pkgutil.extend_path([*package.__path__], name)
        if manager := sys.modules.get("dbt.plugins.manager"):
            manager._MODULES_CACHE = None  # there may be plugins


def main() -> None:
    """Serve; in a child, be what was asked for until the interpreter ends."""
    listening = socket.socket(fileno=int(sys.argv[1]))
    _import(sys.argv[2])
    request = _serve(listening)
    if request is None:
        return
    from _support.forks import end

    try:
        _call(request)
    except SystemExit as ended:
        end(ended.code or 0)
    end(0)


def _call(request: Mapping[str, Any]) -> None:
    from _support.forks import COMMANDS as CALLS

    program, arguments = request["program"], request["arguments"]
    if program in CALLS:
        if program == "dbt-state-plugin":
            sys.path[0] = request["cwd"]
        CALLS[program](arguments)
    elif program in (MELTANO, "dbt-state-plugin-meltano"):
        sys.argv = [_real(program), *arguments]
        sys.modules["__main__"].__package__ = None  # a script is no module of a package, which messages say
        import_module("meltano.cli" if program == MELTANO else "meltano_plugin.entry").main()
    elif program == SCRIPT:
        sys.argv = arguments
        sys.path[0] = str(Path(arguments[0]).parent)
        runpy.run_path(arguments[0], run_name="__main__")
    else:
        sys.path.insert(1, INTEGRATION_PROJECT)
        module, _, name = program.partition(":")
        sys.exit(getattr(import_module(module), name)(*arguments))


if __name__ == "__main__":
    main()
