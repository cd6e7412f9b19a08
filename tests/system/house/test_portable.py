"""Imports of all modules where nothing of POSIX exists."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
# What Windows has not: names of modules, and of what `os` and `signal` hold.
SCRIPT = """
import importlib, os, pkgutil, signal, sys
sys.path.insert(0, "integration_project")

def ours():
    import dbt_state_plugin, meltano_plugin
    for package in (dbt_state_plugin, meltano_plugin):
        for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if not found.name.endswith(("__main__", ".migrations.env")):  # these do something when they are imported
                yield found.name
    for path, prefix in ((["integration_project"], ""), (["integration_project/_support"], "_support.")):
        yield from (prefix + found.name for found in pkgutil.iter_modules(path))

names = sorted(set(ours()))
for name in names:  # once as they are, so that other people's modules are there already
    importlib.import_module(name)
import dbt.cli.main, dbt.adapters.postgres, alembic.command, meltano.core.project
for name in [*names, "dbt_state_plugin", "meltano_plugin", "_support"]:
    sys.modules.pop(name, None)
for name in ("fcntl", "grp", "pwd", "resource", "termios", "tty", "pty", "syslog"):
    sys.modules[name] = None
for module, missing in (
    (signal, "SIGALRM SIGCHLD SIGCONT SIGHUP SIGKILL SIGPIPE SIGQUIT SIGTSTP SIGUSR1 SIGUSR2 SIGWINCH pthread_kill"),
    (os, "chown fork geteuid getuid getgid getpgid kill killpg mkfifo setsid uname wait WNOHANG"),
):
    for name in missing.split():
        delattr(module, name)
for name in names:
    importlib.import_module(name)
print(len(names))
"""


def test_every_module_is_imported_without_the_names_that_only_posix_has() -> None:
    answer = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=False)

    assert answer.returncode == 0, answer.stderr
    modules = [path for package in ("dbt_state_plugin", "meltano_plugin") for path in (ROOT / package).rglob("*.py")]
    assert int(answer.stdout) > len(modules) // 2


def test_a_run_is_stopped_by_the_signals_that_there_are() -> None:
    script = (
        "import signal; del signal.SIGHUP\n"
        "from dbt_state_plugin.operations.signals import stopping_like_sigint\n"
        "try:\n"
        "    with stopping_like_sigint() as stop: signal.raise_signal(signal.SIGTERM)\n"
        "except KeyboardInterrupt: print(stop.signal_number)\n"
    )
    # In a process of its own: a module that is imported again would leave two of its classes in this one.
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert answer.stdout.split() == ["15"]
