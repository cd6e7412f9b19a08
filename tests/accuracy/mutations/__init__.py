"""All mutations, in the order of the groups."""

from __future__ import annotations

from accuracy.mutation import Mutation
from accuracy.mutations import (
    code,
    config,
    data,
    environment,
    graph,
    macros,
    no_ops,
    packages,
    seeds,
    snapshots,
    sources,
    traced,
    undeclared,
)

MUTATIONS: tuple[Mutation, ...] = (
    *code.MUTATIONS,
    *config.MUTATIONS,
    *macros.MUTATIONS,
    *environment.MUTATIONS,
    *sources.MUTATIONS,
    *seeds.MUTATIONS,
    *snapshots.MUTATIONS,
    *packages.MUTATIONS,
    *graph.MUTATIONS,
    *data.MUTATIONS,
    *undeclared.MUTATIONS,
    *traced.MUTATIONS,
    *no_ops.MUTATIONS,
)
