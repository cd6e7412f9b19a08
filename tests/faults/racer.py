"""One of many processes that race for an environment.

`python -m faults.racer FOLDER [STATE_URL]` does to the state what a run does, without dbt, for the projects in a folder
of a world, by target. Commands and answers are lines of JSON.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from dbt_state_plugin.core.decision.rule import make_plan
from dbt_state_plugin.core.lineage import build_order, lineages, record_key, trace_of
from dbt_state_plugin.core.values.plan import Plan
from dbt_state_plugin.core.values.project import Project
from dbt_state_plugin.core.values.records import RecordedDefinition
from dbt_state_plugin.core.values.results import NodeOutcome
from dbt_state_plugin.errors import PluginError
from dbt_state_plugin.operations.options import RunOptions
from dbt_state_plugin.operations.planning.inputs import request_of, seen_now
from dbt_state_plugin.operations.session import Session, lock_environment, open_session
from dbt_state_plugin.operations.settings import Settings
from dbt_state_plugin.operations.target import Target, resolve_target
from dbt_state_plugin.state.builds import BuildRecord, record_build
from dbt_state_plugin.state.executions import NewExecution, begin_execution, begin_step, finish_execution
from dbt_state_plugin.state.intents import PlannedNode, open_intents
from dbt_state_plugin.state.retention import prune
from dbt_state_plugin.warehouse.postgres.catalog import IDENTITY_SQL
from faults.proxy import in_python
from faults.tables import graph
from faults.world import World

MODELS = [("a", "table", ("src",)), ("b", "table", ("a",)), ("c", "view", ("b",)), ("d", "table", ("c",))]


class Racer:
    """Take the lock, say what is built, record it and let go, each when told."""

    def __init__(self, folder: Path, state_url: str) -> None:
        self._target_named = cache(lambda name: _target(folder / name, name, state_url))
        self._opened = ExitStack()
        self._execution: UUID | None = None

    def command(self, command: Mapping[str, Any]) -> dict[str, Any]:
        try:
            found: dict[str, Any] = getattr(self, command["name"])(**command.get("with", {}))
        except PluginError as error:
            self._let_go()
            return {"error": type(error).__name__, "what": error.what}
        return {**found, "pid": os.getpid(), "host": socket.gethostname()}

    def start(self, target: str, timeout: float) -> dict[str, Any]:
        """Do what a run does up to where dbt would start."""
        self._session = session = self._open(target, timeout)
        lock_environment(session)
        self._execution = execution = uuid4()
        begin_execution(
            session.state,
            NewExecution(
                execution_id=execution,
                command="run",
                caller="test",
                host=socket.gethostname(),
                process_id=os.getpid(),
                tool_version="1",
            ),
        )
        self._project = graph(session.state.environment.database, MODELS)
        step = {"name": "TRANSFORM", "checksums": {"a": "1"}, "dbt_version": "1", "adapter_version": "1"}
        begin_step(session.state, execution, **step)  # type: ignore[arg-type]
        self._plan = _plan_of_all(session, self._project)
        nodes = [PlannedNode(key=record_key(entry.node, self._project), entry=entry) for entry in self._plan.to_build]
        open_intents(session.state, execution, nodes, store_code=True)
        self._nodes = nodes
        return {"execution": str(execution)}

    def finish(self) -> dict[str, Any]:
        """Record all nodes and end."""
        assert self._execution is not None
        lineage = lineages(self._project, build_order(self._project))
        for node in self._nodes:
            name = node.entry.node.unique_id
            record_build(
                self._session.state,
                BuildRecord(
                    key=node.key,
                    execution_id=self._execution,
                    build_id=uuid4(),
                    entry=node.entry,
                    trace=trace_of(self._project, lineage[name], self._plan.parent_versions),
                    identity=None,
                    identity_sql=IDENTITY_SQL,
                    outcome=NodeOutcome(unique_id=name, status="success"),
                    stores_code=True,
                    data_id=uuid4(),
                    detail=RecordedDefinition(),
                ),
            )
        finish_execution(self._session.state, self._execution, status="succeeded")
        self._let_go()
        return {}

    def whole(self, target: str, timeout: float) -> dict[str, Any]:
        """Do all of it, and count in a way that counts wrong when two do it at once."""
        self.start(target, timeout)
        with self._session.warehouse.connection.cursor() as cursor:  # type: ignore[attr-defined]
            cursor.execute("SELECT value FROM public.counter")
            value = cursor.fetchall()[0][0]
            cursor.execute("SELECT pg_sleep(0.01)")
            cursor.execute("UPDATE public.counter SET value = %s", (value + 1,))
        return self.finish()

    def prune(self) -> dict[str, Any]:
        state = self._open("dev").state
        prune(state.connection, state.schema, keep_days=0)
        self._let_go()
        return {}

    def upgrade(self) -> dict[str, Any]:
        self._open("dev")
        self._let_go()
        return {}

    def _open(self, target: str, timeout: float = 0) -> Session:
        named = replace(self._target_named(target), lock_timeout=timeout)
        return self._opened.enter_context(open_session(named))

    def _let_go(self) -> None:
        self._opened.close()
        self._execution = None


def _target(folder: Path, name: str, state_url: str) -> Target:
    place = str(folder)
    return resolve_target(Settings(project_dir=place, profiles_dir=place, target=name, database_url=state_url))


class Field:
    """Many racers that start at a word."""

    def __init__(self, processes: list[Any]) -> None:
        self._processes = processes

    def all_at_once(self, commands: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Give each racer its command before reading any answer."""
        for process, command in zip(self._processes, commands, strict=False):
            process.stdin.write(json.dumps(command) + "\n")
        for process, _ in zip(self._processes, commands, strict=False):
            process.stdin.flush()
        answers = zip(self._processes, commands, strict=False)
        return [json.loads(process.stdout.readline()) for process, _ in answers]

    def tell(self, number: int, command: dict[str, Any]) -> dict[str, Any]:
        process = self._processes[number]
        process.stdin.write(json.dumps(command) + "\n")
        process.stdin.flush()
        answer: dict[str, Any] = json.loads(process.stdout.readline())
        return answer


@contextmanager
def field_of(number: int, world: World) -> Iterator[Field]:
    arguments = (world.folder.name, world.state_url)
    with ExitStack() as stack:
        yield Field([stack.enter_context(in_python("faults.racer", *arguments)) for _ in range(number)])


def _plan_of_all(session: Session, of: Project) -> Plan:
    options = RunOptions(force=True)
    return make_plan(of, *seen_now(session, of, options), request_of(session, options, None, of))


def main() -> None:
    racer = Racer(Path(sys.argv[1]), sys.argv[2])
    for line in sys.stdin:
        print(json.dumps(racer.command(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
