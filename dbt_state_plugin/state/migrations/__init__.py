"""Migration steps between versions of the state."""
