"""Worker process: names of mutations in, records as JSON lines out.

Each worker builds a base project once with `dbt-state-plugin build`, keeps that database as a template, and for each
mutation works on copies. All copies have the same name in turn, since the database's name is part of what dbt writes.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "integration_project")]

from accuracy import dbt_steps  # noqa: E402
from accuracy.detectors import OURS, Answer, other_answers, plan_answer  # noqa: E402
from accuracy.duckdb_copies import DuckDBCopies  # noqa: E402
from accuracy.mutation import Mutation  # noqa: E402
from accuracy.mutations import MUTATIONS  # noqa: E402
from accuracy.process import StepError, cpu_seconds, in_own_process  # noqa: E402
from accuracy.relations import Relation, differing  # noqa: E402
from accuracy.truth import Build, Truth, build_of, observed_truth, other_texts  # noqa: E402
from accuracy.warehouse import Copies, PostgresCopies  # noqa: E402
from accuracy.workspace import Workspace, written_workspace  # noqa: E402
from dbt_state_plugin.testing.postgres_server import Server  # noqa: E402 - found by the line above


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A project before any mutation: from scratch, in the warehouse, and as the other detectors remember it.

    `template` is the name under which the warehouse is kept that holds what we have built.
    """

    template: str
    build: Build
    warehouse: Mapping[str, Relation]
    compiled: Mapping[str, str]
    state: str
    state_with_flags: str


class Worker:
    """Work off mutations one after the other in one directory and under one name of a database."""

    def __init__(self, copies: Copies, directory: Path, *, asks_others: bool, cutoff: str) -> None:
        self.copies = copies
        self.cutoff = cutoff
        self.asks_others = asks_others
        self.directory = directory
        self.bases: dict[str, Base] = {}

    def record(self, mutation: Mutation) -> dict[str, Any]:
        """Return the mutation's record, see `score`."""
        base = self.bases.get(mutation.project) or self._prepared(mutation.project)
        workspace = written_workspace(self.directory, self.copies, mutation, mutation.project)
        try:
            mutated = self._from_scratch(workspace, mutation.sources)
            document, damaged, before = self._plan(workspace, mutation, base)
            truth = observed_truth(base.build, mutated, damaged)
            truth = truth.known_by_effect(self.copies.same_queries(other_texts(truth, base.build, mutated)))
            ours = plan_answer(document, mutated.nodes)
            self.copies.copy(base.template, mutation.sources + mutation.by_hand)
            answers = {OURS: ours, **(self._answers_of_others(workspace, base) if self.asks_others else {})}
            record = _as_record(mutation, truth, ours, answers)
            if ours.planned or ours.hooks or truth.needs_build:  # else both leave the warehouse as it is
                record |= self._run_both(workspace, mutation, mutated, ours, before)
        except StepError as error:
            return {"mutation": mutation.name, "group": mutation.group, "error": str(error)}
        return record

    def _prepared(self, project: str) -> Base:
        workspace = written_workspace(self.directory, self.copies, None, project)
        build = self._from_scratch(workspace, "")
        self.copies.copy_loaded()
        self._plugin(workspace, "build")
        relations = self.copies.observed()
        self.copies.keep(project)
        self.copies.copy(project)
        states = [str(self.directory / f"{name}_{project}") for name in ("state", "state_with_flags")]
        compiled = self._step(workspace, "base", dbt_steps.prepared_state, [], *states) if self.asks_others else {}
        for node in build.nodes:
            if build.has_relation(node):
                ours = relations.get(str(build.nodes[node]["relation"]), build.tests.get(node))
                found = differing(build.relation(node), ours)
                assert not found, f"{node} as we built it and as dbt built it differ in {found}"
        self.bases[project] = Base(
            template=project,
            build=build,
            warehouse=relations,
            compiled=compiled,
            state=states[0],
            state_with_flags=states[1],
        )
        return self.bases[project]

    def _from_scratch(self, workspace: Workspace, sources: str) -> Build:
        self.copies.copy_loaded(sources)
        answer = self._step(workspace, "scratch", dbt_steps.built_from_scratch, list(workspace.arguments))
        if answer["failed"]:
            raise StepError(f"the build from scratch failed: {answer['failed']}")
        return build_of(answer, self.copies.observed(), self.copies.database)

    def _plan(
        self, workspace: Workspace, mutation: Mutation, base: Base
    ) -> tuple[dict[str, Any], frozenset[str], Mapping[str, Relation]]:
        """Return our plan, and the relations that differ after the mutation's own SQL, before dbt runs again."""
        before: Mapping[str, Relation] = base.warehouse
        self.copies.copy(base.template, mutation.sources + mutation.by_hand)
        if mutation.sources or mutation.by_hand:
            before = self.copies.observed()
        names = base.warehouse.keys()
        damaged = {name for name in names if differing(base.warehouse[name], before.get(name))}
        output = self._plugin(workspace, "plan", "--for", "build", "--output", "json")
        return json.loads(output), frozenset(damaged), before

    def _answers_of_others(self, workspace: Workspace, base: Base) -> dict[str, Answer]:
        states = (base.state, base.state_with_flags)
        told = self._step(workspace, "others", dbt_steps.answers_of_others, list(workspace.arguments), *states)
        return other_answers(told, base.build.nodes, base.compiled)

    def _run_both(
        self,
        workspace: Workspace,
        mutation: Mutation,
        mutated: Build,
        ours: Answer,
        before: Mapping[str, Relation],
    ) -> dict[str, list[str]]:
        """Run a plain `dbt build`, and our selection, over the same warehouse; return where ours leaves something else.

        Where a plain `dbt build` fails, nothing is promised.
        """
        failed = self._step(workspace, "twin", dbt_steps.built_over, list(workspace.arguments))
        if failed:
            return {"dbt_fails": failed}
        twin, left = self.copies.observed(), before
        if ours.planned or ours.hooks:
            self.copies.copy(self.bases[mutation.project].template, mutation.sources + mutation.by_hand)
            try:
                self._plugin(workspace, "build")
            except StepError as error:
                return {"converges": [str(error)]}
            left = self.copies.observed()
        answer = []
        for node, facts in mutated.nodes.items():
            if mutated.has_relation(node) and node not in mutated.tests:
                ours_left = left.get(facts["relation"])
                found = differing(ours_left, twin.get(facts["relation"]))
                # A plain `dbt build` may leave the old query in a materialized view; from scratch is right as well.
                if found and differing(ours_left, mutated.relation(node)):
                    answer.append(f"{node}: {', '.join(sorted(found))}")
        return {"converges": answer}

    def _plugin(self, workspace: Workspace, command: str, *options: str) -> str:
        options = (*options, *(("--cutoff", self.cutoff) if command == "build" else ()))
        arguments = [command, *options, *workspace.arguments]
        code = self._step(workspace, command, dbt_steps.plugin, arguments)
        log = self._log(command)
        if code != 0:
            said = " ".join(log.with_suffix(".err").read_text().split())[-600:]
            raise StepError(f"dbt-state-plugin {command} ended with {code}: {said}")
        return log.read_text()

    def _step(self, workspace: Workspace, name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        return in_own_process(workspace, self._log(name), function, *arguments)

    def _log(self, name: str) -> Path:
        return self.directory / "logs" / f"{name}.log"


def _as_record(mutation: Mutation, truth: Truth, ours: Answer, answers: Mapping[str, Answer]) -> dict[str, Any]:
    return {
        "mutation": mutation.name,
        "group": mutation.group,
        "truth": {key: _plain(value) for key, value in dataclasses.asdict(truth).items()},
        "answers": {
            name: {"changed": sorted(answer.changed), "removed": sorted(answer.removed)}
            for name, answer in answers.items()
        },
        "planned": sorted(ours.planned),
        "hooks": sorted(ours.hooks),
        "reasons": dict(ours.reasons),
        "by_rule": mutation.by_rule,
        "is_no_op": mutation.is_no_op or mutation.group == "no-op",
        "converges": [],
    }


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else sorted(value)


def main() -> None:
    """Work off what stands on stdin: the settings as JSON, then one name of a mutation per line."""
    settings = json.loads(sys.stdin.readline())
    directory = Path(tempfile.mkdtemp(prefix="accuracy-"))
    by_name = {mutation.name: mutation for mutation in MUTATIONS}
    copies = _copies(settings["server"], directory)
    worker = Worker(copies, directory, asks_others=settings["asks_others"], cutoff=settings["cutoff"])
    try:
        for line in sys.stdin:
            started = cpu_seconds()
            mutation = by_name[line.rstrip("\n")]
            try:
                record = worker.record(mutation)
            except Exception as error:
                traceback.print_exc()
                record = {"mutation": mutation.name, "group": mutation.group, "error": repr(error)}
            print(json.dumps({**record, "cpu_seconds": round(cpu_seconds() - started, 1)}), flush=True)
    finally:
        copies.close()
        shutil.rmtree(directory, ignore_errors=True)


def _copies(server: dict[str, Any] | None, directory: Path) -> Copies:
    """Return copies of databases of this server, without one those of a DuckDB file."""
    if server is None:
        return DuckDBCopies(directory)
    return PostgresCopies(Server(**server), f"accuracy_{os.getpid()}_{os.urandom(3).hex()}")


if __name__ == "__main__":
    main()
