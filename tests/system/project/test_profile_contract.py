"""Our rendering of profiles and projects, held to dbt's own."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dbt_state_plugin.dbt_runner.in_process import DbtInProcess
from dbt_state_plugin.errors import ConfigurationError
from dbt_state_plugin.project.profile import Profile, load_profile
from dbt_state_plugin.project.project_file import ProjectFile, read_project_file
from dbt_state_plugin.project.yaml_context import AskDbt

RENDER_WITH_DBT = Path(__file__).with_name("profiles") / "render_with_dbt.py"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One profiles.yml (and dbt_project.yml) with everything that rendering depends on."""

    profiles: str
    project: str = ""
    environ: dict[str, str] = field(default_factory=dict)
    cli_vars: dict[str, Any] = field(default_factory=dict)
    target: str | None = None
    threads: int | None = None


def output(**changes: str) -> str:
    """Return profile `shop` with one target, whose keys are replaced or added; None as text leaves a key out."""
    keys = {
        "type": "postgres",
        "host": "db.example",
        "port": "5432",
        "user": "alice",
        "password": "plain",
        "dbname": "shop",
        "schema": "marts",
        **changes,
    }
    lines = [f"      {key}: {value}" for key, value in keys.items() if value != "LEFT OUT"]
    return "\n".join(["shop:", "  target: dev", "  outputs:", "    dev:", *lines, ""])


TWO_TARGETS = """
shop:
  target: "{{ env_var('SHOP_TARGET', 'dev') }}"
  outputs:
    dev: &dev {type: postgres, host: a, port: 1, user: u, pass: p, dbname: d, schema: s, threads: 3}
    prod:
      <<: *dev
      host: "{{ env_var('PROD_HOST') }}"
      threads: "{{ env_var('PROD_THREADS', '8') | as_number }}"
"""

EQUAL = {
    "plain": Case(profiles=output()),
    "env_var": Case(profiles=output(host="\"{{ env_var('H') }}\""), environ={"H": "from-env"}),
    "env_var that is empty": Case(profiles=output(role="\"{{ env_var('R') }}\""), environ={"R": ""}),
    "env_var with default": Case(profiles=output(user="\"{{ env_var('U', 'bob') }}\"")),
    "env_var with a number as default": Case(profiles=output(port="\"{{ env_var('P', 6000) }}\"")),
    "env_var inside text": Case(profiles=output(schema="\"pr_{{ env_var('N') }}_x\""), environ={"N": "17"}),
    "as_number": Case(profiles=output(port="\"{{ env_var('P') | as_number }}\""), environ={"P": "5433"}),
    "as_number of spaces": Case(profiles=output(port="\"{{ env_var('P') | as_number }}\""), environ={"P": " 5433"}),
    "as_number of an integral float": Case(profiles=output(port="\"{{ '5433.0' | as_number }}\"")),
    "as_number with int": Case(profiles=output(port="\"{{ env_var('P') | int }}\""), environ={"P": "5433"}),
    "as_native": Case(profiles=output(port="\"{{ env_var('P') | as_native }}\""), environ={"P": "5433"}),
    "as_native of a word": Case(profiles=output(user="\"{{ env_var('U') | as_native }}\""), environ={"U": "bob"}),
    "as_native of None": Case(profiles=output(role="\"{{ 'None' | as_native }}\"")),
    "as_text": Case(profiles=output(user="\"{{ env_var('U') | as_text }}\""), environ={"U": "0042"}),
    "as_bool": Case(profiles=output(autocommit="\"{{ env_var('A') | as_bool }}\""), environ={"A": "True"}),
    "bool in YAML": Case(profiles=output(autocommit="yes")),
    "number in YAML with an underscore": Case(profiles=output(port="5_432")),
    "octal number in YAML": Case(profiles=output(port="012470")),
    "sexagesimal number in YAML": Case(profiles=output(port="1:30")),
    "quoted number": Case(profiles=output(user='"0042"', dbname="'1e5'")),
    "password 1234": Case(profiles=output(password='"1234"')),
    "password 01234 from env": Case(profiles=output(password="\"{{ env_var('PW') }}\""), environ={"PW": "01234"}),
    "password 1e5": Case(profiles=output(password='"1e5"')),
    "password 1e5 unquoted is text in YAML 1.1": Case(profiles=output(password="1e5")),
    "password 1e5 from env": Case(profiles=output(password="\"{{ env_var('PW') }}\""), environ={"PW": "1e5"}),
    "password yes": Case(profiles=output(password='"yes"')),
    "password null from env": Case(profiles=output(password="\"{{ env_var('PW') }}\""), environ={"PW": "null"}),
    "password True from env": Case(profiles=output(password="\"{{ env_var('PW') }}\""), environ={"PW": "True"}),
    "password [1] from env": Case(profiles=output(password="\"{{ env_var('PW') }}\""), environ={"PW": "[1]"}),
    "password in Jinja quotes": Case(profiles=output(password="\"{{ '1234' }}\"")),
    "password with quotes": Case(profiles=output(password="\"{{ env_var('PW') }}\""), environ={"PW": "'a\"b'"}),
    "empty password": Case(profiles=output(password='""')),
    "pass": Case(profiles=output(password="LEFT OUT", **{"pass": "aliased"})),
    "database": Case(profiles=output(dbname="LEFT OUT", database="shop2")),
    "date as text": Case(profiles=output(schema="2024-02-03")),
    "special characters": Case(profiles=output(password="'p{a}%s@b:c/d\\#!$ü 漢'")),
    "Jinja in the value of an env_var": Case(
        profiles=output(password="\"{{ env_var('PW') }}\""), environ={"PW": "{{ 1 }}{% x"}
    ),
    "password that is no valid Jinja": Case(profiles=output(password="'a{{b'")),
    "password that is no valid Jinja tag": Case(profiles=output(password="'a{%b'")),
    "password with an open comment": Case(profiles=output(password="'a{#b'")),
    "password with a missing env_var": Case(profiles=output(password="\"{{ env_var('NONE') }}\"")),
    "password that fails in a filter": Case(profiles=output(password="\"{{ 'x' | as_number }}\"")),
    "line break at the end": Case(profiles=output(password="|\n        two\n        lines")),
    "line breaks of Windows": Case(profiles=output(password='"a\\r\\nb\\n"')),
    "only white space": Case(profiles=output(password='"  "')),
    "secret": Case(
        profiles=output(password="\"{{ env_var('DBT_ENV_SECRET_PW') }}\""), environ={"DBT_ENV_SECRET_PW": "0123"}
    ),
    "secret in the middle": Case(
        profiles=output(user="\"a_{{ env_var('DBT_ENV_SECRET_U') }}_b\""), environ={"DBT_ENV_SECRET_U": "x y"}
    ),
    "secret without underscore": Case(
        profiles=output(password="\"{{ env_var('DBT_ENV_SECRETPW') }}\""), environ={"DBT_ENV_SECRETPW": "p"}
    ),
    "secret with an unset default": Case(
        profiles=output(password="\"{{ env_var('DBT_ENV_SECRET_PW', 'fallback') }}\"")
    ),
    "secret through a filter": Case(
        profiles=output(user="\"{{ env_var('DBT_ENV_SECRET_U') | upper }}\""), environ={"DBT_ENV_SECRET_U": "abc"}
    ),
    "secret with dollar signs": Case(
        profiles=output(password="\"{{ env_var('DBT_ENV_SECRET_P') }}\""), environ={"DBT_ENV_SECRET_P": "$$$\\1{0}"}
    ),
    "two secrets on two lines": Case(
        profiles=output(password="\"{{ env_var('DBT_ENV_SECRET_A') }}\\n{{ env_var('DBT_ENV_SECRET_B') }}\""),
        environ={"DBT_ENV_SECRET_A": "a", "DBT_ENV_SECRET_B": "b"},
    ),
    "optional key with the prefix of secrets": Case(profiles=output(role="DBT_ENV_SECRET_role")),
    "search_path": Case(profiles=output(search_path='"marts, public"')),
    "empty search_path": Case(profiles=output(search_path='""')),
    "role": Case(profiles=output(role="builder")),
    "null role": Case(profiles=output(role="")),
    "sslmode and certificates": Case(
        profiles=output(sslmode="verify-full", sslcert="/c", sslkey="/k", sslrootcert="/r")
    ),
    "empty sslmode and certificates": Case(profiles=output(sslmode='""', sslcert='""')),
    "keepalives_idle 0": Case(profiles=output(keepalives_idle="0")),
    "keepalives_idle 60": Case(profiles=output(keepalives_idle="60")),
    "timeouts and retries": Case(profiles=output(connect_timeout="3", retries="4")),
    "integral floats": Case(profiles=output(connect_timeout="3.0", retries="2.0", port="5432.0")),
    "application_name": Case(profiles=output(application_name="nightly")),
    "no application_name": Case(profiles=output(application_name="null")),
    "socket directory": Case(profiles=output(host="/var/run/postgresql")),
    "port out of range": Case(profiles=output(port="70000")),
    "unknown keys": Case(profiles=output(nonsense="1", meta="{a: [1, {b: '{{ 1 }}'}]}")),
    "threads": Case(profiles=output(threads="7")),
    "threads as Jinja": Case(profiles=output(threads="\"{{ env_var('T', '5') | as_number }}\"")),
    "threads of the command line": Case(profiles=output(threads="nonsense"), threads=9),
    "var": Case(profiles=output(schema="\"{{ var('s') }}\""), cli_vars={"s": "of_var"}),
    "var with Jinja": Case(
        profiles=output(schema="\"{{ var('s') }}\""), cli_vars={"s": "x_{{ env_var('N') }}"}, environ={"N": "1"}
    ),
    "var with a line end": Case(profiles=output(schema="\"{{ var('s') }}\""), cli_vars={"s": "x\n"}),
    "var with a secret": Case(
        profiles=output(user="\"{{ var('u') }}\""),
        cli_vars={"u": "{{ env_var('DBT_ENV_SECRET_U') }}"},
        environ={"DBT_ENV_SECRET_U": "hidden"},
    ),
    "var as number": Case(profiles=output(port="\"{{ var('p') }}\""), cli_vars={"p": 6543}),
    "var default": Case(profiles=output(schema="\"{{ var('s', 'other') }}\"")),
    "var.has_var": Case(profiles=output(schema="\"{{ 'a' if var.has_var('x') else 'b' }}\""), cli_vars={"x": None}),
    "condition": Case(
        profiles=output(host="\"{% if env_var('CI', '') == 'true' %}ci{% else %}local{% endif %}\""),
        environ={"CI": "true"},
    ),
    "expression": Case(
        profiles=output(port="\"{{ env_var('P') | int + 1 }}\"", schema="\"{{ 'a' ~ 1 }}\""), environ={"P": "7"}
    ),
    "set and filters": Case(
        profiles=output(schema="\"{% set b = env_var('B') | lower | replace('/', '_') %}pr_{{ b }}\""),
        environ={"B": "Feature/X"},
    ),
    "local_md5, fromjson and modules.re": Case(
        profiles=output(
            schema="\"{{ 'pr_' ~ local_md5(env_var('B'))[:8] }}\"",
            user="\"{{ fromjson(env_var('J'))['user'] }}\"",
            role="\"{{ modules.re.sub('[^a-z]', '_', env_var('B')) }}\"",
            application_name="\"{{ tojson({'a': 1}) }}\"",
        ),
        environ={"B": "feat/x", "J": '{"user": "bob"}'},
    ),
    "raw and comments": Case(profiles=output(user='"{# note #}{% raw %}{{a}}{% endraw %}"')),
    "undefined name inside text": Case(profiles=output(host='"db{{ nothing }}.local"')),
    "constant": Case(profiles=output(schema="\"{{ 'a' }}{{ 'b' }}\"")),
    "DBT_ENV_PRIVATE with default": Case(
        profiles=output(user="\"{{ env_var('DBT_ENV_PRIVATE_U', 'seen') }}\""), environ={"DBT_ENV_PRIVATE_U": "hidden"}
    ),
    "two targets, the default": Case(profiles=TWO_TARGETS, environ={"PROD_HOST": "p"}),
    "two targets, of the environment": Case(profiles=TWO_TARGETS, environ={"PROD_HOST": "p", "SHOP_TARGET": "prod"}),
    "two targets, of the command line": Case(profiles=TWO_TARGETS, environ={"PROD_HOST": "p"}, target="prod"),
    "two targets, the other cannot be rendered": Case(profiles=TWO_TARGETS, target="dev"),
    "target of var": Case(
        profiles=output().replace("target: dev", "target: \"{{ var('t') }}\""), cli_vars={"t": "dev"}
    ),
    "target of a secret": Case(
        profiles=output().replace("target: dev", "target: \"{{ env_var('DBT_ENV_SECRET_T') }}\""),
        environ={"DBT_ENV_SECRET_T": "dev"},
    ),
    "target called default": Case(profiles=output().replace("  target: dev\n", "").replace("dev:", "default:")),
    "config block and other profiles": Case(
        profiles="config:\n  send_anonymous_usage_stats: false\nother: {outputs: {}}\n" + output()
    ),
    "byte order mark": Case(profiles="\ufeff" + output()),
    "doubled key": Case(profiles=output() + "      user: last\n"),
}

# What our own rendering cannot answer, and dbt is asked for.
ASKED = {
    "clock and version": Case(
        profiles=output(
            schema="\"{{ 'dev_' ~ modules.datetime.date.today().year }}{{ '_' ~ dbt_version[:3] }}\"",
        )
    ),
    "fromyaml": Case(profiles=output(port="\"{{ fromyaml('5433') | as_number }}\"")),
    "flags": Case(profiles=output(schema="\"{{ 'debug' if flags.DEBUG else 'quiet' }}\"")),
    "env_var and var beside the version": Case(
        profiles=output(schema="\"{{ env_var('B') ~ var('v') ~ dbt_version[:1] }}\""),
        environ={"B": "branch"},
        cli_vars={"v": "x"},
    ),
    "secret beside the version": Case(
        profiles=output(password="\"{{ env_var('DBT_ENV_SECRET_PW') }}{{ dbt_version[:0] }}\""),
        environ={"DBT_ENV_SECRET_PW": "0123"},
    ),
    "password that dbt cannot render either": Case(profiles=output(password='"{{ dbt_version.x.y }}"')),
}

ERRORS = {
    "no such profile": Case(profiles=output().replace("shop:", "other:", 1)),
    "empty file": Case(profiles=""),
    "only a comment": Case(profiles="# nothing\n"),
    "a list": Case(profiles="- shop\n"),
    "a text": Case(profiles="shop\n"),
    "invalid YAML": Case(profiles="shop: [\n"),
    "tab": Case(profiles="shop:\n\toutputs: {}\n"),
    "unknown tag": Case(profiles=output(password="!p4ss")),
    "binary": Case(profiles=output(meta="!!binary YQ==")),
    "set": Case(profiles=output(meta="!!set {a}")),
    "invalid date": Case(profiles=output(schema="2024-13-45")),
    "circle": Case(profiles=output(meta="&a [*a]")),
    "empty profile": Case(profiles="shop:\n"),
    "no outputs": Case(profiles="shop:\n  target: dev\n"),
    "null outputs": Case(profiles="shop:\n  target: dev\n  outputs:\n"),
    "outputs is a list": Case(profiles="shop:\n  target: dev\n  outputs: [dev]\n"),
    "no such target": Case(profiles=output(), target="prod"),
    "empty target": Case(profiles=output(), target=""),
    "no target default": Case(profiles=output().replace("  target: dev\n", "")),
    "null target": Case(profiles=output().replace("target: dev", "target:")),
    "target is a number": Case(profiles=output().replace("target: dev", "target: 1").replace("dev:", "1:")),
    "target of a missing env_var": Case(profiles=output().replace("target: dev", "target: \"{{ env_var('NONE') }}\"")),
    "output is text": Case(profiles="shop:\n  target: dev\n  outputs:\n    dev: text\n"),
    "no type": Case(profiles=output(type="LEFT OUT")),
    **{f"no {key}": Case(profiles=output(**{key: "LEFT OUT"})) for key in ("host", "port", "user", "password")},
    **{f"no {key}": Case(profiles=output(**{key: "LEFT OUT"})) for key in ("dbname", "schema")},
    "pass and password": Case(profiles=output(**{"pass": "x"})),
    "dbname and database": Case(profiles=output(database="x")),
    "port is text": Case(profiles=output(port='"5432"')),
    "port is text from env": Case(profiles=output(port="\"{{ env_var('P') }}\""), environ={"P": "5432"}),
    "port is a word": Case(profiles=output(port="\"{{ env_var('P') | as_number }}\""), environ={"P": "abc"}),
    "port with a leading zero": Case(
        profiles=output(port="\"{{ env_var('P') | as_number }}\""), environ={"P": "05432"}
    ),
    "port is a constant expression, which Jinja makes text": Case(profiles=output(port='"{{ 5000 + 432 }}"')),
    "port is true": Case(profiles=output(port="true")),
    "port is true as_number": Case(profiles=output(port="\"{{ 'True' | as_number }}\"")),
    "port is half": Case(profiles=output(port="1.5")),
    "port is null": Case(profiles=output(port="")),
    "password is a number": Case(profiles=output(password="1234")),
    "password is a number by as_number": Case(profiles=output(password="\"{{ '1234' | as_number }}\"")),
    "password is null": Case(profiles=output(password="")),
    "user is yes": Case(profiles=output(user="yes")),
    "host is a list": Case(profiles=output(host="[a, b]")),
    "host is undefined": Case(profiles=output(host='"{{ nothing }}"')),
    "host of an undefined name": Case(profiles=output(host='"{{ nothing.at_all }}"')),
    "host calls an undefined name": Case(profiles=output(host='"{{ nothing() }}"')),
    "host with the prefix of secrets": Case(profiles=output(host="DBT_ENV_SECRET_host")),
    "role is undefined": Case(profiles=output(role='"{{ nothing }}"')),
    "role is a number": Case(profiles=output(role="7")),
    "connect_timeout is null": Case(profiles=output(connect_timeout="")),
    "retries is text": Case(profiles=output(retries='"1"')),
    "autocommit is text": Case(profiles=output(autocommit='"True"')),
    "autocommit of a lower case word": Case(profiles=output(autocommit="\"{{ 'true' | as_bool }}\"")),
    "missing env_var": Case(profiles=output(host="\"{{ env_var('NONE') }}\"")),
    "missing env_var in pass": Case(profiles=output(password="LEFT OUT", **{"pass": "\"{{ env_var('NONE') }}\""})),
    "missing secret": Case(profiles=output(host="\"{{ env_var('DBT_ENV_SECRET_NONE') }}\"")),
    "missing secret in password": Case(profiles=output(password="\"{{ env_var('DBT_ENV_SECRET_NONE') }}\"")),
    "missing env_var in an unused key": Case(profiles=output(nonsense="\"{{ env_var('NONE') }}\"")),
    "DBT_ENV_PRIVATE": Case(
        profiles=output(host="\"{{ env_var('DBT_ENV_PRIVATE_H') }}\""), environ={"DBT_ENV_PRIVATE_H": "h"}
    ),
    "two secrets on one line": Case(
        profiles=output(password="\"{{ env_var('DBT_ENV_SECRET_A') }}{{ env_var('DBT_ENV_SECRET_B') }}\""),
        environ={"DBT_ENV_SECRET_A": "a", "DBT_ENV_SECRET_B": "b"},
    ),
    "one secret twice on one line": Case(
        profiles=output(user="\"{{ env_var('DBT_ENV_SECRET_A') }}{{ env_var('DBT_ENV_SECRET_A') }}\""),
        environ={"DBT_ENV_SECRET_A": "a"},
    ),
    "secret as number": Case(
        profiles=output(port="\"{{ env_var('DBT_ENV_SECRET_P') | as_number }}\""), environ={"DBT_ENV_SECRET_P": "1"}
    ),
    "missing var": Case(profiles=output(schema="\"{{ var('none') }}\"")),
    "var with invalid Jinja": Case(profiles=output(schema="\"{{ var('s') }}\""), cli_vars={"s": "{{"}),
    "invalid Jinja": Case(profiles=output(host="'{{ a'")),
    "invalid Jinja in pass": Case(profiles=output(password="LEFT OUT", **{"pass": "'a{{b'"})),
    "unknown filter": Case(profiles=output(host="\"{{ 'a' | nothing }}\"")),
    "division by zero": Case(profiles=output(host='"{{ 1 / 0 }}"')),
    "unsafe attribute": Case(profiles=output(host="\"{{ ''.__class__.__mro__ }}\"")),
    "threads is text": Case(profiles=output(threads='"4"')),
    "threads is null": Case(profiles=output(threads="")),
    "threads is true": Case(profiles=output(threads="true")),
    "threads cannot be rendered": Case(profiles=output(threads="\"{{ env_var('NONE') }}\""), threads=4),
}

PROJECTS_EQUAL = {
    "plain": Case(project="name: shop_models\nprofile: shop\nversion: '1.0'\n", profiles=output()),
    "target-path": Case(project="name: m\nprofile: shop\ntarget-path: out\n", profiles=output()),
    "env_var": Case(
        project="name: \"{{ env_var('N') }}\"\nprofile: \"{{ env_var('P', 'shop') }}\"\n"
        "target-path: \"{{ env_var('T', 'out') }}\"\n",
        environ={"N": "named"},
        profiles=output(),
    ),
    "var": Case(
        project="name: m\nprofile: \"{{ var('p') }}\"\ntarget-path: \"out/{{ var('t', 'x') }}\"\n",
        cli_vars={"p": "shop"},
        profiles=output(),
    ),
    "target": Case(
        project='name: "m_{{ target.name }}"\nprofile: shop\ntarget-path: "out/{{ target.dbname }}"\n',
        profiles=output(),
    ),
}

PROJECT_ERRORS = {
    "no name": Case(project="profile: shop\n", profiles=output()),
    "null name": Case(project="name:\nprofile: shop\n", profiles=output()),
    "name with a dash": Case(project="name: my-shop\nprofile: shop\n", profiles=output()),
    "name is a number": Case(project="name: 7\nprofile: shop\n", profiles=output()),
    "a list": Case(project="- name\n", profiles=output()),
    "empty": Case(project="", profiles=output()),
    "invalid YAML": Case(project="name: [\n", profiles=output()),
    "profile is a number": Case(project="name: m\nprofile: 7\n", profiles=output()),
    "missing env_var": Case(project="name: m\nprofile: \"{{ env_var('NONE') }}\"\n", profiles=output()),
    "secret": Case(
        project="name: \"{{ env_var('DBT_ENV_SECRET_N') }}\"\nprofile: shop\n",
        environ={"DBT_ENV_SECRET_N": "m"},
        profiles=output(),
    ),
    "missing var": Case(project="name: m\nprofile: shop\ntarget-path: \"{{ var('none') }}\"\n", profiles=output()),
    "target-path is a number": Case(project="name: m\nprofile: shop\ntarget-path: 7\n", profiles=output()),
}


@pytest.fixture(scope="module")
def directory_of(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Write every case into a directory of its own; cases are told apart by identity."""
    directories = {}
    for group in (EQUAL, ASKED, ERRORS, PROJECTS_EQUAL, PROJECT_ERRORS):
        for case in group.values():
            directory = tmp_path_factory.mktemp("case")
            (directory / "profiles.yml").write_bytes(case.profiles.encode())
            (directory / "dbt_project.yml").write_text(case.project)
            directories[id(case)] = directory
    return directories


@pytest.fixture(scope="module")
def result_of_dbt(directory_of: dict[int, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[int, dict[str, Any]]:
    """Render all cases with dbt, in one process."""
    cases = [
        (case, group in (PROJECTS_EQUAL, PROJECT_ERRORS))
        for group in (EQUAL, ASKED, ERRORS, PROJECTS_EQUAL, PROJECT_ERRORS)
        for case in group.values()
    ]
    request = [
        {
            "directory": str(directory_of[id(case)]),
            "is_project": is_project,
            "profile_name": "shop",
            "environ": case.environ,
            "cli_vars": case.cli_vars,
            "target": case.target,
            "threads": case.threads,
        }
        for case, is_project in cases
    ]
    answers = tmp_path_factory.mktemp("dbt") / "results.json"
    subprocess.run(
        [sys.executable, str(RENDER_WITH_DBT), str(answers)],
        input=json.dumps(request),
        text=True,
        check=True,
        cwd=answers.parent,
    )
    results = json.loads(answers.read_text())
    return {id(case): result for (case, _), result in zip(cases, results, strict=True)}


def rendered_by_us(
    case: Case, directory: Path, profile_name: str | None = "shop", ask_dbt: AskDbt | None = None
) -> Profile:
    return load_profile(
        profiles_dir=directory,
        profile_name=profile_name,
        target=case.target,
        threads=case.threads,
        cli_vars=case.cli_vars,
        environ=case.environ,
        ask_dbt=ask_dbt,
    )


def project_read_by_us(case: Case, directory: Path) -> ProjectFile:
    project = read_project_file(directory, environ=case.environ, cli_vars=case.cli_vars)
    profile = rendered_by_us(case, directory, project.profile)
    return read_project_file(directory, environ=case.environ, cli_vars=case.cli_vars, target=profile.target_context)


@pytest.mark.parametrize("name", EQUAL)
def test_a_profile_renders_to_the_same_values_as_in_dbt(
    name: str, directory_of: dict[int, Path], result_of_dbt: dict[int, dict[str, Any]]
) -> None:
    case = EQUAL[name]

    assert_equal(rendered_by_us(case, directory_of[id(case)]), result_of_dbt[id(case)])


@pytest.mark.parametrize("name", ASKED)
def test_what_only_dbt_can_answer_renders_to_the_same_values_as_in_dbt(
    name: str,
    directory_of: dict[int, Path],
    result_of_dbt: dict[int, dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = ASKED[name]
    with pytest.raises(ConfigurationError, match="which only dbt itself can evaluate"):
        rendered_by_us(case, directory_of[id(case)])
    for variable, value in case.environ.items():
        monkeypatch.setenv(variable, value)

    profile = rendered_by_us(case, directory_of[id(case)], ask_dbt=DbtInProcess().render_yaml_value)

    assert_equal(profile, result_of_dbt[id(case)])


def assert_equal(profile: Profile, by_dbt: dict[str, Any]) -> None:
    assert "error" not in by_dbt, by_dbt
    assert {
        "name": profile.name,
        "target_name": profile.target_name,
        "threads": profile.threads,
        "type": profile.type,
        "credentials": {**profile.credentials, "pass": profile.credentials["password"], "dbname": profile.database},
        "target_context": profile.target_context,
        "connect_arguments": profile.settings.connect_arguments(),
        "statements": [f"set role {profile.settings.role}"] if profile.settings.role else [],
    } == by_dbt


@pytest.mark.parametrize("name", ERRORS)
def test_a_profile_that_dbt_refuses_is_an_error_of_two_lines(
    name: str, directory_of: dict[int, Path], result_of_dbt: dict[int, dict[str, Any]]
) -> None:
    case = ERRORS[name]

    with pytest.raises(ConfigurationError) as caught:
        rendered_by_us(case, directory_of[id(case)])

    assert "error" in result_of_dbt[id(case)]
    assert "\n" not in caught.value.what + caught.value.do


@pytest.mark.parametrize("name", PROJECTS_EQUAL)
def test_a_project_file_renders_to_the_same_values_as_in_dbt(
    name: str, directory_of: dict[int, Path], result_of_dbt: dict[int, dict[str, Any]]
) -> None:
    case = PROJECTS_EQUAL[name]

    project = project_read_by_us(case, directory_of[id(case)])

    assert not project.awaits_target
    assert {
        "name": project.name,
        "profile": project.profile,
        "target_path": project.target_path,
    } == result_of_dbt[id(case)]


@pytest.mark.parametrize("name", PROJECT_ERRORS)
def test_a_project_file_that_dbt_refuses_is_an_error_of_two_lines(
    name: str, directory_of: dict[int, Path], result_of_dbt: dict[int, dict[str, Any]]
) -> None:
    case = PROJECT_ERRORS[name]

    with pytest.raises(ConfigurationError) as caught:
        project_read_by_us(case, directory_of[id(case)])

    assert "error" in result_of_dbt[id(case)]
    assert "\n" not in caught.value.what + caught.value.do
