"""Proxy that cuts a connection off at the N-th message.

`python -m faults.proxy HOST PORT` listens on a port of its own and passes everything on. It takes apart the messages of
PostgreSQL's protocol (chapter "Frontend/Backend Protocol" of its manual), counts those of the state's connections and
those of all others apart, and at the message that it was armed with it does what it was told. Commands and answers are
lines of JSON on stdin and stdout.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST = 80877103, 80877104, 80877102
STATE, DBT = "state", "dbt"


class Proxy:
    """Pass messages on and count them."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._mutex = threading.Lock()
        self._plan: Mapping[str, Any] = {}
        self._counts = {STATE: 0, DBT: 0}
        self._fired = False
        self._open: dict[tuple[socket.socket, socket.socket], str] = {}
        self.listener = socket.create_server(("127.0.0.1", 0))

    def serve(self) -> None:
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def command(self, command: Mapping[str, Any]) -> dict[str, Any]:
        """Take a command: `arm` (kind, at, action, pid) sets the counts to 0, `cut` (kind) closes, `report` tells."""
        with self._mutex:
            if command["name"] == "arm":
                self._plan, self._counts, self._fired = command, {STATE: 0, DBT: 0}, False
            elif command["name"] == "cut":
                self._cut(command["kind"])
            return {"counts": self._counts, "fired": self._fired, "open": sorted(self._open.values())}

    def _connect(self, client: socket.socket) -> None:
        with suppress(OSError, EOFError):
            first = self._startup(client)
            server = socket.create_connection(self._server)
            for end in (client, server):  # else each message waits until the one before is acknowledged: 40 ms
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            server.sendall(first)
            kind = STATE if b"application_name\0dbt-state-plugin\0" in first else DBT
            pair = (client, server)
            with self._mutex:
                self._open[pair] = kind
            threading.Thread(target=self._pass_on, args=(server, client, pair), daemon=True).start()
            self._pass_on(client, server, pair)
            return
        client.close()

    def _startup(self, client: socket.socket) -> bytes:
        """Return the first packet that is no question for encryption."""
        while True:
            head = _receive(client, 8)
            length, code = struct.unpack("!ii", head)
            packet = head + _receive(client, length - 8)
            if code not in (SSL_REQUEST, GSS_REQUEST):
                return packet
            client.sendall(b"N")

    def _pass_on(self, source: socket.socket, target: socket.socket, pair: tuple[socket.socket, socket.socket]) -> None:
        try:
            while True:
                head = _receive(source, 5)
                message = head + _receive(source, struct.unpack("!i", head[1:])[0] - 4)
                with self._mutex:
                    if not self._may_pass(self._open.get(pair, "")):
                        return
                target.sendall(message)
        except (OSError, EOFError):
            return
        finally:
            with self._mutex:
                self._close(pair)

    def _may_pass(self, kind: str) -> bool:
        """Count a message, do what is planned at it, and tell whether it goes on."""
        if not kind:
            return False
        self._counts[kind] += 1
        plan = self._plan
        if self._fired or kind != plan.get("kind") or self._counts[kind] != plan.get("at"):
            return True
        self._fired = True
        if plan["action"] == "cut":
            return False
        with suppress(ProcessLookupError):  # after its last message it may have ended
            os.kill(plan["pid"], plan["action"])
        if plan["action"] == signal.SIGSTOP:
            self._cut(STATE)
            return kind != STATE
        return bool(plan["action"] != signal.SIGKILL)

    def _cut(self, kind: str) -> None:
        for pair in [pair for pair, of in self._open.items() if of == kind]:
            self._close(pair)

    def _close(self, pair: tuple[socket.socket, socket.socket]) -> None:
        if self._open.pop(pair, None):
            for end in pair:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()


def _receive(source: socket.socket, wanted: int) -> bytes:
    found = b""
    while len(found) < wanted:
        piece = source.recv(wanted - len(found))
        if not piece:
            raise EOFError
        found += piece
    return found


class RemoteProxy:
    """A proxy in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.port = int(self._line()["port"])

    def arm(self, kind: str, at: int, action: str | int, pid: int) -> None:
        """Let the `at`-th message of a kind cut its connection, or send the process a signal (0: only count)."""
        self.tell(name="arm", kind=kind, at=at, action=action, pid=pid)

    def tell(self, **command: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@contextmanager
def proxy_to(host: str, port: int) -> Iterator[RemoteProxy]:
    """Start a proxy and end it afterwards."""
    with in_python("faults.proxy", host, str(port)) as process:
        yield RemoteProxy(process)


@contextmanager
def in_python(module: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a module of the tests in a process of its own, which ends with its stdin."""
    tests = Path(__file__).parent.parent
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tests), str(tests.parent / "integration_project")])},
    )
    try:
        yield process
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.wait()
        process.stdout.close()


def main() -> None:
    proxy = Proxy(sys.argv[1], int(sys.argv[2]))
    threading.Thread(target=proxy.serve, daemon=True).start()
    print(json.dumps({"port": proxy.listener.getsockname()[1]}), flush=True)
    for line in sys.stdin:
        print(json.dumps(proxy.command(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
