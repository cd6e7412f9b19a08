"""Generator of dbt projects with N models, like real ones.

Three of ten models are staging views on sources and seeds, four are intermediate views, three are marts, of which every
tenth is a table, in chains of up to 20, and every 25th incremental. For each two models there is a macro, some of them
in a package, and for each hundred a snapshot, which `dbt run` leaves alone. The same numbers give the same project.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random
from textwrap import dedent, indent

SOURCES = 10
SOURCE_ROWS = 200
SEEDS = 3
SEED_ROWS = 50
LEAF = "mart_leaf"  # the model that nothing reads

PROJECT = """\
name: bench
version: "1.0"
profile: bench
model-paths: [models]
seed-paths: [seeds]
macro-paths: [macros]
snapshot-paths: [snapshots]

vars:
  first_day: "2026-01-01"
  currency: EUR

seeds:
  bench:
    +schema: seeds

models:
  bench:
    +materialized: view
"""
PROFILES = """\
bench:
  target: dev
  outputs:
    dev:
      type: postgres
      host: "{{ env_var('BENCH_HOST') }}"
      port: "{{ env_var('BENCH_PORT') | as_number }}"
      user: "{{ env_var('BENCH_USER') }}"
      password: "{{ env_var('BENCH_PASSWORD') }}"
      dbname: "{{ env_var('BENCH_DBNAME') }}"
      schema: "{{ env_var('BENCH_SCHEMA') }}"
      threads: 4
"""
MACROS = {
    "money": "{% macro money(column) %}{{ rounded(column ~ ' / 100.0') }}{% endmacro %}",
    "rounded": "{% macro rounded(value, digits=2) %}round(({{ value }})::numeric, {{ digits }}){% endmacro %}",
    "day_of": "{% macro day_of(column) %}date_trunc('day', {{ column }})::date{% endmacro %}",
    "currency": "{% macro currency() %}'{{ var('currency') }}'::text{% endmacro %}",
    "is_recent": "{% macro is_recent(column) %}{{ day_of(column) }} >= date '{{ var('first_day') }}'{% endmacro %}",
    "total": "{% macro total(a, b) %}coalesce({{ a }}, 0) + coalesce({{ b }}, 0){% endmacro %}",
    "customers_in": "{% macro customers_in(relation) %}{% if execute %}"
    "{{ run_query('select count(distinct customer_id) from ' ~ relation).rows[0][0] }}{% endif %}{% endmacro %}",
    "unused": "{% macro unused(column) %}lower({{ column }}){% endmacro %}",
}


PACKAGE = "toolbox"  # a package that stands in the project itself, installed as `dbt deps` would
PACKAGE_FILES = {
    "packages.yml": f"packages:\n  - local: {PACKAGE}\n",
    f"{PACKAGE}/dbt_project.yml": f'name: {PACKAGE}\nversion: "1.0"\nmacro-paths: [macros]\n',
}
CHAIN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model: its layer (a folder), its SQL, and its materialization where it has one of its own."""

    name: str
    layer: str
    sql: str
    materialized: str = ""


def write_project(directory: Path, *, models: int, introspecting: int = 0) -> None:
    """Write the whole project; `models` is at least 10. Besides them come models that ask while they are compiled."""
    files = {"dbt_project.yml": PROJECT, "profiles.yml": PROFILES, "models/staging/sources.yml": _sources()}
    files |= {f"macros/{name}.sql": f"{text}\n" for name, text in MACROS.items()} | PACKAGE_FILES
    files |= {_macro_file(number): f"{_step(number)}\n" for number in range(models // 2)}
    files |= {f"snapshots/snap_{number:04}.sql": _snapshot(number) for number in range(models // 100)}
    files |= {f"seeds/seed_{number}.csv": _seed(number) for number in range(SEEDS)}
    for model in generated_models(models):
        files[f"models/{model.layer}/{model.name}.sql"] = model.sql
        files[f"models/{model.layer}/{model.name}.yml"] = _documentation(model)
    files |= {f"models/asking/asks_{number:04}.sql": _asking(number) for number in range(introspecting)}
    for path, text in files.items():
        file = directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    (directory / "dbt_packages").mkdir()
    (directory / "dbt_packages" / PACKAGE).symlink_to(directory / PACKAGE)


def source_script() -> str:
    """Give the SQL that creates and fills the source tables."""
    return "create schema raw;\n" + "".join(
        f"create table raw.events_{number} as select n as id, n % 17 as customer_id, n * 3 as cents, "
        f"timestamp '2026-01-01' + n * interval '1 hour' as happened_at "
        f"from generate_series(1, {SOURCE_ROWS}) as t(n);\n"
        for number in range(SOURCES)
    )


def edit_leaf(directory: Path, number: int) -> None:
    """Give the leaf a column with this number, instead of the one of an earlier edit."""
    file = directory / "models" / "marts" / f"{LEAF}.sql"
    kept = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.endswith(" as edit_number,")]
    kept.insert(kept.index("select") + 1, f"    {number} as edit_number,")
    file.write_text("\n".join(kept) + "\n", encoding="utf-8")


def generated_models(count: int) -> list[Model]:
    """Give the models, parents first. Views stay shallow, as PostgreSQL plans all that lies below a table at once."""
    random = Random(count)
    staging = [f"stg_{number:04}" for number in range(max(3, count * 3 // 10))]
    intermediate = [f"int_{number:04}" for number in range(max(4, count * 4 // 10))]
    marts = [f"mart_{number:04}" for number in range(count - len(staging) - len(intermediate) - 1)] + [LEAF]
    lower, upper = intermediate[: len(intermediate) // 2], intermediate[len(intermediate) // 2 :]
    found = [Model(name=name, layer="staging", sql=_staging(number)) for number, name in enumerate(staging)]
    for names, layer, parents in ((lower, "intermediate", staging), (upper, "intermediate", lower)):
        found += [Model(name=name, layer=layer, sql=_joined(_some(random, parents))) for name in names]
    for number, name in enumerate(marts):
        materialized = "table" if number % 10 == 3 else "incremental" if number % 25 == 7 else ""
        parents = _some(random, upper)
        if materialized == "table" and number // 10 % CHAIN:
            parents = [f"mart_{number - 10:04}", parents[0]]
        sql = _joined(parents, "view" if name == LEAF else materialized)
        found.append(Model(name=name, layer="marts", sql=sql, materialized=materialized))
    return found


def _some(random: Random, names: list[str]) -> list[str]:
    return sorted(random.sample(names, min(len(names), random.choice((1, 2, 2)))))


def _staging(number: int) -> str:
    seed = f"\ninner join {{{{ ref('seed_{number % SEEDS}') }}}} as customers using (customer_id)"
    return dedent(
        f"""\
        select
            events.id,
            customer_id,
            {{{{ {_caller(number)}step_{number:04}(money('events.cents')) }}}} as amount,
            {{{{ day_of('events.happened_at') }}}} as day,
            {{{{ currency() }}}} as currency
        from {{{{ source('raw', 'events_{number % SOURCES}') }}}} as events
        where {{{{ is_recent('events.happened_at') }}}}
        """
    ).replace("\nwhere", f"{seed if number % 5 == 0 else ''}\nwhere")


def _asking(number: int) -> str:
    source = f"source('raw', 'events_{number % SOURCES}')"
    return f"select {{{{ customers_in({source}) }}}} as customers, count(*) as events from {{{{ {source} }}}}\n"


def _macro_file(number: int) -> str:
    return f"{PACKAGE if number % 5 == 0 else '.'}/macros/step_{number:04}.sql"


def _step(number: int) -> str:
    return f"{{% macro step_{number:04}(value) %}}({{{{ value }}}} + {number % 7}){{% endmacro %}}"


def _caller(number: int) -> str:
    """Return what stands before a macro: the package that holds it."""
    return f"{PACKAGE}." if number % 5 == 0 else ""


def _snapshot(number: int) -> str:
    config = "target_schema='snapshots', unique_key='id', strategy='check', check_cols=['cents']"
    source = f"{{{{ source('raw', 'events_{number % SOURCES}') }}}}"
    name = f"snap_{number:04}"
    return f"{{% snapshot {name} %}}{{{{ config({config}) }}}}select * from {source}{{% endsnapshot %}}\n"


def rendered_models(directory: Path, models: int, *, database: str, schema: str) -> list[tuple[str, str, str]]:
    """Return for each model its name, kind and SQL, parents first, as dbt would compile it for an empty warehouse."""
    from jinja2 import DictLoader, Environment

    files = sorted([*directory.glob("macros/*.sql"), *directory.glob(f"{PACKAGE}/macros/*.sql")])
    loader = DictLoader({"macros": "".join(file.read_text(encoding="utf-8") for file in files)})
    environment = Environment(loader=loader, autoescape=False)
    variables = {"first_day": "2026-01-01", "currency": "EUR"}

    def relation(name: str) -> str:
        return f'"{database}"."{schema}{"_seeds" if name.startswith("seed_") else ""}"."{name}"'

    names = {
        "var": variables.__getitem__,
        "config": lambda **_given: "",
        "is_incremental": lambda: False,
        "source": lambda schema, name: f'"{database}"."{schema}"."{name}"',
        "ref": relation,
    }
    environment.globals.update(names)
    macros = environment.get_template("macros").make_module(names)
    environment.globals.update({name: each for name, each in vars(macros).items() if not name.startswith("_")})
    environment.globals[PACKAGE] = macros
    return [
        (
            model.name,
            "view" if model.materialized in ("", "view") else "table",
            environment.from_string(model.sql).render(),
        )
        for model in generated_models(models)
    ]


def _joined(parents: list[str], materialized: str = "") -> str:
    config = f"{{{{ config(materialized='{materialized}') }}}}\n\n" if materialized else ""
    first, *others = parents
    joins = "".join(f"\ninner join {{{{ ref('{other}') }}}} as {other} on {other}.id = {first}.id" for other in others)
    amount = f"{{{{ total('{first}.amount', '{others[0]}.amount') }}}}" if others else f"{first}.amount"
    recent = (
        f"\n{{% if is_incremental() %}}\nwhere {first}.id > (select max(id) from {{{{ this }}}})\n{{% endif %}}"
        if materialized == "incremental"
        else ""
    )
    body = f"""\
select
    {first}.id,
    {first}.customer_id,
    {amount} as amount,
    {first}.day,
    {first}.currency
from {{{{ ref('{first}') }}}} as {first}{joins}{recent}
"""
    return config + body


def _documentation(model: Model) -> str:
    columns = {
        "id": "The event.",
        "customer_id": "Who it belongs to.",
        "amount": "What was paid, in units of the currency.",
        "day": "When it happened.",
    }
    tested = {"staging": ("id",), "intermediate": ("id",), "marts": ("id", "customer_id")}[model.layer]
    lines = [f"models:\n  - name: {model.name}\n    description: >\n"]
    lines.append(indent(f"One row per event, {model.layer} layer. Amounts are added up over what it reads.\n", " " * 6))
    lines.append("    columns:\n")
    for name, description in columns.items():
        lines.append(f"      - name: {name}\n        description: {description}\n")
        lines.append("        data_tests: [not_null]\n" if name in tested else "")
    return "".join(lines)


def _sources() -> str:
    tables = "".join(f"      - name: events_{number}\n" for number in range(SOURCES))
    return f"sources:\n  - name: raw\n    schema: raw\n    tables:\n{tables}"


def _seed(number: int) -> str:
    return "customer_id,name\n" + "".join(f"{row},{name}\n" for row, name in seed_rows(number))


def seed_rows(number: int) -> list[tuple[int, str]]:
    """Give the rows of a seed."""
    return [(row, f"customer {number}-{row}") for row in range(SEED_ROWS)]
