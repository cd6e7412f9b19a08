"""Files that are inputs of a parse, and programs that parse."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

from dbt_state_plugin.project.inputs import InputPlaces, digest_of_files, files_in, project_files
from dbt_state_plugin.project.parsers import installed_parsers


def test_a_package_that_is_linked_from_the_project_itself_has_its_files_in_both_places(tmp_path: Path) -> None:
    (tmp_path / "toolbox/macros").mkdir(parents=True)
    (tmp_path / "toolbox/macros/a.sql").write_text("1")
    (tmp_path / "dbt_packages").mkdir()
    (tmp_path / "dbt_packages/toolbox").symlink_to(tmp_path / "toolbox")

    found = {Path(path).relative_to(tmp_path).as_posix() for path in project_files(str(tmp_path))}

    assert found == {"toolbox/macros/a.sql", "dbt_packages/toolbox/macros/a.sql"}


def test_a_link_that_leads_back_up_ends(tmp_path: Path) -> None:
    (tmp_path / "models/deep").mkdir(parents=True)
    (tmp_path / "models/a.sql").write_text("1")
    (tmp_path / "models/deep/up").symlink_to(tmp_path / "models")

    assert [Path(path).name for path in project_files(str(tmp_path))] == ["a.sql"]


def test_what_git_and_others_leave_in_a_package_is_skipped_unless_dbt_searches_there(tmp_path: Path) -> None:
    packages = tmp_path / "dbt_packages"
    for path in ("tiny/.git/config", "tiny/target/run.sql", "tiny/macros/one.sql", "tiny/macros/.git/two.sql"):
        (packages / path).parent.mkdir(parents=True, exist_ok=True)
        (packages / path).write_text("1")
    (packages / "logs").mkdir()
    (packages / "logs/dbt_project.yml").write_text("name: logs")  # a package of that name

    def found(*folders: Path) -> set[str]:
        places = InputPlaces(folders=tuple(map(str, folders)), roots=(), packages=(str(packages),))
        return {Path(path).relative_to(packages).as_posix() for path in files_in(places)}

    assert found(packages) == {"tiny/macros/one.sql", "logs/dbt_project.yml"}
    assert found(packages, packages / "tiny/macros") == {*found(packages), "tiny/macros/.git/two.sql"}
    assert "tiny/.git/config" in found(packages, packages / "tiny")


def test_the_digest_of_files_is_that_of_their_contents_and_paths(tmp_path: Path) -> None:
    places = InputPlaces(folders=(str(tmp_path),), roots=())
    (tmp_path / "a.sql").write_text("1")
    before = digest_of_files(places)

    (tmp_path / "a.sql").write_text("2")
    changed = digest_of_files(places)
    (tmp_path / "a.sql").rename(tmp_path / "b.sql")

    assert len({before, changed, digest_of_files(places)}) == 3


def test_the_end_of_a_large_file_counts(tmp_path: Path) -> None:
    places = InputPlaces(folders=(str(tmp_path),), roots=())
    (tmp_path / "seed.csv").write_bytes(b"x" * 100_000)
    before = digest_of_files(places)

    (tmp_path / "seed.csv").write_bytes(b"x" * 99_999 + b"y")

    assert digest_of_files(places) != before


def test_what_parses_is_named_with_its_version_and_so_is_each_plugin(tmp_path: Path) -> None:
    for name in ("dbt_core-1.11.16.dist-info", "dbt_own_plugin", "unrelated"):
        (tmp_path / name).mkdir()
    with ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.writestr("dbt_zipped.py", "")

    found = installed_parsers([str(tmp_path), str(tmp_path / "more.zip"), str(tmp_path / "missing")])

    assert found[:3] == ["dbt_core-1.11.16.dist-info", "dbt_own_plugin", "dbt_zipped"]
    assert [each.split()[0] for each in found[3:]] == ["dbt_adapters", "dbt_common", "dbt_postgres"]
