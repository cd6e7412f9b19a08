"""One of many processes that race for an environment.

`python -m faults.racer URL` does to the state what a run does, without dbt. Commands and answers are lines of JSON.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from uuid import UUID, uuid4

from dbt_state_plugin.core.decision.rule import make_plan
from dbt_state_plugin.core.lineage import build_order, lineages, record_key, trace_of
from dbt_state_plugin.core.values.plan import Plan
from dbt_state_plugin.core.values.project import Project
from dbt_state_plugin.core.values.records import RecordedDefinition
from dbt_state_plugin.core.values.relations import Environment
from dbt_state_plugin.core.values.results import NodeOutcome
from dbt_state_plugin.errors import PluginError
from dbt_state_plugin.operations.options import RunOptions
from dbt_state_plugin.operations.planning.inputs import request_of, seen_now
from dbt_state_plugin.operations.session import Session
from dbt_state_plugin.operations.settings import Settings
from dbt_state_plugin.operations.target import StateAddress, Target
from dbt_state_plugin.postgres.connection import connect
from dbt_state_plugin.postgres.settings import DatabaseSettings
from dbt_state_plugin.state.builds import BuildRecord, record_build
from dbt_state_plugin.state.executions import NewExecution, begin_execution, begin_step, finish_execution
from dbt_state_plugin.state.intents import PlannedNode, open_intents
from dbt_state_plugin.state.lock import acquire_lock
from dbt_state_plugin.state.retention import prune
from dbt_state_plugin.state.schema import ensure_schema
from dbt_state_plugin.state.state import State, open_state
from dbt_state_plugin.warehouse.postgres.catalog import IDENTITY_SQL
from dbt_state_plugin.warehouse.postgres.warehouse import PostgresWarehouse
from faults.proxy import in_python
from faults.tables import graph

SCHEMA = Settings().state_schema
MODELS = [("a", "table", ("src",)), ("b", "table", ("a",)), ("c", "view", ("b",)), ("d", "table", ("c",))]


class Racer:
    """Take the lock, say what is built, record it and let go, each when told."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: Any = None
        self._execution: UUID | None = None

    def command(self, command: Mapping[str, Any]) -> dict[str, Any]:
        try:
            found: dict[str, Any] = getattr(self, command["name"])(**command.get("with", {}))
        except PluginError as error:
            self._let_go()
            return {"error": type(error).__name__, "what": error.what}
        return {**found, "pid": os.getpid()}

    def start(self, target: str, timeout: float) -> dict[str, Any]:
        """Do what a run does up to where dbt would start."""
        state = self._open(target)
        acquire_lock(state, timeout=timeout)
        self._execution = execution = uuid4()
        begin_execution(
            state,
            NewExecution(
                execution_id=execution,
                command="run",
                caller="test",
                host="here",
                process_id=os.getpid(),
                tool_version="1",
            ),
        )
        of = graph(self._connection.info.dbname, MODELS)
        begin_step(state, execution, name="TRANSFORM", checksums={"a": "1"}, dbt_version="1", adapter_version="1")
        self._plan = _plan_of_all(state, self._connection, of)
        self._nodes = [PlannedNode(key=record_key(entry.node, of), entry=entry) for entry in self._plan.to_build]
        open_intents(state, execution, self._nodes, store_code=True)
        return {"execution": str(execution)}

    def finish(self, target: str) -> dict[str, Any]:
        """Record all nodes and end."""
        assert self._execution is not None
        state = open_state(self._connection, SCHEMA, _environment(self._connection, target))
        of = graph(self._connection.info.dbname, MODELS)
        lineage = lineages(of, build_order(of))
        for node in self._nodes:
            name = node.entry.node.unique_id
            record_build(
                state,
                BuildRecord(
                    key=node.key,
                    execution_id=self._execution,
                    build_id=uuid4(),
                    entry=node.entry,
                    trace=trace_of(of, lineage[name], self._plan.parent_versions),
                    identity=None,
                    identity_sql=IDENTITY_SQL,
                    outcome=NodeOutcome(unique_id=name, status="success"),
                    stores_code=True,
                    data_id=uuid4(),
                    detail=RecordedDefinition(),
                ),
            )
        finish_execution(state, self._execution, status="succeeded")
        self._let_go()
        return {}

    def whole(self, target: str, timeout: float) -> dict[str, Any]:
        """Do all of it, and count in a way that counts wrong when two do it at once."""
        self.start(target, timeout)
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT value FROM public.counter")
            value = cursor.fetchall()[0][0]
            cursor.execute("SELECT pg_sleep(0.01)")
            cursor.execute("UPDATE public.counter SET value = %s", (value + 1,))
        return self.finish(target)

    def prune(self) -> dict[str, Any]:
        self._open("dev")
        prune(self._connection, SCHEMA, keep_days=0)
        self._let_go()
        return {}

    def upgrade(self) -> dict[str, Any]:
        self._open("dev")
        self._let_go()
        return {}

    def _open(self, target: str) -> State:
        self._connection = connect(DatabaseSettings.from_url(self._url))
        ensure_schema(self._connection, SCHEMA)
        return open_state(self._connection, SCHEMA, _environment(self._connection, target))

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = self._execution = None


def _environment(connection: Any, target: str) -> Environment:
    return Environment(project="shop", target=target, database=connection.info.dbname, schema="wh")


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
def field_of(number: int, url: str) -> Iterator[Field]:
    with ExitStack() as stack:
        yield Field([stack.enter_context(in_python("faults.racer", url)) for _ in range(number)])


def _plan_of_all(state: State, connection: Any, of: Project) -> Plan:
    address = StateAddress(database=DatabaseSettings(), schema=state.schema)
    target = Target(state=address, environment=state.environment)
    session = Session(target=target, state=state, warehouse=PostgresWarehouse(connection))
    options = RunOptions(force=True)
    return make_plan(of, *seen_now(session, of, options), request_of(session, options, None, of))


def main() -> None:
    racer = Racer(sys.argv[1])
    for line in sys.stdin:
        print(json.dumps(racer.command(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
