"""What does each version of the state's schema change? One module a version, never edited after its release."""
