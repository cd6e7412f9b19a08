"""A catalogue beside Derby's folder, and when it holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dbt_state_plugin.core.values.relations import RelationKind
from dbt_state_plugin.warehouse.spark.catalog import Held
from dbt_state_plugin.warehouse.spark.kept_catalogue import read_catalogue, write_catalogue
from dbt_state_plugin.warehouse.spark.metastore import Metastore

ORDERS = Held(
    schema="raw",
    identifier="orders",
    kind=RelationKind.TABLE,
    created=1,
    provider="parquet",
    location="file:/lake/orders",
    fields=({"name": "id", "type": "long", "nullable": True, "metadata": {}},),
    properties={},
    partitions={"Map(day -> 1)": "file:/lake/orders/day=1"},
)


@pytest.fixture
def metastore(tmp_path: Path) -> Metastore:
    derby = tmp_path / "metastore_db"
    (derby / "seg0").mkdir(parents=True)
    (derby / "seg0" / "c10.dat").write_bytes(b"rows")
    found = Metastore(place="here", derby=derby)
    write_catalogue(found, {"raw": (ORDERS,), "empty": ()})
    return found


def kept(metastore: Metastore) -> Path:
    assert metastore.derby is not None
    return metastore.derby.with_name("metastore_db.dbt_state_plugin.json")


def test_what_was_kept_holds_while_nobody_writes(metastore: Metastore) -> None:
    assert metastore.derby is not None
    (metastore.derby / "db.lck").write_text("left by a process that was killed")

    assert read_catalogue(metastore) == {"raw": (ORDERS,), "empty": ()}
    assert kept(metastore).stat().st_mode & 0o777 == 0o600


def test_any_byte_of_the_metastore_undoes_it(metastore: Metastore) -> None:
    assert metastore.derby is not None
    (metastore.derby / "seg0" / "c10.dat").write_bytes(b"Rows")

    assert read_catalogue(metastore) is None


def test_a_table_that_is_not_on_this_machine_needs_a_session(metastore: Metastore) -> None:
    text = kept(metastore).read_text().replace("file:/lake/orders/day=1", "s3a://lake/day=1")
    kept(metastore).write_text(text)

    assert read_catalogue(metastore) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1, "folder": 3, "schemas": {}}'])
def test_a_file_that_was_edited_by_hand_is_none(metastore: Metastore, text: str) -> None:
    kept(metastore).write_text(text)

    assert read_catalogue(metastore) is None


def test_a_file_of_other_relations_is_none(metastore: Metastore) -> None:
    document = json.loads(kept(metastore).read_text())
    document["schemas"]["raw"][0]["surplus"] = 1
    kept(metastore).write_text(json.dumps(document))

    assert read_catalogue(metastore) is None


def test_only_derby_is_kept(tmp_path: Path) -> None:
    write_catalogue(Metastore(place="thrift"), {"raw": (ORDERS,)})

    assert read_catalogue(Metastore(place="thrift")) is None
    assert not list(tmp_path.iterdir())
