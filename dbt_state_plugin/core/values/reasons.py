"""Reasons: why a node is built."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class ReasonKind(str, Enum):
    """Why a node is built. The values are part of the JSON output."""

    NEW = "new"
    BODY = "body"
    CONFIG = "config"
    MACROS = "macros"
    VARIABLES = "variables"
    CONTRACT = "contract"
    HOOKS = "hooks"
    PROJECT_HOOKS = "project_hooks"
    MATERIALIZATION = "materialization"
    SESSION = "session"
    DOCS = "docs"
    RELATION = "relation"
    REFERENCES = "references"
    FLAGS = "flags"
    ENGINE = "engine"
    DEFINITION = "definition"
    UPSTREAM = "upstream"
    DATA = "data"
    AGE = "age"
    MISSING = "missing"
    DRIFTED = "drifted"
    INTERRUPTED = "interrupted"
    VOLATILE = "volatile"
    LOGIC = "logic"
    FORCED = "forced"


class OldRows(str, Enum):
    """What becomes of rows that the earlier logic of an incremental model or a snapshot has built."""

    KEPT = "kept"
    REBUILT = "rebuilt"
    PROTECTED = "protected"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Give one reason for building a node: its kind, the evidence in words, and the node that it comes from."""

    kind: ReasonKind
    detail: str = ""
    node: str = ""
