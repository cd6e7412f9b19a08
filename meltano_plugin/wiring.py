"""Check of how the jobs of a Meltano project use this plugin."""

from __future__ import annotations

from collections.abc import Iterator

from dbt_state_plugin.api import Finding, Severity
from meltano_plugin.pair import pairs_of
from meltano_plugin.project import MeltanoProject

_BUILDS = ("run", "build")


def wiring(project: MeltanoProject, utility: str, target_choice: str) -> tuple[Finding, ...]:
    """Return what was found of the environment, the target and the jobs that hold this plugin."""
    what = f"environment {project.environment}, target {target_choice}"
    return (Finding(check="meltano", severity=Severity.OK, what=what), *_jobs(project, utility))


def _jobs(project: MeltanoProject, utility: str) -> Iterator[Finding]:
    holding = {
        job: [block for block in blocks if block.split(":")[0] == utility] for job, blocks in project.jobs.items()
    }
    if not any(holding.values()):
        pair = next((f"{pair.extractor} {pair.loader}" for pair in pairs_of(project, utility)), "TAP TARGET")
        yield Finding(
            check="meltano",
            severity=Severity.NOTE,
            what=f"No job of meltano.yml holds {utility}.",
            do=f"Run `meltano run {pair} {utility}:run`, or add it to a job after its loader.",
        )
    for job, blocks in holding.items():
        yield from _job(project, job, utility) if blocks else ()


def _job(project: MeltanoProject, job: str, utility: str) -> Iterator[Finding]:
    blocks = project.jobs[job]
    loaders = {str(plugin["name"]) for plugin in project.plugins("loaders")}
    builds = [place for place, block in enumerate(blocks) if block in {f"{utility}:{each}" for each in _BUILDS}]
    loads = [place for place, block in enumerate(blocks) if block in loaders]
    if utility in blocks:
        what = f"The job {job} names {utility} without a command, which Meltano refuses."
        yield Finding(check="meltano", severity=Severity.ERROR, what=what, do=f"Write {utility}:run there.")
    elif not builds:
        what = f"The job {job} holds {utility}, but builds nothing."
        yield Finding(check="meltano", severity=Severity.NOTE, what=what, do=f"Add {utility}:run after its loader.")
    elif loads and min(builds) < max(loads):
        yield Finding(
            check="meltano",
            severity=Severity.ERROR,
            what=f"The job {job} builds before it has loaded: {blocks[min(builds)]} is before {blocks[max(loads)]}.",
            do=f"Put {blocks[min(builds)]} after it, or what is loaded is built by the next run only.",
        )
    else:
        yield Finding(check="meltano", severity=Severity.OK, what=f"the job {job} loads and then builds")
