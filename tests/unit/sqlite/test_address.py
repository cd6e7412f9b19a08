"""Files that URLs of SQLite name."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbt_state_plugin.errors import ConfigurationError
from dbt_state_plugin.sqlite.address import address_of_url, default_address, is_sqlite_url


def test_a_fourth_slash_begins_at_the_root() -> None:
    assert address_of_url("sqlite:////folder/a%20b.sqlite", named="URL").path == Path("/folder/a b.sqlite")


def test_three_slashes_begin_in_the_working_directory() -> None:
    assert address_of_url("sqlite:///folder/state.sqlite", named="URL").path == Path.cwd() / "folder/state.sqlite"


@pytest.mark.parametrize("url", ["sqlite:", "sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:a", "sqlite:////"])
def test_a_url_without_a_file_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="names no SQLite file"):
        address_of_url(url, named="URL")


def test_other_urls_are_none_of_sqlite() -> None:
    assert is_sqlite_url(" SQLite:///a")
    assert not is_sqlite_url("postgresql://host/sqlite:")


def test_without_a_url_the_state_lies_beside_its_warehouse_or_in_the_project() -> None:
    assert default_address(Path("/p"), Path("/w/shop.duckdb")).path == Path("/w/shop.duckdb.state.sqlite")
    assert default_address(Path("/p")).path == Path("/p/.dbt_state_plugin/state.sqlite")
