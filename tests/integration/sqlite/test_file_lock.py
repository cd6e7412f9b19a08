"""Locks of a file, which end with their process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from dbt_state_plugin.sqlite.file_lock import lock_holder, take_lock

HOLD = """
import sys
from pathlib import Path
from dbt_state_plugin.sqlite.file_lock import take_lock
assert take_lock(Path(sys.argv[1]), "the child")
print("held", flush=True)
sys.stdin.read()
"""
WITHOUT_LOCKS = """
import importlib, pkgutil, sys
sys.modules["fcntl"] = sys.modules["msvcrt"] = None
import dbt_state_plugin.sqlite as room
for found in pkgutil.iter_modules(room.__path__):
    importlib.import_module(f"{room.__name__}.{found.name}")
import dbt_state_plugin.state.lock, dbt_state_plugin.operations.session
"""


def test_one_has_it_and_the_others_learn_who(tmp_path: Path) -> None:
    lock = take_lock(tmp_path / "lock", "me")
    assert lock is not None
    assert take_lock(tmp_path / "lock", "another") is None
    assert lock_holder(tmp_path / "lock") == "me"
    lock.release()
    assert lock_holder(tmp_path / "lock") is None
    assert take_lock(tmp_path / "lock", "another") is not None


def test_it_ends_with_its_process(tmp_path: Path) -> None:
    arguments = [sys.executable, "-c", HOLD, str(tmp_path / "lock")]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        assert lock_holder(tmp_path / "lock") == "the child"
        child.kill()
    assert lock_holder(tmp_path / "lock") is None


def test_a_file_that_was_put_in_the_place_of_the_locked_one_is_locked_anew(tmp_path: Path) -> None:
    take_lock(tmp_path / "lock", "me")
    (tmp_path / "lock").unlink()
    assert take_lock(tmp_path / "lock", "another") is not None
    assert lock_holder(tmp_path / "lock") == "another"


def test_where_nothing_was_ever_locked_nobody_holds_it(tmp_path: Path) -> None:
    assert lock_holder(tmp_path / "lock") is None


def test_no_module_needs_the_locks_of_one_system_to_be_imported() -> None:
    subprocess.run([sys.executable, "-c", WITHOUT_LOCKS], check=True)
