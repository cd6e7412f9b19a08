"""Where a session keeps its catalogue, by its settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbt_state_plugin.warehouse.spark.metastore import metastore_of, read_settings

HERE = Path("/home/shop")
URL = "spark.hadoop.javax.jdo.option.ConnectionURL"


@pytest.mark.parametrize(
    ("settings", "folder"),
    [
        ({}, "/home/shop/metastore_db"),
        ({URL: "jdbc:derby:;databaseName=/var/catalogue;create=true"}, "/var/catalogue"),
        ({URL: "jdbc:derby:kept/here;create=true"}, "/home/shop/kept/here"),
        ({URL: "jdbc:derby://server/db"}, None),
        ({URL: "jdbc:postgresql://server/hive"}, None),
        ({"spark.hadoop.hive.metastore.uris": "thrift://server:9083"}, None),
        ({"spark.driver.extraJavaOptions": "-Dderby.system.home=/else"}, None),
    ],
)
def test_the_folder_of_derby(settings: dict[str, str], folder: str | None) -> None:
    found = metastore_of(settings, HERE).derby

    assert found == (None if folder is None else Path(folder))


def test_two_places_have_two_names_and_what_is_not_a_place_has_none() -> None:
    uris = {"spark.hadoop.hive.metastore.uris": "thrift://server:9083"}

    assert metastore_of({}, HERE).place != metastore_of({}, HERE / "elsewhere").place
    assert metastore_of({"spark.sql.warehouse.dir": "/a"}, HERE).place != metastore_of({}, HERE).place
    assert metastore_of(uris, HERE).place == metastore_of(uris, HERE / "elsewhere").place
    assert metastore_of({"spark.driver.memory": "2g"}, HERE).place == metastore_of({}, HERE).place


def test_files_of_settings_count_behind_the_profile(tmp_path: Path) -> None:
    (tmp_path / "hive-site.xml").write_text(
        "<configuration><property><name>hive.metastore.uris</name>\n <value>thrift://a:1</value></property></configuration>"
    )
    (tmp_path / "spark-defaults.conf").write_text("# a comment\nspark.sql.ansi.enabled true\nspark.master=local[2]\n")

    found = read_settings({"spark.master": "local[1]"}, {"SPARK_CONF_DIR": str(tmp_path)})

    assert found == {
        "spark.hadoop.hive.metastore.uris": "thrift://a:1",
        "spark.sql.ansi.enabled": "true",
        "spark.master": "local[1]",
    }
    assert read_settings({}, {}) == {}
