"""Settings of dbt's sessions in DuckDB."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dbt_state_plugin.core.versions.session import differing_settings
from dbt_state_plugin.warehouse.duckdb.session_settings import engine_version, session_settings


@pytest.fixture(autouse=True)
def at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Etc/UTC")


@pytest.mark.parametrize(
    ("before", "now", "differs"),
    [
        ({}, {"settings": {"TimeZone": "America/New_York"}}, ["TimeZone"]),
        ({}, {"settings": {"timezone": "UTC"}}, []),
        ({"config_options": {"TimeZone": "Asia/Tokyo"}}, {"settings": {"TIMEZONE": "Asia/Tokyo"}}, []),
        ({}, {"settings": {"integer_division": True}}, ["integer_division"]),
        ({"settings": {"a.b": 1}}, {"settings": {"a.b": 2}}, ["a/b"]),
        ({}, {"config_options": {"default_order": "desc"}}, ["default_order"]),
        ({"extensions": ["icu"]}, {"extensions": ["icu", {"name": "h3", "repo": "community"}]}, ["extensions"]),
        ({"settings": {"threads": 2, "s3_session_token": "a"}}, {"settings": {"s3_session_token": "b"}}, []),
        ({"external_root": "one"}, {"external_root": "two"}, ["external_root"]),
        ({"config_options": None, "extensions": []}, {}, []),
    ],
)
def test_what_a_profile_sets_differs_by_what_it_means(
    before: dict[str, Any], now: dict[str, Any], differs: list[str]
) -> None:
    assert differing_settings(session_settings(before), session_settings(now)) == differs


def test_the_time_zone_of_the_process_counts_where_the_profile_sets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    zones = []
    for zone in (":Asia/Tokyo", "Zulu", ""):
        monkeypatch.setenv("TZ", zone)
        zones.append(session_settings({})["TimeZone"])

    assert zones[:2] == ["Asia/Tokyo", "UTC"]
    assert zones[2]  # that of the host
    assert session_settings({"settings": {"TimeZone": "Asia/Tokyo"}})["TimeZone"] == "Asia/Tokyo"


def test_no_value_that_may_be_a_key_is_kept() -> None:
    settings = {"motherduck_token": "hush", "search_path": "raw"}

    assert "hush" not in session_settings({"settings": settings}).values()
    assert session_settings({"settings": settings})["search_path"] == "raw"


def test_another_minor_version_of_duckdb_counts_where_a_record_knows_one(tmp_path: Path) -> None:
    for place, name in (
        ("a", "duckdb_engine-9.1.dist-info"),
        ("b", "duckdb-1.5.6.dist-info"),
        ("c", "duckdb-2.0.1.dist-info"),
    ):
        (tmp_path / place / name).mkdir(parents=True)
    places = [str(tmp_path / place) for place in ("gone", "a", "b", "c")]
    now = session_settings({})

    assert engine_version(places) == "1.5"
    assert engine_version(places[:2]) == ""
    assert now["DuckDB"]
    assert differing_settings({**now, "DuckDB": "1.5"}, {**now, "DuckDB": "2.0"}) == ["DuckDB"]
    assert differing_settings({"TimeZone": "UTC"}, now) == []
