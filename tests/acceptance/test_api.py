"""Plans and runs of Python programs."""

from __future__ import annotations

import json
import subprocess

from support import forkserver
from support.project import ProjectWriter

PROGRAM = """
import json
import subprocess
import sys
import dbt_state_plugin
from dbt_state_plugin import report  # a module of the package must not stand in the way of the public functions
from dbt_state_plugin import Settings

settings = Settings(variables={"factor": 2})
told = []
before = dbt_state_plugin.plan(settings, progress=told.append)
counted = [step for step in told if step.stage.value == "parse" and step.total]
result = dbt_state_plugin.run(settings, select="orders")
after = dbt_state_plugin.plan(settings)
dbt = ["dbt", "--quiet", "run", "--vars", "{factor: 2}"]
subprocess.run(dbt, check=True, stdout=sys.stderr)
told = []
recorded = dbt_state_plugin.record(progress=told.append)  # takes the vars that dbt was given
print(json.dumps({
    "recorded": [each.unique_id for each in recorded.nodes if each.recording == "recorded"],
    "due": [entry.node.name for entry in dbt_state_plugin.plan(settings).to_build],
    "before": [entry.node.name for entry in before.to_build],
    "parsed": {each.total - each.done for each in counted[-1:]} == {0},
    "models": sum(each.total for each in counted[:1]) > 2,
    "written": [[each.done, each.total, each.detail] for each in told if each.stage.value == "record"],
    "status": result.status,
    "built": [entry.node.name for entry in result.built],
    "after": [[entry.node.name, entry.reasons[0].kind.value] for entry in after.to_build],
}))
"""


def test_a_program_plans_and_runs(dbt_project: ProjectWriter) -> None:
    project = dbt_project(
        {
            "models/orders.sql": "{{ config(materialized='table') }} select {{ var('factor') }} as amount",
            "models/revenue.sql": "{{ config(materialized='table') }} select sum(amount) as a from {{ ref('orders') }}",
        }
    )

    program = project.write("program.py", PROGRAM)
    programs = forkserver.programs()
    answer = subprocess.run(
        [str(programs / forkserver.SCRIPT), str(program)],
        cwd=project.directory,
        env={**project.environment, "PATH": f"{programs}:{project.environment['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout.splitlines()[-1]) == {
        "recorded": ["model.shop.orders", "model.shop.revenue"],
        "due": [],
        "before": ["orders", "revenue"],
        "parsed": True,
        "models": True,
        "written": [[1, 2, "model.shop.orders"], [2, 2, "model.shop.revenue"]],
        "status": "succeeded",
        "built": ["orders"],
        "after": [["revenue", "new"]],
    }
