"""Sources that are files, and changes of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dbt_state_plugin.warehouse.duckdb.dialect import DUCKDB
from dbt_state_plugin.warehouse.duckdb.files import file_metadata, is_file_name, is_local


@pytest.mark.parametrize(
    ("rendered", "place"),
    [
        ('"shop"."raw"."orders"', None),
        ("shop.raw.orders", None),
        ('"odd ("."raw"."orders"', None),
        ("'data/it''s.csv'", "data/it's.csv"),
        ("read_csv('data/*.csv', header=true)", "data/*.csv"),
        ("read_csv(['a.csv', 'b.csv'])", "read_csv(['a.csv', 'b.csv'])"),
        ("read_csv('a' || '.csv')", "read_csv('a' || '.csv')"),
    ],
)
def test_what_dbt_renders_for_a_source_is_a_relation_or_a_place(rendered: str, place: str | None) -> None:
    assert DUCKDB.external_place(rendered) == (("external file", place) if place else None)


def test_a_pattern_is_known_by_all_of_its_files(tmp_path: Path) -> None:
    pattern = str(tmp_path / "*.csv")
    none = file_metadata(pattern).touched
    (tmp_path / "a.csv").write_text("1")
    os.utime(tmp_path / "a.csv", ns=(1, 1))
    one = file_metadata(pattern).touched
    again = file_metadata(pattern).touched
    (tmp_path / "b.csv").write_text("1")
    two = file_metadata(pattern).touched
    (tmp_path / "b.csv").unlink()
    os.utime(tmp_path / "a.csv", ns=(1, 2))
    later = file_metadata(pattern).touched
    (tmp_path / "a.csv").write_text("12")
    os.utime(tmp_path / "a.csv", ns=(1, 1))
    longer = file_metadata(pattern).touched

    assert (none, one) == ("?absent", again)
    assert len({one, two, later, longer}) == 4


@pytest.mark.parametrize("hidden", [".b.csv", ".s/c.csv", "d/.e/f.csv"])
def test_hidden_files_are_among_those_of_a_pattern(tmp_path: Path, hidden: str) -> None:
    (tmp_path / "a.csv").write_text("1")
    pattern = str(tmp_path / "**" / "*.csv")
    before = file_metadata(pattern).touched
    (tmp_path / hidden).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / hidden).write_text("1")

    assert file_metadata(pattern).touched != before


@pytest.mark.parametrize("pattern", ["data", "data/", "da*"])
def test_a_folder_is_known_by_all_files_below_it(tmp_path: Path, pattern: str) -> None:
    file = tmp_path / "data" / "year=1" / "a.csv"
    file.parent.mkdir(parents=True)
    file.write_text("1")
    os.utime(file, ns=(1, 1))
    place = f"{tmp_path}/{pattern}"
    before, again = file_metadata(place).touched, file_metadata(place).touched
    file.write_text("2")  # no folder has another time now

    assert before == again != file_metadata(place).touched


def test_a_link_that_leads_nowhere_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "gone.csv").symlink_to(tmp_path / "nothing")
    alone = file_metadata(str(tmp_path / "*.csv")).touched
    (tmp_path / "a.csv").write_text("1")
    beside = file_metadata(str(tmp_path / "*.csv")).touched
    (tmp_path / "gone.csv").unlink()

    assert alone == "?absent"
    assert beside == file_metadata(str(tmp_path / "*.csv")).touched


@pytest.mark.parametrize("is_link", [False, True])
def test_another_file_with_the_size_and_time_of_the_one_before_is_another(tmp_path: Path, is_link: bool) -> None:
    place, before, after = (tmp_path / name for name in ("place.csv", "before.csv", "after.csv"))
    for file, text in ((before, "1"), (after, "2")):
        file.write_text(text)
        os.utime(file, ns=(1, 1))
    found = []
    for file in (before, after):
        place.unlink(missing_ok=True)
        place.symlink_to(file) if is_link else file.rename(place)
        found.append(file_metadata(str(place)).touched)

    assert found[0] != found[1]


def test_a_file_of_duckdb_is_known_by_its_log_too(tmp_path: Path) -> None:
    (tmp_path / "other.duckdb").write_text("all that was moved into the file")
    before = file_metadata(f"{tmp_path}/other.duckdb").touched
    (tmp_path / "other.duckdb.wal").write_text("what was committed since")

    assert before != file_metadata(f"{tmp_path}/other.duckdb").touched


@pytest.mark.parametrize("beside", ["real/shop.duckdb", "link.duckdb"])
def test_a_file_of_duckdb_behind_a_link_is_known_by_its_log_on_either_side(tmp_path: Path, beside: str) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "shop.duckdb").write_text("all that was moved into the file")
    (tmp_path / "link.duckdb").symlink_to("real/shop.duckdb")
    before = file_metadata(f"{tmp_path}/link.duckdb").touched
    (tmp_path / f"{beside}.wal").write_text("what was committed since")

    assert before != file_metadata(f"{tmp_path}/link.duckdb").touched


def test_what_cannot_be_looked_at_is_not_counted() -> None:
    assert file_metadata("s3://bucket/a.parquet").touched == "?remote"
    assert file_metadata("read_csv(['a.csv', 'b.csv'])").touched == "?place"
    assert is_local("C:\\data\\a.csv")
    assert not is_local("https://example.com/a.csv")


@pytest.mark.parametrize(
    ("name", "is_file"), [("a.parquet", True), ("data/a", True), ("a.csv.gz", True), ("A.CSV", True), ("a", False)]
)
def test_a_table_may_be_a_file(name: str, is_file: bool) -> None:
    assert is_file_name(name) is is_file


@pytest.mark.parametrize(
    ("place", "settings", "is_known"),
    [
        ("{}/*.csv", ["FILE_SEARCH_PATH", "home_directory"], True),
        ("*.csv", ["File_Search_Path"], False),
        ("*.csv", ["home_directory"], True),
        ("~/*.csv", ["home_directory"], False),
        ("~/*.csv", ["file_search_path"], True),
    ],
)
def test_where_a_setting_says_where_files_are_nothing_is_known_of_them(
    place: str, settings: list[str], is_known: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.csv").write_text("n\n1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))

    assert file_metadata(place.format(tmp_path), settings).touched.startswith("?") is not is_known
