"""A test's Spark project, and a process with a session."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.project import Project, clean_environment

_PROFILE = """\
shop:
  target: dev
  outputs:
    dev:
      type: spark
      method: session
      host: unused
      schema: main
      threads: 1
      server_side_parameters:
        spark.master: local[1]
        spark.driver.memory: 1g
        spark.ui.enabled: "false"
        spark.sql.shuffle.partitions: "1"
        spark.default.parallelism: "1"
        spark.hadoop.fs.viewfs.mounttable.shop.link./lake: FOLDER
"""
_PROJECT = """\
name: shop
version: "1.0"
profile: shop
vars: {rate: 2}
models: {+materialized: table}
"""
# A session starts once for all commands and statements; each answer is a line of JSON on a pipe of its own.
_NOTEBOOK = """
import contextlib, io, json, os, sys
import yaml
from pyspark.sql import SparkSession
from dbt_state_plugin.cli import entry

def command(module, arguments):
    out, err, code = io.StringIO(), io.StringIO(), 0
    sys.argv = [module, *arguments]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            if module == "dbt":
                from dbt.cli.main import dbtRunner
                code = 0 if dbtRunner().invoke(arguments).success else 1
            else:
                entry.main()
        except SystemExit as ended:
            code = ended.code or 0
    return [code, out.getvalue(), err.getvalue()]

def content(query):
    from dbt_state_plugin.warehouse.spark.catalog import columns_of
    from dbt_state_plugin.warehouse.spark.content import content_of
    rows = spark.sql(query)
    rows.createOrReplaceTempView("of_content")
    return content_of(spark, "of_content", columns_of(json.loads(rows._jdf.schema().json())["fields"]))

answers = os.fdopen(int(sys.argv[1]), "w")
given = yaml.safe_load(open("profiles.yml"))["shop"]["outputs"]["dev"]["server_side_parameters"]
builder = SparkSession.builder.enableHiveSupport()
for name, value in {**given, "spark.log.level": "ERROR", "spark.ui.showConsoleProgress": "false"}.items():
    builder = builder.config(name, value)
spark = builder.getOrCreate()
for line in sys.stdin:
    asked = json.loads(line)
    if "statements" in asked:
        for statement in asked["statements"]:
            answer = [list(row) for row in spark.sql(statement).collect()]
    elif "evaluated" in asked:
        answer = eval(asked["evaluated"])
    else:
        answer = command(asked["program"], asked["arguments"])
    answers.write(json.dumps(answer, default=str) + "\\n")
    answers.flush()
"""


def missing_spark() -> str | None:
    """Return what of Spark is not installed."""
    if importlib.util.find_spec("pyspark") is None or importlib.util.find_spec("dbt.adapters.spark") is None:
        return "pyspark (`uv run --group spark pytest tests/spark`)"
    home = os.environ.get("JAVA_HOME")
    return None if shutil.which("java", path=f"{home}/bin" if home else None) else "Java 17 (openjdk-17-jre-headless)"


@dataclass(frozen=True, slots=True, kw_only=True)
class SparkProject:
    """A dbt-spark project whose metastore is in its folder, and whose state is in SQLite beside it."""

    project: Project

    @contextmanager
    def notebook(self) -> Iterator[Notebook]:
        """Give a process with a session, which ends with it."""
        reader, writer = os.pipe()
        process = subprocess.Popen(
            [sys.executable, "-c", _NOTEBOOK, str(writer)],
            cwd=self.project.directory,
            env=self.project.environment,
            stdin=subprocess.PIPE,
            text=True,
            pass_fds=[writer],
        )
        os.close(writer)
        with os.fdopen(reader) as answers:
            try:
                yield Notebook(project=self.project, process=process, answers=answers)
            finally:
                process.communicate()

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a process of its own, which starts and ends a session where it needs one."""
        return subprocess.run(
            [sys.executable, "-m", "dbt_state_plugin", *arguments],
            cwd=self.project.directory,
            env={**self.project.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Notebook:
    """A process with a session, in which statements and commands are executed."""

    project: Project
    process: subprocess.Popen[str]
    answers: Any

    def query(self, *statements: str) -> Any:
        """Execute statements as a loader or a person does; return the last rows."""
        return self._asked(statements=statements)

    def evaluated(self, expression: str) -> Any:
        """Return the value of an expression of Python in which `spark` is the session."""
        return self._asked(evaluated=expression)

    def plugin(self, *arguments: str, check: int = 0) -> str:
        """Run dbt-state-plugin; return what it printed."""
        return self._command("dbt-state-plugin", arguments, check)[0]

    def logged(self, *arguments: str) -> str:
        """Run dbt-state-plugin; return what it said beside its output."""
        return self._command("dbt-state-plugin", arguments, 0)[1]

    def dbt(self, *arguments: str) -> str:
        """Run dbt; return what it printed."""
        return self._command("dbt", arguments, 0)[0]

    def planned(self) -> Any:
        """Return the plan of a run."""
        return json.loads(self.plugin("plan", "--output", "json"))

    def reasons(self) -> dict[str, list[str]]:
        """Return the nodes that would be built with the words of their reasons."""
        nodes = self.planned()["nodes"]
        return {
            each["name"]: [why["detail"] for why in each["reasons"]] for each in nodes if each["decision"] == "build"
        }

    def _command(self, program: str, arguments: Iterable[str], check: int) -> tuple[str, str]:
        code, out, err = self._asked(program=program, arguments=tuple(arguments))
        assert code == check, f"{program} {arguments} ended with {code}\n--- stdout\n{out}\n--- stderr\n{err}"
        return str(out), str(err)

    def _asked(self, **what: Any) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()
        line = self.answers.readline()
        assert line, f"the session has ended: {what}"
        return json.loads(line)


def write_spark_project(folder: Path, files: Mapping[str, str]) -> SparkProject:
    """Write a project into a new folder, with an empty metastore and a lake at `viewfs://shop/lake`."""
    directory, home, lake = folder / "project", folder / "home", folder / "lake"
    for each in (directory, home, lake):
        each.mkdir(parents=True)
    project = Project(directory=directory, environment=clean_environment(home))
    profile = _PROFILE.replace("FOLDER", lake.as_uri())
    for path, text in {"dbt_project.yml": _PROJECT, "profiles.yml": profile, **files}.items():
        project.write(path, text)
    return SparkProject(project=project)
