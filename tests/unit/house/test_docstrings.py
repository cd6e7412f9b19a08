"""First lines of modules, which make a table of contents."""

from __future__ import annotations

import ast
import tokenize
from inspect import cleandoc
from pathlib import Path

ROOT = Path(__file__).parents[3]
FOLDERS = ("dbt_state_plugin", "meltano_plugin", "integration_project", "docs", "tests")
LONGEST = 12  # words


def docstring(path: Path) -> str:
    """Return the docstring of a module, of which no more is read."""
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type not in (tokenize.ENCODING, tokenize.COMMENT, tokenize.NL):
                break
    found = ast.literal_eval(token.string) if token.type == tokenize.STRING else ""
    return cleandoc(found) if isinstance(found, str) else ""


def test_each_module_begins_with_a_noun_phrase_of_at_most_twelve_words() -> None:
    first_lines = {
        path.relative_to(ROOT).as_posix(): docstring(path).partition("\n")[0]
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        if "accuracy/project" not in path.as_posix() and (path.name != "__init__.py" or path.stat().st_size > 0)
    }
    assert len(first_lines) > 500
    wrong = {
        path: line
        for path, line in first_lines.items()
        if (not line and not path.startswith("tests/support/plain_adapter"))
        or "?" in line
        or len(line.split()) > LONGEST
    }
    assert wrong == {}
