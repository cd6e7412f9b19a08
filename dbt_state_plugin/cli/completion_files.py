"""Files by which shells find completion; other programs' files are kept."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dbt_state_plugin.errors import UsageError

PROGRAM = "dbt-state-plugin"
MARK = f"# {PROGRAM} completion"
_FIRST_LINE = f"{MARK}: written by `{PROGRAM} completion --install`\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What an installation wrote: the script, and the startup file that reads it, with the line added to it.

    `is_new` is False if all of it was there before.
    """

    script: Path
    startup: Path | None
    line: str
    is_new: bool


def install(shell: str, source: str, environ: Mapping[str, str]) -> Installed:
    """Write the script where the shell finds it, and for bash and zsh a line at the end of its startup file.

    Raises UsageError if another program's file is in the place of the script, or nothing can be written.
    """
    home = Path(environ.get("HOME") or Path.home())
    script, startup = _places(shell, home, environ)
    line = _line(shell, script)
    try:
        is_new = _write(script, _FIRST_LINE + source)
        if startup is not None:
            is_new |= _append(startup, line)
    except OSError as error:
        raise UsageError(
            f"The completion cannot be installed: {error.filename}: {error.strerror or error}.",
            f"`{PROGRAM} completion {shell}` prints the script, to install it yourself.",
        ) from error
    return Installed(script=script, startup=startup, line=line, is_new=is_new)


def _places(shell: str, home: Path, environ: Mapping[str, str]) -> tuple[Path, Path | None]:
    if shell == "fish":
        config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
        return config / "fish" / "completions" / f"{PROGRAM}.fish", None
    data = Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    startup = home / ".bashrc" if shell == "bash" else Path(environ.get("ZDOTDIR") or home) / ".zshrc"
    return data / PROGRAM / f"completion.{shell}", startup


def _line(shell: str, script: Path) -> str:
    import shlex

    quoted = shlex.quote(str(script))
    ready = "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }; " if shell == "zsh" else ""
    return f"[ ! -r {quoted} ] || {{ {ready}. {quoted}; }}  {MARK}"


def _write(script: Path, text: str) -> bool:
    """Write the script, replacing only one of ours; return whether it changed."""
    if script.exists():
        before = script.read_text(encoding="utf-8", errors="replace")
        if before == text:
            return False
        if not before.startswith(_FIRST_LINE):
            raise UsageError(
                f"{script} already exists and was not written by {PROGRAM}.", "Move it away, or keep it as it is."
            )
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(text, encoding="utf-8")
    return True


def _append(startup: Path, line: str) -> bool:
    """Append the line if it is missing; return whether it was."""
    before = startup.read_text(encoding="utf-8", errors="surrogateescape") if startup.exists() else ""
    if line in before.splitlines():
        return False
    startup.parent.mkdir(parents=True, exist_ok=True)
    with startup.open("a", encoding="utf-8") as file:
        file.write(("" if before.endswith("\n") or not before else "\n") + line + "\n")
    return True


def said(installed: Installed) -> list[str]:
    """Return a message that says what was written and how to undo it."""
    if not installed.is_new:
        return [f"Completion is installed already: {installed.script}."]
    lines = [f"Wrote {installed.script}."]
    undo = f"To undo it, delete {installed.script}"
    if installed.startup is not None:
        lines.append(f"Appended a line to {installed.startup} that reads it; it ends with `{MARK}`.")
        undo += f" and that line of {installed.startup}"
    return [*lines, f"{undo}.", "It works in shells that you start from now on."]


def own_shell(environ: Mapping[str, str] = os.environ) -> str:
    """Return the name of the shell that this user logs in with."""
    return Path(environ.get("SHELL", "")).name
