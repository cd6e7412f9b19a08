"""How a state in an SQLite file is reached."""
