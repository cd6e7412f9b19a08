"""Fence of unit tests: no dbt, no driver, no process.

What a test imports or starts is refused where it does so. That no file of theirs imports either is another test's, in
`tests/system/house/test_layers.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

_FOREIGN = frozenset({"dbt", "dbt_common", "psycopg2"})
_STARTS = frozenset({"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"})
_running: set[str] = set()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave properties out of coverage, which would take as long again: single cases must cover the core."""
    for item in items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker("no_cover")


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if not _running:
        return
    if event == "import" and arguments[0].partition(".")[0] in _FOREIGN:
        raise RuntimeError(f"a unit test imports {arguments[0]}; it belongs into tests/integration or system")
    if event in _STARTS:
        raise RuntimeError(f"a unit test starts a process ({arguments[0]}); it belongs into tests/system")


sys.addaudithook(_refuse)


@pytest.fixture(autouse=True)
def fence(request: pytest.FixtureRequest) -> Iterator[None]:
    """Refuse what does not belong into a unit test while this one runs."""
    _running.add(request.node.nodeid)
    try:
        yield
    finally:
        _running.clear()
