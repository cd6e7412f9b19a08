"""Extractors and loaders of the pipelines that are transformed.

`meltano run` tells a plugin nothing about the others on its line. So the jobs tell: those that hold this utility; where
none does, all jobs; and in a project without jobs each extractor with each loader, as a guess.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from meltano_plugin.project import MeltanoProject


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """An extractor, the mappings between, and a loader; `is_guess` where no job names the pair."""

    extractor: str
    loader: str
    mappings: tuple[str, ...] = ()
    is_guess: bool = False

    def __str__(self) -> str:
        """Say it as people do."""
        return f"{self.extractor} to {self.loader}"

    def state_id(self, environment: str) -> str:
        """Return the id under which `meltano run` keeps the bookmarks, without a suffix."""
        return f"{environment}:{self.extractor}-to-{self.loader}"


def pairs_of(project: MeltanoProject, utility: str) -> tuple[Pair, ...]:
    """Return the pairs in the order of the jobs, each once; several mappings of one pair are joined."""
    jobs = project.jobs
    utilities = {utility, *(str(p["name"]) for p in project.plugins("utilities") if p.get("inherit_from") == utility)}
    with_us = [blocks for blocks in jobs.values() if any(block.split(":")[0] in utilities for block in blocks)]
    found = [pair for blocks in with_us or jobs.values() for pair in _pairs_in(project, blocks)]
    if not found:
        found = [
            Pair(extractor=str(extractor["name"]), loader=str(loader["name"]), is_guess=True)
            for extractor in project.plugins("extractors")
            for loader in project.plugins("loaders")
        ]
    return _each_once(found)


def _pairs_in(project: MeltanoProject, blocks: Iterable[str]) -> list[Pair]:
    extractors = {str(plugin["name"]) for plugin in project.plugins("extractors")}
    loaders = {str(plugin["name"]) for plugin in project.plugins("loaders")}
    found: list[Pair] = []
    extractor, between = "", list[str]()
    for block in blocks:
        if block in extractors:
            extractor, between = block, []
        elif extractor and block in loaders:
            found.append(Pair(extractor=extractor, loader=block, mappings=tuple(between)))
            extractor = ""
        elif extractor and ":" not in block:
            between.append(block)
    return found


def _each_once(pairs: Iterable[Pair]) -> tuple[Pair, ...]:
    found: dict[tuple[str, str], Pair] = {}
    for pair in pairs:
        known = found.get((pair.extractor, pair.loader))
        mappings = tuple(dict.fromkeys([*known.mappings, *pair.mappings])) if known else pair.mappings
        found[pair.extractor, pair.loader] = Pair(
            extractor=pair.extractor, loader=pair.loader, mappings=mappings, is_guess=pair.is_guess
        )
    return tuple(found.values())
