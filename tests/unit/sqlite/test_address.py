"""Files that URLs of SQLite name."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath

import pytest

from dbt_state_plugin.errors import ConfigurationError
from dbt_state_plugin.sqlite import address
from dbt_state_plugin.sqlite.address import address_of_url, default_address, is_sqlite_url


def test_a_fourth_slash_begins_at_the_root() -> None:
    assert address_of_url("sqlite:////folder/a%20b.sqlite", named="URL").path == Path("/folder/a b.sqlite")


def test_three_slashes_begin_in_the_working_directory() -> None:
    assert address_of_url("sqlite:///folder/state.sqlite", named="URL").path == Path.cwd() / "folder/state.sqlite"


@pytest.mark.parametrize("url", ["sqlite:", "sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:a", "sqlite:////"])
def test_a_url_without_a_file_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="does not name an SQLite file"):
        address_of_url(url, named="URL")


def test_other_urls_are_none_of_sqlite() -> None:
    assert is_sqlite_url(" SQLite:///a")
    assert not is_sqlite_url("postgresql://host/sqlite:")


def test_without_a_url_the_state_lies_beside_its_warehouse_or_in_the_project() -> None:
    assert default_address(Path("/p"), Path("/w/shop.duckdb")).path == Path("/w/shop.duckdb.state.sqlite")
    assert default_address(Path("/p")).path == Path("/p/.dbt_state_plugin/state.sqlite")


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///C:/Pipe%20line/state.sqlite", "C:/Pipe line/state.sqlite"),
        (r"sqlite:///C:\pipeline\state.sqlite", "C:/pipeline/state.sqlite"),
        ("sqlite:///state.sqlite", "D:/work/state.sqlite"),
    ],
)
def test_a_drive_of_windows_begins_at_its_root(url: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class WindowsPath(PureWindowsPath):
        @classmethod
        def cwd(cls) -> WindowsPath:
            return cls("D:/work")

    monkeypatch.setattr(address, "Path", WindowsPath)

    assert address_of_url(url, named="URL").path.as_posix() == path


@pytest.mark.parametrize(
    ("url", "name"), [("sqlite:////f/a%3Fb%25.sqlite", "a?b%.sqlite"), ("sqlite:////f/a?b=c", "a")]
)
def test_what_stands_for_itself_in_a_url_is_percent_encoded(url: str, name: str) -> None:
    assert address_of_url(url, named="URL").path == Path("/f") / name
