"""Throw-away MariaDB for the shop's production database."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dbt_state_plugin.errors import ConfigurationError, StateError
from dbt_state_plugin.testing.postgres_binaries import Account, run_as, server_account
from dbt_state_plugin.testing.postgres_server import temporary_base

PROGRAMS = ("mariadbd", "mariadb-install-db")
SEARCHED = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))
PATIENCE = 60  # seconds until a started server answers
# Runs the server and waits for the end of its own input, which comes when the process that started it ends, however.
GUARDIAN = """
trap '' INT TERM HUP
directory=$1
shift
"$@" >"$directory/server.log" 2>&1 </dev/null &
while read -r line; do :; done
kill -s KILL "$!"
wait "$!" 2>/dev/null
rm -rf "$directory"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class MariaDB:
    """A running MariaDB with one empty database and one role, and how to reach it."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    dbname: str


def missing_programs() -> list[str]:
    """Give the programs of MariaDB that are not installed."""
    return [program for program in PROGRAMS if not shutil.which(program, path=SEARCHED)]


@contextmanager
def start_mariadb() -> Iterator[MariaDB]:
    """Yield a MariaDB with an empty database `shop`, and remove it afterwards.

    Raises ConfigurationError where none is installed, StateError where it does not start.
    """
    missing = missing_programs()
    if missing:
        raise ConfigurationError(
            f"MariaDB is not installed on this machine: there is no {missing[0]}.",
            "Install its server, on Debian with `apt-get install mariadb-server`.",
        )
    account = server_account()
    directory = Path(tempfile.mkdtemp(prefix="shop-mariadb-", dir=temporary_base(account)))
    if account.uid is not None and account.gid is not None:
        os.chown(directory, account.uid, account.gid)
    server = MariaDB(
        host="127.0.0.1", port=_free_port(), user="shop", password=secrets.token_urlsafe(24), dbname="shop"
    )
    try:
        _initialise(directory, account)
        _write_first_statements(server, directory, account)
    except BaseException:
        shutil.rmtree(directory)
        raise
    with _guarded(server, directory, account):
        _wait_until_it_answers(server, directory)
        yield server


@contextmanager
def _guarded(server: MariaDB, directory: Path, account: Account) -> Iterator[None]:
    guardian = subprocess.Popen(
        ["/bin/sh", "-c", GUARDIAN, "guardian", str(directory), *_server_command(server, directory)],
        cwd=directory,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a terminal's Ctrl-C must not reach it
        user=account.uid,
        group=account.gid,
        extra_groups=account.groups,
    )
    try:
        yield
    finally:
        guardian.communicate()
        shutil.rmtree(directory, ignore_errors=True)  # its own folder stands in one that the account cannot change


def _server_command(server: MariaDB, directory: Path) -> list[str]:
    return [
        _program("mariadbd"),
        "--no-defaults",  # what /etc says is for the machine's own server
        f"--datadir={directory / 'data'}",
        f"--socket={directory / 'socket'}",
        f"--pid-file={directory / 'pid'}",
        f"--init-file={directory / 'first.sql'}",
        f"--bind-address={server.host}",
        f"--port={server.port}",
        "--default-time-zone=+00:00",
        "--character-set-server=utf8mb4",
        "--skip-name-resolve",
        "--innodb-flush-log-at-trx-commit=0",
    ]


def _initialise(directory: Path, account: Account) -> None:
    answer = run_as(
        account,
        [
            _program("mariadb-install-db"),
            "--no-defaults",
            f"--datadir={directory / 'data'}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-name-resolve",
        ],
        directory=directory,
    )
    if answer.returncode != 0:
        raise _startup_error(answer.stdout)


def _write_first_statements(server: MariaDB, directory: Path, account: Account) -> None:
    """Write what the server runs before it listens: our database and role, and no role without a password."""
    file = directory / "first.sql"
    file.touch(mode=0o600)
    # The one place without a driver that could bind values: the password is of letters, digits, - and _ only.
    file.write_text(
        f"create database {server.dbname};\n"
        f"create user '{server.user}'@'%' identified by '{server.password}';\n"
        f"grant all on {server.dbname}.* to '{server.user}'@'%';\n"
        "drop user if exists root@localhost, root@'127.0.0.1', root@'::1';\n",
        encoding="utf-8",
    )
    if account.uid is not None and account.gid is not None:
        os.chown(file, account.uid, account.gid)


def _wait_until_it_answers(server: MariaDB, directory: Path) -> None:
    import pymysql  # here, so that asking for the missing programs needs no driver

    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with closing(
                pymysql.connect(host=server.host, port=server.port, user=server.user, password=server.password)
            ):
                (directory / "first.sql").unlink()
                return
        except pymysql.err.OperationalError as error:
            log = directory / "server.log"
            said = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
            if time.monotonic() > deadline or "[ERROR] Aborting" in said:
                raise _startup_error(said) from error
            time.sleep(0.1)


def _program(name: str) -> str:
    return shutil.which(name, path=SEARCHED) or name


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _startup_error(output: str) -> StateError:
    lines = [line for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if "[ERROR]" in line or "FATAL" in line] or lines or ["no reason"]
    return StateError(
        f"The throw-away MariaDB failed: {telling[0].strip()}", "Correct what MariaDB says, and try again."
    )
