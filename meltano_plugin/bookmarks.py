"""Meltano's bookmarks of streams, and their reset.

Only Meltano's own command touches them, whichever backend keeps them: `meltano state list`, `get` and `set`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dbt_state_plugin.errors import BusyError, ConfigurationError
from meltano_plugin.project import MeltanoProject
from meltano_plugin.running_load import running_load

ALL_STREAMS = "*"
_STATE = "singer_state"
# What streams leave that are always loaded whole, and a start that was never reached.
_NO_BOOKMARK = frozenset({"version", "starting_replication_value", "initial_full_table_complete"})
_TIMEOUT = 300  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Meltano:
    """Where Meltano's command is and for which project it is called."""

    executable: str
    project: MeltanoProject = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """The streams whose bookmark under a state id was removed."""

    state_id: str
    reset: tuple[str, ...]


def find_meltano(project: MeltanoProject) -> Meltano:
    """Return Meltano's command: the one that the project last ran with, else that on PATH."""
    link = project.system_dir / "run" / "bin"
    if link.is_file() and os.access(link, os.X_OK):
        return Meltano(executable=str(link), project=project)
    found = shutil.which("meltano", path=project.environ.get("PATH"))
    if found is None:
        raise ConfigurationError(
            "Meltano's command is needed for its bookmarks, and it is not found.", "Put `meltano` on PATH."
        )
    return Meltano(executable=found, project=project)


def state_ids(meltano: Meltano, state_id: str) -> tuple[str, ...]:
    """Return the state ids that Meltano keeps for a pair: with and without a suffix."""
    lines = _call(meltano, "list", "--pattern", f"{state_id}*").splitlines()
    return tuple(sorted(line for line in map(str.strip, lines) if line == state_id or line.startswith(f"{state_id}:")))


def reset_bookmarks(meltano: Meltano, state_id: str, streams: Collection[str]) -> Reset:
    """Remove the bookmarks of these streams, and keep all others.

    Raises BusyError while Meltano loads under this id: at its end the load would write them again.
    """
    since = running_load(meltano.project, state_id)
    if since:
        raise BusyError(
            f"Meltano is loading under {state_id} since {since}, so its bookmarks are not touched.",
            "Wait until that load has ended, and run the command again.",
        )
    text = _call(meltano, "get", state_id)
    try:
        state = json.loads(text or "{}")
    except ValueError:
        raise _not_understood(state_id) from None
    kept, reset = without_bookmarks(state, streams, state_id)
    if reset:
        _set(meltano, state_id, kept)
    return Reset(state_id=state_id, reset=reset)


def without_bookmarks(
    state: Mapping[str, Any], streams: Collection[str], state_id: str = ""
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the state without the bookmarks of these streams, and those that had one, sorted.

    A stream that is always loaded whole leaves at most a version there: that is none. Raises ConfigurationError for a
    state that is not kept in `bookmarks`.
    """
    singer = state.get(_STATE, {}) if isinstance(state, Mapping) else None
    if not singer and singer is not None:
        return dict(state), ()
    bookmarks = singer.get("bookmarks") if isinstance(singer, Mapping) else None
    if not isinstance(bookmarks, Mapping):
        raise _not_understood(state_id)
    wanted = set(bookmarks) if ALL_STREAMS in streams else set(streams)
    reset = tuple(sorted(stream for stream in wanted & set(bookmarks) if _is_bookmark(bookmarks[stream])))
    kept = {stream: value for stream, value in bookmarks.items() if stream not in reset}
    return {**state, _STATE: {**singer, "bookmarks": kept}}, reset


def _is_bookmark(value: Any) -> bool:
    if not isinstance(value, Mapping):
        return bool(value)
    return any(item not in (None, "", [], {}) for name, item in value.items() if name not in _NO_BOOKMARK)


def _not_understood(state_id: str) -> ConfigurationError:
    return ConfigurationError(
        f"The bookmarks under {state_id} are in the tap's own form, so that of a single stream cannot be removed.",
        f"Run `meltano state clear {state_id}` to reload all its streams, or leave --apply out.",
    )


def _set(meltano: Meltano, state_id: str, state: Mapping[str, Any]) -> None:
    # By a file, since an argument may stand in the process list and is limited in length.
    with tempfile.TemporaryDirectory(prefix="dbt-state-plugin-") as folder:
        path = Path(folder) / "state.json"
        path.write_text(json.dumps(state), encoding="utf-8")
        _call(meltano, "set", "--force", "--input-file", str(path), state_id)


def _call(meltano: Meltano, *arguments: str) -> str:
    environ = {**meltano.project.environ, "MELTANO_ENVIRONMENT": meltano.project.environment, "NO_COLOR": "1"}
    environ.pop("VIRTUAL_ENV", None)
    try:
        answer = subprocess.run(
            [meltano.executable, "state", *arguments],
            cwd=meltano.project.root,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigurationError(
            f"`meltano state {arguments[0]}` could not be run: {type(error).__name__}.",
            "Check that `meltano` works here.",
        ) from None
    if answer.returncode:  # what it printed may hold the address of the backend, with a password in it
        shown = " ".join(each for each in arguments if not each.startswith(tempfile.gettempdir()))
        raise ConfigurationError(
            f"`meltano state {arguments[0]}` ended with exit code {answer.returncode}.",
            f"Run `meltano state {shown}` by hand to see why.",
        )
    return answer.stdout
