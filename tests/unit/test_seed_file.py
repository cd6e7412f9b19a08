"""What is the checksum of a seed?"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from dbt_state_plugin.engine.seed_file import seed_digest
from dbt_state_plugin.errors import ProjectError


@pytest.mark.parametrize("content", [b"", b"id\n1\n", b"x" * (3 << 20) + b"y"])
def test_the_checksum_is_the_sha256_of_the_whole_file(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "countries.csv"
    file.write_bytes(content)

    assert seed_digest(file) == hashlib.sha256(content).hexdigest()


def test_a_change_behind_the_first_mebibyte_is_seen(tmp_path: Path) -> None:
    one, other = tmp_path / "one.csv", tmp_path / "other.csv"
    one.write_bytes(b"x" * (1 << 20) + b"1")
    other.write_bytes(b"x" * (1 << 20) + b"2")

    assert seed_digest(one) != seed_digest(other)


def test_a_seed_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"gone\.csv cannot be read: No such file"):
        seed_digest(tmp_path / "gone.csv")


def test_a_folder_is_no_seed(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="Is a directory"):
        seed_digest(tmp_path)
