"""The report of a real project, for a plan and an execution."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.browser import started_browser
from support.database import fresh_database
from support.project import Project, clean_environment, write_project

from dbt_state_plugin.testing.postgres_server import Server

FILES = {
    "models/staging/stg_orders.sql": "{{ config(materialized='view') }} select 1 as id, 10 as amount",
    "models/marts/orders.sql": "{{ config(materialized='table') }} select id, amount from {{ ref('stg_orders') }}",
    "models/marts/revenue.sql": "{{ config(materialized='table') }} select sum(amount) as a from {{ ref('orders') }}",
    "models/marts/lonely.sql": "{{ config(materialized='table') }} select 1 as one",
    "models/marts/marts.yml": "models: [{name: orders, columns: [{name: id, data_tests: [unique]}]}]",
}


@pytest.fixture(scope="module")
def shop(postgres_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Give a project that was built, failed once, and is edited since."""
    folder = tmp_path_factory.mktemp("shop")
    with fresh_database(postgres_server) as database:
        project = write_project(folder / "project", database, folder / "home", FILES)
        project.plugin("build", check=0)
        project.write("models/marts/revenue.sql", "select no_column from {{ ref('orders') }}")
        project.plugin("build", check=1)
        project.write("models/marts/revenue.sql", FILES["models/marts/revenue.sql"])
        project.plugin("build", check=0)
        project.write(
            "models/marts/orders.sql", FILES["models/marts/orders.sql"].replace("amount", "amount * 2 as amount")
        )
        database.query("DROP TABLE analytics.lonely")
        yield project


def text_of(page: str) -> str:
    """Return what a page says without its scripts and styles."""
    without = re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", without)))


def test_the_report_is_written_into_the_target_folder_and_its_path_is_printed(shop: Project) -> None:
    answer = shop.plugin("report", check=0)

    file = Path(answer.stdout.strip())
    assert file == shop.directory / "target" / "dbt-state-plugin" / "report.html"
    assert "MB" in answer.stderr
    text = text_of(file.read_text(encoding="utf-8"))
    for told in (
        "Plan: 1 changed, 2 downstream, 1 repaired",
        "body: its code changed",
        "upstream: orders is built",
        'missing: "',
        "+{{ config(materialized='table') }} select id, amount * 2 as amount",
        "Most often rebuilt",
        "the newest 3",
    ):
        assert told in text


def test_the_report_of_an_execution_says_what_it_did(shop: Project) -> None:
    failed = shop.plugin("history", "--failed", check=0).stdout.splitlines()[1].split()[2]

    text = text_of(shop.plugin("report", "--execution", failed, "--output", "-", check=0).stdout)

    assert "Failed: 0 of 1 node built" in text
    assert 'column "no_column" does not exist' in text
    assert "SQL that differs" in text  # the code of that execution beside the code of the build before it


def test_no_sql_stands_in_a_report_where_none_may_be_stored(shop: Project) -> None:
    page = shop.plugin("report", "-o", "-", env={"DBT_STATE_PLUGIN_STORE_SQL": "hash"}, check=0).stdout

    assert "body: its code changed" in page
    assert "amount * 2" not in page


def test_a_report_needs_an_execution_that_is_recorded_and_a_file_that_can_be_written(shop: Project) -> None:
    unknown = shop.plugin("report", "--execution", "00000000", check=2)
    no_id = shop.plugin("report", "--execution", "orders", check=2)
    nowhere = shop.plugin("report", "--output", "/proc/none/report.html", check=2)

    assert "is not recorded" in unknown.stderr
    assert "not an execution's id" in no_id.stderr
    assert "cannot be written" in nowhere.stderr


@pytest.mark.browser
def test_the_report_of_the_integration_project_opens_in_a_browser(
    postgres_server: Server, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    from pipeline import copy_project
    from warehouse import connection_environment, load_source

    with fresh_database(postgres_server) as database, started_browser() as browser:
        server = replace(postgres_server, dbname=database.dbname)
        load_source(server)
        project = Project(
            directory=copy_project(tmp_path) / "transform",
            environment={**clean_environment(tmp_path / "home"), **connection_environment(server)},
        )
        project.dbt("deps", check=0)
        project.plugin("build", "--", "--quiet", check=0)
        staged = project.read("models/staging/stg_payments.sql")
        project.write("models/staging/stg_payments.sql", staged.replace("select", "select 1 as one,", 1))

        browser.open(Path(project.plugin("report", check=0).stdout.strip()), "#node=model.shop.orders")

        (details,) = browser.texts("#details")
        assert "upstream: stg_payments is built" in details
        assert "stg_payments" in browser.texts("#details .links")[0]
        assert browser.complaints() == []
        painted, drawn = (
            browser.first_paint_ms(),
            browser.script("return performance.getEntriesByName('drawn')[0].startTime"),
        )
        record_property(
            "measured", f"the shop in Chromium: first paint after {painted:.0f} ms, lineage drawn after {drawn:.0f} ms"
        )


def test_before_the_first_run_everything_is_new(shop: Project, tmp_path: Path, postgres_server: Server) -> None:
    with fresh_database(postgres_server) as database:
        project = write_project(tmp_path / "project", database, tmp_path / "home", FILES)

        text = text_of(project.plugin("report", "-o", "-", check=0).stdout)

        assert "Plan: 5 new" in text
        assert database.query("SELECT to_regnamespace('dbt_state_plugin')") == [(None,)]


def test_the_state_may_be_an_sqlite_file(tmp_path: Path, postgres_server: Server) -> None:
    with fresh_database(postgres_server) as database:
        project = write_project(tmp_path / "project", database, tmp_path / "home", FILES)
        sqlite = {"DBT_STATE_PLUGIN_DATABASE_URL": f"sqlite:///{tmp_path}/state.sqlite"}
        project.plugin("build", env=sqlite, check=0)
        project.write("models/marts/lonely.sql", "{{ config(materialized='table') }} select 2 as one")
        project.plugin("run", env=sqlite, check=0)
        project.write("models/marts/lonely.sql", "{{ config(materialized='table') }} select 3 as one")

        text = text_of(project.plugin("report", "-o", "-", env=sqlite, check=0).stdout)
        markdown = project.plugin("plan", "-o", "markdown", env=sqlite, check=0).stdout

    assert "Plan: 1 changed, 4 unchanged" in text
    assert "lonely 2 body (1), new (1)" in re.sub(r"\s+", " ", text)
    for told in (text, markdown):
        assert "+{{ config(materialized='table') }} select 3 as one" in told
