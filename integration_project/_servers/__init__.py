"""Throw-away database servers for the demo and the tests."""
