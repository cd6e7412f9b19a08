"""Do imports point downwards only?"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_imports_point_downwards_only() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = (
        "import sys; before = set(sys.modules); import dbt_state_plugin; "
        "print(*sorted(m for m in set(sys.modules) - before if m.split('.')[0] not in sys.stdlib_module_names))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert answer.stdout.split() == ["dbt_state_plugin"]


def test_the_package_has_no_attribute_that_dbt_would_take_for_plugins() -> None:
    import dbt_state_plugin

    assert not hasattr(dbt_state_plugin, "plugins")
    assert dbt_state_plugin.plan.__module__ == "dbt_state_plugin.api"


def test_the_wheel_carries_everything_that_is_not_python() -> None:
    from importlib.resources import files

    package = files("dbt_state_plugin")

    assert package.joinpath("py.typed").is_file()
    assert "CREATE TABLE relation" in package.joinpath("state", "schema.sql").read_text(encoding="utf-8")
    assert "CREATE ROLE" in package.joinpath("state", "roles.sql").read_text(encoding="utf-8")
