"""Files of a parse, counted while dbt works through them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from dbt_state_plugin.core.values.progress import Progress, Stage, Step, silent


@contextmanager
def counted_files(progress: Progress) -> Iterator[None]:
    """Tell how many of its files dbt has parsed; where dbt does not go through lists of them, nothing is told.

    dbt has no event for it: its loader iterates over the ids of the files that it has to parse, once each.
    """
    from dbt.parser.manifest import ManifestLoader

    name = "safe_update_project_parser_files_partially"
    choose = getattr(ManifestLoader, name, None)
    if choose is None or progress is silent:
        yield
        return

    def choose_counted(loader: Any, files: Any) -> Any:
        return _counted(choose(loader, files), progress)

    setattr(ManifestLoader, name, choose_counted)
    try:
        yield
    finally:
        setattr(ManifestLoader, name, choose)


def _counted(files: Any, progress: Progress) -> Any:
    """Return the files of each project and parser, in lists that tell how many were handed out of all."""
    if not isinstance(files, Mapping):
        return files
    count = _Count(progress, sum(len(ids) for parsers in files.values() for ids in parsers.values()))
    return {
        project: {parser: _Files(ids, count) for parser, ids in parsers.items()} for project, parsers in files.items()
    }


class _Count:
    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0

    def add(self) -> None:
        self._done = min(self._done + 1, self._total)
        self._progress(Step(stage=Stage.PARSE, done=self._done, total=self._total))


class _Files(list[str]):
    """Ids of files, each of which is counted when it is handed out."""

    def __init__(self, ids: list[str], count: _Count) -> None:
        super().__init__(ids)
        self._count = count

    def __iter__(self) -> Iterator[str]:
        for each in super().__iter__():
            self._count.add()
            yield each
