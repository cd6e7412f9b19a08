"""The utility where something of Meltano's world is missing."""

from __future__ import annotations

import hashlib
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import yaml
from support.database import Database
from support.meltano import MeltanoProject, write_meltano_project

CANARY = "canary-7f3a"


@pytest.fixture
def project(tmp_path: Path, database: Database) -> MeltanoProject:
    return write_meltano_project(tmp_path / "shop", database, tmp_path / "home")


def load_by_hand(database: Database) -> None:
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA raw")
        for table in ("orders", "customers"):
            cursor.execute(f"CREATE TABLE raw.{table} (id text PRIMARY KEY, name text, note text)")
    connection.close()


def says(answer: CompletedProcess[str], what: str, do: str) -> None:
    """Check that there is one line of what happened and one of what to do, and nothing else."""
    assert answer.stdout == ""
    first, second = answer.stderr.splitlines()
    assert first.startswith("Error: ")
    assert what in first
    assert do in second


def is_untouched(database: Database) -> bool:
    return database.query("SELECT count(*) FROM pg_namespace WHERE nspname = 'dbt_state_plugin'") == [(0,)]


@pytest.mark.parametrize("command", [["run"], ["load-plan", "--apply"], ["plan"]])
def test_no_active_environment(project: MeltanoProject, database: Database, command: list[str]) -> None:
    answer = project.entry(*command, env={"MELTANO_ENVIRONMENT": ""}, check=2)

    says(answer, "No Meltano environment is active.", "--environment=dev")
    assert is_untouched(database)


def test_the_doctor_finds_that_no_environment_is_active_and_looks_at_the_rest(
    project: MeltanoProject, database: Database
) -> None:
    answer = project.entry("doctor", env={"MELTANO_ENVIRONMENT": ""}, check=1)

    lines = answer.stdout.splitlines()
    at = lines.index("  error  meltano: No Meltano environment is active.")
    assert "--environment=dev" in " ".join(lines[at + 1 : at + 3])
    assert any(line.startswith("  ok     dbt: ") for line in lines)
    assert answer.stderr.startswith("Not ready: ")
    assert is_untouched(database)


def test_a_wrong_project_folder(project: MeltanoProject, database: Database) -> None:
    answer = project.entry("run", env={"DBT_STATE_PLUGIN_PROJECT_DIR": "nowhere"}, check=2)

    says(answer, f"There is no dbt_project.yml in {project.directory}/nowhere.", "meltano config set dbt-state-plugin")
    assert is_untouched(database)


def test_a_missing_profile(project: MeltanoProject, database: Database) -> None:
    (project.directory / "transform" / "profiles.yml").unlink()

    answer = project.entry("run", check=2)

    says(answer, f"There is no profiles.yml in {project.directory}/transform.", "profiles_dir")
    assert is_untouched(database)


def test_a_meltano_file_that_cannot_be_read(project: MeltanoProject, database: Database) -> None:
    with (project.directory / "meltano.yml").open("a", encoding="utf-8") as file:
        file.write(f"plugins: [{CANARY}\n")

    answer = project.entry("run", check=2)

    says(answer, "meltano.yml cannot be read: it is not valid YAML", "Correct the file.")
    assert CANARY not in answer.stderr
    assert is_untouched(database)


def test_a_tap_of_which_meltano_keeps_no_state(project: MeltanoProject, database: Database) -> None:
    load_by_hand(database)
    project.entry("run", check=0)
    project.set_tap(select=["orders.*", "customers.*"])

    answer = project.entry("load-plan", "--apply", check=2)

    says(answer, "Meltano keeps no state under dev:tap-shop-to-target-shop", "meltano run tap-shop target-shop")
    assert database.query("SELECT command FROM dbt_state_plugin.execution") == [("run",)]


def test_a_tap_that_has_no_bookmarks_needs_no_reset(project: MeltanoProject, database: Database) -> None:
    load_by_hand(database)
    project.set_tap(capabilities=["discover", "catalog"])
    project.entry("run", check=0)
    project.set_tap(select=["orders.*", "customers.*"])

    answer = project.entry("load-plan", "--apply", check=0)

    assert "orders: select changed; no bookmark to reset: it is loaded from the start" in answer.stdout


def test_a_new_release_is_a_warning_and_reloads_nothing(project: MeltanoProject, database: Database) -> None:
    load_by_hand(database)
    project.entry("run", check=0)
    project.set_tap(pip_url="tap-shop==2")

    answer = project.entry("load-plan", "--apply", check=0)

    assert "keep   tap-shop to target-shop / orders: version changed; a new release alone reloads nothing" in (
        answer.stdout
    )
    assert answer.stdout.splitlines()[-1] == "Nothing to reset."


def test_the_target_falls_back_to_the_default_of_the_profile_and_says_so(
    project: MeltanoProject, database: Database
) -> None:
    load_by_hand(database)

    answer = project.entry("run", env={"MELTANO_ENVIRONMENT": "prod"}, check=0)

    assert answer.stderr.splitlines()[0] == (
        "Plan: 2 new, 0 unchanged (run, target dev, the profile's default, as it has no target prod)"
    )


def test_no_secret_reaches_the_state_or_the_output(project: MeltanoProject, database: Database) -> None:
    load_by_hand(database)
    content = project.read()
    [tap], [target] = content["plugins"]["extractors"], content["plugins"]["loaders"]
    config = {"password": f"{CANARY}1", "api_token": f"{CANARY}2", "start_date": f"${{{'OUR_SECRET'}}}"}
    tap["config"] |= config | {"headers": {"Authorization": f"{CANARY}3"}, "mirror": f"https://u:{CANARY}4@host/x"}
    tap["pip_url"] = f"git+https://{CANARY}5@host/tap.git"
    target["config"]["password"] = f"{CANARY}6"
    project.write(content)
    secret = {
        "OUR_SECRET": f"{CANARY}7",
        "TAP_SHOP_PASSWORD": f"{CANARY}8",
        "DBT_STATE_PLUGIN_DATABASE_URL": f"{database.url}?application_name={CANARY}9",
    }

    answers = [project.entry("run", env=secret, check=0)]
    tap["pip_url"], tap["select"] = f"git+https://{CANARY}0@host/other.git", ["orders.*"]
    project.write(content)
    answers += [project.entry("load-plan", "--output", form, env=secret, check=0) for form in ("text", "json")]
    answers.append(project.entry("run", env=secret, check=0))

    tables = database.query("SELECT tablename FROM pg_tables WHERE schemaname = 'dbt_state_plugin'")
    rows = [str(database.query(f'SELECT * FROM dbt_state_plugin."{table}"')) for (table,) in tables]
    everything = "\n".join([*rows, *(answer.stdout + answer.stderr for answer in answers)])
    assert "select changed" in everything
    assert CANARY not in everything
    for number in range(10):
        for algorithm in ("md5", "sha1", "sha256"):
            assert hashlib.new(algorithm, f"{CANARY}{number}".encode()).hexdigest() not in everything
    assert yaml.safe_dump(content) != ""
