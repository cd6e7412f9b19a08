"""Default values of settings."""

from __future__ import annotations

DEFAULT_LOCK_TIMEOUT = 60.0  # seconds
