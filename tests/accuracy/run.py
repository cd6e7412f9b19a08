"""Runner of the mutations: `python tests/accuracy/run.py` prints a table.

Results are appended to a file of JSON lines as they come; started again with the same file, it goes on where it ended.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "integration_project")]

from accuracy import score, warehouse  # noqa: E402
from accuracy.duckdb_port import NOT_APPLICABLE  # noqa: E402
from accuracy.mutation import GROUPS, PROJECTS, Mutation  # noqa: E402
from accuracy.mutations import MUTATIONS  # noqa: E402
from dbt_state_plugin.testing.postgres_server import Server, start_server  # noqa: E402 - found by the line above


def run_mutations(
    server: Server | None,
    mutations: Sequence[Mutation],
    *,
    jobs: int = 1,
    asks_others: bool = True,
    cutoff: str = "always",
) -> Iterator[dict[str, Any]]:
    """Yield one record per mutation, see `score`, as they come from so many worker processes.

    The warehouse is one of this server, without one a DuckDB file. `cutoff` is what runs of ours are asked for.
    """
    if not mutations:
        return
    waiting: queue.SimpleQueue[Mutation] = queue.SimpleQueue()
    for mutation in mutations:
        waiting.put(mutation)
    answers: queue.SimpleQueue[dict[str, Any] | Exception] = queue.SimpleQueue()
    login = _login(server) if server else None
    settings = json.dumps({"server": login, "asks_others": asks_others, "cutoff": cutoff})
    threads = [
        threading.Thread(target=_work_off, args=(settings, waiting, answers), daemon=True)
        for _ in range(min(jobs, len(mutations)))
    ]
    for thread in threads:
        thread.start()
    for _ in mutations:
        answer = answers.get()
        if isinstance(answer, Exception):
            raise answer
        yield answer
    for thread in threads:
        thread.join()


def _login(server: Server) -> dict[str, Any]:
    warehouse.create_roles(server)
    return {key: getattr(server, key) for key in ("host", "port", "user", "password", "dbname", "version", "origin")}


def _work_off(settings: str, waiting: queue.SimpleQueue[Mutation], answers: queue.SimpleQueue[Any]) -> None:
    with subprocess.Popen(
        [sys.executable, str(HERE / "worker.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdin
        assert worker.stdout
        try:
            _say(worker, settings)
            while True:
                mutation = waiting.get_nowait()
                _say(worker, mutation.name)
                answers.put(json.loads(_heard(worker)))
        except queue.Empty:
            pass
        except Exception as error:
            answers.put(error)
        worker.stdin.close()


def _say(worker: subprocess.Popen[str], line: str) -> None:
    assert worker.stdin
    worker.stdin.write(line + "\n")
    worker.stdin.flush()


def _heard(worker: subprocess.Popen[str]) -> str:
    assert worker.stdout
    while True:
        line = worker.stdout.readline()
        if not line:
            raise RuntimeError("The worker ended; see what it wrote to stderr.")
        if line.startswith("{"):
            return line


def chosen(only: Iterable[str], groups: Iterable[str], kind: str = "postgres") -> list[Mutation]:
    """Return the mutations whose name contains one of the texts and whose group is one of the groups.

    Those are left out that this kind of warehouse cannot have.
    """
    texts, wanted = list(only), set(groups)
    return [
        mutation
        for mutation in MUTATIONS
        if kind == "postgres" or (mutation.project == PROJECTS[0] and mutation.name not in NOT_APPLICABLE)
        if (not wanted or mutation.group in wanted) and (not texts or any(text in mutation.name for text in texts))
    ]


def main() -> int:
    """Run from the command line; exit with 1 when something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--warehouse", choices=("postgres", "duckdb"), default="postgres")
    parser.add_argument("--only", action="append", default=[], metavar="SUBSTRING", help="mutations named so")
    parser.add_argument("--groups", nargs="+", default=[], choices=GROUPS)
    parser.add_argument("--jobs", type=int, default=2, help="worker processes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="JSON lines, appended to; what is there is not run")
    parser.add_argument("--ours-only", action="store_true", help="do not ask the other detectors, which is quicker")
    parser.add_argument("--cutoff", choices=("always", "auto", "never"), default="always", help="asked of our runs")
    parser.add_argument("--list", action="store_true", help="print the mutations and run none")
    options = parser.parse_args()
    mutations = chosen(options.only, options.groups, options.warehouse)
    if options.list:
        print("\n".join(f"{mutation.group}: {mutation.name}" for mutation in mutations))
        return 0
    file = options.json or Path(tempfile.gettempdir()) / f"accuracy-{os.getpid()}.jsonl"
    known = {}
    if file.exists():
        known = {record["mutation"]: record for record in map(json.loads, file.read_text().splitlines())}
    todo = [mutation for mutation in mutations if "error" in known.get(mutation.name, {"error": "not run yet"})]
    is_duckdb = options.warehouse == "duckdb"
    with nullcontext() if is_duckdb else start_server() as server, file.open("a") as lines:
        for number, record in enumerate(
            run_mutations(server, todo, jobs=options.jobs, asks_others=not options.ours_only, cutoff=options.cutoff),
            1,
        ):
            known[record["mutation"]] = record
            lines.write(json.dumps(record) + "\n")
            lines.flush()
            print(f"[{number}/{len(todo)}] {_progress(record)}", file=sys.stderr, flush=True)
    records = [known[mutation.name] for mutation in mutations]
    found = score.findings(records)
    needed = score.planned_recall(score.completed(records))
    print(score.table(records))
    print(f"\nPlanned of what has to be built: {needed[0]} of {needed[1]}.")
    print("\n".join(["", *score.by_rule(records)]))
    print("\n".join(["", *found]) if found else "\nNothing missed, nothing superfluous, every run converges.")
    print(f"Results: {file}", file=sys.stderr)
    return 1 if found else 0


def _progress(record: dict[str, Any]) -> str:
    name = f"{record['group']}: {record['mutation']} ({record.get('cpu_seconds')} s)"
    if "error" in record:
        return f"{name}: ERROR {record['error'][:300]}"
    ours = score.verdict(record, score.OURS)
    truth = record["truth"]
    return (
        f"{name}: {len(truth['changed'])} changed, {len(truth['removed'])} removed; "
        f"{len(ours.misses)} missed, {len(ours.false_alarms)} false, {len(record['converges'])} not equal"
    )


if __name__ == "__main__":
    sys.exit(main())
