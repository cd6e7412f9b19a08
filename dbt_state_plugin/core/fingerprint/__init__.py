"""Definition of a node: its parts and their hashes."""
