"""Throw-away PostgreSQL servers: every way to start, and none left."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
import pytest
from support.database import Database
from support.project import ProjectWriter

from dbt_state_plugin.errors import ConfigurationError
from dbt_state_plugin.testing import postgres_server
from dbt_state_plugin.testing.postgres_binaries import Account, Binaries, executable_binaries, find_binaries
from dbt_state_plugin.testing.postgres_server import Server, start_server

INSTALLED = [binaries for binaries in (find_binaries("local"), find_binaries("embedded")) if binaries]

# Starts a server, prints where, and waits. It drops root's rights only after its imports, so that an interpreter below
# /root will do.
SERVER_SCRIPT = """
import os, signal, sys, time
from pathlib import Path
from dbt_state_plugin.testing import postgres_server
from dbt_state_plugin.testing.postgres_binaries import Binaries
directory, version, origin, uid, gid = sys.argv[1:]
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a script inherits it ignored
if int(uid) != os.geteuid():
    os.setgroups([]), os.setgid(int(gid)), os.setuid(int(uid))
binaries = Binaries(directory=Path(directory), version=version, origin=origin)
with postgres_server.start_server(binaries=binaries) as server:
    for answer in (os.geteuid(), server.data_directory.stat().st_uid, server.socket_directory, server.url()):
        print(answer, flush=True)
    time.sleep(600)
"""


@pytest.fixture(params=INSTALLED, ids=lambda binaries: binaries.origin)
def binaries(request: pytest.FixtureRequest) -> Binaries:
    found: Binaries = request.param
    return found


@pytest.fixture
def public_directory() -> Iterator[Path]:
    """Give a directory that other users can enter, unlike `tmp_path`."""
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        Path(directory).chmod(0o777)
        yield Path(directory)


def select_one(url: str) -> object:
    with closing(psycopg2.connect(url, connect_timeout=5)) as connection, connection.cursor() as cursor:
        cursor.execute("select 1")
        return cursor.fetchone()


def assert_gone(url: str, directory: Path) -> None:
    deadline = time.monotonic() + 30
    while directory.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not directory.exists()
    with pytest.raises(psycopg2.OperationalError):
        select_one(url)


@contextmanager
def server_in_another_process(
    binaries: Binaries, account: Account, temporary: Path
) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    arguments = [str(binaries.directory), binaries.version, binaries.origin, str(account.uid), str(account.gid)]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "HOME": str(temporary),
        "TMPDIR": str(temporary),
    }
    with subprocess.Popen(
        [sys.executable, "-c", SERVER_SCRIPT, *arguments], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process, [process.stdout.readline().strip() for _ in range(4)]
        finally:
            process.kill()


def test_the_embedded_wheel_is_always_among_the_tested_servers() -> None:
    assert "embedded" in {binaries.origin for binaries in INSTALLED}


def test_a_server_answers_and_is_gone_afterwards(binaries: Binaries) -> None:
    with start_server(binaries=binaries) as server:
        assert select_one(server.url()) == (1,)
        assert server.socket_directory is not None

    assert_gone(server.url(), server.socket_directory)


def test_a_server_is_gone_after_an_exception(binaries: Binaries) -> None:
    with pytest.raises(ZeroDivisionError), start_server(binaries=binaries) as server:
        1 / 0  # noqa: B018

    assert server.socket_directory is not None
    assert_gone(server.url(), server.socket_directory)


@pytest.mark.parametrize(("room", "is_there"), [(0, True), (2**62, False)])
def test_the_files_are_in_memory_where_that_has_room(
    monkeypatch: pytest.MonkeyPatch, public_directory: Path, room: int, is_there: bool
) -> None:
    monkeypatch.setattr(postgres_server, "MEMORY", str(public_directory))
    monkeypatch.setattr(postgres_server, "ROOM", room)

    with start_server(in_memory=True) as server:
        assert server.data_directory is not None
        assert server.data_directory.is_relative_to(public_directory) is is_there

    assert list(public_directory.iterdir()) == []


def test_the_preferred_kind_is_started() -> None:
    with start_server(prefer="embedded") as server:
        assert server.origin == "embedded"


def test_no_postgresql_at_all_is_a_plain_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DBT_STATE_PLUGIN_TEST_DATABASE_URL", raising=False)
    monkeypatch.setattr(postgres_server, "find_binaries", lambda origin: None)

    with pytest.raises(ConfigurationError, match="No PostgreSQL 14 or newer"), start_server():
        pass


def test_another_password_is_refused_over_tcp_and_over_the_socket() -> None:
    with start_server(prefer="embedded") as server:
        for host in (server.host, str(server.socket_directory)):
            with pytest.raises(psycopg2.OperationalError, match="password"):
                psycopg2.connect(host=host, port=server.port, user=server.user, password="guess", dbname="postgres")


def test_the_password_is_not_in_the_representation(postgres_server: Server, database: Database) -> None:
    assert postgres_server.password not in repr(postgres_server)
    assert database.password not in repr(database)


def test_two_servers_at_once_do_not_disturb_each_other(binaries: Binaries) -> None:
    with start_server(binaries=binaries) as first:
        with start_server(binaries=binaries) as second:
            assert first.port != second.port
            postgres_server.create_database(second, "only_here")
        with pytest.raises(psycopg2.OperationalError, match="only_here"):
            select_one(first.url("only_here"))

        assert select_one(first.url()) == (1,)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_stopped_server_starts_again_with_its_data(binaries: Binaries, mode: str) -> None:
    with start_server(binaries=binaries) as server:
        postgres_server.create_database(server, "kept")
        first_pid = server.pid

        postgres_server.stop(server, "fast" if mode == "fast" else "immediate")
        with pytest.raises(psycopg2.OperationalError):
            select_one(server.url())
        postgres_server.start(server)

        assert select_one(server.url("kept")) == (1,)
        assert server.pid not in (None, first_pid)


def test_extra_settings_are_in_effect() -> None:
    with (
        start_server(prefer="embedded", settings={"application_name": "it's ours"}) as server,
        closing(postgres_server.connect(server)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("select current_setting('fsync'), reset_val from pg_settings where name = 'application_name'")
        assert cursor.fetchone() == ("off", "it's ours")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_a_server_does_not_outlive_a_process_that_is_killed(
    binaries: Binaries, public_directory: Path, number: signal.Signals
) -> None:
    account = Account(uid=os.geteuid(), gid=os.getegid())
    with server_in_another_process(binaries, account, public_directory) as (process, (_, _, directory, url)):
        assert select_one(url) == (1,)

        process.send_signal(number)
        process.wait()

        assert_gone(url, Path(directory))


def test_an_ordinary_user_can_start_a_server(binaries: Binaries, public_directory: Path) -> None:
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    account = Account(uid=user.pw_uid, gid=user.pw_gid)
    usable = executable_binaries(binaries, account, public_directory) if os.geteuid() == 0 else binaries

    with server_in_another_process(usable, account, public_directory) as (process, (uid, owner, directory, url)):
        assert (uid, owner) == (str(user.pw_uid), str(user.pw_uid))
        assert select_one(url) == (1,)
        process.terminate()
        process.wait()

        assert_gone(url, Path(directory))


def test_a_wheel_that_only_its_owner_can_read_is_started_all_the_same(tmp_path: Path) -> None:
    embedded = find_binaries("embedded")
    assert embedded is not None
    package = embedded.directory.parent.parent
    for source in package.parent.glob(f"{package.name}*"):
        if not source.name.endswith(".dist-info"):
            shutil.copytree(source, tmp_path / "closed" / source.name)
    (tmp_path / "closed").chmod(0o700)
    closed = tmp_path / "closed" / package.name / embedded.directory.parent.name / embedded.directory.name

    with start_server(binaries=Binaries(directory=closed, version=embedded.version, origin="embedded")) as server:
        assert select_one(server.url()) == (1,)
        assert server.socket_directory is not None

    assert_gone(server.url(), server.socket_directory)
    assert (tmp_path / "closed").stat().st_mode & 0o777 == 0o700


def test_a_server_named_by_url_lends_a_database_and_gets_it_back(
    postgres_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBT_STATE_PLUGIN_TEST_DATABASE_URL", postgres_server.url())

    with start_server() as server:
        assert (server.origin, server.port, server.pid) == ("url", postgres_server.port, None)
        assert server.dbname != postgres_server.dbname
        assert select_one(server.url()) == (1,)

    with pytest.raises(psycopg2.OperationalError, match=server.dbname):
        select_one(server.url())


def test_a_url_without_a_server_is_a_plain_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBT_STATE_PLUGIN_TEST_DATABASE_URL", "postgresql://me:secret@127.0.0.1:1/none")

    with pytest.raises(ConfigurationError) as raised, start_server():
        pass

    assert "DBT_STATE_PLUGIN_TEST_DATABASE_URL" in raised.value.what
    assert "secret" not in str(raised.value)


def test_each_test_has_an_empty_database_of_its_own(database: Database) -> None:
    assert database.query("select current_database()") == [(database.dbname,)]
    assert database.query("create table t (id int)") == []
    assert database.query("select %s::int + 1", [1]) == [(2,)]


def test_a_project_runs_in_the_database_of_its_test(dbt_project: ProjectWriter, database: Database) -> None:
    project = dbt_project({"models/one.sql": "select 1 as id"})

    project.dbt("run", check=0)

    assert database.query("select id from analytics.one") == [(1,)]
