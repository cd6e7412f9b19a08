"""Examples at the end of each command's help."""

from __future__ import annotations

import click

_PROGRAM = "dbt-state-plugin"
EXAMPLES = {
    "run": "run --select staging+ --target prod -- --fail-fast",
    "build": "build --against prod --defer --target ci",
    "seed": "seed --full-refresh-changed",
    "snapshot": "snapshot --select orders_history",
    "plan": "plan --for build --all",
    "select": "select --output state-dir due",
    "record": "record --target-path target",
    "doctor": "doctor --target prod",
    "explain": "explain orders --for run",
    "history": "history --limit 5 --output json",
    "show": "show 14fdd3cc",
    "report": "report --execution 14fdd3cc --output report.html",
    "forget": "forget orders customers",
    "adopt": "adopt --select staging --yes",
    "state": "state current",
    "state upgrade": "state upgrade --sql --from 0005 > upgrade.sql",
    "state downgrade": "state downgrade 0005 --yes",
    "state roles": "state roles | psql warehouse",
    "state sources": "state sources > models/dbt_state_plugin.yml",
    "state current": "state current --target prod",
    "state history": "state history",
    "state prune": "state prune --keep-days 30 --dry-run",
    "state export-manifest": "state export-manifest prod --output-dir prod-state",
    "state check": "state check --target prod",
    "state import-dpo": "state import-dpo postgresql://loader@warehouse/shop",
    "state orphans": "state orphans --drop --yes",
    "completion": "completion --install",
    "init-execution": "execution=$(dbt-state-plugin init-execution)",
    "get-last-successful-execution": "previous=$(dbt-state-plugin get-last-successful-execution)",
    "get-execution-completion-timestamp": 'get-execution-completion-timestamp "$previous"',
    "init-step": "init-step \"$execution\" TRANSFORM models '**/*.sql'",
    "compare-step-models": 'compare-step-models "$step" "$previous"',
    "complete-step": 'complete-step "$step" --rows-processed 1200',
    "complete-execution": 'complete-execution "$execution"',
    "fail-execution": 'fail-execution "$execution"',
}


def with_example(command: click.Command, name: str) -> click.Command:
    """Return the command, and those below it, with an example at the end of the help."""
    if example := EXAMPLES.get(name):
        line = example if _PROGRAM in example else f"{_PROGRAM} {example}"
        command.epilog = f"\b\nExample:\n  {line}"
    if isinstance(command, click.Group):
        for inner, subcommand in command.commands.items():
            with_example(subcommand, f"{name} {inner}")
    return command
