"""The one comment that the pull request workflow keeps up to date."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import yaml

PAGE = Path(__file__).parents[3] / "docs" / "pull-requests.md"
# GitHub's program, as far as the workflow asks it: comments are kept in a file. `--jq` is answered by the marker alone.
GH = """#!/usr/bin/env python3
import json, os, sys
file = os.environ["COMMENTS"]
comments = json.load(open(file))
arguments = sys.argv[2:]
body = next((open(each[6:]).read() for each in arguments if each.startswith("body=@")), None)
if "--jq" in arguments:
    wanted = "<!-- dbt-state-plugin -->"
    assert wanted in arguments[arguments.index("--jq") + 1]
    print("\\n".join(number for number, text in comments.items() if text.startswith(wanted)))
elif "PATCH" in arguments:
    number = next(each for each in arguments if "/comments/" in each).rsplit("/", 1)[1]
    assert number in comments
    comments[number] = body
else:
    comments[str(len(comments) + 1)] = body
json.dump(comments, open(file, "w"))
"""


def test_there_is_one_comment_with_the_newest_text(tmp_path: Path) -> None:
    (workflow,) = re.findall(r"```yaml\n(.*?)\n```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    script = yaml.safe_load(workflow)["jobs"]["changes"]["steps"][-1]["run"]
    (tmp_path / "comments.json").write_text(json.dumps({"1": "of a person"}))
    program = tmp_path / "gh"
    program.write_text(GH)
    program.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "COMMENTS": str(tmp_path / "comments.json"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "GITHUB_REPOSITORY": "shop/dbt",
        "NUMBER": "7",
    }

    for text in ("first", "second", "third"):
        (tmp_path / "changes.md").write_text(f"<!-- dbt-state-plugin -->\n\n{text} @all\n")
        subprocess.run(["bash", "-e", "-o", "pipefail", "-c", script], cwd=tmp_path, env=environment, check=True)

    assert json.loads((tmp_path / "comments.json").read_text()) == {
        "1": "of a person",
        "2": "<!-- dbt-state-plugin -->\n\nthird @all\n",
    }
    assert "first" in (tmp_path / "summary.md").read_text()
