"""The manual: every command and option, and files that exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from dbt_state_plugin.cli.entry import _COMMANDS, cli
from dbt_state_plugin.cli.plan import OUTPUTS
from dbt_state_plugin.core.values.reasons import ReasonKind

ROOT = Path(__file__).parents[3]
PACKAGE = "dbt_state_plugin"
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {
    page.relative_to(ROOT).as_posix(): page.read_text(encoding="utf-8")
    for page in sorted((ROOT / "docs").rglob("*.md"))
}
MANUAL = "\n".join([README, *PAGES.values()])


def commands() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            for inner, subcommand in command.commands.items():
                yield f"{name} {inner}", subcommand


@pytest.mark.parametrize("name", [name for name, _ in commands()])
def test_the_manual_names_each_command(name: str) -> None:
    group, _, last = name.rpartition(" ")

    assert re.search(rf"\b{re.escape(last)}\b", MANUAL)
    assert not group or re.search(rf"\b{re.escape(group)}\b", MANUAL)


def test_the_list_of_commands_says_what_each_command_says_of_itself() -> None:
    said = {name: command.get_short_help_str(limit=200) for name, command in commands() if name in _COMMANDS}

    assert {name: summary for name, (_, summary) in _COMMANDS.items()} == said


def test_the_manual_names_each_option() -> None:
    options = {
        option
        for _, command in [("", cli), *commands()]
        for parameter in command.params
        for option in [*parameter.opts, *parameter.secondary_opts]
        if option.startswith("--") and not option.startswith("--no-")
    }

    assert sorted(option for option in options if not re.search(rf"{option}\b", MANUAL)) == []


def test_the_manual_names_each_output_form_and_reason() -> None:
    words = [*OUTPUTS, *(kind.value for kind in ReasonKind)]

    assert [word for word in words if f"`{word}" not in MANUAL] == []


@pytest.mark.parametrize("name", [name for name, _ in commands()])
def test_each_command_explains_itself(name: str) -> None:
    command = dict(commands())[name]

    assert command.get_short_help_str(limit=200).endswith(".")


@pytest.mark.parametrize("name", [name for name, _ in commands()])
def test_the_help_of_each_command_fits_80_columns_and_ends_with_an_example_that_it_takes(name: str) -> None:
    command = dict(commands())[name]
    context = click.Context(command, info_name=f"dbt-state-plugin {name}", terminal_width=80)

    lines = command.get_help(context).splitlines()
    example = lines[-1].strip()
    words = shlex.split(re.sub(r"^\w+=\$\((.*)\)$", r"\1", example).partition(" | ")[0].partition(" >")[0])

    assert max(map(len, lines)) <= 80
    assert lines[-2] == "  Example:"
    assert words[: 1 + len(name.split())] == ["dbt-state-plugin", *name.split()]
    given = words[1 + len(name.split()) :]
    if "--" not in given and not isinstance(command, click.Group):
        command.make_context(name, given)


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_files_that_the_documents_name_exist(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.(?:py|sql))", text))

    assert named
    assert [name for name in sorted(named) if not any((top / name).exists() for top in (ROOT, ROOT / PACKAGE))] == []


def test_the_readme_is_short() -> None:
    assert len(README.encode()) <= 12_000


@pytest.mark.parametrize(
    "document",
    [
        "README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "integration_project/README.md",
        *PAGES,
    ],
)
def test_links_lead_to_files_and_headings_that_exist(document: str) -> None:
    file = ROOT / document
    links = re.findall(r"\]\(([^)\s]+)\)", file.read_text(encoding="utf-8"))

    assert [link for link in links if not link.startswith("http") and not leads_somewhere(file, link)] == []


def leads_somewhere(file: Path, link: str) -> bool:
    path, _, heading = link.partition("#")
    target = (file.parent / path).resolve() if path else file
    return target.exists() and (not heading or heading in headings(target))


def headings(file: Path) -> set[str]:
    """Give the anchors that a page's headings get."""
    lines = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).strip().replace(" ", "-") for line in lines}


def test_the_tree_of_the_architecture_has_each_folder() -> None:
    tree = PAGES["docs/architecture.md"].split("## How a decision comes about")[0]
    rooms = [ROOT / PACKAGE, ROOT / PACKAGE / "warehouse"]
    folders = {each.name for room in rooms for each in room.iterdir() if each.is_dir() and each.name[0] != "_"}

    assert {name for name in folders if not re.search(rf"^ {{6,}}(?:\w+/ )*{name}/ ", tree, re.MULTILINE)} == set()
