"""Schedules of the integration project, read by real schedulers."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.schedulers import schedulers_python

pytestmark = pytest.mark.schedulers

ROOT = Path(__file__).parents[3]
SCHEDULES = ROOT / "integration_project" / "schedules"
EVERY_TEN_MINUTES = "*/10 * * * *"
READ_DAGS = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
fields = "dag_id schedule catchup max_active_runs".split()
tasks = "task_id bash_command env append_env".split()
found = [
    {name: getattr(dag, name) for name in fields} | {"tasks": [{n: getattr(t, n) for n in tasks} for t in dag.tasks]}
    for dag in bag.dags.values()
]
print(json.dumps({"errors": {str(k): v for k, v in bag.import_errors.items()}, "dags": found}))
"""
READ_CRONTAB = """
import json, sys
from crontab import CronTab
tab = CronTab(tabfile=sys.argv[1])
print(json.dumps([[str(job.slices), job.command, job.is_valid(), dict(job.env)] for job in tab]))
"""


def read_by(program: str, path: Path, home: Path) -> Any:
    """Return what a program of the schedulers' environment prints last about a path."""
    environment = {"AIRFLOW_HOME": str(home), "HOME": str(home), "PATH": "/usr/bin:/bin"}
    command = [str(schedulers_python()), "-c", program, str(path)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


def test_airflow_finds_the_dag_and_its_one_task(tmp_path: Path) -> None:
    found = read_by(READ_DAGS, SCHEDULES, tmp_path)

    assert found["errors"] == {}
    (dag,) = found["dags"]
    (task,) = dag.pop("tasks")
    assert dag == {"dag_id": "shop", "schedule": EVERY_TEN_MINUTES, "catchup": False, "max_active_runs": 1}
    assert task["bash_command"] == "cd /srv/shop/integration_project && meltano run shop"
    assert (task["env"], task["append_env"]) == ({"MELTANO_ENVIRONMENT": "prod"}, True)


def test_cron_reads_the_lines_of_the_project_and_of_the_manual(tmp_path: Path) -> None:
    manual = (ROOT / "docs" / "scheduling.md").read_text(encoding="utf-8")
    shown = tmp_path / "shown"
    shown.write_text("\n".join(line for line in manual.splitlines() if line.startswith("*/")) + "\n", encoding="utf-8")

    of_project = read_by(READ_CRONTAB, SCHEDULES / "crontab", tmp_path)
    of_manual = read_by(READ_CRONTAB, shown, tmp_path)

    ((every, command, is_valid, variables),) = of_project
    assert (every, is_valid, variables["MELTANO_ENVIRONMENT"]) == (EVERY_TEN_MINUTES, True, "prod")
    assert command.startswith("cd /srv/shop/integration_project && meltano run shop >>")
    ((every, command, is_valid, _),) = of_manual
    assert (every, is_valid) == (EVERY_TEN_MINUTES, True)
    assert command.startswith("cd /srv/shop && dbt-state-plugin build >>")
