"""The script of real projects, on a tiny one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from accuracy.relations import DERIVED, PHYSICAL
from accuracy.truth import Build

from real_projects.history import Moment, Record
from real_projects.run import main
from real_projects.table import notes, table
from real_projects.truth import Scratch, Volatile, by_chance, by_hooks, relations_below

FILES = {
    "dbt_project.yml": """\
name: farm
version: "1.0"
profile: farm
vars: {unit: kg}
models:
  farm:
    +materialized: table
""",
    "profiles.yml": """\
farm:
  target: dev
  outputs:
    dev:
      type: postgres
      host: "{{ env_var('POSTGRES_HOST') }}"
      port: "{{ env_var('POSTGRES_PORT') | int }}"
      user: "{{ env_var('POSTGRES_USER') }}"
      password: "{{ env_var('POSTGRES_PASSWORD') }}"
      dbname: "{{ env_var('POSTGRES_DATABASE') }}"
      schema: farm
      threads: 4
""",
    "packages.yml": "packages:\n  - local: ../scales\n",
    "dbt_packages/scales/dbt_project.yml": "name: scales\nversion: '1.0'\n",
    "dbt_packages/scales/macros/heavy.sql": "{% macro heavy(column) %}{{ column }} > 100{% endmacro %}\n",
    "dbt_packages/scales/models/scales_units.sql": "select 'kg' as unit, 1 as factor\n",
    "seeds/animals.csv": "id,name,weight\n1,Bella,600\n2,Rosie,40\n",
    "seeds/fields.csv": "id,name\n1,Long acre\n",
    "models/animals_weighed.sql": "select *, '{{ var('unit') }}' as unit from {{ ref('animals') }}\n",
    "models/animals_heavy.sql": "select * from {{ ref('animals_weighed') }} where {{ scales.heavy('weight') }}\n",
    "models/fields_named.sql": "select upper(name) as name from {{ ref('fields') }}\n",
    "models/looked_at.sql": "select now() as at\n",
    "changes.json": json.dumps(
        {
            "changes": {
                "edit": [{"file": "models/fields_named.sql", "old": "upper", "new": "lower"}],
                "seed": [{"file": "seeds/animals.csv", "old": "Rosie,40", "new": "Rosie,400"}],
                "macro": [{"file": "dbt_packages/scales/macros/heavy.sql", "old": "100", "new": "500"}],
            }
        }
    ),
}


@pytest.fixture
def projects(tmp_path: Path) -> Path:
    folder = tmp_path / "projects"
    for path, text in FILES.items():
        file = folder / "farm" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


@pytest.mark.full("DBT_STATE_PLUGIN_ACCURACY")
def test_a_project_with_a_package_is_played_and_told(projects: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--projects", str(projects)])

    told = capsys.readouterr()
    assert code == 0, told.out + told.err
    row = "| farm | 7 | 1 | 0 | 1 of 1 needed; 0/0 | 3 of 3 needed; 0/0 | - | 1 of 1 needed; 0/0 | yes |"
    assert row in told.out.splitlines(), told.out + told.err
    assert "- second run: volatile 1" in told.out
    assert "- volatile between two builds from scratch, not compared: farm.looked_at (at)" in told.out


@pytest.mark.full("DBT_STATE_PLUGIN_ACCURACY")
def test_a_quick_play_only_plans(projects: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--projects", str(projects), "--quick", "--logs", str(tmp_path), "--json", str(tmp_path / "records")])

    told = capsys.readouterr()
    assert code == 0, told.out + told.err
    assert "| farm | 7 | 1 | 0 | 1 | 3 | - | 1 | not compared |" in told.out.splitlines(), told.out + told.err


def test_what_is_recorded_is_not_run_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "farm").mkdir()
    (tmp_path / "farm" / "dbt_project.yml").write_text("name: farm\n")
    record = _record(Moment(needed=["model.farm.a"], missed=["model.farm.a"], unequal={"farm.a": ["rows"]}))
    (tmp_path / "records.jsonl").write_text(json.dumps(record.as_json()))

    code = main(["--projects", str(tmp_path), "--json", str(tmp_path / "records.jsonl")])

    assert code == 1
    assert "0 of 1 needed; 1/0" in capsys.readouterr().out


def test_a_finding_is_in_the_table_and_in_the_notes() -> None:
    extra = {"model.farm.b": [{"kind": "macros", "detail": "macro c changed"}]}
    record = _record(Moment(planned=extra, extra=["model.farm.b"], unequal={"farm.a": ["rows"]}, exit_codes=[1]))

    assert "| 1 of 0 needed; 0/1 | - | - | - | not after edit |" in table([record])
    told = "\n".join(notes(record))
    assert "- edit: exit codes [1]" in told
    assert "- edit: extra model.farm.b (macros: macro c changed)" in told
    assert "- edit: not equal farm.a (rows)" in told


def test_rows_that_plain_dbt_leaves_by_chance_are_told_from_what_a_change_did() -> None:
    before = _scratch(rows={"a": 1, "b": 1, "c": 1}, hook="select 1")
    other_rows = _scratch(rows={"a": 2, "b": 2, "c": 1}, hook="select 1")
    other_code = _scratch(rows={"a": 2, "b": 2, "c": 1}, hook="select 1", code="select 2")
    other_hook = _scratch(rows={"a": 2, "b": 2, "c": 1}, hook="select 2")
    nothing = Volatile(columns={}, keys={}, statements=frozenset())

    assert by_chance(before, other_rows, nothing) == {"model.a"}  # b reads it
    assert by_chance(before, other_code, nothing) == frozenset()
    assert by_chance(before, other_hook, nothing) == frozenset()
    assert by_hooks(before, other_hook, nothing) == {"model.a"}
    assert by_hooks(before, other_rows, nothing) == by_hooks(before, other_code, nothing) == frozenset()
    assert relations_below({"model.a"}, before.build) == {"farm.a", "farm.b"}


def _scratch(rows: dict[str, int], hook: str, code: str = "select 1") -> Scratch:
    parents = {"a": ["model.view"], "view": ["model.c"], "b": ["model.a"], "c": []}
    fields = dict.fromkeys((*PHYSICAL, *DERIVED))
    return Scratch(
        failed=(),
        build=Build(
            nodes={
                f"model.{name}": {
                    "type": "model",
                    "materialized": "view" if name == "view" else "table",
                    "relation": f"farm.{name}",
                    "parents": found,
                }
                for name, found in parents.items()
            },
            statements={f"model.{name}": {"first": [code]} for name in parents} | {"operation.h": {"first": [hook]}},
            compiled={},
            relations={f"farm.{name}": {**fields, "rows": rows.get(name)} for name in parents},
        ),
    )


def _record(edit: Moment) -> Record:
    moments = {name: Moment() for name in ("first", "second", "comment")}
    return Record(project="farm", nodes=2, moments={**moments, "edit": edit})
