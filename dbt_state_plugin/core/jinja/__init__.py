"""What Jinja in a node can read, and its layout."""
