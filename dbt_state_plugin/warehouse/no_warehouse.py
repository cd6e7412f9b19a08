"""Null warehouse, for commands that need only a state."""

from __future__ import annotations


class NoWarehouse:
    """Nothing to ask: an execution of scripts needs no warehouse, and every project names its own."""

    def close(self) -> None:
        """Do nothing: the connection is the state's."""

    def shares(self, _connection: object) -> bool:
        """Return that it does not share the state's connection."""
        return False

    def server_identity(self) -> tuple[str, str]:
        """Return no names."""
        return "", ""

    def position(self) -> None:
        """Return that nothing tells."""
