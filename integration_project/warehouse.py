"""What does the shop's warehouse hold before dbt runs, and how does its dbt project find it."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from postgres_server import Server, connect, start_server

from dbt_state_plugin.errors import PluginError

TRANSFORM = Path(__file__).parent / "transform"


def load_source(server: Server) -> None:
    """Create and fill the source tables, as a loader would; done again, it starts afresh."""
    with closing(connect(server)) as opened, opened.cursor() as cursor:
        cursor.execute((TRANSFORM / "setup" / "source.sql").read_text(encoding="utf-8"))


def connection_environment(server: Server) -> dict[str, str]:
    """Give the variables that transform/profiles.yml reads."""
    return {
        "WAREHOUSE_HOST": server.host,
        "WAREHOUSE_PORT": str(server.port),
        "WAREHOUSE_USER": server.user,
        "WAREHOUSE_PASSWORD": server.password,
        "WAREHOUSE_NAME": server.dbname,
    }


def main() -> int:
    """Open a shell in the dbt project, beside a server that is removed when the shell ends."""
    try:
        with start_server() as server:
            load_source(server)
            print(f"PostgreSQL {server.version} listens on port {server.port}. Try `dbt deps`, `dbt build`, `exit`.")
            path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
            environment = {**os.environ, **connection_environment(server), "PATH": path}
            subprocess.run([os.environ.get("SHELL", "/bin/sh")], cwd=TRANSFORM, env=environment, check=False)
    except PluginError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
