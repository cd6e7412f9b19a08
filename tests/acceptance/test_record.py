"""Recording of what dbt built by itself; any doubt stays due."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import yaml
from support.database import Database
from support.project import PROJECT_FILE, Project, profiles

from dbt_state_plugin.state.dialect import ByDialect

ProjectFactory = Callable[[Mapping[str, str]], Project]

SNAPSHOT = """{% snapshot history %}
{{ config(target_schema='analytics', unique_key='id', strategy='check', check_cols=['country']) }}
select id, country from {{ ref('orders') }}
{% endsnapshot %}"""
TABLE = "{{ config(materialized='table') }} "
FILES = {
    "seeds/countries.csv": "id,name\n1,France\n2,Chad\n",
    "models/sources.yml": "sources: [{name: raw, tables: [{name: orders}]}]",
    "models/orders.sql": "select id, country from {{ source('raw', 'orders') }}",
    "models/inside.sql": "{{ config(materialized='ephemeral') }} select id from {{ ref('orders') }}",
    "models/outside.sql": TABLE + "select * from {{ ref('inside') }}",
    "models/by_country.sql": "{{ config(materialized='table', indexes=[{'columns': ['name']}], "
    "post_hook='select 1') }} select name, count(*) as n from {{ ref('orders') }} "
    "join {{ ref('countries') }} c on c.id = country group by name",
    "models/on_table.sql": "select n, '{{ var('word', 'x') }}' as word from {{ ref('by_country') }}",
    "models/growing.sql": "{{ config(materialized='incremental') }} select id, '{{ target.name }}' as target "
    "from {{ ref('orders') }} {% if is_incremental() %} where id > (select max(id) from {{ this }}) {% endif %}",
    "models/kept.sql": "{{ config(materialized='materialized_view') }} select id from {{ ref('growing') }}",
    "models/contracted.sql": TABLE + "select 'a' as b, 1 as a",
    "models/contracted.yml": "models: [{name: contracted, config: {contract: {enforced: true}, "
    "persist_docs: {relation: true, columns: true}}, description: Said., "
    "columns: [{name: a, data_type: int}, {name: b, data_type: text, description: Also said.}]}]",
    "models/tested.yml": "models: [{name: orders, columns: [{name: id, data_tests: [not_null, "
    "{accepted_values: {arguments: {values: [1, 2, 3, 4], quote: false}}}]}]}]",
    "snapshots/history.sql": SNAPSHOT,
    "tests/none.sql": "select 1 from {{ ref('outside') }} where false",
}


def started(dbt_project: ProjectFactory, database: Database, files: Mapping[str, str] = FILES) -> Project:
    database.query("CREATE SCHEMA raw; CREATE TABLE raw.orders AS SELECT 1 AS id, 1 AS country")
    return dbt_project(files)


def loop(project: Project, command: str = "build", *flags: str, check: int = 0) -> dict[str, Any]:
    """Select, let dbt build that, and record it."""
    selected = project.plugin("select", "--for", command, check=0).stdout.split()
    indirect = ("--indirect-selection", "empty") if command == "build" else ()
    project.dbt("--quiet", command, *indirect, *flags, "--select", *selected, check=check)
    return recorded(project, check=check)


def recorded(project: Project, *flags: str, check: int = 0) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(project.plugin("record", "--output", "json", *flags, check=check).stdout)
    return document


def outcomes(document: Mapping[str, Any]) -> dict[str, str]:
    return {each["unique_id"].split(".")[2]: each["outcome"] for each in document["nodes"]}


def test_what_dbt_built_from_a_selection_is_recorded_and_nothing_is_due(
    dbt_project: ProjectFactory, database: Database
) -> None:
    project = started(dbt_project, database)

    document = loop(project)

    assert {each["outcome"] for each in document["nodes"]} == {"recorded"}
    assert {each["why"] for each in document["nodes"]} == {""}
    assert [each["unseen"] for each in document["nodes"] if each["unseen"]] == []
    assert project.planned("build") == {}
    ran = project.plugin("build", check=0)
    assert "Plan: nothing to build" in ran.stderr
    (history,) = database.state("SELECT status FROM {state}.execution WHERE command = 'record'")
    assert history == ("succeeded",)
    execution = document["execution_id"]
    exported = project.plugin("state", "export-manifest", execution, check=0).stdout
    assert project.plugin("state", "export-manifest", "dev", check=0).stdout == exported  # of the run after it
    assert "model.shop.by_country" in json.loads(exported)["nodes"]
    project.write("models/contracted.sql", TABLE + "select 'b' as b, 2 as a")
    compared = project.plugin("plan", "--against", execution[:8], "--output", "name", check=0).stdout
    assert compared.split() == ["contracted"]


def test_rows_that_came_before_and_after_the_selection_are_never_lost(
    dbt_project: ProjectFactory, database: Database
) -> None:
    project = started(dbt_project, database)
    loop(project)
    database.query("INSERT INTO raw.orders VALUES (2, 2)")

    first = loop(project)
    quiet = project.planned("build")
    database.query("INSERT INTO raw.orders VALUES (3, 1)")
    selected = project.plugin("select", "--for", "build", check=0).stdout.split()
    database.query("INSERT INTO raw.orders VALUES (4, 2)")  # dbt sees it, the plan did not
    project.dbt("--quiet", "build", "--indirect-selection", "empty", "--select", *selected, check=0)
    database.query("UPDATE raw.orders SET country = 1 WHERE id = 4")  # dbt did not see it
    recorded(project)
    due = project.planned("build")

    assert {"outside", "by_country", "growing", "history"} <= outcomes(first).keys()
    assert quiet == {}
    assert {"outside", "by_country", "growing", "history"} <= due.keys()


def test_the_definition_is_that_of_dbt_and_not_of_files_that_were_edited_since(
    dbt_project: ProjectFactory, database: Database
) -> None:
    project = started(dbt_project, database)
    loop(project)
    project.write("models/contracted.sql", TABLE + "select 'b' as b, 1 as a")
    selected = project.plugin("select", check=0).stdout.split()
    project.dbt("--quiet", "run", "--select", *selected, check=0)

    project.write("models/contracted.sql", TABLE + "select 'a' as b, 1 as a")  # as it was recorded at first
    project.write("seeds/countries.csv", "id,name\n1,Fiji\n2,Chad\n")
    recorded(project)
    due = project.planned("build")

    assert due.keys() == {"contracted", "countries", "by_country", "on_table"}
    assert due["contracted"] == ["its code changed"]
    assert project.plugin("build", check=0)
    assert database.query("SELECT b FROM analytics.contracted") == [("a",)]


def test_what_failed_is_kept_with_its_message_and_stays_due(dbt_project: ProjectFactory, database: Database) -> None:
    project = started(dbt_project, database)
    loop(project)
    project.write("models/by_country.sql", TABLE + "select 1 / (select count(*) - 1 from raw.orders) as n")

    failed = loop(project, "build", check=1)
    due = project.planned("build")
    project.write("models/by_country.sql", FILES["models/by_country.sql"])
    reverted = project.planned("build")

    assert outcomes(failed) == {"by_country": "failed", "on_table": "skipped"}
    shown = project.plugin("show", failed["execution_id"], check=0).stdout
    assert "division by zero" in shown
    assert due.keys() == {"by_country", "on_table"}
    assert reverted.keys() == {"by_country", "on_table"}


def test_a_team_that_runs_dbt_alone_gets_plans_from_the_second_time_on(
    dbt_project: ProjectFactory, database: Database
) -> None:
    project = started(dbt_project, database)
    project.dbt("--quiet", "build", check=0)

    first = recorded(project)
    due = project.planned("build")
    project.dbt("--quiet", "build", check=0)
    second = recorded(project)
    again = recorded(project)

    unseen = {each["unique_id"].split(".")[2] for each in first["nodes"] if each["unseen"]}
    assert {"orders", "outside", "growing", "history"} <= unseen
    assert not {"countries", "contracted"} & unseen
    assert unseen <= due.keys()
    assert set(outcomes(second).values()) == {"recorded"}
    assert not any(each["unseen"] for each in second["nodes"])
    assert project.planned("build") == {}
    assert (again["known"], again["execution_id"], again["nodes"]) == (True, second["execution_id"], [])


SMALL = {
    "models/base.sql": TABLE + "select 1 as id, '{{ var('word', 'x') }}' as word",
    "models/child.sql": TABLE + "select count(*) as n from {{ ref('base') }}",
}

RECORDS = ByDialect(
    postgres="SELECT xmin::text, unique_id, build_id::text FROM {state}.relation ORDER BY 2",
    sqlite="SELECT built_at, unique_id, build_id FROM relation ORDER BY 2",
)


def records(database: Database) -> list[Any]:
    return database.state(RECORDS)


def altered(project: Project, file: str, *path: str, value: Any) -> str:
    """Copy dbt's artifacts with one value replaced; return the folder."""
    for name in ("run_results.json", "manifest.json"):
        document = json.loads(project.read(f"target/{name}"))
        if name == file:
            inner = document
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = value
        project.write(f"lies/{name}", json.dumps(document))
    return "lies"


def test_what_is_not_of_this_project_target_and_dbt_is_refused_and_nothing_changes(
    dbt_project: ProjectFactory, database: Database
) -> None:
    profile = yaml.safe_load(profiles(database))
    profile["shop"]["outputs"]["other"] = profile["shop"]["outputs"]["dev"]
    project = dbt_project({**SMALL, "profiles.yml": json.dumps(profile)})
    loop(project)
    project.write("models/base.sql", TABLE + "select 2 as id")
    project.dbt("--quiet", "run", check=0)
    before = records(database)
    results, manifest = "run_results.json", "manifest.json"

    def refused(words: str, *arguments: str) -> None:
        said = project.plugin("record", *arguments, check=2).stderr
        assert words in said
        assert max(map(len, said.splitlines())) < 400

    refused("There is no ", "--target-path", "nowhere")
    project.write("torn/run_results.json", project.read("target/run_results.json")[:-100])
    refused("is not JSON, or it is cut off", "--target-path", "torn")
    project.write("torn/run_results.json", project.read("target/run_results.json"))
    refused("manifest.json.", "--target-path", "torn")
    project.write("torn/manifest.json", project.read("target/manifest.json")[:-100])
    refused("is not JSON, or it is cut off", "--target-path", "torn")
    refused(
        "by the same invocation", "--target-path", altered(project, manifest, "metadata", "invocation_id", value="x")
    )
    refused(
        "of the project away", "--target-path", altered(project, manifest, "metadata", "project_name", value="away")
    )
    refused("`dbt compile`", "--target-path", altered(project, results, "args", "which", value="compile"))
    refused("--empty", "--target-path", altered(project, results, "args", "empty", value=True))
    refused("dbt 1.4.2", "--target-path", altered(project, results, "metadata", "dbt_version", value="1.4.2"))
    refused(
        "schema x/v4.json",
        "--target-path",
        altered(project, results, "metadata", "dbt_schema_version", value="x/v4.json"),
    )
    refused("cannot read", "--target-path", altered(project, manifest, "nodes", value={"model.shop.base": 1}))
    refused("with the target dev", "--target", "other")
    refused("with the target other", "--target-path", altered(project, results, "args", "target", value="other"))
    refused("dbt ran with other vars", "--vars", "{word: y}")
    refused("No plan 1234abcd", "--plan", "1234abcd")

    assert records(database) == before
    assert project.planned() != {}
    assert recorded(project)["known"] is False
    assert project.planned() == {}


def test_results_count_only_as_long_as_nothing_happened_to_what_dbt_built(
    dbt_project: ProjectFactory, database: Database
) -> None:
    project = dbt_project({**SMALL, "models/other.sql": TABLE + "select 1 as id"})
    loop(project)
    project.write("models/base.sql", TABLE + "select 2 as id, '{{ var('word') }}' as word")
    project.dbt("--quiet", "run", "--vars", "{word: z}", check=0)
    altered(project, "run_results.json", "elapsed_time", value=1.0)  # a copy, to be recorded later
    database.query(
        "DROP TABLE analytics.child; DROP TABLE analytics.other; CREATE VIEW analytics.other AS SELECT 1 AS id"
    )

    first = recorded(project)
    found = {each["unique_id"].split(".")[2]: (each["outcome"], each["why"]) for each in first["nodes"]}
    due = project.planned("run", "--vars", "{word: z}")
    project.plugin("run", "--vars", "{word: z}", check=0)
    project.dbt("--quiet", "run", "--vars", "{word: z}", check=0)
    project.plugin("run", "--vars", "{word: z}", check=0)  # builds it all once more
    late = recorded(project)

    assert found == {
        "base": ("recorded", ""),
        "child": ("due", "it does not exist"),
        "other": ("due", "it is a view, and the project makes it a table"),
    }
    assert due.keys() == {"child", "other"}
    assert set(outcomes(late).values()) == {"known"}
    assert project.planned("run", "--vars", "{word: z}") == {}


def test_hooks_of_the_project_that_may_have_been_others_are_run_again(
    dbt_project: ProjectFactory, database: Database
) -> None:
    label = 'select \'{{ env_var("LABEL", "none") }}\''
    files = {**SMALL, "dbt_project.yml": f"{PROJECT_FILE}on-run-end: [{json.dumps(label)}]\n"}
    project = dbt_project(files)
    project.dbt("--quiet", "run", env={"LABEL": "first"}, check=0)
    at_the_end = recorded(project)
    planned = json.loads(project.plugin("plan", "--output", "json", check=0).stdout)
    project.write("dbt_project.yml", f"{PROJECT_FILE}on-run-start: [{json.dumps(label)}]\n")
    project.dbt("--quiet", "run", env={"LABEL": "first"}, check=0)
    at_the_start = recorded(project)

    assert outcomes(at_the_end) == {"base": "recorded", "child": "recorded"}
    assert planned["summary"]["build"] == 0
    assert [each["why"] for each in planned["hooks"]] == ["unfinished"]
    assert outcomes(at_the_start) == {"base": "due", "child": "due"}
    assert project.planned().keys() == {"base", "child"}


def test_a_record_waits_for_a_run_as_runs_do(dbt_project: ProjectFactory, database: Database) -> None:
    project = dbt_project(SMALL)
    loop(project)
    project.dbt("--quiet", "run", check=0)
    slow = TABLE + "select 1 as id from pg_sleep(60)"
    project.write("models/slow.sql", slow)
    process = project.plugin_process("run", "--select", "slow")
    try:
        while not database.state("SELECT 1 FROM {state}.execution WHERE status = 'running'"):
            assert process.poll() is None
            time.sleep(0.05)  # each look is a session of its own
        said = project.plugin("record", "--lock-timeout", "0", check=3).stderr
    finally:
        process.kill()
        process.communicate()

    assert "Another run of shop/dev" in said
