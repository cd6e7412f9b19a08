"""Order of tests in which all workers of pytest-xdist end together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

Item = TypeVar("Item")

# Seconds of one test on two cores, roughly; only their proportions matter. What is not here is a moment's work.
_SECONDS_IN_FOLDER = {
    "acceptance": 5.0,
    "accuracy": 16.0,
    "benchmarks": 3.0,
    "contract": 10.0,
    "faults": 4.0,
    "integration": 0.2,
    "real_projects": 0.5,
    "system": 1.0,
    "twin": 8.0,
}
_SECONDS_IN_FILE = {
    "test_bookkeeping.py": 1.0,
    "test_counterexamples.py": 2.0,
    "test_demo.py": 20.0,
    "test_dpo.py": 1.0,
    "test_json_schemas.py": 1.0,
    "test_kill_points.py": 6.0,
    "test_meltano.py": 15.0,
    "test_pipeline.py": 60.0,
    "test_profile_contract.py": 0.1,
    "test_protocol_model.py": 15.0,
    "test_scale.py": 15.0,
}
_SHORT = 0.5  # seconds up to which a test may stand apart from those of its file, to make the shares equal in number


def balanced(items: Sequence[Item], path_of: Callable[[Item], Path], *, tests: Path, workers: int) -> list[Item]:
    """Return all items so that each worker's share begins with long tests and ends with short ones.

    pytest-xdist gives each worker an equal number of neighbours, and later lets those that have ended take from the
    ends of the others' shares: what is left last has to be short. Tests of one file stay together, except short ones.
    """
    files: dict[Path, list[Item]] = {}
    short = [item for item in items if _seconds(path_of(item), tests) <= _SHORT]
    for item in items:
        if _seconds(path_of(item), tests) > _SHORT:
            files.setdefault(path_of(item), []).append(item)
    shares = _shares(files, tests, workers)
    found: list[Item] = []
    for number, share in enumerate(shares):
        wanted = (len(items) - len(found)) // (workers - number) - len(share)
        found += [*share, *short[: max(0, wanted)]]
        del short[: max(0, wanted)]
    return found + short


def _shares(files: dict[Path, list[Item]], tests: Path, workers: int) -> list[list[Item]]:
    """Give each file, the longest first, to the worker that has the least so far; sort each share by single tests."""
    seconds = {path: len(found) * _seconds(path, tests) for path, found in files.items()}
    shares: list[list[Path]] = [[] for _ in range(workers)]
    loads = [0.0] * workers
    for path in sorted(files, key=lambda path: (-seconds[path], str(path))):
        least = loads.index(min(loads))
        shares[least].append(path)
        loads[least] += seconds[path]
    of_single_tests = [sorted(share, key=lambda path: -_seconds(path, tests)) for share in shares]
    return [[item for path in share for item in files[path]] for share in of_single_tests]


def _seconds(path: Path, tests: Path) -> float:
    folder = next(iter(path.relative_to(tests).parts), "") if path.is_relative_to(tests) else ""
    return _SECONDS_IN_FILE.get(path.name, _SECONDS_IN_FOLDER.get(folder, 0.0))
