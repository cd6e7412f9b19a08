"""Files that patterns match, and patterns that are refused."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dbt_state_plugin.core.values.bookkeeping_rules import STRICT, TOLERANT, BookkeepingRules
from dbt_state_plugin.errors import UsageError
from dbt_state_plugin.operations.bookkeeping.checksums import checksum_files, matching_files
from dbt_state_plugin.operations.bookkeeping.manifest_checksums import checksum_manifest

PATHLIB_NAMES = st.text(alphabet=".ab[]!?*-é", min_size=1, max_size=3).filter(lambda name: "**" not in name)
NAMES = st.text(alphabet="ab?[]*\n-é", min_size=1, max_size=3)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
PATTERNS = st.lists(st.one_of(NAMES, st.sampled_from(["*", "**", "a*", "*b"])), min_size=1, max_size=4).map("/".join)


def write(directory: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        file = directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def matched(directory: Path, pattern: str, rules: BookkeepingRules = STRICT) -> list[str]:
    return sorted({str(path) for path in matching_files(directory, pattern, rules)})


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(
        tmp_path,
        {
            "models/customers.sql": "select 1",
            "models/staging/orders.sql": "select 2",
            "models/staging/deep/payments.sql": "select 3",
            "models/schema.yml": "version: 2",
            "models/.hidden.sql": "select 4",
            "seeds/countries.csv": "id\n1\n",
        },
    )
    return tmp_path


def test_a_star_stands_for_any_characters_of_one_name(project: Path) -> None:
    assert matched(project, "models/*.sql") == ["models/customers.sql"]


def test_two_stars_stand_for_any_number_of_directories(project: Path) -> None:
    assert matched(project, "models/**/*.sql") == [
        "models/customers.sql",
        "models/staging/deep/payments.sql",
        "models/staging/orders.sql",
    ]


def test_two_stars_at_the_end_stand_for_every_file_below(project: Path) -> None:
    assert matched(project, "models/staging/**") == ["models/staging/deep/payments.sql", "models/staging/orders.sql"]


def test_a_leading_dot_must_be_written_out(project: Path) -> None:
    assert matched(project, "models/.*.sql") == ["models/.hidden.sql"]


def test_a_file_is_named_by_its_stem_and_hashed_byte_by_byte(project: Path) -> None:
    found = checksum_files(str(project), ["seeds/*"])

    assert found.checksums == {"countries": hashlib.sha256(b"id\n1\n").hexdigest()}
    assert (found.kind, found.warnings) == ("file", ())


def test_a_file_is_named_by_its_path_on_request(project: Path) -> None:
    assert list(checksum_files(str(project), ["models/staging/*"], by_path=True).checksums) == [
        "models/staging/orders.sql"
    ]


def test_a_file_that_two_patterns_match_counts_once(project: Path) -> None:
    assert list(checksum_files(str(project), ["models/*.sql", "models/c*"]).checksums) == ["customers"]


def test_two_files_of_one_stem_are_refused_by_name(project: Path) -> None:
    write(project, {"models/other/orders.sql": ""})

    with pytest.raises(
        UsageError, match=r"models/other/orders.sql and models/staging/orders.sql .* named orders"
    ) as caught:
        checksum_files(str(project), ["models/**/*.sql"])
    assert "--by-path" in caught.value.do


def test_nothing_at_all_is_an_error(project: Path) -> None:
    with pytest.raises(UsageError, match=r"No file below .* matches models/\*.py or x/\*\*\."):
        checksum_files(str(project), ["models/*.py", "x/**"])


def test_one_pattern_of_several_without_a_match_is_a_warning(project: Path) -> None:
    found = checksum_files(str(project), ["seeds/*.csv", "snapshots/*.sql"])

    assert found.warnings == (f"No file below {project} matches snapshots/*.sql.",)


@pytest.mark.parametrize("pattern", ["../*.sql", "models/../../*", "/etc/passwd"])
def test_a_pattern_that_leads_out_is_refused(project: Path, pattern: str) -> None:
    with pytest.raises(UsageError, match="leads out of BASE_PATH"):
        checksum_files(str(project), [pattern])


@pytest.mark.parametrize("pattern", ["", "/", "./."])
def test_an_empty_pattern_is_refused(project: Path, pattern: str) -> None:
    with pytest.raises(UsageError):
        checksum_files(str(project), [pattern])


@pytest.mark.parametrize("base", ["", "missing", "models/schema.yml"])
def test_a_base_path_that_is_no_directory_is_refused(project: Path, base: str) -> None:
    with pytest.raises(UsageError, match="is not a directory"):
        checksum_files(base and str(project / base), ["*"])


def test_a_symbolic_link_to_a_file_outside_is_refused(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    secret = tmp_path_factory.mktemp("outside") / "secret.sql"
    secret.write_text("secret")
    (project / "models" / "link.sql").symlink_to(secret)

    with pytest.raises(UsageError, match=r"link.sql leads out of BASE_PATH"):
        checksum_files(str(project), ["models/*.sql"])


def test_a_symbolic_link_to_a_directory_outside_is_refused(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (project / "models" / "link").symlink_to(tmp_path_factory.mktemp("outside"))

    with pytest.raises(UsageError, match=r"models/link leads out of BASE_PATH"):
        checksum_files(str(project), ["**/*.sql"])


def test_links_outside_that_no_pattern_matches_are_no_matter(project: Path) -> None:
    (project / "models" / "python").symlink_to("/bin/sh")

    assert "models/customers.sql" in matched(project, "**/*.sql")


def test_links_within_the_base_are_followed(project: Path) -> None:
    (project / "linked").symlink_to(project / "models" / "staging")
    (project / "one.sql").symlink_to("models/customers.sql")

    assert matched(project, "linked/**") == ["linked/deep/payments.sql", "linked/orders.sql"]
    assert checksum_files(str(project), ["one.sql"]).checksums["one"] == hashlib.sha256(b"select 1").hexdigest()


def test_a_base_path_may_be_a_link_itself(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    base = tmp_path_factory.mktemp("elsewhere") / "base"
    base.symlink_to(project)

    assert matched(base, "models/*.sql") == ["models/customers.sql"]


def test_links_that_lead_back_are_refused(project: Path) -> None:
    (project / "models" / "again").symlink_to(project / "models")

    with pytest.raises(UsageError, match="leads back to a directory above it"):
        checksum_files(str(project), ["**/*.sql"])


def test_a_link_to_nowhere_is_refused(project: Path) -> None:
    (project / "models" / "gone.sql").symlink_to("nowhere.sql")

    with pytest.raises(UsageError, match=r"gone.sql cannot be read"):
        checksum_files(str(project), ["models/*.sql"])


def test_a_named_pipe_is_refused_and_not_waited_for(project: Path) -> None:
    os.mkfifo(project / "models" / "pipe.sql")

    with pytest.raises(UsageError, match=r"pipe.sql is not a regular file"):
        checksum_files(str(project), ["models/*.sql"])


def test_a_name_that_is_not_utf8_is_refused(project: Path) -> None:
    Path(os.fsdecode(os.fsencode(project / "models") + b"/caf\xe9.sql")).write_text("")

    with pytest.raises(UsageError, match="is not valid UTF-8"):
        checksum_files(str(project), ["models/*.sql"])


def test_a_name_that_no_index_can_hold_is_refused(project: Path) -> None:
    deep = "/".join(["d" * 200] * 11)
    write(project, {f"{deep}/model.sql": ""})

    with pytest.raises(UsageError, match=r"longer than 2,000 bytes"):
        checksum_files(str(project), ["**/model.sql"], by_path=True)
    assert list(checksum_files(str(project), ["**/model.sql"]).checksums) == ["model"]


@given(paths=st.sets(PATHS, min_size=1, max_size=6), pattern=PATTERNS)
def test_matching_agrees_with_a_regular_expression_over_whole_paths(paths: set[str], pattern: str) -> None:
    files = {path for path in paths if not any(other.startswith(path + "/") for other in paths)}

    with tempfile.TemporaryDirectory() as directory:
        write(Path(directory), dict.fromkeys(files, ""))
        found = matched(Path(directory), pattern)

    assert found == sorted(path for path in files if re.fullmatch(whole_path_expression(pattern), path, re.DOTALL))


@given(
    paths=st.sets(st.lists(PATHLIB_NAMES, min_size=1, max_size=3).map("/".join), min_size=1, max_size=6),
    above=st.lists(st.one_of(PATHLIB_NAMES, st.sampled_from(["*", "**", "?", "[ab]*"])), max_size=3),
    last=st.one_of(PATHLIB_NAMES, st.sampled_from(["*", "?", "[!a]", "*b"])),
)
def test_by_tolerant_rules_matching_agrees_with_pathlib(paths: set[str], above: list[str], last: str) -> None:
    parts = [{"", ".", ".."} & set(path.split("/")) for path in [*paths, "/".join([*above, last])]]
    assume(not any(parts))
    files = {path for path in paths if not any(other.startswith(path + "/") for other in paths)}
    pattern = "/".join([*above, last])

    with tempfile.TemporaryDirectory() as directory:
        write(Path(directory), dict.fromkeys(files, ""))
        found = matched(Path(directory), pattern, TOLERANT)
        theirs = sorted({str(p.relative_to(directory)) for p in Path(directory).glob(pattern) if p.is_file()})

    assert found == theirs


def test_by_tolerant_rules_two_stars_at_the_end_stand_for_every_file_below(project: Path) -> None:
    assert matched(project, "models/staging/**", TOLERANT) == [
        "models/staging/deep/payments.sql",
        "models/staging/orders.sql",
    ]


def test_by_tolerant_rules_paths_and_links_may_lead_out(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    write(outside, {"out.sql": "select 1"})
    (project / "models" / "link").symlink_to(outside)
    (project / "models" / "file.sql").symlink_to(outside / "out.sql")
    (project / "models" / "gone.sql").symlink_to("nowhere.sql")
    os.mkfifo(project / "models" / "pipe.sql")

    assert matched(project / "models", "../seeds/*.csv", TOLERANT) == ["../seeds/countries.csv"]
    assert matched(project, "models/..", TOLERANT) == []
    assert matched(project, "models/*.sql", TOLERANT) == [
        "models/.hidden.sql",
        "models/customers.sql",
        "models/file.sql",
    ]
    assert matched(project, "models/*/*.sql", TOLERANT) == ["models/link/out.sql", "models/staging/orders.sql"]
    assert "models/link/out.sql" not in matched(project, "**/*.sql", TOLERANT)


def test_by_tolerant_rules_an_absolute_pattern_is_refused_all_the_same(project: Path) -> None:
    with pytest.raises(UsageError, match="leads out of BASE_PATH"):
        checksum_files(str(project), ["/etc/passwd"], rules=TOLERANT)


def test_by_tolerant_rules_a_step_may_cover_nothing_and_it_is_said(project: Path) -> None:
    found = checksum_files(str(project), ["*.py", "*.txt"], rules=TOLERANT)

    assert found.checksums == {}
    assert found.warnings == (f"No file below {project} matches *.py or *.txt: the step covers nothing.",)
    assert checksum_files(str(project), ["*.py", "seeds/*"], rules=TOLERANT).warnings == ()


def test_by_tolerant_rules_files_of_one_name_count_as_one_that_either_of_them_changes(project: Path) -> None:
    write(project, {"models/other/orders.yml": "a"})

    def covered() -> dict[str, str]:
        return dict(checksum_files(str(project), ["models/**/*.*"], rules=TOLERANT).checksums)

    found = checksum_files(str(project), ["models/**/*.*"], rules=TOLERANT)
    first = covered()
    write(project, {"models/other/orders.yml": "b"})
    second = covered()
    write(project, {"models/staging/orders.sql": "select 3"})

    assert found.warnings == (
        "models/other/orders.yml and models/staging/orders.sql are both named orders: "
        "a change of one counts as a change of orders.",
    )
    assert len({first["orders"], second["orders"], covered()["orders"]}) == 3
    assert first["customers"] == hashlib.sha256(b"select 1").hexdigest() == second["customers"]


@given(contents=st.dictionaries(st.sampled_from("abcdef"), st.binary(max_size=64), min_size=1))
def test_equal_checksums_mean_equal_bytes(contents: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        for name, content in contents.items():
            Path(directory, f"{name}.sql").write_bytes(content)
        found = checksum_files(directory, ["*.sql"]).checksums

    assert found == {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}


def whole_path_expression(pattern: str) -> str:
    """Say in one regular expression what the matching does directory by directory."""
    *parts, last = pattern.split("/")
    expression = "".join("(?:[^/]+/)*" if part == "**" else one_name(part) + "/" for part in parts)
    return expression + ("(?:[^/]+/)*[^/]+" if last == "**" else one_name(last))


def one_name(part: str) -> str:
    return "[^/]*".join(re.escape(text) for text in part.split("*"))


def manifest(directory: Path, nodes: Iterable[Mapping[str, Any]], version: int = 12) -> str:
    file = directory / "manifest.json"
    schema = f"https://example.org/dbt/manifest/v{version}.json"
    by_id = {node["unique_id"]: node for node in nodes}
    file.write_text(json.dumps({"metadata": {"dbt_schema_version": schema}, "nodes": by_id}))
    return str(file)


def node(unique_id: str, checksum: str = "c0ffee", kind: str = "sha256", **more: Any) -> dict[str, Any]:
    resource_type, package, name = unique_id.split(".")
    return {
        "unique_id": unique_id,
        "resource_type": resource_type,
        "package_name": package,
        "name": name,
        "original_file_path": f"{resource_type}s/{name}.sql",
        "checksum": {"name": kind, "checksum": checksum},
        **more,
    }


def test_a_manifest_gives_its_models_seeds_and_snapshots(tmp_path: Path) -> None:
    names = ["model.shop.orders", "seed.shop.countries", "snapshot.shop.prices", "test.shop.unique", "analysis.shop.x"]

    found = checksum_manifest(manifest(tmp_path, map(node, names)))

    assert found.kind == "manifest"
    assert found.checksums == {"orders": "c0ffee", "countries": "c0ffee", "prices": "c0ffee"}


def test_a_manifest_names_nodes_by_path_on_request(tmp_path: Path) -> None:
    assert list(checksum_manifest(manifest(tmp_path, [node("model.shop.orders")]), by_path=True).checksums) == [
        "models/orders.sql"
    ]


def test_versions_of_a_model_are_told_apart(tmp_path: Path) -> None:
    versions = [{**node("model.shop.dim", version=n), "unique_id": f"model.shop.dim.v{n}"} for n in (1, 2)]

    assert set(checksum_manifest(manifest(tmp_path, versions)).checksums) == {"dim.v1", "dim.v2"}


def test_two_nodes_of_one_name_are_refused_by_their_ids(tmp_path: Path) -> None:
    path = manifest(tmp_path, [node("model.shop.orders"), node("model.other.orders")])

    with pytest.raises(UsageError, match=r"model.shop.orders and model.other.orders .* named orders"):
        checksum_manifest(path)


def test_a_seed_whose_content_dbt_has_not_hashed_gives_a_warning(tmp_path: Path) -> None:
    found = checksum_manifest(manifest(tmp_path, [node("seed.shop.large", "seeds/large.csv", "path")]))

    assert found.warnings == ("dbt keeps no checksum of the content of large: its changes are not seen.",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not JSON, or it is cut off"),
        ('{"metadata": {"dbt_', "is not JSON, or it is cut off"),
        ("[" * 100_000, "is not JSON, or it is cut off"),
        ("[]", "not a dbt manifest"),
        ('{"metadata": {}, "nodes": {}}', "not a dbt manifest"),
        ('{"metadata": {"dbt_schema_version": "x/manifest/v12.json"}}', "not a dbt manifest"),
        ('{"metadata": {"dbt_schema_version": "x/manifest/v8.json"}, "nodes": {}}', "version 8; 9 or later"),
        ('{"metadata": {"dbt_schema_version": "x/manifest/v12.json"}, "nodes": {}}', "holds no model"),
        (
            '{"metadata": {"dbt_schema_version": "x/manifest/v12.json"}, "nodes": {"m": {"resource_type": "model"}}}',
            "node m of .* lacks a printable name, path or checksum",
        ),
    ],
)
def test_a_file_that_is_no_manifest_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "manifest.json"
    file.write_text(text)

    with pytest.raises(UsageError, match=message):
        checksum_manifest(str(file))


def test_a_manifest_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file or directory"):
        checksum_manifest(str(tmp_path / "manifest.json"))
