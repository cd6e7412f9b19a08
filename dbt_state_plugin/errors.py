"""Errors that reach users, and the exit code of each.

PluginError                 exit 2: every error below; `what` happened and what to `do`
 +-- UsageError             exit 2: an option or argument that cannot be used
 +-- ConfigurationError     exit 2: profiles.yml, dbt_project.yml, settings
 +-- ProjectError           exit 2: dbt cannot read the project, or the project cannot be planned safely
 +-- SelectionError         exit 2: a selection that dbt's syntax cannot express
 +-- StateError             exit 2: the database that holds the state
 |    +-- LockLostError     exit 2: the connection that holds the environment's lock is gone
 +-- NotFoundError          exit 2: an execution, step or node that is not recorded
 +-- EngineError            exit 2: dbt ended in a way that is not a node's failure
 +-- BusyError              exit 3: another run holds the environment
 +-- InterruptedRun         exit 128 + signal: SIGINT, SIGTERM, SIGHUP
"""

from __future__ import annotations

from collections.abc import Iterable

EXIT_OK = 0
EXIT_NODES_FAILED = 1
EXIT_ERROR = 2
EXIT_BUSY = 3


class SqliteError(Exception):
    """SQLite refuses a statement on the state; it reaches users as the cause of a StateError."""


class PluginError(Exception):
    """An error of this tool: one line says what happened, one what to do about it."""

    exit_code = EXIT_ERROR

    def __init__(self, what: str, do: str) -> None:
        """Keep both lines; `str(error)` shows them in sequence."""
        super().__init__(what, do)
        self.what = what
        self.do = do

    def __str__(self) -> str:
        return f"{self.what}\n{self.do}"


class UsageError(PluginError):
    """An option or argument cannot be used."""


class ConfigurationError(PluginError):
    """A profile, a project file or a setting is missing or wrong."""


class ProjectError(PluginError):
    """dbt cannot read the project, or it cannot be planned safely."""


class SelectionError(PluginError):
    """dbt's selection syntax cannot name the planned nodes."""


class StateError(PluginError):
    """The database that holds the state cannot be used."""


class LockLostError(StateError):
    """The connection that holds the environment's lock is gone, so nothing may be recorded any more."""


class NotFoundError(PluginError):
    """An execution, a step or a node is not recorded."""


class EngineError(PluginError):
    """dbt ended in a way that is not the failure of a node."""


class BusyError(PluginError):
    """Another run holds the environment."""

    exit_code = EXIT_BUSY


class InterruptedRun(PluginError):
    """A signal ended the run; the exit code is 128 plus the signal's number, as shells expect."""

    def __init__(self, what: str, do: str, *, signal_number: int) -> None:
        """Keep the number of the signal, which decides the exit code."""
        super().__init__(what, do)
        self.signal_number = signal_number
        self.exit_code = 128 + signal_number


def did_you_mean(word: object, choices: Iterable[str]) -> str:
    """Return `Did you mean X? ` with the choice that is nearest to a word, nothing if none is near."""
    from difflib import get_close_matches

    folded = {choice.lower().replace("-", "_"): choice for choice in choices}
    found = get_close_matches(str(word).lower().replace("-", "_"), folded, n=1)
    return f"Did you mean {folded[found[0]]}? " if found else ""
