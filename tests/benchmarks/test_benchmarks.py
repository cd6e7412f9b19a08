"""Benchmarks, run tiny and with forked commands to show that they work."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from support import forkserver
from support.pipeline import tool_environment
from support.project import clean_environment

in_full = pytest.mark.full("DBT_STATE_PLUGIN_BENCHMARKS")


def environment(home: Path) -> dict[str, str]:
    return {**clean_environment(home), "BENCHMARK_PROGRAMS": str(forkserver.programs())}


def output_of(script: str, *options: str, env: dict[str, str]) -> str:
    """Run a benchmark that ends well; return what it printed."""
    path = Path(__file__).with_name(script)
    ended = subprocess.run([sys.executable, str(path), *options], env=env, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@in_full
def test_the_benchmark_of_speed_prints_its_table(tmp_path: Path) -> None:
    options = "--models 12 --rounds 1 --build 12 --growth-runs 3".split()

    printed = output_of("speed.py", *options, env=environment(tmp_path))

    number = r" +\d+\.\d\d"
    for case in ("no change / ls state:modified[+]", "one leaf / dbt run -s leaf", "first run / dbt run"):
        assert re.search(rf"^12: {case}{number}{number} +\d\.\d\d\d", printed, re.MULTILINE)
    assert re.search(r"^12: rows written without a change +[123] +3$", printed, re.MULTILINE)
    assert max(map(len, printed.splitlines()[3:])) <= 80


@in_full
def test_the_benchmark_of_change_detection_prints_its_ratios(tmp_path: Path) -> None:
    printed = output_of("change_detection.py", "--models", "20", "--rounds", "1", env=environment(tmp_path))

    for line in ("all models compiled / dbt compile", "one model edited / no model edited"):
        assert re.search(rf"^{re.escape(line)} +\d+\.\d\d +\d+\.\d\d +<= 1\.\d\d$", printed, re.MULTILINE)


@in_full
def test_the_benchmark_of_adoption_prints_what_it_took(tmp_path: Path) -> None:
    printed = output_of("adopt.py", "--models", "10", env=environment(tmp_path))

    for line in ("dbt run", "adopt", "the run after it"):
        assert re.search(rf"^{line} +\d+\.\d\d s wall +\d+\.\d\d s CPU$", printed, re.MULTILINE)


@in_full
def test_the_benchmark_on_duckdb_prints_its_ratio(tmp_path: Path) -> None:
    printed = output_of("speed_on_duckdb.py", "--models", "10", "--rounds", "1", env=environment(tmp_path))

    assert re.search(r"^CPU +\d+\.\d\d s +\d+\.\d\d s  \d\.\d{3}$", printed, re.MULTILINE)
    assert printed.endswith("while another process had the file: nothing was opened\n")


@in_full
def test_the_benchmark_of_the_block_in_a_pipeline_prints_its_ratio(tmp_path: Path, installed: Path) -> None:
    options = ["--rounds", "1", "--warm-up", "0", "--plugins", str(installed)]

    programs = {
        "BENCHMARK_PROGRAMS": str(forkserver.programs()),
        "BENCHMARK_MELTANO_PROGRAMS": str(forkserver.meltano_programs()),
    }
    printed = output_of("meltano_block.py", *options, env=tool_environment(tmp_path) | programs)

    for line in (r"dbt-state-plugin:run +\d+\.\d\d +\d+\.\d\d +<= 1\.50", r"dbt deps && dbt run +\d+\.\d\d +\d+\.\d\d"):
        assert re.search(rf"^{line}$", printed, re.MULTILINE)
    assert re.search(r"^the first / the second +\d+\.\d\d +\d+\.\d\d +<= 0\.20$", printed, re.MULTILINE)


@in_full
def test_the_benchmark_of_a_pipeline_prints_its_hours_and_finds_equal_warehouses(tmp_path: Path) -> None:
    size = "--models 12 --sources 3 --hours 1 --changed 2 --rows 50"
    options = f"{size} --loads mixed --cutoff auto --beside-never".split()

    printed = output_of("hourly_pipeline.py", *options, env=environment(tmp_path))

    assert re.search(r"^ +0  \d, \d +\d of 12( +\d+\.\d\d){3}$", printed, re.MULTILINE)
    assert re.search(r"^with cutoff / without( +\d+\.\d\d){2}$", printed, re.MULTILINE)
    assert printed.endswith("\nwarehouses: equal\n")


def test_the_benchmark_of_data_versions_prints_its_milliseconds(tmp_path: Path) -> None:
    printed = output_of("data_versions.py", "--rows", "1000", "--rounds", "1", env=environment(tmp_path))

    assert re.search(r"^version from the catalog +\d+\.\d\d +< 20$", printed, re.MULTILINE)


@in_full
def test_the_benchmark_beside_an_older_version_prints_its_ratios(tmp_path: Path) -> None:
    options = "--models 14 --introspecting 2 --rounds 1".split()  # the older version is this one

    printed = output_of("older.py", *options, env=environment(tmp_path))

    for case in ("no change", "plan after an edit"):
        assert re.search(
            rf"^14 of which 2 introspect: {case} / older +\d+\.\d\d +\d+\.\d\d +\d\.\d\d\d", printed, re.MULTILINE
        )
