"""Place of a state in an SQLite file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from dbt_state_plugin.errors import ConfigurationError

_PREFIX = "sqlite:"
_OWN_FOLDER = ".dbt_state_plugin"


@dataclass(frozen=True, slots=True, kw_only=True)
class SqliteAddress:
    """The file of a state; with `creates_folder` its folder is made, too, and kept out of version control."""

    path: Path
    creates_folder: bool = False
    password: None = None

    def display(self) -> str:
        """Return what messages call the state's database."""
        return str(self.path)


def is_sqlite_url(url: str) -> bool:
    """Return whether a URL names an SQLite file."""
    return url.strip().lower().startswith(_PREFIX)


def address_of_url(url: str, *, named: str) -> SqliteAddress:
    """Read SQLAlchemy's form of an SQLite URL: a path after three slashes, which may begin with a fourth.

    A relative path is one of the working directory. `named` is what messages call the URL. Raises ConfigurationError.
    """
    _, _, rest = url.strip().partition(":")
    path = unquote(rest[3:].partition("?")[0])
    if not rest.startswith("///") or not path.strip("/") or path.endswith("/") or path == ":memory:" or "\0" in path:
        raise ConfigurationError(
            f"The {named} does not name an SQLite file.",
            "Write sqlite:////folder/state.sqlite, or sqlite:///state.sqlite for a file in the working directory.",
        )
    return SqliteAddress(path=Path.cwd() / path)


def default_address(project_dir: Path, warehouse_file: Path | None = None) -> SqliteAddress:
    """Return the default place of a state: beside a warehouse that is a file, else in the project."""
    if warehouse_file is not None:
        return SqliteAddress(path=warehouse_file.with_name(f"{warehouse_file.name}.state.sqlite"))
    return SqliteAddress(path=project_dir / _OWN_FOLDER / "state.sqlite", creates_folder=True)
