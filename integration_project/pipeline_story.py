"""The demo with Meltano: data, code and both change."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from typing import Any

from story import Chapter, Stage, command, edit, expect, filtered, heading, say, summary

STEPS = 8
CUSTOMER, PAYMENT = 4, 40
COUNTRY = "transform/models/marts/revenue_by_country.sql"
BELOW_CUSTOMERS = {
    "customers_snapshot",
    "customer_history",
    "customers",
    "revenue_by_country",
    "revenue_by_region",
    "top_customers",
}
BELOW_COUNTRY = {"revenue_by_country", "revenue_by_region"}
RUN = "meltano run shop"
# dbt's own lines, the notes on which tables are compared, and the tests that are due beside the models.
LEFT_OUT = re.compile(r"(\x1b\[\d*m)*\d\d:\d\d:\d\d( |$)|Reading |  ((build|later)\??|again|cut) +test ")


def tell(stage: Stage) -> None:
    """Tell the whole story; raises BrokenStory where it does not come true."""
    installed(stage)
    first_run(stage)
    no_business(stage)
    one_customer(stage)
    edited_model(stage)
    both(stage)
    repaired(stage)
    another_selection(stage)
    history(stage)
    summary(stage, plain="dbt build", things="relations")


def installed(stage: Stage) -> None:
    """Open the shop and install the plugins."""
    heading(stage, 1, "A shop, a warehouse, and the plugins between them")
    say("meltano.yml names the extractor, the loader and dbt-state-plugin; each gets an environment of its own.")
    command(stage, "python new_business.py open")
    filtered(stage, "meltano install --schedule shop-every-ten-minutes", of_installation)
    filtered(stage, "meltano invoke dbt-state-plugin:deps --quiet", of_plugin)


def first_run(stage: Stage) -> None:
    """Extract, load and build everything."""
    heading(stage, 2, "Every ten minutes: extract, load, build")
    say("Of Meltano's lines this story shows how many rows were extracted; those of dbt and of tests are left out.")
    first = pipeline_run(stage, "first run")
    expect(first.built == first.planned > 0, "the first run builds everything", first)


def no_business(stage: Stage) -> None:
    """Run again."""
    heading(stage, 3, "Ten minutes later, nobody has bought anything")
    say(
        "The tap sends rows again: those at the bookmark, and the whole table of payments. They are equal to those "
        "that are there, so nothing is built."
    )
    second = pipeline_run(stage, "rows sent again, none new")
    expect(second.planned == second.built == 0, "rows that are only sent again build nothing", second)


def one_customer(stage: Stage) -> None:
    """Let one customer move."""
    heading(stage, 4, "New data: one customer moves")
    command(stage, f"python new_business.py move {CUSTOMER} GB")
    run = pipeline_run(stage, "one customer moves")
    expect(run.names == BELOW_CUSTOMERS, "exactly what reads customers is built", run)
    country = one_value(stage, "select country_code from analytics_dev.customers where customer_id = %s", CUSTOMER)
    expect(country == "GB", "the move has reached the warehouse")


def edited_model(stage: Stage) -> None:
    """Edit one model."""
    heading(stage, 5, "New code: one model is edited")
    edit(stage, COUNTRY, "orders.status <> 'returned'", "orders.status = 'completed'")
    run = pipeline_run(stage, "one model edited")
    expect(run.names == BELOW_COUNTRY, "the edited model and the one that reads it are built", run)


def both(stage: Stage) -> None:
    """Let business happen, and break the model."""
    heading(stage, 6, "Both at once, and the edit is wrong")
    command(stage, f"python new_business.py take-back {PAYMENT}")
    edit(stage, COUNTRY, "orders.status = 'completed'", "orders.state = 'completed'")
    run = pipeline_run(stage, "new data and a broken model", ends_with=1)
    expect(run.names.isdisjoint(BELOW_COUNTRY), "the broken model and the one that reads it are not built", run)
    expect("payments_by_method" in run.names, "what reads the payments is built all the same", run)
    say("The pipeline ended with 1, as a scheduler wants it. What could be built is built and recorded.")


def repaired(stage: Stage) -> None:
    """Repair the model."""
    heading(stage, 7, "The repair builds what was left over")
    edit(stage, COUNTRY, "orders.state = 'completed'", "orders.status = 'completed'")
    run = pipeline_run(stage, "repaired")
    expect(run.names >= BELOW_COUNTRY, "the repaired model and the one that reads it are built", run)
    expect("payments_by_method" not in run.names, "what was built before the failure is left alone", run)


def another_selection(stage: Stage) -> None:
    """Extract one column more, and reload exactly the stream that it is in."""
    heading(stage, 8, "Another extraction: the phone numbers too")
    edit(stage, "meltano.yml", '"!public-customers.phone", ', "")
    plan = filtered(stage, "meltano invoke dbt-state-plugin:load-plan", of_plugin)
    expect(any("select changed" in line for line in plan), "the plan of the load says that the selection changed")
    say("A tap goes on at its bookmark, so old rows would never get their numbers. `--apply` takes that bookmark away:")
    line = "meltano run dbt-state-plugin:load-plan-apply tap-postgres target-postgres dbt-state-plugin:build"
    run = pipeline_run(stage, "another extraction", line)
    phones = one_value(stage, "select count(phone) from raw.customers")
    expect(phones == 12, f"all customers have been loaded again ({phones} of 12 have a number)", run)


def history(stage: Stage) -> None:
    """Show what is recorded."""
    say("What was extracted, loaded and built, and when, is recorded in the warehouse:")
    filtered(stage, "meltano invoke dbt-state-plugin:history --limit 4", of_plugin)


def pipeline_run(stage: Stage, name: str, line: str = RUN, *, ends_with: int = 0) -> Chapter:
    """Run the pipeline, and give what its last execution built according to the history."""
    begun = time.monotonic()
    filtered(stage, line, of_run, ends_with=ends_with)
    seconds = time.monotonic() - begun
    last = answer_of(stage, "history", "--limit", "1")["executions"][0]
    nodes = answer_of(stage, "show", last["execution_id"])["nodes"]
    written = [node for node in nodes if node["resource_type"] in ("model", "seed", "snapshot")]
    names = frozenset(node["unique_id"].split(".")[2] for node in written if node["status"] == "success")
    chapter = Chapter(name=name, built=len(names), planned=len(written), seconds=seconds, names=names)
    stage.chapters.append(chapter)
    expect(last["status"] == ("failed" if ends_with else "succeeded"), "the history tells how the run ended", chapter)
    return chapter


def answer_of(stage: Stage, *arguments: str) -> Any:
    """Ask dbt-state-plugin without showing it."""
    answer = subprocess.run(
        [sys.executable, "-m", "dbt_state_plugin", *arguments, "--output", "json"],
        cwd=stage.transform,
        env=stage.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    expect(answer.returncode == 0, f"`dbt-state-plugin {arguments[0]}` answers ({answer.stderr.strip()})")
    return json.loads(answer.stdout)


def one_value(stage: Stage, query: str, *values: object) -> Any:
    """Ask the warehouse for one value."""
    return stage.warehouse.value(query, *values)


def of_installation(line: str) -> str | None:
    """Show which plugins were installed, and errors with what the installer said."""
    event = logged(line)
    text = str(event.get("event", ""))
    if event.get("level") in ("error", "critical"):
        details = str((event.get("install_state") or {}).get("details") or "").strip()
        return "\n    ".join([f"  {text}", *details.splitlines()])
    return f"  {text}" if text.startswith("Installed ") else None


def of_run(line: str) -> str | None:
    """Show how many rows were extracted and what dbt-state-plugin says, without dbt's lines."""
    event = logged(line)
    name, text = str(event.get("name", "")), str(event.get("event", ""))
    if name == "dbt-state-plugin":
        return None if LEFT_OUT.match(text) or not text.strip() else text
    if name.startswith("tap-") and text.startswith("METRIC:") and '"record_count"' in text:
        metric = json.loads(text.removeprefix("METRIC:"))
        rows = metric["value"]
        return f"  extracted  {metric['tags']['stream']}: {rows} row{'' if rows == 1 else 's'}"
    return f"  {name}: {text}" if name and event.get("level") in ("error", "critical") else None


def of_plugin(line: str) -> str | None:
    """Show what stands alone on a line; Meltano's own lines are JSON, or begin with a time."""
    return None if logged(line) or re.match(r"\d{4}-\d\d-\d\dT", line) else line


def logged(line: str) -> dict[str, Any]:
    """Give what Meltano logged on a line, or nothing."""
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
