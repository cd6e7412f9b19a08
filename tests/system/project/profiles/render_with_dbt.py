"""Profiles rendered by dbt's own code, in its own process.

Reads a JSON list of cases from stdin and writes a JSON list of results to the file that is its argument, since dbt
itself prints to stdout. Each result holds what dbt made of the case, or dbt's error.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import psycopg2
from dbt.adapters.contracts.connection import Connection
from dbt.adapters.postgres.connections import PostgresConnectionManager
from dbt.config.profile import Profile, read_profile
from dbt.config.project import load_raw_project
from dbt.config.renderer import ProfileRenderer
from dbt.config.runtime import load_project
from dbt.flags import set_from_args
from dbt_common.context import set_invocation_context


class RecordedHandle:
    """Stands for the server, which these profiles do not have: keeps what dbt sends before it hands the handle out."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        self.arguments = arguments
        self.statements: list[str] = []

    def cursor(self) -> RecordedHandle:
        return self

    def execute(self, statement: str) -> None:
        self.statements.append(statement)


def rendered_profile(case: dict[str, Any]) -> Profile:
    return Profile.from_raw_profiles(
        raw_profiles=read_profile(case["directory"]),
        profile_name=case["profile_name"],
        renderer=ProfileRenderer(case["cli_vars"]),
        target_override=case["target"],
        threads_override=case["threads"],
    )


def connection_of(profile: Profile) -> RecordedHandle:
    psycopg2.connect = lambda **arguments: RecordedHandle(arguments)
    connection = Connection(type="postgres", name="contract", credentials=profile.credentials)
    return PostgresConnectionManager.open(connection).handle


def described_profile(case: dict[str, Any]) -> dict[str, Any]:
    profile = rendered_profile(case)
    handle = connection_of(profile)
    return {
        "name": profile.profile_name,
        "target_name": profile.target_name,
        "threads": profile.threads,
        "type": profile.credentials.type,
        "credentials": profile.credentials.to_dict(omit_none=False),
        "target_context": profile.to_target_dict(),
        "connect_arguments": handle.arguments,
        "statements": handle.statements,
    }


def described_project(case: dict[str, Any]) -> dict[str, Any]:
    raw_name = load_raw_project(case["directory"]).get("profile")
    named = ProfileRenderer(case["cli_vars"]).render_value(raw_name)
    profile = rendered_profile({**case, "profile_name": named})
    project = load_project(case["directory"], False, profile, case["cli_vars"])
    return {"name": project.project_name, "profile": project.profile_name, "target_path": project.target_path}


def main() -> None:
    results = []
    for case in json.load(sys.stdin):
        set_from_args(Namespace(profiles_dir=case["directory"], target_path=None, log_path="logs"), None)
        set_invocation_context(case["environ"])
        try:
            results.append(described_project(case) if case["is_project"] else described_profile(case))
        except Exception as error:
            results.append({"error": type(error).__name__, "text": str(error)})
    Path(sys.argv[1]).write_text(json.dumps(results))


main()
