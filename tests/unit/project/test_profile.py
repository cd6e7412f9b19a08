"""Files of dbt: where they are, and mistakes in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dbt_state_plugin.errors import ConfigurationError
from dbt_state_plugin.project.credentials import duckdb_database
from dbt_state_plugin.project.profile import Profile, find_profiles_dir, load_profile
from dbt_state_plugin.project.project_file import find_project_dir, read_project_file

PROFILES = """
shop:
  target: dev
  outputs:
    dev:
      type: postgres
      host: "{{ env_var('SHOP_HOST', 'localhost') }}"
      port: 5432
      user: alice
      password: "{{ env_var('DBT_ENV_SECRET_PASSWORD', 's3cret') }}"
      dbname: shop
      schema: marts
      threads: 4
    prod: {type: postgres, host: h, port: 5432, user: u, pass: s3cret, dbname: d, schema: s}
    lake: {type: duckdb, path: data/lake.shop.db, schema: marts, motherduck_token: s3cret,
      settings: {memory_limit: 1GB, s3_secret_access_key: s3cret}, filesystems: [{fs: s3, secret: s3cret}]}
    cloud: {type: bigquery, method: oauth, project: p1, dataset: marts, token: s3cret}
other:
  outputs: {}
"""


def load(tmp_path: Path, profiles: str, **options: Any) -> Profile:
    (tmp_path / "profiles.yml").write_text(profiles)
    defaults: dict[str, Any] = {"profile_name": "shop", "target": None, "threads": None, "cli_vars": {}, "environ": {}}
    return load_profile(profiles_dir=tmp_path, **{**defaults, **options})


def refusal(tmp_path: Path, profiles: str, **options: Any) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, profiles, **options)
    error = caught.value
    assert "\n" not in error.what + error.do
    assert "s3cret" not in str(error)
    assert error.__context__ is None or error.__suppress_context__
    return error


def test_a_profile_gives_the_warehouse_and_the_settings(tmp_path: Path) -> None:
    profile = load(tmp_path, PROFILES, environ={"SHOP_HOST": "db"})

    assert (profile.name, profile.target_name, profile.type) == ("shop", "dev", "postgres")
    assert (profile.database, profile.schema, profile.threads) == ("shop", "marts", 4)
    assert profile.settings is not None
    assert profile.settings.display() == "alice@db:5432/shop"
    assert profile.settings.password == "s3cret"


def test_target_and_threads_of_the_command_line_win(tmp_path: Path) -> None:
    profile = load(tmp_path, PROFILES, target="prod", threads=9)

    assert (profile.target_name, profile.threads) == ("prod", 9)


def test_a_duckdb_file_names_the_database_as_duckdb_does(tmp_path: Path) -> None:
    profile = load(tmp_path, PROFILES, target="lake")

    assert (profile.type, profile.database, profile.schema) == ("duckdb", "lake", "marts")
    assert profile.target_context["path"] == "data/lake.shop.db"
    assert profile.target_context["settings"] == {"memory_limit": "1GB"}
    assert "s3cret" not in str(profile.target_context) + repr(profile)
    assert profile.settings is None


@pytest.mark.parametrize(
    ("path", "database"),
    [
        (":memory:", "memory"),
        ("/a/.hidden.db", "hidden"),
        ("md:sales", "sales"),
        ("md:", "my_db"),
        ("motherduck:sales?user=1", "sales"),
        ("ducklake:files/sales.ducklake", "sales"),
        ("ducklake:sqlite:sales.sqlite", "sales"),
        ("s3://b/x.db", "x"),
    ],
)
def test_each_path_of_duckdb_names_a_database(path: str, database: str) -> None:
    assert duckdb_database(path) == database


def test_of_another_adapter_only_what_all_show_is_shown(tmp_path: Path) -> None:
    profile = load(tmp_path, PROFILES, target="cloud")

    assert (profile.type, profile.database, profile.schema, profile.settings) == ("bigquery", "p1", "marts", None)
    assert profile.target_context["schema"] == "marts"
    assert "s3cret" not in str(profile.target_context) + repr(profile)


def test_of_spark_by_session_is_shown_where_it_is_and_of_its_other_methods_only_what_all_show(tmp_path: Path) -> None:
    profiles = "shop: {target: dev, outputs: {dev: {type: spark, method: %s, host: h, schema: s, token: s3cret}}}"
    session, thrift = (load(tmp_path, profiles % method) for method in ("session", "thrift"))

    assert session.shown is not None  # so that dbt need not be asked what `target` holds
    assert thrift.shown is None
    assert (session.target_context["host"], session.target_context["schema"]) == ("h", "s")
    assert "s3cret" not in str(session.target_context)


def test_one_thread_is_the_default(tmp_path: Path) -> None:
    assert load(tmp_path, PROFILES, target="prod").threads == 1


def test_the_password_is_neither_in_the_repr_nor_in_the_target_context(tmp_path: Path) -> None:
    profile = load(tmp_path, PROFILES)

    assert "s3cret" not in repr(profile)
    assert "s3cret" not in str(profile.target_context)


def test_an_option_names_the_profiles_dir_relative_to_the_current_directory(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "profiles.yml").touch()

    assert find_profiles_dir("config", tmp_path, tmp_path / "home") == tmp_path / "config"
    assert find_profiles_dir(str(tmp_path / "config"), Path("/"), tmp_path / "home") == tmp_path / "config"


def test_the_current_directory_comes_before_the_home_directory(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / ".dbt").mkdir(parents=True)
    (home / ".dbt" / "profiles.yml").touch()

    before = find_profiles_dir(None, tmp_path, home)
    (tmp_path / "profiles.yml").touch()
    after = find_profiles_dir(None, tmp_path, home)

    assert (before, after) == (home / ".dbt", tmp_path)


def test_no_profiles_file_names_the_directories_that_were_searched(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        find_profiles_dir(None, tmp_path, tmp_path / "home")

    assert f"{tmp_path} or {tmp_path / 'home' / '.dbt'}" in caught.value.what
    assert "--profiles-dir" in caught.value.do


def test_an_option_without_a_profiles_file_is_not_replaced_by_another_directory(tmp_path: Path) -> None:
    (tmp_path / "profiles.yml").touch()

    with pytest.raises(ConfigurationError) as caught:
        find_profiles_dir("config", tmp_path, tmp_path)

    assert str(tmp_path / "config") in caught.value.what


def test_a_profiles_dir_without_the_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"There is no profiles\.yml in"):
        load_profile(profiles_dir=tmp_path, profile_name="shop", target=None, threads=None, cli_vars={}, environ={})


def with_password(text: str) -> str:
    return f"shop: {{target: d, outputs: {{d: {{type: postgres, host: h, {text}, user: u, dbname: d, schema: s}}}}}}"


@pytest.mark.parametrize(
    ("profiles", "options", "what", "do"),
    [
        ("", {}, "is empty", "profile"),
        ("shop: [\n", {}, "not valid YAML (line 2)", "quotes"),
        ("shop:\n  pass: *s3cret\n", {}, "not valid YAML (line 2)", "quotes"),
        ("shop: \x01", {}, "not valid YAML", "quotes"),
        ("- shop", {}, "does not hold a mapping", "keys"),
        (PROFILES, {"profile_name": "shp"}, "no profile 'shp'", "--profile"),
        (PROFILES, {"profile_name": "shp"}, "it has 'shop', 'other'", "--profile"),
        ("config: {}", {}, "it has none", "--profile"),
        (PROFILES, {"profile_name": None}, "names no profile", "profile: NAME"),
        (PROFILES, {"profile_name": "other"}, "no target 'default'; it has none", "--target"),
        (PROFILES, {"target": "prd"}, "no target 'prd'; it has 'dev', 'prod', 'lake', 'cloud'", "--target"),
        ("shop: {target: dev}", {}, "no outputs", "outputs:"),
        ("shop: {target: dev, outputs: {dev: {type: duckdb, path: 7}}}", {}, "`path` of target 'dev'", "quotes"),
        ("shop: {target: dev, outputs: {dev: text}}", {}, "holds no keys", "type"),
        ("shop: {target: dev, outputs: {dev: {host: h}}}", {}, "lacks type", "type: postgres"),
        ("shop: {target: dev, outputs: {dev: {type: postgres, host: h}}}", {}, "lacks port, user, password", "Add"),
        (with_password("pass: s3cret, port: '5432'"), {}, "`port` of target 'd' of profile 'shop'", "as_number"),
        (with_password("pass: s3cret, port: s3cret"), {}, "`port` of target", "as_number"),
        (with_password("pass: s3cret, port: \"{{ 's3cret' | as_number }}\""), {}, "as_number", "number"),
        (with_password("pass: s3cret, port: 1, threads: many"), {}, "`threads`", "as_number"),
        (
            with_password("pass: \"{{ env_var('PW') }}\", port: 1"),
            {},
            "variable PW is not set, but `pass` of",
            "Set PW",
        ),
        (with_password("pass: \"{{ env_var('DBT_ENV_SECRET_P') }}\", port: 1"), {}, "DBT_ENV_SECRET_P is not", "Set"),
        (with_password("password: \"{{ env_var('DBT_ENV_SECRET_P') }}\", port: 1"), {}, "DBT_ENV_SECRET_P is", "Set"),
        (with_password("pass: \"{{ var('pw') }}\", port: 1"), {}, "The variable pw is not set", "--vars"),
        (with_password("pass: 's3cret{{s3cret', port: 1"), {}, "`pass` of target 'd'", "expression"),
        (with_password("pass: \"{{ 's3cret' | int('s3cret') + 1 }}\", port: 1"), {}, "TypeError", "expression"),
        (with_password('pass: s3cret, port: 1, role: "{{ nothing.x }}"'), {}, "'nothing' is undefined", "env_var()"),
        (with_password('pass: s3cret, port: 1, role: "{{ flags.X }}"'), {}, "`flags`", "env_var()"),
        (with_password('password: "{{ dbt_version }}", port: 1'), {}, "`dbt_version`", "env_var()"),
    ],
)
def test_each_mistake_is_told_in_one_line_with_one_instruction(
    tmp_path: Path, profiles: str, options: dict[str, Any], what: str, do: str
) -> None:
    error = refusal(tmp_path, profiles, **options)

    assert what in error.what
    assert do in error.do


def test_a_profiles_file_that_is_not_utf_8_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "profiles.yml").write_bytes("shop: ü".encode("latin-1"))

    with pytest.raises(ConfigurationError, match="not UTF-8"):
        load_profile(profiles_dir=tmp_path, profile_name="shop", target=None, threads=None, cli_vars={}, environ={})


def test_the_project_is_found_from_a_directory_below_it(tmp_path: Path) -> None:
    (tmp_path / "dbt_project.yml").touch()
    below = tmp_path / "models" / "marts"
    below.mkdir(parents=True)

    assert find_project_dir(None, below) == tmp_path
    assert find_project_dir(None, tmp_path) == tmp_path


def test_the_nearest_project_wins(tmp_path: Path) -> None:
    nested = tmp_path / "packages" / "nested"
    nested.mkdir(parents=True)
    (tmp_path / "dbt_project.yml").touch()
    (nested / "dbt_project.yml").touch()

    assert find_project_dir(None, nested) == nested


def test_an_option_names_the_project_itself(tmp_path: Path) -> None:
    (tmp_path / "dbt_project.yml").touch()
    (tmp_path / "models").mkdir()

    assert find_project_dir(".", tmp_path) == tmp_path
    assert find_project_dir("..", tmp_path / "models") == tmp_path
    with pytest.raises(ConfigurationError, match=r"There is no dbt_project\.yml in .*models"):
        find_project_dir("models", tmp_path)


def test_outside_a_project_is_an_error_that_names_the_directory(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        find_project_dir(None, tmp_path)

    assert str(tmp_path) in caught.value.what
    assert "--project-dir" in caught.value.do


def test_a_project_file_gives_name_profile_and_target_path(tmp_path: Path) -> None:
    (tmp_path / "dbt_project.yml").write_text(
        "name: shop_models\nprofile: \"{{ env_var('P') }}\"\ntarget-path: \"{{ var('out') }}\"\n"
    )

    project = read_project_file(tmp_path, environ={"P": "shop"}, cli_vars={"out": "built"})

    assert (project.name, project.profile, project.target_path) == ("shop_models", "shop", "built")
    assert not project.awaits_target


def test_profile_and_target_path_may_be_left_out(tmp_path: Path) -> None:
    (tmp_path / "dbt_project.yml").write_text("name: shop_models\n")

    project = read_project_file(tmp_path, environ={}, cli_vars={})

    assert (project.profile, project.target_path) == (None, "target")


def test_a_target_path_that_reads_the_target_waits_for_it(tmp_path: Path) -> None:
    (tmp_path / "dbt_project.yml").write_text('name: m\nprofile: shop\ntarget-path: "out/{{ target.name }}"\n')

    before = read_project_file(tmp_path, environ={}, cli_vars={})
    after = read_project_file(tmp_path, environ={}, cli_vars={}, target={"name": "dev"})

    assert (before.profile, before.awaits_target) == ("shop", True)
    assert (after.target_path, after.awaits_target) == ("out/dev", False)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "does not hold a mapping"),
        ("name: [", "not valid YAML (line 2)"),
        ("profile: shop", "has no name"),
        ("name: my-shop", "not a valid project name"),
        ("name: ''", "not a valid project name"),
        ("name: 7", "`name` in dbt_project.yml is not text"),
        ("name: m\nprofile: \"{{ env_var('NONE') }}\"", "NONE is not set, but `profile` in dbt_project.yml needs it"),
        ("name: \"{{ env_var('DBT_ENV_SECRET_N') }}\"", "secret variables can only be read in profiles.yml"),
    ],
)
def test_a_project_file_that_cannot_be_used_is_an_error_of_two_lines(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "dbt_project.yml").write_text(text + "\n")

    with pytest.raises(ConfigurationError) as caught:
        read_project_file(tmp_path, environ={}, cli_vars={})

    assert what in caught.value.what
    assert "\n" not in caught.value.what + caught.value.do
