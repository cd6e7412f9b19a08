"""Version of this package, as recorded with each execution."""

VERSION = "0.1.0"
