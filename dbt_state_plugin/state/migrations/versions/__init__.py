"""One module for each version, never edited after its release."""
