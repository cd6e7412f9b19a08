"""Edits of seeds that change their rows or their tables."""

from __future__ import annotations

from accuracy.mutation import Edit, Mutation, append, change, replace, write

COUNTRIES, YML = "seeds/countries.csv", "seeds/seeds.yml"


def _seed(name: str, *edits: Edit) -> Mutation:
    return Mutation(name=name, group="seed", edits=edits)


MUTATIONS = (
    _seed("a value changes", replace(COUNTRIES, "0.19", "0.16")),
    _seed("an empty line is added, which dbt loads as a row", append("seeds/payment_methods.csv", "\n")),
    _seed("a row is added", append(COUNTRIES, "it,Italy,0.22\n")),
    _seed("a column is added", change(COUNTRIES, lambda text: text.replace("\n", ",x\n").replace("vat,x", "vat,note"))),
    _seed(
        "a value changes in a seed of more than 1 MiB",
        change("seeds/cities.csv", lambda text: text.replace("City number 700,", "City number 7OO,")),
    ),
    _seed(
        "the last row of a seed of more than 1 MiB goes away",
        change("seeds/cities.csv", lambda text: text[: text.rstrip("\n").rindex("\n") + 1]),
    ),
    _seed("a column type changes", replace(YML, "varchar(2)", "varchar(5)")),
    _seed(
        "a column type is added in dbt_project.yml",
        replace(
            "dbt_project.yml",
            "seeds:\n  shop:\n",
            "seeds:\n  shop:\n    currencies:\n      +column_types: {digits: bigint}\n",
        ),
    ),
    _seed(
        "the delimiter changes with the file",
        change("seeds/currencies.csv", lambda text: text.replace(",", ";").replace("2", "3")),
        replace(YML, "      tags: [reference]\n", "      tags: [reference]\n      delimiter: ';'\n"),
    ),
    _seed("the rows of a seed that a model loops over change", append("seeds/payment_methods.csv", "wire,true\n")),
    _seed(
        "a seed's column becomes quoted",
        replace(YML, "      tags: [reference]\n", "      tags: [reference]\n      quote_columns: true\n"),
        change("seeds/currencies.csv", lambda text: text.replace("digits", "Digits")),
    ),
    _seed("a seed is added", write("seeds/regions.csv", "id,name\n1,north\n")),
    _seed(
        "text that looks like white space changes inside quotes",
        replace(COUNTRIES, "United States", '"United  States"'),
    ),
)
