"""What other tools take to find that nothing changed.

Each is installed by uv into an environment of its own, since they need other versions of packages than we do (SQLBuild
also Python 3.12 or later); one that cannot be installed is named and left out. Each needs a copy of the project in
which everything is built.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from contestant import Contestant
from floor import Cost

SETTINGS = {"track_commit_timestamp": "on"}  # dbt State reads from it when a relation was written
DBT = ("dbt-core>=1.11,<1.12", "dbt-postgres")
ATTEMPTS = 4  # so often SQLMesh may need to be told to build until it finds nothing to do
UNCHANGED = "No changes to plan"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A tool that is installed: its name and version, and where its programs are."""

    name: str
    version: str
    programs: Path


def install(folder: Path) -> list[Peer]:
    """Install the tools below a folder, unless they are there, and print which cannot be had."""
    wanted = {
        "sqlmesh": ("sqlmesh[dbt,postgres]",),
        "dbt-state": ("dbt-state", "dbt-state-oss"),
        "sqlbuild": ("sqlbuild[postgres]", "sqlbuild-cli"),
    }
    peers = []
    for name, packages in wanted.items():
        python = folder / name / "bin" / "python"
        create = ["uv", "venv", "--quiet", "--allow-existing", "--python", _interpreter(name), str(folder / name)]
        fill = ["uv", "pip", "install", "--quiet", "--python", str(python), *packages, *DBT]
        for command in (create, fill):
            ended = subprocess.run(command, capture_output=True, text=True, check=False)
            if ended.returncode != 0:
                print(f"{name} cannot be installed and is left out:\n{ended.stderr}")
                break
        else:
            code = f"from importlib.metadata import version; print(version({name!r}))"
            told = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
            peers.append(Peer(name=name, version=told.stdout.strip(), programs=python.parent))
    return peers


def unchanged(peer: Peer, contestant: Contestant, *, rounds: int) -> list[Cost]:
    """Build everything in a fresh copy of the project, then return what each command without a change costs."""
    if peer.name == "sqlmesh":
        return _by_sqlmesh(peer, contestant, rounds=rounds)
    if peer.name == "sqlbuild":
        return _by_sqlbuild(peer, contestant, rounds=rounds)
    with _open_server(peer, contestant.directory.with_name("dbt_state_store")) as environment:
        return _by_dbt_state(peer, replace(contestant, more=environment), rounds=rounds)


def _interpreter(name: str) -> str:
    """Return the Python for a tool: ours, or one that uv has to find."""
    return "3.12" if name == "sqlbuild" and sys.version_info < (3, 12) else sys.executable


def _by_sqlmesh(peer: Peer, contestant: Contestant, *, rounds: int) -> list[Cost]:
    contestant = replace(contestant, more={"SQLMESH__DISABLE_ANONYMIZED_ANALYTICS": "true"})
    (contestant.directory / "sqlmesh.yaml").write_text("model_defaults:\n  start: 2026-01-01\n", encoding="utf-8")
    plan = (str(peer.programs / "sqlmesh"), "plan", "--no-prompts", "--auto-apply")
    for _ in range(ATTEMPTS):
        _, answer = contestant.run(plan, may_fail=True)  # its first plan may stumble over itself, the next goes on
        if UNCHANGED in answer:
            break
    return _costs(contestant, plan, rounds=rounds, says=UNCHANGED)


def _by_sqlbuild(peer: Peer, contestant: Contestant, *, rounds: int) -> list[Cost]:
    """Let it run dbt on all that it plans, which is each node of the project."""
    search_path = f"{peer.programs}{os.pathsep}{os.environ['PATH']}"  # it starts dbt by its name
    contestant = replace(contestant, more={"PATH": search_path})
    contestant.run((str(peer.programs / "dbt"), "seed", "--quiet"))
    command = (str(peer.programs / "sqb"), "dbt")
    contestant.run((*command, "init", "--project-dir", ".", "--profiles-dir", "."))
    contestant.run((*command, "run"))
    return _costs(contestant, (*command, "run"), rounds=rounds, says="Completed successfully")


def _by_dbt_state(peer: Peer, contestant: Contestant, *, rounds: int) -> list[Cost]:
    dbt = str(peer.programs / "dbt")
    contestant.run((dbt, "seed", "--quiet"))
    for _ in range(2):  # the second one knows what the first has built
        contestant.run((dbt, "run"))
    return _costs(contestant, (dbt, "run"), rounds=rounds, says="dbt State saved you")


def _costs(contestant: Contestant, command: Sequence[str], *, rounds: int, says: str) -> list[Cost]:
    """Return what a command costs each time; raises SystemExit where it does not say that it has done its part."""
    costs = []
    for _ in range(rounds):
        cost, answer = contestant.run(command)
        if says not in answer:
            raise SystemExit(f"{' '.join(command)} did not say {says!r}:\n{answer}")
        costs.append(cost)
    return costs


@contextmanager
def _open_server(peer: Peer, store: Path) -> Iterator[dict[str, str]]:
    """Run the open server of dbt State; give the environment in which dbt asks it."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    command = [str(peer.programs / "dbt-state-oss"), "--store", "local", "--dir", str(store), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait_for(port, server)
            yield {
                "RUN_CACHE_API_URL": f"localhost:{port}",
                "RUN_CACHE_API_SECURE": "false",
                "RUN_CACHE_OAUTH_CLIENT_SECRET": "none",  # has to be there; nobody asks for it
            }
        finally:
            server.terminate()


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    while server.poll() is None:
        with closing(socket.socket()) as tried:
            if tried.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit(f"the open server of dbt State ended with {server.returncode}")
