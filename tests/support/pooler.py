"""Stand-in for a connection pooler in transaction mode.

It speaks just enough of PostgreSQL's protocol 3.0 for clients that use simple queries, as psycopg2 does: each client
logs in to the pooler, gets a process id that no server process has, and borrows a server connection from its first
statement until the server is outside a transaction again.
"""

from __future__ import annotations

import itertools
import os
import queue
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress

import psycopg2

from support.database import Database

_PROTOCOL = 3 << 16
_SSL_REQUEST, _GSS_REQUEST = 80877103, 80877104
_REPORTED = (
    "server_version server_encoding client_encoding DateStyle IntervalStyle TimeZone integer_datetimes "
    "standard_conforming_strings".split()
)


@contextmanager
def transaction_pooler(database: Database, *, servers: int = 1) -> Iterator[int]:
    """Yield the port of a pooler that shares `servers` connections to the database among all its clients."""
    with ExitStack() as stack:
        pool: queue.SimpleQueue[socket.socket] = queue.SimpleQueue()
        for _ in range(servers):
            server = stack.enter_context(closing(psycopg2.connect(database.url, sslmode="disable")))
            parameters = {name: server.get_parameter_status(name) for name in _REPORTED}
            # libpq has done the login; from here on the bytes on its socket are the pooler's business.
            borrowed = stack.enter_context(socket.socket(fileno=os.dup(server.fileno())))
            borrowed.setblocking(True)
            pool.put(borrowed)
        greeting = _greeting({name: value for name, value in parameters.items() if value})
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        threading.Thread(target=_accept, args=(listener, pool, greeting), daemon=True).start()
        stack.callback(listener.shutdown, socket.SHUT_RDWR)  # wakes the thread that waits in accept()
        yield listener.getsockname()[1]


def _accept(listener: socket.socket, pool: queue.SimpleQueue[socket.socket], greeting: bytes) -> None:
    for number in itertools.count(1):
        try:
            client, _ = listener.accept()
        except OSError:  # the test is over
            return
        process_id = 0x7F000000 + number  # above the largest process id of any system
        threading.Thread(target=_serve, args=(client, pool, greeting, process_id), daemon=True).start()


def _serve(client: socket.socket, pool: queue.SimpleQueue[socket.socket], greeting: bytes, process_id: int) -> None:
    with client, suppress(OSError):
        if not _await_startup(client):
            return
        client.sendall(_message(b"R", struct.pack("!i", 0)) + greeting)
        client.sendall(_message(b"K", struct.pack("!ii", process_id, 1)) + _message(b"Z", b"I"))
        while (request := _read(client)) and request[0] != b"X":
            _transaction(client, pool, request)


def _await_startup(client: socket.socket) -> bool:
    while True:
        (length,) = struct.unpack("!i", _exactly(client, 4))
        (code,) = struct.unpack("!i", _exactly(client, length - 4)[:4])
        if code in (_SSL_REQUEST, _GSS_REQUEST):
            client.sendall(b"N")
        else:
            return code == _PROTOCOL


def _transaction(client: socket.socket, pool: queue.SimpleQueue[socket.socket], request: tuple[bytes, bytes]) -> None:
    server = pool.get()
    status = b"I"
    try:
        while True:
            status = _answer(client, server, request)
            if status == b"I":
                return
            following = _read(client)
            if following is None or following[0] == b"X":
                return
            request = following
    finally:
        if status != b"I":  # the client has gone in the middle of a transaction
            _answer(None, server, (b"Q", b"ROLLBACK\0"))
        pool.put(server)


def _answer(client: socket.socket | None, server: socket.socket, request: tuple[bytes, bytes]) -> bytes:
    """Pass one request to the server and its answer back; return the transaction's status."""
    server.sendall(_message(*request))
    while True:
        reply = _read(server)
        if reply is None:
            raise ConnectionError("the server has closed its connection")
        if client is not None:
            with suppress(OSError):  # the answer is read to its end even when nobody wants it any more
                client.sendall(_message(*reply))
        if reply[0] == b"Z":
            return reply[1]


def _greeting(parameters: dict[str, str]) -> bytes:
    return b"".join(_message(b"S", f"{name}\0{value}\0".encode()) for name, value in parameters.items())


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _read(peer: socket.socket) -> tuple[bytes, bytes] | None:
    """Return the kind and the body of the next message, or None when the peer has gone."""
    kind = peer.recv(1)
    if not kind:
        return None
    (length,) = struct.unpack("!i", _exactly(peer, 4))
    return kind, _exactly(peer, length - 4)


def _exactly(peer: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        piece = peer.recv(count - len(received))
        if not piece:
            raise ConnectionError("the peer has gone in the middle of a message")
        received += piece
    return received
