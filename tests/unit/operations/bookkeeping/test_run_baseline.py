"""A run as the baseline of a script's step."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from dbt_state_plugin.operations.bookkeeping.run_baseline import unchanged_names

CODE = "select 1 as id"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def node(name: str = "orders", code: str = CODE, resource_type: str = "model", **more: Any) -> dict[str, Any]:
    return {
        "unique_id": f"{resource_type}.shop.{name}",
        "resource_type": resource_type,
        "name": name,
        "original_file_path": f"models/staging/{name}.sql",
        "raw_code": code,
        "checksum": {"name": "sha256", "checksum": sha256(code)},
        **more,
    }


def unchanged(*nodes: dict[str, Any], kind: str = "file", command: str = "run", **checksums: str) -> set[str]:
    manifest = json.dumps({"nodes": {each["unique_id"]: each for each in nodes}})
    return set(unchanged_names(manifest, command, kind, checksums))


@pytest.mark.parametrize("file", [CODE, f"{CODE}\n", f"\n{CODE}\n", f"{CODE}\r\n", f"\r\n{CODE}\r\n", f"{CODE}\n\n"])
def test_a_file_is_the_code_of_its_model_with_the_usual_white_space_around_it(file: str) -> None:
    assert unchanged(node(), orders=sha256(file)) == {"orders"}


@pytest.mark.parametrize("file", [f"{CODE} -- more", "", f"{CODE}\t\n", "select 2 as id\n"])
def test_any_other_file_is_changed(file: str) -> None:
    assert unchanged(node(), orders=sha256(file)) == set()


@pytest.mark.parametrize(
    ("name", "is_known"),
    [
        ("orders", True),
        ("orders.sql", True),
        ("staging/orders.sql", True),
        ("models/staging/orders.sql", True),
        ("other/orders.sql", False),
        ("taging/orders.sql", False),
        ("customers", False),
    ],
)
def test_a_file_is_named_by_its_stem_or_by_its_path_from_any_folder(name: str, is_known: bool) -> None:
    found = unchanged(node(), **{name: sha256(CODE)})

    assert found == ({name} if is_known else set())


def test_a_name_that_two_files_share_is_changed() -> None:
    other = node(unique_id="model.other.orders", original_file_path="models/orders.sql")

    found = unchanged(
        node(),
        other,
        **{"orders": sha256(CODE), "orders.sql": sha256(CODE), "staging/orders.sql": sha256(CODE)},
    )

    assert found == {"staging/orders.sql"}


def test_a_file_that_holds_more_than_the_code_of_the_node_is_changed() -> None:
    snapshot = node("prices", "select 1", "snapshot", checksum={"name": "sha256", "checksum": sha256("the block")})

    assert unchanged(snapshot, command="build", prices=sha256("select 1")) == set()


@pytest.mark.parametrize(("command", "names"), [("run", {"orders"}), ("build", {"orders", "countries", "prices"})])
def test_nodes_are_compared_by_dbts_checksums_as_far_as_the_command_builds_them(command: str, names: set[str]) -> None:
    nodes = [node(), node("countries", "", "seed"), node("prices", resource_type="snapshot"), node("t", "", "test")]
    checksums = {each["name"]: each["checksum"]["checksum"] for each in nodes}

    assert unchanged(*nodes, kind="manifest", command=command, **checksums) == names


def test_nodes_are_named_by_name_version_or_path() -> None:
    versioned = node("dim", version=2, original_file_path="models/dim_v2.sql")
    names = ["dim.v2", "models/dim_v2.sql", "dim", "orders"]

    assert unchanged(versioned, node(code="select 2"), kind="manifest", **dict.fromkeys(names, sha256(CODE))) == {
        "dim.v2",
        "models/dim_v2.sql",
    }


def test_a_node_whose_content_dbt_has_not_hashed_is_changed() -> None:
    large = node("large", "", "seed", checksum={"name": "path", "checksum": "seeds/large.csv"})

    assert unchanged(large, kind="manifest", command="build", large="seeds/large.csv") == set()
