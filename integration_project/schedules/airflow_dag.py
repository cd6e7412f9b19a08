"""The shop's pipeline for Airflow 3.

In Airflow 2, import DAG from `airflow` and BashOperator from `airflow.operators.bash`.
"""

from __future__ import annotations

from datetime import datetime, timezone

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG(
    dag_id="shop",
    schedule="*/10 * * * *",  # as `schedules:` in meltano.yml says
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,  # a missed run is caught up by the next one: it builds all that has changed since
    max_active_runs=1,
):
    # One task, not one for each model: which models need it is found out when the rows have arrived.
    BashOperator(
        task_id="pipeline",
        bash_command="cd /srv/shop/integration_project && meltano run shop",
        env={"MELTANO_ENVIRONMENT": "prod"},
        append_env=True,
    )
