"""Runner of public dbt projects with packages: `run.py --projects FOLDER`.

Each folder in FOLDER is a project, see `project`. It is built, built again, commented, and changed as its changes.json
says; each time plain dbt builds the same from scratch in another database. Prints a table in Markdown.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1] / "integration_project")]

from dbt_state_plugin.testing.postgres_server import start_server  # noqa: E402 - found by the line above
from real_projects.history import Moment, Record, played  # noqa: E402
from real_projects.project import found_projects  # noqa: E402
from real_projects.table import EXPLANATION, notes, table  # noqa: E402


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; exit with 1 when something was missed or is not equal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--projects", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="this project; may be repeated")
    parser.add_argument("--logs", type=Path, metavar="FOLDER", help="where the copies and logs of all commands stay")
    parser.add_argument("--json", type=Path, metavar="FILE", help="JSON lines, appended to; what is there is not run")
    parser.add_argument("--quick", action="store_true", help="build once, then only plan; compares nothing")
    options = parser.parse_args(arguments)
    projects = [each for each in found_projects(options.projects) if not options.only or each.name in options.only]
    if not projects:
        parser.error(f"no project in {options.projects}")
    records = _known(options.json) if options.json else {}
    kept = options.logs or Path(tempfile.mkdtemp(prefix="real-projects-"))
    failed = []
    with start_server() as ours, start_server() as plain:
        for project in projects:
            if project.name in records:
                continue
            shutil.rmtree(kept / project.name, ignore_errors=True)
            started = time.monotonic()
            try:
                records[project.name] = played(project, ours, plain, kept / project.name, is_quick=options.quick)
            except Exception as error:  # the others are still of interest
                failed.append(f"{project.name}: {type(error).__name__}: {error}")
                print(failed[-1], file=sys.stderr, flush=True)
                continue
            print(f"{project.name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
            if options.json:
                with options.json.open("a") as lines:
                    lines.write(f"{json.dumps(records[project.name].as_json())}\n")
    chosen = [records[project.name] for project in projects if project.name in records]
    told = [line for each in chosen for line in notes(each)]
    print("\n".join([table(chosen), "", EXPLANATION, *told, *failed]))
    if not options.logs:
        shutil.rmtree(kept, ignore_errors=True)
    wrong = [each.project for each in chosen if any(_is_wrong(name, m) for name, m in each.moments.items())]
    return 1 if wrong or failed else 0


def _is_wrong(name: str, moment: Moment) -> bool:
    return bool(moment.unequal or (moment.missed and name != "first"))


def _known(file: Path) -> dict[str, Record]:
    lines = file.read_text().splitlines() if file.exists() else []
    read = [json.loads(line) for line in lines]
    return {
        each["project"]: Record(**{**each, "moments": {name: Moment(**m) for name, m in each["moments"].items()}})
        for each in read
    }


if __name__ == "__main__":
    sys.exit(main())
