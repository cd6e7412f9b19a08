"""Cost of plan, intents and selection where every node is built.

It runs in the project's folder, on what a run has recorded there, and needs no parse. The execution that it begins ends
as failed.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from dbt_state_plugin.core.decision.rule import make_plan
from dbt_state_plugin.core.lineage import record_key
from dbt_state_plugin.dbt_runner.arguments import read_extra_arguments
from dbt_state_plugin.dbt_runner.selection_folder import write_folder
from dbt_state_plugin.operations.execution_record import recorded_execution
from dbt_state_plugin.operations.options import RunOptions
from dbt_state_plugin.operations.parsed_project import recorded_project
from dbt_state_plugin.operations.planning.inputs import Planned, request_of, seen_now
from dbt_state_plugin.operations.session import open_session
from dbt_state_plugin.operations.settings import Settings
from dbt_state_plugin.operations.target import invocation_of, resolve_target
from dbt_state_plugin.state.executions import finish_execution
from dbt_state_plugin.state.intents import PlannedNode, open_intents
from dbt_state_plugin.state.relations import installation_key


def main() -> None:
    """Print the seconds of CPU of each part."""
    import dbt.version  # noqa: F401 - which version it is stands in the selection; its import is no part of this

    target, options = resolve_target(Settings()), RunOptions(force=True)
    with open_session(target) as session:
        state, execution_id = session.state, uuid4()
        extra = read_extra_arguments((), os.environ)

        def planned() -> Planned:
            project = recorded_project(session, installation_key(state), extra)
            if project is None:
                raise SystemExit("The inputs differ from the recorded ones.")
            plan = make_plan(project, *seen_now(session, project, options), request_of(session, options, None, project))
            return Planned(plan=plan, project=project, invocation=invocation_of(target))

        plan = _timed("plan", planned)
        nodes = [PlannedNode(key=record_key(entry.node, plan.project), entry=entry) for entry in plan.plan.to_build]
        with recorded_execution(session, execution_id, command="run"):
            _timed("intents", lambda: open_intents(state, execution_id, nodes, store_code=True))
        finish_execution(state, execution_id, status="failed")
        state.execute("DELETE FROM {state}.intent WHERE execution_id = %s", (str(execution_id),))
        with tempfile.TemporaryDirectory() as folder:
            _timed("selection", lambda: write_folder(plan.plan, str(Path(folder) / "selection")))


def _timed(name: str, action: Callable[[], Any]) -> Any:
    before = time.process_time()
    result = action()
    print(f"{name}: {time.process_time() - before:.3f}")
    return result
