"""Edits of sources' yml that change what is built."""

from __future__ import annotations

from accuracy.mutation import Edit, Mutation, replace

YML = "models/staging/sources.yml"


def _source(name: str, *edits: Edit) -> Mutation:
    return Mutation(name=name, group="source", edits=edits)


MUTATIONS = (
    _source(
        "a source's schema changes",
        replace(
            YML, "      - name: returns\n", "  - name: second\n    schema: raw_v2\n    tables:\n      - name: returns\n"
        ),
        replace("models/staging/stg_returns.sql", "'raw', 'returns'", "'second', 'returns'"),
    ),
    _source(
        "a table's identifier changes",
        replace(YML, "      - name: returns\n", "      - name: returns\n        identifier: returns_clean\n"),
    ),
    _source(
        "a source's schema changes in yml only",
        replace(
            YML,
            "      - name: returns\n  - name: lookup\n    schema: \"{{ var('lookup_schema', 'lookup') }}\"\n",
            "      - name: returns\n  - name: lookup\n    schema: raw_lookup\n",
        ),
    ),
    _source(
        "a table's quoting changes",
        replace(YML, "      - name: events\n", "      - name: events\n        quoting: {identifier: false}\n"),
    ),
    _source(
        "a source's quoting changes",
        replace(YML, "    loader: meltano\n", "    loader: meltano\n    quoting: {schema: false}\n"),
    ),
    _source(
        "a model reads another table of the source",
        replace("models/staging/stg_returns.sql", "source('raw', 'returns')", "source('raw', 'orders')"),
        replace(
            "models/staging/stg_returns.sql",
            "id as return_id, order_id, reason",
            "id as return_id, id as order_id, status as reason",
        ),
    ),
)
