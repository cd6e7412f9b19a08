"""Nodes with hostile names, planned, built and printed exactly."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterable, Mapping

import yaml
from faults.size import size
from support import forkserver
from support.database import Database
from support.hostile_names import hostile_names
from support.project import NAME, PROJECT_FILE, SCHEMA, Project

ProjectFactory = Callable[[Mapping[str, str]], Project]

# dbt takes all of these. A name with a double quote and one of 64 bytes parse too, and fail at run time in dbt itself.
NAMEABLE = (
    "it's",
    "1st",
    "grün_日本",
    "dot.ted",
    "--select",
    "$(id)",
    "`id`",
    "100%s",
    "!not",
    "a&b|c>d;e",
    "report.sql",
    NAME,
    "n" * 63,
)
UNNAMEABLE = (
    "x,y",
    "+parents",
    "children+",
    "@all",
    "st*r",
    "wh?t",
    "br[ab]c",
    "tag:daily",
    "back\\slash",
    "a;drop table calm",
    "ta\tb",
    "new\nline",
    "red\x1b[31m",
    "reset\x1bc",
    "csi\x9b31m",
    "right\u202eleft",
)
CALM = "calm"  # ordinary, and never changed
WITH_SPACES = {"dbt_project.yml": PROJECT_FILE + "flags:\n  require_resource_names_without_spaces: false\n"}
BUILT = """
    SELECT unique_id FROM {state}.node_result
    WHERE execution_id = (SELECT execution_id FROM {state}.execution ORDER BY started_at DESC LIMIT 1)
"""
RELATIONS = "SELECT c.relname::text, c.oid::bigint FROM pg_class c WHERE relnamespace = %s::regnamespace"


def model(name: str) -> str:
    return f"model.{NAME}.{name}"


def models(names: Iterable[str], number: int) -> dict[str, str]:
    return {f"models/{name}.sql": f"select {number} as id" for name in names}


def write_models(project: Project, names: Iterable[str], number: int) -> None:
    for path, text in models(names, number).items():
        project.write(path, text)


def planned(project: Project) -> set[str]:
    """Return the unique_ids that are planned, and hold the printed document to what a terminal may be given."""
    printed = project.plugin("plan", "--output", "json", check=0).stdout
    assert_printable(printed)
    return {node["unique_id"] for node in json.loads(printed)["nodes"] if node["decision"] == "build"}


def assert_printable(text: str) -> None:
    assert text.replace("\n", "").isprintable(), ascii(text)


def refusal(project: Project, *arguments: str) -> tuple[str, str]:
    """Return the two lines of an error: what happened and what to do."""
    refused = project.plugin(*arguments, check=2)
    *warnings, what, do = refused.stderr.splitlines()
    assert all(line.startswith("dbt: ") for line in warnings)  # that it takes spaces unwillingly
    assert what.startswith("Error: ")
    assert do.startswith("  ")
    assert_printable(refused.stderr)
    assert refused.stdout == ""
    return what, do


def listed_by_dbt(project: Project, *selection: str) -> set[str]:
    """Return the unique_ids that the real dbt selects."""
    listed = project.dbt("--quiet", "ls", "--output", "json", "--output-keys", "unique_id", *selection, check=0)
    return {json.loads(line)["unique_id"] for line in listed.stdout.splitlines() if line.startswith("{")}


def test_models_with_hostile_names_are_built_exactly_and_printed_escaped(
    dbt_project: ProjectFactory, database: Database
) -> None:
    hostile = (*NAMEABLE, *UNNAMEABLE)
    changed = {name for number, name in enumerate(hostile) if number % 2}
    description = {"version": 2, "models": [{"name": "it's", "description": "\x1b[2J\x1b]0;gone\x07 of a tester"}]}
    project = dbt_project(
        {**WITH_SPACES, "models/models.yml": yaml.safe_dump(description), **models((*hostile, CALM), 1)}
    )

    first = project.plugin("run", check=0)

    assert_printable(first.stderr)
    before = dict(database.query(RELATIONS, (SCHEMA,)))
    assert before.keys() == {*hostile, CALM}

    write_models(project, changed, 2)
    assert planned(project) == {model(name) for name in changed}

    text = project.plugin("plan", check=0).stdout
    assert_printable(text)
    assert r"new\nline" in text or r"red\x1b[31m" in text

    for page in (("plan", "--output", "markdown"), ("report", "--output", "-")):
        written = re.sub("<script>.*?</script>", "", project.plugin(*page, check=0).stdout, flags=re.DOTALL)
        assert_printable(written)
        assert "gone" not in written  # a description is in neither

    what, do = refusal(project, "select")
    assert re.search(r"cannot name model\.shop\.\S", what)
    assert "--output state-dir DIR" in do
    project.plugin("select", "--output", "state-dir", "selection", check=0)
    assert listed_by_dbt(project, "--select", "result:error", "--state", "selection") == set(map(model, changed))

    second = project.plugin("run", check=0)

    assert_printable(second.stderr)
    assert {row[0] for row in database.state(BUILT)} == {model(name) for name in changed}
    after = dict(database.query(RELATIONS, (SCHEMA,)))
    assert {name for name in after if before[name] != after[name]} == changed
    assert planned(project) == set()

    for name in ("red\x1b[31m", "a;drop table calm"):
        explained = project.plugin("explain", name, check=0).stdout
        assert_printable(explained)
        assert "is skipped" in explained


def test_select_names_exactly_what_dbt_can_name(dbt_project: ProjectFactory) -> None:
    versions = {"name": "dim", "latest_version": 2, "versions": [{"v": 1}, {"v": 2}]}
    project = dbt_project(
        {
            **models((*NAMEABLE, CALM, "dim_v1", "dim_v2"), 1),
            "models/versions.yml": yaml.safe_dump({"version": 2, "models": [versions]}),
            # The name of a folder, and in a package the same folder with the same name in it.
            "models/staging.sql": "select 1 as id",
            "models/staging/orders.sql": "select 1 as id",
            "dbt_packages/other/dbt_project.yml": "name: other\nversion: '1.0'\nmodels: {other: {+schema: other}}\n",
            "dbt_packages/other/models/staging/orders.sql": "select 1 as id",
            "dbt_packages/other/models/staging/clients.sql": "select 1 as id",
        }
    )
    project.plugin("run", check=0)

    write_models(project, (*NAMEABLE, "dim_v1"), 2)
    project.write("dbt_packages/other/models/staging/orders.sql", "select 2 as id")
    scripts = str(forkserver.programs())
    finished = subprocess.run(
        ["sh", "-c", "dbt run --select $(dbt-state-plugin select)"],
        cwd=project.directory,
        env={**project.environment, "PATH": f"{scripts}:{project.environment['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert finished.returncode == 0, finished.stdout + finished.stderr
    results = json.loads(project.read("target/run_results.json"))["results"]
    changed = {*map(model, NAMEABLE), "model.shop.dim.v1", "model.other.orders"}
    assert {result["unique_id"] for result in results} == changed

    # This selector would take all that is in the folder too.
    project.write("models/staging.sql", "select 2 as id")
    what, do = refusal(project, "select")
    assert "model.shop.staging alone" in what
    assert "model.shop.orders" in what
    assert "--output state-dir DIR" in do


def test_names_that_differ_in_letter_case_only_are_refused_and_both_are_named(
    dbt_project: ProjectFactory, database: Database
) -> None:
    project = dbt_project(models(("Orders", "orders", CALM), 1))

    what, do = refusal(project, "run")

    assert "model.shop.Orders" in what
    assert "model.shop.orders" in what
    assert "alias" in do
    assert database.query("SELECT 1 FROM pg_namespace WHERE nspname = %s", (SCHEMA,)) == []


def test_of_two_hundred_hostile_names_exactly_those_that_changed_are_selected_and_built(
    dbt_project: ProjectFactory, database: Database
) -> None:
    names = hostile_names(200)[:: max(1, 200 // size(small=12, full=200))]
    changed = set(names[::3])
    project = dbt_project({**WITH_SPACES, **models(names, 1)})
    assert_printable(project.plugin("run", "--", "--quiet", check=0).stderr)
    before = dict(database.query(RELATIONS, (SCHEMA,)))
    assert before.keys() == set(names)

    write_models(project, changed, 2)
    second = project.plugin("run", "--", "--quiet", check=0)

    assert_printable(second.stderr)
    assert {row[0] for row in database.state(BUILT)} == set(map(model, changed))
    after = dict(database.query(RELATIONS, (SCHEMA,)))
    assert {name for name in after if before[name] != after[name]} == changed
    assert planned(project) == set()
