"""History of changes to one project, and what we built."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from accuracy.relations import observed
from support import forkserver
from support.forkserver import Ended

from dbt_state_plugin.testing import postgres_server
from dbt_state_plugin.testing.postgres_server import Server
from real_projects import truth
from real_projects.project import CHANGES, RealProject, comment, copied, replace
from real_projects.truth import Scratch, Volatile

_EXECUTION = re.compile(r"[Ee]xecution ([0-9a-f]{8}-[0-9a-f-]{27})")
_KINDS = ("model.", "seed.", "snapshot.")


@dataclass(kw_only=True)
class Moment:
    """One build of ours, and how it compares with what was needed."""

    planned: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # of relations, with their reasons
    tests: int = 0
    exit_codes: list[int] = field(default_factory=list)
    seconds: float = 0
    needed: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    unequal: dict[str, list[str]] = field(default_factory=dict)
    incremental: dict[str, list[str]] = field(default_factory=dict)  # what keeps rows of earlier builds, or reads it
    failed: list[str] = field(default_factory=list)  # in plain dbt


@dataclass(kw_only=True)
class Record:
    """One project with all of its moments; `nodes` have relations."""

    project: str
    compared: bool = True
    nodes: int = 0
    volatile: int = 0
    volatile_columns: dict[str, list[str]] = field(default_factory=dict)
    by_chance: list[str] = field(default_factory=list)
    by_hooks: list[str] = field(default_factory=list)
    commented: int = 0
    moments: dict[str, Moment] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return it as values of JSON."""
        return asdict(self)


def played(project: RealProject, ours: Server, plain: Server, directory: Path, *, is_quick: bool = False) -> Record:
    """Play the history of a project: built, again, commented, and each change that it has on top of the earlier ones.

    Each way has a server of its own, so that databases of one name stand in what is built: it may come out in rows.

    A quick play builds once and then only plans, each change by itself; it compares nothing. Logs of every command stay
    in the directory.
    """
    play = _Play(project, {"ours": ours, "plain": plain}, directory)
    return play.record(play.planned if is_quick else play.compared)


class _Play:
    def __init__(self, project: RealProject, servers: Mapping[str, Server], directory: Path) -> None:
        self.project = project
        self.servers = servers
        self.logs = directory / "logs"
        self.logs.mkdir(parents=True)
        self.database = f"real_{project.name}"
        self.spaces = {
            which: copied(project, directory / which, server, self.database) for which, server in servers.items()
        }

    def record(self, way: Callable[[], Record]) -> Record:
        """Play it in one of the two ways, and drop the databases."""
        try:
            return way()
        finally:
            for server in self.servers.values():
                postgres_server.drop_database(server, self.database)

    def planned(self) -> Record:
        """Build once, then plan."""
        record = Record(project=self.project.name, compared=False)
        postgres_server.create_database(self.servers["ours"], self.database)
        directory = self.spaces["ours"].directory
        first = record.moments["first"] = Moment()
        self._build(first, "first")
        record.nodes = len(first.planned)
        record.moments["second"] = self._plan("second")
        for name, replacements in self.project.changes.items():
            texts = {each.file: (directory / each.file).read_text(encoding="utf-8") for each in replacements}
            replace(directory, replacements)
            record.moments[name] = self._plan(name)
            for file, text in texts.items():
                (directory / file).write_text(text, encoding="utf-8")
        record.commented = comment(directory)
        record.moments["comment"] = self._plan("comment")
        return record

    def compared(self) -> Record:
        """Build after each change, and build from scratch to compare."""
        record = Record(project=self.project.name)
        before, ignored = self._base()
        build = before.build
        record.nodes = sum(build.has_relation(node) for node in build.nodes)
        record.volatile = ignored.count()
        record.volatile_columns = {name: sorted(found) for name, found in ignored.columns.items() if found}
        postgres_server.drop_database(self.servers["ours"], self.database)
        postgres_server.create_database(self.servers["ours"], self.database)
        record.moments["first"] = self._moment("first", before, before, ignored, repeats=())
        second = record.moments["second"] = self._moment("second", before, before, ignored, repeats=())
        for space in self.spaces.values():
            record.commented = comment(space.directory)
        record.moments["comment"] = self._moment("comment", before, before, ignored, repeats=second.planned)
        chance: set[str] = set()
        hooks: set[str] = set()
        for name in CHANGES:
            if name in self.project.changes:
                for space in self.spaces.values():
                    replace(space.directory, self.project.changes[name])
                after = self._scratch(name, ignored)
                chance |= truth.by_chance(before, after, ignored)
                moment = self._moment(name, before, after, ignored, repeats=second.planned)
                record.moments[name] = moment
                hooks |= _without_hooks(moment, truth.by_hooks(before, after, ignored))
                before = after
        record.by_chance, record.by_hooks = sorted(chance), sorted(hooks)
        for moment in record.moments.values():
            _leave_out(moment, truth.below(chance, before.build), truth.relations_below(chance, before.build))
        return record

    def _base(self) -> tuple[Scratch, Volatile]:
        """Build the project as it is twice from scratch, to see what is volatile."""
        url = self.servers["plain"].url(self.database)
        one = truth.built(self.project, self.spaces["plain"], self.servers["plain"], self.logs / "plain-1.log")
        sums = truth.column_sums(url, one.build.relations)
        other = truth.built(self.project, self.spaces["plain"], self.servers["plain"], self.logs / "plain-2.log")
        ignored = truth.volatile(one, other, sums, url)
        return truth.with_comparable_rows(other, url, ignored), ignored

    def _scratch(self, name: str, ignored: Volatile) -> Scratch:
        space, server = self.spaces["plain"], self.servers["plain"]
        scratch = truth.built(self.project, space, server, self.logs / f"plain-{name}.log")
        return truth.with_comparable_rows(scratch, server.url(self.database), ignored)

    def _moment(
        self, name: str, before: Scratch, after: Scratch, ignored: Volatile, *, repeats: Iterable[str]
    ) -> Moment:
        """Run ours and compare; what the second run built without any change is neither missed nor extra here."""
        moment = Moment(failed=list(after.failed))
        self._build(moment, name)
        concerned = truth.concerned(before, after, ignored)
        moment.needed = sorted(concerned.needed)
        moment.missed = sorted(concerned.needed - moment.planned.keys())
        moment.extra = sorted(moment.planned.keys() - set(repeats) - concerned.allowed)
        self._compare(moment, after, ignored)
        print(f"{self.project.name}: {name}: {said(moment)}", file=sys.stderr, flush=True)
        return moment

    def _build(self, moment: Moment, name: str) -> None:
        started = time.monotonic()
        for number, command in enumerate([*self.project.before, ("build",)]):
            self._ours(moment, command, self.logs / f"ours-{name}-{number}.log")
        moment.seconds = round(time.monotonic() - started, 1)

    def _plan(self, name: str) -> Moment:
        moment = Moment()
        ended = self._plugin(["plan", "--for", "build", "-o", "json"])
        (self.logs / f"ours-{name}.log").write_text(f"{ended.stdout}\n--- stderr\n{ended.stderr}\n")
        moment.exit_codes.append(ended.code)
        if ended.code == 0:
            self._note(moment, [n for n in json.loads(ended.stdout)["nodes"] if n["decision"] == "build"])
        print(f"{self.project.name}: {name}: {said(moment)}", file=sys.stderr, flush=True)
        return moment

    def _note(self, moment: Moment, nodes: Iterable[dict[str, Any]]) -> None:
        for node in nodes:
            if node["unique_id"].startswith(_KINDS):
                moment.planned.setdefault(node["unique_id"], []).extend(node["reasons"])
            else:
                moment.tests += 1

    def _ours(self, moment: Moment, command: Iterable[str], log: Path) -> None:
        ended = self._plugin([*command])
        log.write_text(f"{ended.stdout}\n--- stderr\n{ended.stderr}\n--- exit code {ended.code}\n")
        moment.exit_codes.append(ended.code)
        execution = execution_told(ended)
        if not execution:
            return
        shown = self._plugin(["show", execution, "-o", "json"])
        if shown.code != 0:
            log.with_suffix(".show").write_text(shown.stdout + shown.stderr)
            moment.exit_codes.append(shown.code)
            return
        self._note(moment, json.loads(shown.stdout)["nodes"])

    def _plugin(self, arguments: list[str]) -> Ended:
        """Run our command line as users do; a process that has imported dbt becomes it, which spares seconds."""
        space = self.spaces["ours"]
        return forkserver.run(
            "dbt-state-plugin", [*arguments, *space.arguments], cwd=space.directory, environment=space.environment
        )

    def _compare(self, moment: Moment, after: Scratch, ignored: Volatile) -> None:
        url = self.servers["ours"].url(self.database)
        ours = truth.comparable(url, observed(url), ignored)
        found = truth.differences(ours, after.build.relations, ignored)
        keeps = truth.keeps_rows(after.build)
        built = {facts["relation"] for facts in after.build.nodes.values()} | after.build.relations.keys()
        for name, keys in found.items():
            if name not in built:
                continue  # of a node that is gone; dbt leaves it, too
            (moment.incremental if name in keeps else moment.unequal)[name] = sorted(keys)


def execution_told(ended: Ended) -> str:
    """Return the id of the last execution of which a command of ours has told, nothing if it has told of none."""
    ids = _EXECUTION.findall(ended.stdout + ended.stderr)
    return ids[-1] if ids else ""


def _without_hooks(moment: Moment, nodes: frozenset[str]) -> set[str]:
    """Leave out what hooks of the project write, which run with us too; return what would have counted as missed."""
    missed = nodes & set(moment.missed)
    moment.needed = [node for node in moment.needed if node not in missed]
    moment.missed = [node for node in moment.missed if node not in missed]
    return missed


def _leave_out(moment: Moment, nodes: frozenset[str], relations: frozenset[str]) -> None:
    """Leave out what chance decides, and what reads it: plain dbt does not leave it alike either."""
    moment.needed = [node for node in moment.needed if node not in nodes]
    moment.missed = [node for node in moment.missed if node not in nodes]
    moment.unequal = {name: keys for name, keys in moment.unequal.items() if name not in relations or keys != ["rows"]}


def said(moment: Moment) -> str:
    """Return a moment in one line, for the one who waits."""
    words = [
        f"{len(moment.planned)} relations and {moment.tests} tests planned, {len(moment.needed)} needed",
        f"{len(moment.missed)} missed, {len(moment.extra)} extra, {len(moment.unequal)} not equal",
        f"exit codes {moment.exit_codes}, {moment.seconds} s",
    ]
    return "; ".join(words)
