"""The demo without Meltano, in PostgreSQL or DuckDB."""

from __future__ import annotations

import json

from story import Stage, command, edit, expect, heading, say, summary, tracked

STEPS = 8
COUNTRY = "models/marts/revenue_by_country.sql"
CUSTOMERS = "models/marts/customers.sql"
METHODS = "models/marts/payments_by_method.sql"
MONEY = "macros/money.sql"


def tell(stage: Stage) -> None:
    """Tell the whole story; raises BrokenStory where it does not come true."""
    first_run(stage)
    nothing_changed(stage)
    edited_model(stage)
    changed_macro(stage)
    amount = lifetime_amount(stage)
    broken_model(stage, amount)
    taken_back(stage, amount)
    fed_to_dbt(stage)
    history(stage)
    summary(stage)


def first_run(stage: Stage) -> None:
    """Build everything once."""
    heading(stage, 1, "The first time, everything is built and recorded")
    say("What stands after `--` goes to dbt; `--quiet` keeps its lines out of this story.")
    command(stage, "dbt-state-plugin seed -- --quiet")
    command(stage, "dbt-state-plugin snapshot -- --quiet")
    first = tracked(stage, "first run", "dbt-state-plugin run -- --quiet")
    expect(first.planned == first.built > 0, "the first run builds every model", first)


def nothing_changed(stage: Stage) -> None:
    """Run again."""
    heading(stage, 2, "Run again: nothing changed, so dbt is not started")
    second = tracked(stage, "nothing changed", "dbt-state-plugin run")
    expect(second.planned == second.built == 0, "a run without changes builds nothing", second)


def edited_model(stage: Stage) -> None:
    """Edit one model and ask why before running."""
    heading(stage, 3, "Edit one model, ask why, run")
    edit(stage, COUNTRY, "orders.status <> 'returned'", "orders.status = 'completed'")
    command(stage, "dbt-state-plugin explain revenue_by_region")
    run = tracked(stage, "one model edited", "dbt-state-plugin run -- --quiet")
    expect(run.planned == run.built == 2, "the edited model and the one that reads it are built", run)


def changed_macro(stage: Stage) -> None:
    """Change a macro that models reach only through two others."""
    heading(stage, 4, "Change a macro three levels down")
    say("Models call `money`, which calls `cents_to_units`, which calls `rounding`.")
    edit(stage, MONEY, "round({{ expression }}, 2)", "trunc({{ expression }}, 2)")
    run = tracked(stage, "a macro three levels down", "dbt-state-plugin run -- --quiet")
    settled = run.built + run.cut_off
    expect(0 < run.planned == settled < stage.models, "of the models only those that reach the macro are planned", run)


def broken_model(stage: Stage, amount: str) -> None:
    """Edit two models, one of them wrongly."""
    heading(stage, 5, "Edit two models; the second one breaks")
    edit(stage, CUSTOMERS, "sum(orders.amount)", "sum(orders.amount - orders.fee)")
    edit(stage, COUNTRY, "orders.status = 'completed'", "orders.state = 'completed'")
    run = tracked(stage, "one of two edits breaks", "dbt-state-plugin run -- --quiet", ends_with=1)
    expect(run.planned == 4 and run.built == 2, "two of four models are built and kept, two are still to be built", run)
    now = lifetime_amount(stage)
    expect(now != amount, "the edit of customers has reached its table")
    say(
        f"What was built is kept: the lifetime amounts in `customers` add up to {now} now; it was {amount}. "
        "What failed, and what reads it, is to be built next time."
    )


def taken_back(stage: Stage, amount: str) -> None:
    """Revert both edits: the files are those of the last run that succeeded, the tables are not."""
    heading(stage, 6, "Take both edits back: the tables have to follow")
    say(
        "Every file is again as the last successful run saw it. A tool that compares with that run selects nothing and "
        "leaves the edit in `customers`. Here the state is kept for each table:"
    )
    edit(stage, CUSTOMERS, "sum(orders.amount - orders.fee)", "sum(orders.amount)")
    edit(stage, COUNTRY, "orders.state = 'completed'", "orders.status = 'completed'")
    run = tracked(stage, "both edits taken back", "dbt-state-plugin run -- --quiet")
    expect(run.planned == run.built == 4, "all four models are built again", run)
    now = lifetime_amount(stage)
    expect(now == amount, "customers holds what it held before the edits")
    say(f"The lifetime amounts in `customers` add up to {now} again.")


def fed_to_dbt(stage: Stage) -> None:
    """Give the list of models to a plain `dbt run`."""
    heading(stage, 7, "The same list for `dbt run` by hand")
    edit(stage, METHODS, "count(payments.payment_id)", "count(distinct payments.payment_id)")
    selection = command(stage, "dbt-state-plugin select", reads=True).stdout.strip()
    command(stage, f"dbt run --select {selection}")
    artifact = json.loads((stage.project / "target" / "run_results.json").read_text(encoding="utf-8"))
    built = [result["unique_id"] for result in artifact["results"] if result["status"] == "success"]
    expect(built == ["model.shop.payments_by_method"], "dbt builds exactly the edited model")
    say("dbt by itself records nothing, so the next `dbt-state-plugin run` builds that model once more.")


def history(stage: Stage) -> None:
    """Show what is recorded."""
    heading(stage, 8, f"What is recorded, in {stage.warehouse.state}")
    command(stage, "dbt-state-plugin history --limit 6")


def lifetime_amount(stage: Stage) -> str:
    """Give the sum of what the table `customers` says that customers paid."""
    return str(stage.warehouse.value("SELECT sum(lifetime_amount)::numeric(12, 2)::text FROM analytics_dev.customers"))
