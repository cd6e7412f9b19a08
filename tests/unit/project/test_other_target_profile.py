"""Profiles with which dbt reads a project for another environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbt_state_plugin.project.other_target_profile import write_other_target_profile
from dbt_state_plugin.project.profile import Profile, load_profile

PROFILES = """\
shop:
  target: dev
  outputs:
    dev: {type: postgres, host: here, user: me, password: secret-1, port: 5432, dbname: db, schema: dev}
    prod:
      type: postgres
      host: "{{ env_var('PROD_HOST') }}"
      user: robot
      pass: "{{ env_var('PROD_PASSWORD') }}"
      port: 5432
      database: prod_db
      schema: somewhere
      role: owner
"""


def read(folder: Path, target: str, environ: dict[str, str]) -> Profile:
    return load_profile(
        profiles_dir=folder, profile_name="shop", target=target, threads=None, cli_vars={}, environ=environ
    )


def stand_in(tmp_path: Path, target: str, environ: dict[str, str]) -> Profile:
    """Write the stand-in for an environment of the database `theirs` and the schema `prod`, and read it."""
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir()
    here.mkdir()
    (here / "profiles.yml").write_text(PROFILES)
    write_other_target_profile(
        there,
        profiles_dir=here,
        profile=read(here, "dev", {}),
        target=target,
        database="theirs",
        schema="prod",
        cli_vars={},
        environ=environ,
    )
    return read(there, target, environ)


def test_the_target_of_that_name_is_taken_with_the_names_of_the_environment(tmp_path: Path) -> None:
    profile = stand_in(tmp_path, "prod", {"PROD_HOST": "there"})

    context = profile.target_context
    assert (profile.database, profile.schema, profile.target_name) == ("theirs", "prod", "prod")
    assert (context["host"], context["user"], context["role"]) == ("there", "robot", "owner")


def test_a_target_that_cannot_be_rendered_here_is_replaced_by_the_present_one(tmp_path: Path) -> None:
    profile = stand_in(tmp_path, "prod", {})

    assert (profile.database, profile.schema, profile.target_name) == ("theirs", "prod", "prod")
    assert profile.target_context["host"] == "here"


def test_a_target_that_the_profile_lacks_is_replaced_by_the_present_one(tmp_path: Path) -> None:
    assert stand_in(tmp_path, "staging", {}).target_context["host"] == "here"


@pytest.mark.parametrize("target", ["prod", "staging"])
def test_neither_a_password_nor_a_rendered_value_is_written(tmp_path: Path, target: str) -> None:
    stand_in(tmp_path, target, {"PROD_HOST": "hidden-host", "PROD_PASSWORD": "secret-2"})

    text = (tmp_path / "there" / "profiles.yml").read_text()
    assert not any(value in text for value in ("secret-1", "secret-2", "hidden-host"))


@pytest.mark.parametrize(
    ("written", "database", "schema"),
    [
        ("{type: duckdb, path: shop.duckdb, motherduck_token: secret-1}", "shop", "prod"),
        ("{type: bigquery, project: mine, dataset: dev, token: secret-1}", "theirs", "prod"),
        ("{type: spark, schema: dev, method: session}", "", "prod"),
    ],
)
def test_each_type_has_the_names_of_the_environment_where_it_keeps_them(
    tmp_path: Path, written: str, database: str, schema: str
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    (tmp_path / "profiles.yml").write_text(f"shop: {{outputs: {{dev: {written}}}}}")
    profile = write_other_target_profile(
        there,
        profiles_dir=tmp_path,
        profile=read(tmp_path, "dev", {}),
        target="prod",
        database="theirs",
        schema="prod",
        cli_vars={},
        environ={},
    )

    assert (profile.target_name, profile.database, profile.schema) == ("prod", database, schema)
    assert "secret-1" not in (there / "profiles.yml").read_text()
