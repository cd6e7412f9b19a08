"""Replay of a project's commits: `replay.py --repository R.git --overlay FOLDER`.

Each commit of the main line is built by plain dbt and by ours, each in a database of its own that keeps what the
commit before has left. Prints how many nodes each has built, and which relations are not equal afterwards. The folder
is copied over each commit: dbt_packages, a profiles.yml as in `project`, data.sql for tables that sources name. A
commit that plain dbt cannot build is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "integration_project")]

import psycopg2  # noqa: E402 - found by the line above
from accuracy.relations import differing_names, observed  # noqa: E402
from accuracy.workspace import Workspace  # noqa: E402
from support import forkserver  # noqa: E402
from support.forkserver import Ended  # noqa: E402

from dbt_state_plugin.testing import postgres_server  # noqa: E402
from dbt_state_plugin.testing.postgres_server import Server, start_server  # noqa: E402
from real_projects.history import execution_told  # noqa: E402
from real_projects.project import RealProject, copied  # noqa: E402

DATABASE = "replayed"
_FILES = ("--", ".", ":(exclude)*.csv")  # their data come from elsewhere
_KEPT = frozenset({"target", "logs", "dbt_packages"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """A commit of the main line."""

    name: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """How many nodes were built and cut off after a commit, by plain dbt and by ours, and what is not equal."""

    commit: Commit
    plain: int
    ours: int
    cut_off: int
    unequal: tuple[str, ...]


def commits(repository: Path) -> list[Commit]:
    """Return the commits of the main line, oldest first."""
    told = _git(repository, "log", "--first-parent", "--reverse", "--format=%h %s").decode()
    return [
        Commit(name=name, subject=subject) for name, _, subject in (line.partition(" ") for line in told.splitlines())
    ]


def _git(repository: Path, *arguments: str | Path) -> bytes:
    """Return what git prints; the index is one of its own, so that nothing in the repository is written."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "GIT_INDEX_FILE": str(Path(folder) / "index")}
        command = ["git", "--git-dir", repository, *arguments]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout


class Replay:
    """A project in two folders and two databases, each on one of the `servers`."""

    def __init__(
        self, repository: Path, overlay: Path, cutoff: str, servers: dict[str, Server], directory: Path
    ) -> None:
        """Begin with empty databases."""
        self._repository, self._overlay, self._cutoff, self._servers = repository, overlay, cutoff, servers
        project = RealProject(folder=overlay)
        self._spaces = {
            which: copied(project, directory / which, server, DATABASE) for which, server in servers.items()
        }
        data = (overlay / "data.sql").read_text(encoding="utf-8")
        for server in servers.values():
            postgres_server.create_database(server, DATABASE)
            with (
                closing(psycopg2.connect(server.url(DATABASE))) as connection,
                connection,
                connection.cursor() as cursor,
            ):
                cursor.execute(data)

    def built(self, commit: Commit) -> Built | None:
        """Build a commit; None where plain dbt cannot. Raises RuntimeError where ours cannot."""
        for space in self._spaces.values():
            self._check_out(commit, space.directory)
        if self._called("plain", ["dbt", "run", "--quiet"]).code != 0:
            return None
        results = json.loads((self._spaces["plain"].directory / "target" / "run_results.json").read_text())["results"]
        ours, cut_off = self._run()
        return Built(
            commit=commit,
            plain=sum(each["status"] == "success" for each in results),
            ours=ours,
            cut_off=cut_off,
            unequal=tuple(self._unequal()),
        )

    def _check_out(self, commit: Commit, directory: Path) -> None:
        for path in directory.iterdir():
            if path.name not in _KEPT:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        _git(self._repository, "--work-tree", directory, "checkout", commit.name, *_FILES)
        shutil.copytree(self._overlay, directory, dirs_exist_ok=True)

    def _called(self, which: str, command: list[str]) -> Ended:
        space: Workspace = self._spaces[which]
        return forkserver.run(command[0], command[1:], cwd=space.directory, environment=space.environment)

    def _run(self) -> tuple[int, int]:
        """Run ours and return how many nodes it has built and how many it has cut off."""
        ended = self._called("ours", ["dbt-state-plugin", "run", "--cutoff", self._cutoff, "--", "--quiet"])
        execution = execution_told(ended)
        if ended.code != 0 or not execution:
            raise RuntimeError(f"ours ended with {ended.code}\n{ended.stdout}{ended.stderr}")
        shown = json.loads(self._called("ours", ["dbt-state-plugin", "show", execution, "-o", "json"]).stdout)
        return shown["succeeded"] - shown["cut_off"], shown["cut_off"]

    def _unequal(self) -> list[str]:
        ours, plain = (observed(self._servers[which].url(DATABASE)) for which in ("ours", "plain"))
        return sorted(differing_names(ours, plain))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return 1 if anything is not equal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repository", type=Path, required=True, help="a git directory without a work tree")
    parser.add_argument("--overlay", type=Path, required=True)
    parser.add_argument("--cutoff", default="auto")
    parser.add_argument("--last", type=int, help="so many commits, by default all")
    given = parser.parse_args(arguments)
    chosen = commits(given.repository)[-given.last if given.last else 0 :]
    found: list[Built] = []
    with start_server() as ours, start_server() as plain, tempfile.TemporaryDirectory(prefix="replay-") as folder:
        replay = Replay(given.repository, given.overlay, given.cutoff, {"ours": ours, "plain": plain}, Path(folder))
        for commit in chosen:
            built = replay.built(commit)
            print(f"{commit.name} {built or 'not built by dbt'}", file=sys.stderr, flush=True)
            found += [built] if built else []
    print_table(found, left_out=len(chosen) - len(found))
    return 1 if any(each.unequal for each in found) else 0


def print_table(found: list[Built], *, left_out: int) -> None:
    """Print each commit after the first that concerns a node, and the sums."""
    print("| commit | by plain dbt | by ours | cut off | not equal |\n|---|---|---|---|---|")
    for each in found[1:]:
        if each.ours or each.cut_off or each.unequal:
            subject = f"{each.commit.name} {each.commit.subject}"
            print(f"| {subject} | {each.plain} | {each.ours} | {each.cut_off} | {', '.join(each.unequal)} |")
    plain, ours = sum(each.plain for each in found[1:]), sum(each.ours for each in found[1:])
    print(f"\n{len(found) - 1} commits after the first: {ours} of {plain} nodes built", end="")
    print(f", {1 - ours / max(plain, 1):.1%} of the builds saved; {left_out} commits that dbt cannot build left out")


if __name__ == "__main__":
    sys.exit(main())
