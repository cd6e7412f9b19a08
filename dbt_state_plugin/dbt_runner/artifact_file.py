"""Artifacts of dbt, as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dbt_state_plugin.errors import UsageError


def read_artifact_file(path: Path, *, absent: str, torn: str) -> Any:
    """Return what a file holds; raises UsageError that says what to do where it is `absent`, or `torn` off."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UsageError(f"There is no {path}.", absent) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.", "Check the folder and its rights.") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON, or it is cut off.", torn) from error
