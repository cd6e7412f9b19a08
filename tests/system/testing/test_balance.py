"""Order of tests that workers share."""

from __future__ import annotations

from pathlib import Path

from support.balance import balanced

TESTS = Path("/tests")


def of(*files: tuple[str, int]) -> list[tuple[Path, int]]:
    return [(TESTS / name, number) for name, count in files for number in range(count)]


def test_each_share_begins_with_long_tests_and_ends_with_short_ones() -> None:
    items = of(("acceptance/test_a.py", 3), ("contract/test_b.py", 2), ("unit/test_c.py", 11))

    found = balanced(items, lambda item: item[0], tests=TESTS, workers=2)

    assert sorted(found) == sorted(items)
    shares = [[path.parent.name for path, _ in share] for share in (found[:8], found[8:])]
    assert shares == [["contract"] * 2 + ["unit"] * 6, ["acceptance"] * 3 + ["unit"] * 5]


def test_shares_are_equal_in_number_though_only_some_tests_are_long_and_the_longest_come_first() -> None:
    items = of(("integration/test_a.py", 14), ("acceptance/test_b.py", 4), ("acceptance/test_pipeline.py", 2))

    found = balanced(items, lambda item: item[0], tests=TESTS, workers=1)
    shared = balanced(items, lambda item: item[0], tests=TESTS, workers=2)

    names = [path.name for path, _ in found]
    assert names == ["test_pipeline.py"] * 2 + ["test_b.py"] * 4 + ["test_a.py"] * 14
    firsts = [[path.name for path, _ in share][:1] for share in (shared[:10], shared[10:])]
    assert firsts == [["test_pipeline.py"], ["test_b.py"]]


def test_tests_of_a_file_stay_together_even_where_all_are_long() -> None:
    items = of(("twin/test_a.py", 5), ("faults/test_b.py", 1), ("acceptance/test_c.py", 1))

    found = balanced(items, lambda item: item[0], tests=TESTS, workers=3)

    assert [path.name for path, _ in found] == ["test_a.py"] * 5 + ["test_c.py", "test_b.py"]
